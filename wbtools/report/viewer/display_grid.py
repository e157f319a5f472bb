"""The voxels of the viewer: a grid of 1 mm along the world's axes around what is shown, and volumes on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.report.viewer.shown import ViewerData
from wbtools.space.foreground import bounding_box, foreground
from wbtools.space.grid import Grid, Volume
from wbtools.space.resampling import resample_density

_SPACING = 1.0  # mm
_MOST = 5_000_000  # voxels; a larger box gets larger voxels, so that a page keeps its size
_MARGIN = 30.0  # mm around cortex and relevance: the cerebellum below the one, not the neck


def grid_of(data: ViewerData) -> Grid:
    """The grid of the viewer: RAS+, isotropic, around the head or brain as far as cortex and relevance reach.

    Parameters
    ----------
    data : ViewerData

    Returns
    -------
    Grid
    """
    low, high = _extent(data.t1w, foreground(data.t1w))
    parts = [_extent(network.relevance, network.relevance.data != 0) for network in data.networks]
    for mesh in data.surfaces[data.anatomical].values() if data.anatomical else ():
        parts.append((mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)))
    low = np.maximum(low, np.min([part[0] for part in parts], axis=0) - _MARGIN)
    high = np.minimum(high, np.max([part[1] for part in parts], axis=0) + _MARGIN)
    size = np.maximum(high - low, _SPACING)
    spacing = max(_SPACING, float(np.cbrt(size.prod() / _MOST)))
    count = np.ceil(size / spacing).astype(int)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = low + spacing / 2
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)


def on_grid(volume: Volume, grid: Grid) -> NDArray[np.floating]:
    """A volume's values on the viewer's grid, (X, Y, Z); only the part of it that the grid covers is looked at."""
    reach = volume.grid.to_index(grid.corners())
    low = np.clip(np.floor(reach.min(axis=0)) - 1, 0, np.array(volume.grid.shape) - 1).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 2, low + 1, volume.grid.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    values: NDArray[np.floating] = resample_density(volume.within((i, j, k)), grid).data
    return values


def _extent(volume: Volume, inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest world coordinates of a mask's voxels, (3,) each."""
    corners = volume.within(bounding_box(inside)).grid.corners()
    return corners.min(axis=0), corners.max(axis=0)
