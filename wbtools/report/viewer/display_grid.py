"""The voxels of the viewer: a grid of 1 mm along the world's axes around what is shown, and volumes on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.report.viewer.shown import ViewerData
from wbtools.space.foreground import bounding_box, foreground
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.space.resampling import resample_density

_SPACING = 1.0  # mm
_MOST = 5_000_000  # voxels; a larger box gets larger voxels, so that a page keeps its size
_AT_ONCE = 32  # planes that are interpolated together
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
    """A volume's values on the viewer's grid, (X, Y, Z), linear between voxels; 0 outside the volume.

    Only the part of it that the grid covers is looked at. Oblique volumes are averaged over the grid's voxels.
    """
    reach = volume.grid.to_index(grid.corners())
    low = np.clip(np.floor(reach.min(axis=0)) - 1, 0, np.array(volume.grid.shape) - 1).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 2, low + 1, volume.grid.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = volume.within((i, j, k))
    if part.grid.is_oblique:
        averaged: NDArray[np.floating] = resample_density(part, grid).data
        return averaged
    return _interpolated(reorient(part, "RAS"), grid)


def _interpolated(volume: Volume, grid: Grid) -> NDArray[np.float32]:
    """A volume along the same axes as the grid, one axis after the other: several times quicker than in space."""
    places = volume.grid.to_index(grid.to_world(np.outer(np.arange(max(grid.shape)), np.ones(3))))
    wanted = [places[:count, axis] for axis, count in enumerate(grid.shape)]
    values = np.asarray(volume.data, np.float32)
    narrow = np.empty((len(values), *grid.shape[1:]), np.float32)
    for start in range(0, len(values), _AT_ONCE):  # little memory beside the result
        planes = slice(start, start + _AT_ONCE)
        narrow[planes] = _along(1, wanted[1], _along(2, wanted[2], values[planes]))
    return _along(0, wanted[0], narrow)


def _along(axis: int, wanted: NDArray[np.float64], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values at places along an axis, linear between the two next to each."""
    below = np.floor(wanted).astype(int)
    part = wanted - below
    found = _share(values, axis, below, 1 - part)
    found += _share(values, axis, below + 1, part)
    return found


def _share(
    values: NDArray[np.float32], axis: int, index: NDArray[np.intp], share: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Planes of an image times their shares; nothing where there is no plane."""
    inside = (index >= 0) & (index < values.shape[axis])
    taken = values.take(np.clip(index, 0, values.shape[axis] - 1), axis)
    taken *= np.expand_dims((share * inside).astype(np.float32), tuple({0, 1, 2} - {axis}))
    return taken


def _extent(volume: Volume, inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest world coordinates of a mask's voxels, (3,) each."""
    corners = volume.within(bounding_box(inside)).grid.corners()
    return corners.min(axis=0), corners.max(axis=0)
