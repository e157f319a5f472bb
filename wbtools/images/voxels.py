"""The numbers of one volume, read a slab at a time: memory is that of the result, whatever type the file has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.images import limits
from wbtools.images.content import Content
from wbtools.space.grid import Unit

_SLAB = 2**22  # bytes of the file
_SLICES = 16  # slices that are put into the result together: 64 bytes of it, a line of the processor's cache


@dataclass(frozen=True)
class Storage:
    """How numbers lie in a file.

    Parameters
    ----------
    shape : tuple of int, (3,)
        First axis fastest.
    dtype : numpy.dtype
        With its byte order.
    slope, inter : float
        What a stored number is multiplied with, and what is added.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    slope: float = 1.0
    inter: float = 0.0

    @property
    def count(self) -> int:
        """The number of voxels."""
        return int(np.prod(self.shape, dtype=object))

    @property
    def size(self) -> int:
        """Bytes of all voxels."""
        return self.count * self.dtype.itemsize


def require_one_volume(content: Content, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape without trailing axes of one, if it is that of one volume of a size that can be read.

    Raises
    ------
    InputError
        If an axis has no voxel, there are several volumes, or more voxels than `limits.VOXELS`.
    """
    if len(shape) < 3 or any(n != 1 for n in shape[3:]) or min(shape) < 1:
        raise InputError(f"{content.path} has shape {shape}, not that of one volume", hint="give one 3-D volume")
    count = int(np.prod(shape, dtype=object))
    if count > limits.VOXELS:
        raise InputError(
            f"{content.path} has {shape[0]} x {shape[1]} x {shape[2]} = {count:,} voxels; "
            f"{limits.VOXELS:,} are the most that are read",
            hint="resample it to voxels of 0.5 mm or more, or cut away what is not head",
        )
    return shape[0], shape[1], shape[2]


def read(content: Content, storage: Storage, unit: Unit) -> NDArray[Any]:
    """All voxels, from where the content stands to the end of the file.

    Parameters
    ----------
    content : Content
        At the first voxel.
    storage : Storage
    unit : Unit
        Labels must be whole numbers.

    Returns
    -------
    ndarray, (X, Y, Z)
        int32 for labels, else float32; C order.

    Raises
    ------
    InputError
        If the file ends too early, its checksum differs, or labels are no whole numbers.
    """
    from nibabel.volumeutils import apply_read_scaling

    content.require_size(content.position + storage.size)
    columns, rows, slices = storage.shape
    step = max(1, _SLAB // max(1, columns * rows * storage.dtype.itemsize) // _SLICES) * _SLICES
    found = np.empty(storage.shape, np.int32 if unit is Unit.LABEL else np.float32)
    odd = 0
    buffer = np.empty(columns * rows * min(step, slices), storage.dtype)
    for first in range(0, slices, step):
        count = min(step, slices - first)
        part = buffer[: columns * rows * count]
        content.read_into(part.view(np.uint8).data)
        slab = part.reshape((columns, rows, count), order="F")
        # What is too large for float32 becomes infinite, and is refused where that is not allowed.
        with np.errstate(over="ignore", invalid="ignore"):
            values = apply_read_scaling(slab, storage.slope, storage.inter)
            if unit is Unit.LABEL:
                values, bad = _whole(values)
                odd += bad
            found[:, :, first : first + count] = values
    content.finish(limits.AFTER_DATA)
    if odd:
        raise InputError(
            f"{content.path} has {odd} voxels that are no whole number, so it is no label volume",
            hint="resample labels with nearest neighbour, or give the segmentation itself",
        )
    return found


def fill_background(data: NDArray[np.float32]) -> int:
    """Put the lowest value in place of NaN around the head; how many voxels that are."""
    empty = np.isnan(data)
    if not empty.any() or empty.all():
        return 0
    from scipy.ndimage import label

    blobs, count = label(empty)
    at_edge = np.zeros(count + 1, bool)
    for axis in range(3):
        at_edge[np.moveaxis(blobs, axis, 0)[[0, -1]].ravel()] = True
    at_edge[0] = False
    outside = at_edge[blobs]
    data[outside] = np.nanmin(data)
    return int(np.count_nonzero(outside))


def require_finite(data: NDArray[np.float32], content: Content) -> None:
    """Raise InputError unless all values are numbers."""
    bad = int(data.size - np.count_nonzero(np.isfinite(data)))
    if bad:
        raise InputError(
            f"{content.path} has {bad} voxel{'s' * (bad > 1)} without a finite value (NaN or infinite)",
            hint="set them to 0, for example with: fslmaths IN -nan OUT",
        )


def _whole(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The values, 0 in place of those that are no int32, and how many those are."""
    limit = np.iinfo(np.int32)
    if np.can_cast(values.dtype, np.int32):
        return values, 0
    fits = (values >= limit.min) & (values <= limit.max)
    if values.dtype.kind == "f":
        fits &= np.floor(values) == values
    bad = int(values.size - np.count_nonzero(fits))
    return (np.where(fits, values, 0) if bad else values), bad
