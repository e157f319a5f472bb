"""A volume's value at the very place of each vertex: for maps that must not be averaged over the cortex's depth."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import Array, Grid
from wbtools.surfaces.mesh import Mesh


class Sampling(Enum):
    """How a value between voxel centres is found; the number is the order of the spline."""

    ENCLOSING = 0
    """That of the voxel the vertex lies in: for labels."""
    TRILINEAR = 1
    CUBIC = 3
    """Cubic splines through all voxels."""


def sample(
    maps: Sequence[Array] | Array, grid: Grid, surface: Mesh, method: Sampling, missing: float = 0.0
) -> NDArray[np.float32]:
    """Value of each map at each vertex, as Workbench's `-volume-to-surface-mapping` with the option of that name.

    Parameters
    ----------
    maps : ndarray, (M, X, Y, Z), or sequence of M ndarrays (X, Y, Z)
    grid : Grid
    surface : Mesh
        In the grid's world space, mm; usually the midthickness.
    method : Sampling
    missing : float
        What vertices without data get (see `outside`).

    Returns
    -------
    ndarray, (M, V), float32

    Raises
    ------
    InputError
        If a map does not have the grid's shape.

    Examples
    --------
    >>> from wbtools.surfaces.icosphere import icosphere
    >>> ramp = np.broadcast_to(np.arange(9.0)[:, None, None], (9, 9, 9))
    >>> shift = np.eye(4)
    >>> shift[:3, 3] = -4
    >>> ball = icosphere(2, 3.0)
    >>> found = sample([ramp], Grid((9, 9, 9), shift), ball, Sampling.TRILINEAR)
    >>> bool(np.allclose(found, ball.vertices[:, 0] + 4, atol=1e-5))
    True
    """
    from scipy.ndimage import map_coordinates

    for volume in maps:
        if volume.shape != grid.shape:
            raise InputError(f"a map of shape {volume.shape} does not fit a grid of shape {grid.shape}")
    places = grid.to_index(surface.vertices).T
    values = np.empty((len(maps), len(surface.vertices)), np.float32)
    for row, volume in zip(values, maps, strict=True):
        map_coordinates(volume, places, output=row, order=method.value, mode="reflect")
    values[:, outside(grid, surface, method)] = missing
    return values


def outside(grid: Grid, surface: Mesh, method: Sampling) -> NDArray[np.bool_]:
    """Vertices that lie in no voxel (ENCLOSING) or not between voxel centres (the others), (V,)."""
    margin = -0.5 if method is Sampling.ENCLOSING else 0.0
    index, last = grid.to_index(surface.vertices), np.array(grid.shape) - 1
    return np.asarray(((index < margin) | (index > last - margin)).any(axis=1))
