"""The loop of `spinning`, compiled by numba at its first call ever (3 s), then kept on disk.

Import this module only where it is needed, because importing numba is slow.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Sphere = tuple[NDArray[np.float64], NDArray[np.int16], NDArray[np.int16]]


def means(sphere: Sphere, values: NDArray[np.float64], rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of what the vertices of each area lie on, after each rotation.

    Parameters
    ----------
    sphere : tuple of ndarray
        Directions (V, 3), areas (V,) of the vertices, and the table (6, cells, cells) of areas by direction.
    values : ndarray, (A,)
    rotations : ndarray, (n, 3, 3)

    Returns
    -------
    ndarray, (n, A)
    """
    found = np.empty((len(rotations), len(values)))
    _turn(*sphere, values, np.ascontiguousarray(rotations), found)
    return found


def _turn(
    points: NDArray[np.float64],
    areas: NDArray[np.int16],
    table: NDArray[np.int16],
    values: NDArray[np.float64],
    rotations: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Fill the means of all areas, a row per rotation."""
    cells = table.shape[1]
    counts = np.empty(len(values))
    for n in range(len(rotations)):
        turn, sums = rotations[n], found[n]
        sums[:] = 0
        counts[:] = 0
        for i in range(len(points)):
            a, b, c = points[i, 0], points[i, 1], points[i, 2]
            x = turn[0, 0] * a + turn[0, 1] * b + turn[0, 2] * c
            y = turn[1, 0] * a + turn[1, 1] * b + turn[1, 2] * c
            z = turn[2, 0] * a + turn[2, 1] * b + turn[2, 2] * c
            face, outward, u, v = 0, x, y, z
            if abs(y) > abs(outward):
                face, outward, u, v = 2, y, x, z
            if abs(z) > abs(outward):
                face, outward, u, v = 4, z, x, y
            half = 0.5 * cells / abs(outward)
            row = min(int(u * half + 0.5 * cells), cells - 1)
            column = min(int(v * half + 0.5 * cells), cells - 1)
            area = table[face + (outward < 0), row, column]
            if area >= 0 and values[area] == values[area]:  # no NaN
                sums[areas[i]] += values[area]
                counts[areas[i]] += 1
        for k in range(len(values)):
            sums[k] = sums[k] / counts[k] if counts[k] else np.nan


try:
    _turn = numba.njit(nogil=True, cache=True, error_model="numpy")(_turn)
except RuntimeError:  # neither the package folder nor the user's cache is writable: compile in every process
    _turn = numba.njit(nogil=True, error_model="numpy")(_turn)
