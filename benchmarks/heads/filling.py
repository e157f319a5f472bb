"""How much of each voxel lies inside a closed surface, by the crossings of rays along one axis of the grid."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from wbtools.space.grid import Grid
from wbtools.surfaces.mesh import Mesh

Points = NDArray[np.float64]

_ASIDE = np.array([3.1e-5, 7.3e-5])
"""How far rays are moved, voxels, so that none meets an edge, which two triangles share."""


def share_inside(surface: Mesh, grid: Grid, rays: int = 3) -> NDArray[np.float32]:
    """The share of each voxel inside a closed surface, (X, Y, Z).

    Exact along the grid's last axis, sampled by `rays` x `rays` rays across it. It shares nothing with the ribbon
    mapping that is measured.

    Parameters
    ----------
    surface : Mesh
        In world mm; triangles must be oriented alike.
    grid : Grid
    rays : int
        Along each of the first two axes, per voxel.

    Examples
    --------
    >>> from wbtools.surfaces.icosphere import icosphere
    >>> grid = Grid((24, 24, 24), [[1, 0, 0, -11.5], [0, 1, 0, -11.5], [0, 0, 1, -11.5], [0, 0, 0, 1]])
    >>> share = share_inside(icosphere(16, 9.0), grid)
    >>> float(share[12, 12, 12]), float(share[0, 0, 0]), round(float(share.sum() / (4 / 3 * np.pi * 9**3)), 2)
    (1.0, 0.0, 1.0)
    """
    corners = grid.to_index(surface.vertices.astype(np.float64))[surface.triangles]
    depth = grid.shape[2]
    found = np.zeros((grid.shape[0] * grid.shape[1], depth + 1))
    for shift in product((np.arange(rays) + 0.5) / rays - 0.5, repeat=2):
        for ray, height, sign in _crossings(corners, np.array(shift) + _ASIDE, grid.shape[:2]):
            # From the crossing at `height` on, a ray is inside (sign 1) or outside (-1).
            bottom = height.clip(-0.5, depth - 0.5) + 0.5
            voxel = bottom.astype(int)
            np.add.at(found, (ray, voxel), sign * (1 - (bottom - voxel)))
            inner = voxel < depth
            np.add.at(found, (ray[inner], voxel[inner] + 1), (sign * (bottom - voxel))[inner])
    share = np.abs(found.cumsum(axis=1)[:, :-1]) / rays**2
    return np.asarray(share.clip(0, 1).reshape(grid.shape), np.float32)


def _crossings(
    corners: Points, shift: Points, shape: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.int64], Points, Points]]:
    """Where rays meet triangles (T, 3, 3), voxels: number of the ray, height, and 1 for entering, -1 for leaving."""
    flat = corners[..., :2] - shift
    low = np.ceil(flat.min(axis=1)).astype(int)
    size = np.floor(flat.max(axis=1)).astype(int) - low + 1
    for step in product(*(range(n) for n in size.max(axis=0).clip(0))):
        near = np.flatnonzero((size > step).all(axis=1))
        ray = low[near] + step
        weights, area = _barycentric(flat[near], ray)
        met = (weights >= 0).all(axis=1) & (area != 0) & (ray >= 0).all(axis=1) & (ray < shape).all(axis=1)
        height = (weights[met] * corners[near[met], :, 2]).sum(axis=1)
        yield ray[met] @ np.array([shape[1], 1]), height, np.sign(area[met])


def _barycentric(flat: Points, point: NDArray[np.int64]) -> tuple[Points, Points]:
    """Barycentric coordinates (T, 3) of one point in each triangle (T, 3, 2), and twice the triangles' signed areas."""
    sides = np.roll(flat, -1, axis=1) - flat
    away = point[:, None] - flat
    parts = sides[..., 0] * away[..., 1] - sides[..., 1] * away[..., 0]
    area = parts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.roll(parts, 1, axis=1) / area[:, None], area
