"""What an image shows of a head: its background, and whether the skull was removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.grid import Volume

LARGEST_BRAIN = 2.6
"""Litres. Brain masks of adults have 1.2 to 2.0, the MNI152 template's 1.9; whole heads have 3.4 and more."""


def background(volume: Volume) -> float:
    """The value outside the head: the commonest one on the six faces of the field of view.

    Examples
    --------
    >>> from wbtools.grid import Grid
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
    """Whether an image of intensities shows a brain without a skull.

    It does when all but at most `LARGEST_BRAIN` litres have exactly one value, as masking leaves behind: a head fills
    more, and unmasked air is noise.

    Examples
    --------
    >>> from wbtools.grid import Grid
    >>> air = np.zeros((20, 20, 20), np.float32)
    >>> air[4:16, 4:16, 4:16] = 7
    >>> brain = Volume(air, Grid((20, 20, 20), np.diag([9.0, 9, 9, 1])))  # 1.3 litres
    >>> head = Volume(air, Grid((20, 20, 20), np.diag([14.0, 14, 14, 1])))  # 4.7 litres
    >>> is_stripped(brain), is_stripped(head)
    (True, False)
    """
    return bool(np.count_nonzero(foreground(volume)) * volume.grid.voxel_volume <= LARGEST_BRAIN * 1e6)
