"""Values of a volume at points between its voxels.

numba compiles this module's function at its first call ever and keeps the result on disk. Import this module only where
it is needed, because importing numba is slow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.space.compiled import compiled
from wbtools.space.grid import FloatArray, Volume


def trilinear(volume: Volume, points: FloatArray) -> NDArray[np.float32]:
    """Values at points in the world, linear between voxels; beyond the outer voxels, theirs.

    As `scipy.ndimage.map_coordinates` of order 1 with mode "nearest", in a third of its time.

    Parameters
    ----------
    volume : Volume
    points : ndarray, (..., 3)
        mm.

    Returns
    -------
    ndarray, (...), float32
        Not a number where a point is none.

    Examples
    --------
    >>> from wbtools.space.grid import Grid
    >>> volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), Grid((2, 2, 2), np.eye(4)))
    >>> trilinear(volume, np.array([[0.5, 0, 0], [0, 0.25, 1], [-9, 9, 0.5]]))
    array([2. , 1.5, 2.5], dtype=float32)
    """
    data = np.asarray(volume.data, np.float32)
    if not (data.flags.c_contiguous or data.flags.f_contiguous):
        data = np.ascontiguousarray(data)
    steps = np.array(data.strides) // data.itemsize
    flat = np.asarray(points, np.float64).reshape(-1, 3)
    values = np.empty(len(flat), np.float32)
    to_index = np.linalg.inv(volume.grid.affine)
    _sample(data.ravel(order="K"), np.array(data.shape), steps, to_index, np.ascontiguousarray(flat), values)
    return values.reshape(np.shape(points)[:-1])


@compiled
def _sample(data: Any, shape: Any, steps: Any, to_index: Any, points: Any, values: Any) -> None:
    """Fill in the values at points; `data` is a flat volume, `steps` the places from voxel to voxel along its axes."""
    for n in range(len(points)):
        x, y, z = points[n]
        i, u, di = _between(to_index[0, 0] * x + to_index[0, 1] * y + to_index[0, 2] * z + to_index[0, 3], shape[0])
        j, v, dj = _between(to_index[1, 0] * x + to_index[1, 1] * y + to_index[1, 2] * z + to_index[1, 3], shape[1])
        k, w, dk = _between(to_index[2, 0] * x + to_index[2, 1] * y + to_index[2, 2] * z + to_index[2, 3], shape[2])
        at = i * steps[0] + j * steps[1] + k * steps[2]
        a, b, c = di * steps[0], dj * steps[1], dk * steps[2]
        low = (1 - v) * ((1 - w) * data[at] + w * data[at + c]) + v * ((1 - w) * data[at + b] + w * data[at + b + c])
        at += a
        high = (1 - v) * ((1 - w) * data[at] + w * data[at + c]) + v * ((1 - w) * data[at + b] + w * data[at + b + c])
        values[n] = (1 - u) * low + u * high


@compiled
def _between(index: float, length: int) -> Any:
    """The voxel before an index along an axis, the share of the way to the next one, and whether there is one."""
    if index != index:
        return 0, index, 0
    if not index > 0:
        return 0, 0.0, 0
    if index >= length - 1:
        return length - 1, 0.0, 0
    return int(index), index - int(index), 1
