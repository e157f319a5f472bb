"""Reading of voxel values slab by slab, so that no more memory than that of the result is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.images import limits
from wbtools.images.stream import InputStream
from wbtools.space.grid import Unit
from wbtools.text import counted

_SLAB = 2**24  # bytes of the file; fewer slices at once write less of each line of the result's memory
_SLICES = 16  # slices written to the result together: 64 bytes of it, a cache line


@dataclass(frozen=True)
class Storage:
    """How the values of a volume are stored in a file.

    Parameters
    ----------
    shape : tuple of int, (3,)
        First axis fastest.
    dtype : numpy.dtype
        With its byte order.
    slope, inter : float
        Factor and offset of the stored values.
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
        """Size of all voxels in bytes."""
        return self.count * self.dtype.itemsize


def require_one_volume(stream: InputStream, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape of a single volume without trailing axes of length 1.

    Raises
    ------
    InputError
        If an axis has length 0, there are several volumes, or more voxels than `limits.VOXELS`.
    """
    if len(shape) < 3 or any(n != 1 for n in shape[3:]) or min(shape) < 1:
        raise InputError(f"{stream.path} has shape {shape}, not that of one volume", hint="give one 3-D volume")
    count = int(np.prod(shape, dtype=object))
    if count > limits.VOXELS:
        raise InputError(
            f"{stream.path} has {shape[0]} x {shape[1]} x {shape[2]} = {count:,} voxels; "
            f"{limits.VOXELS:,} are the most that are read",
            hint="resample it to voxels of 0.5 mm or more, or crop it to the head",
        )
    return shape[0], shape[1], shape[2]


def read(stream: InputStream, storage: Storage, unit: Unit) -> NDArray[Any]:
    """Read all voxels from the current position of a stream to the end of the file.

    Parameters
    ----------
    stream : InputStream
        Positioned at the first voxel.
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
        If the file ends too early, its checksum differs, or labels are not whole numbers.
    """
    from nibabel.volumeutils import apply_read_scaling

    stream.require_size(stream.position + storage.size)
    columns, rows, slices = storage.shape
    step = max(1, _SLAB // max(1, columns * rows * storage.dtype.itemsize) // _SLICES) * _SLICES
    found = np.empty(storage.shape, np.int32 if unit is Unit.LABEL else np.float32)
    fractional = 0
    buffer = np.empty(columns * rows * min(step, slices), storage.dtype)
    for first in range(0, slices, step):
        count = min(step, slices - first)
        part = buffer[: columns * rows * count]
        stream.read_into(part.view(np.uint8).data)
        slab = part.reshape((columns, rows, count), order="F")
        # Values too large for float32 become infinite, and are rejected where that is not allowed.
        with np.errstate(over="ignore", invalid="ignore"):
            values = apply_read_scaling(slab, storage.slope, storage.inter)
            if unit is Unit.LABEL:
                values, bad = _whole(values)
                fractional += bad
            found[:, :, first : first + count] = values
    stream.finish(limits.AFTER_DATA)
    if fractional:
        are = "is no whole number" if fractional == 1 else "are not whole numbers"
        raise InputError(
            f"{stream.path} has {counted(fractional, 'voxel')} that {are}, so it is not a label volume",
            hint="resample labels with nearest neighbour, or give the segmentation itself",
        )
    return found


def fill_background(data: NDArray[np.float32]) -> int:
    """Replace NaN around the head by the lowest value, in place, and return the number of replaced voxels.

    Examples
    --------
    >>> data = np.ones((3, 3, 3), np.float32)
    >>> data[0] = np.nan
    >>> fill_background(data), float(data[0, 0, 0])
    (9, 1.0)
    """
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


def require_finite(data: NDArray[np.float32], stream: InputStream) -> None:
    """Raise InputError unless all values are finite."""
    bad = int(data.size - np.count_nonzero(np.isfinite(data)))
    if bad:
        raise InputError(
            f"{stream.path} has {bad} voxel{'s' * (bad > 1)} without a finite value (NaN or infinite)",
            hint="set them to 0, for example with: fslmaths IN -nan OUT",
        )


def _whole(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The values with 0 for those that do not fit int32, and the number of these."""
    limit = np.iinfo(np.int32)
    if np.can_cast(values.dtype, np.int32):
        return values, 0
    fits = (values >= limit.min) & (values <= limit.max)
    if values.dtype.kind == "f":
        fits &= np.floor(values) == values
    bad = int(values.size - np.count_nonzero(fits))
    return (np.where(fits, values, 0) if bad else values), bad
