"""A scan (T1w image and brain mask), its background, and whether it is skull-stripped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wbtools.space.grid import Grid, Volume, as_stored
from wbtools.space.resampling import resample_labels

LARGEST_BRAIN = 2.6
"""Litres. Brain masks of adults hold 1.2 to 2.0, that of the MNI152 template 1.9; whole heads hold 3.4 and more."""

MaskOf = Literal["subject", "extracted", "segmentation", "template"]
"""The source of a mask: the subject's brain mask, deepbet, the subject's segmentation, or a template."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A T1w image with its brain mask.

    Parameters
    ----------
    t1w : Volume
        Intensities.
    mask : Volume or None
        Above 0 inside the brain, on any grid.
    mask_of : {"subject", "extracted", "segmentation", "template"}
        The source of the mask.
    stored : Grid or None
        The grid of the image's file, if the image was reoriented (see `wbtools.space.grid.canonical`).
    remarks : tuple of str
        How ambiguities in the file were resolved, for example where sform and qform disagree.

    Examples
    --------
    >>> from wbtools.space.grid import Grid
    >>> t1w = Volume(np.array([[[3.0, 7.0, 5.0]]]), Grid((1, 1, 3), np.eye(4)))
    >>> Scan(t1w, Volume(np.array([[[0, 1, 1]]]), t1w.grid)).brain.data.ravel().tolist()
    [3.0, 7.0, 5.0]
    """

    t1w: Volume
    mask: Volume | None = None
    mask_of: MaskOf = "subject"
    stored: Grid | None = None
    remarks: tuple[str, ...] = ()

    @cached_property
    def inside(self) -> NDArray[np.bool_] | None:
        """The mask on the image's grid, (X, Y, Z)."""
        if self.mask is None:
            return None
        mask = self.mask if self.mask.grid.same_as(self.t1w.grid) else resample_labels(self.mask, self.t1w.grid)
        return np.asarray(mask.data > 0)

    def as_stored(self, volume: Volume) -> Volume:
        """A volume on the image's grid, in the order of the image's file."""
        return as_stored(volume, self.stored) if self.stored else volume

    @cached_property
    def brain(self) -> Volume:
        """The image inside the mask, and its lowest value outside; computed once."""
        if self.inside is None:
            return self.t1w
        data = np.where(self.inside, self.t1w.data, self.t1w.data.min())
        return Volume(data, self.t1w.grid, self.t1w.unit)


def background(volume: Volume) -> float:
    """The value outside the head: the most frequent one on the six faces of the field of view.

    Examples
    --------
    >>> from wbtools.space.grid import Grid
    >>> data = np.full((4, 4, 4), -1000, np.float32)
    >>> data[1:3, 1:3, 1:3] = 5
    >>> background(Volume(data, Grid((4, 4, 4), np.eye(4))))
    -1000.0
    """
    faces = np.concatenate([np.moveaxis(volume.data, axis, 0)[[0, -1]].ravel() for axis in range(3)])
    values, counts = np.unique(faces, return_counts=True)
    return float(values[counts.argmax()])


def foreground(volume: Volume) -> NDArray[np.bool_]:
    """Voxels that differ from the background, (X, Y, Z)."""
    return np.asarray(volume.data != background(volume))


def is_stripped(volume: Volume) -> bool:
    """Whether an intensity image is skull-stripped.

    It is if all but at most `LARGEST_BRAIN` litres have exactly the same value, as after masking: a head fills more,
    and unmasked air is noise.

    Examples
    --------
    >>> from wbtools.space.grid import Grid
    >>> air = np.zeros((20, 20, 20), np.float32)
    >>> air[4:16, 4:16, 4:16] = 7
    >>> brain = Volume(air, Grid((20, 20, 20), np.diag([9.0, 9, 9, 1])))  # 1.3 litres
    >>> head = Volume(air, Grid((20, 20, 20), np.diag([14.0, 14, 14, 1])))  # 4.7 litres
    >>> is_stripped(brain), is_stripped(head)
    (True, False)
    """
    return bool(np.count_nonzero(foreground(volume)) * volume.grid.voxel_volume <= LARGEST_BRAIN * 1e6)


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """The smallest block that contains all true voxels; the whole array if there are none.

    Examples
    --------
    >>> bounding_box(np.array([[[False, True, True, False]]]))
    (slice(0, 1, None), slice(0, 1, None), slice(1, 3, None))
    """
    if not mask.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2])
    spans = (np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3))
    i, j, k = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    return i, j, k
