"""Dilation of a mask by a ball, an axis after the other, compiled; `wbtools.native.defacing` says what it is for.

Import this module only where it is needed, because importing numba is slow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.space.compiled import compiled

_WHOLE = 8000  # the squared radius in 16-bit integers, which are fast
_FAR = 30000


def ball_dilated(mask: NDArray[np.bool_], spacing: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    """All voxels whose centres lie within a radius of one in the mask.

    Squared distances add up over axes, so each axis is a pass that takes the least sum along it (Felzenszwalb and
    Huttenlocher 2012, doi:10.4086/toc.2012.v008a019, whose parabolas need no search for so small a radius).

    Parameters
    ----------
    mask : ndarray of bool, (X, Y, Z)
    spacing : ndarray, (3,)
        Edges of a voxel, mm.
    radius : float
        mm.

    Examples
    --------
    >>> line = np.array([[[0, 0, 0, 1, 0, 0, 0]]], bool)
    >>> ball_dilated(line, np.array([1.0, 1.0, 2.0]), 4.0).astype(int).ravel()
    array([0, 1, 1, 1, 1, 1, 0])
    """
    reach = np.floor(radius / spacing + 1e-6).astype(int)
    away = [
        np.array([round(_WHOLE * (steps * size / radius) ** 2) for steps in range(count + 1)], np.uint16)
        for size, count in zip(spacing, reach, strict=True)
    ]
    inside = np.ascontiguousarray(mask)
    # Each of the three squared distances is rounded.
    return np.asarray(_dilated(inside, away[0], away[1], away[2], np.uint16(_FAR), np.uint16(_WHOLE + 2)))


@compiled
def _dilated(mask: Any, along_x: Any, along_y: Any, along_z: Any, far: Any, most: Any) -> Any:
    """Least squared distances within each plane across the first axis, then across planes."""
    planes = np.empty(mask.shape, np.uint16)
    for x in range(mask.shape[0]):
        planes[x] = _in_plane(mask[x], along_y, along_z, far)
    grown = np.empty(mask.shape, np.bool_)
    least = np.empty(mask.shape[2], np.uint16)
    for x in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            least[:] = planes[x, y]
            for steps in range(1, len(along_x)):
                for other in (x - steps, x + steps):
                    if 0 <= other < mask.shape[0]:
                        _lower(least, planes[other, y], along_x[steps])
            grown[x, y] = least <= most
    return grown


@compiled
def _in_plane(mask: Any, along_y: Any, along_z: Any, far: Any) -> Any:
    """Squared distances of a plane's pixels to the mask's in it."""
    size = mask.shape[1]
    rows = np.empty(mask.shape, np.uint16)
    for y in range(mask.shape[0]):
        rows[y] = far
        for z in range(size):
            if mask[y, z]:
                rows[y, z] = 0
                if (z > 0 and not mask[y, z - 1]) or (z + 1 < size and not mask[y, z + 1]):
                    for steps in range(1, len(along_z)):
                        if z >= steps:
                            rows[y, z - steps] = min(rows[y, z - steps], along_z[steps])
                        if z + steps < size and not mask[y, z + steps]:
                            rows[y, z + steps] = min(rows[y, z + steps], along_z[steps])
    least = rows.copy()
    for y in range(mask.shape[0]):
        for steps in range(1, len(along_y)):
            for other in (y - steps, y + steps):
                if 0 <= other < mask.shape[0]:
                    _lower(least[y], rows[other], along_y[steps])
    return least


@compiled
def _lower(least: Any, row: Any, away: Any) -> None:
    """Lower the squared distances of a row to those by way of another."""
    for z in range(len(least)):
        through = np.uint16(row[z] + away)  # as 16 bits, which a processor compares by the dozen
        least[z] = through if through < least[z] else least[z]
