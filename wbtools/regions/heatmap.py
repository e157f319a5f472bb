"""Heatmaps from a ranking: regions painted with their scores, smoothed inside the atlas, and downsampled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wbtools.space.foreground import bounding_box
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import average, resample_density

SMOOTHING_FWHM = 4.0
"""Full width at half maximum of the heatmap's Gaussian, mm: slightly more than cortical thickness."""

CIFTI_SPACING = 2.0
"""Edge of the subcortical voxels in CIFTI files, mm: that of HCP's grayordinates (see `cifti_grid` for the axes)."""

_FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


def paint(scores: Mapping[int, float], labels: Volume) -> Volume:
    """The score of each voxel's region.

    Parameters
    ----------
    scores : mapping of int to float
        Score in [0, 1] by region key.
    labels : Volume
        int32 keys.

    Returns
    -------
    Volume
        float32 scores; 0 outside the scored regions.

    Examples
    --------
    >>> labels = Volume(np.array([[[0, 3, 5]]], np.int32), Grid((1, 1, 3), np.eye(4)), Unit.LABEL)
    >>> paint({3: 0.5, 5: 1.0}, labels).data.ravel()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return Volume(_looked_up(scores, labels.data), labels.grid, Unit.SCORE)


def paint_vertices(scores: Mapping[int, float], keys: NDArray[np.int32]) -> NDArray[np.float32]:
    """The score of each vertex's area; 0 outside the scored areas.

    Parameters
    ----------
    scores : mapping of int to float
        Score in [0, 1] by region key.
    keys : ndarray, (V,), int32
        The areas' keys on one hemisphere.

    Examples
    --------
    >>> paint_vertices({3: 0.5, 5: 1.0}, np.array([5, 0, 3], np.int32))
    array([1. , 0. , 0.5], dtype=float32)
    """
    return _looked_up(scores, keys)


def _looked_up(scores: Mapping[int, float], keys: NDArray[np.int32]) -> NDArray[np.float32]:
    """The score of every key, 0 for keys without a score."""
    table = np.zeros(max(int(keys.max(initial=0)), max(scores, default=0)) + 1, np.float32)
    for key, score in scores.items():
        if key:
            table[key] = score
    return table[keys]


def smooth_within(volume: Volume, mask: NDArray[np.bool_], fwhm: float = SMOOTHING_FWHM) -> Volume:
    """Gaussian smoothing that neither leaks out of a mask nor fades towards its edge.

    Each voxel of the mask becomes the Gaussian-weighted mean of the surrounding voxels of the mask, so values stay
    within their range; outside the mask the result is 0.

    Parameters
    ----------
    volume : Volume
    mask : ndarray of bool, (X, Y, Z)
    fwhm : float
        Full width at half maximum, mm.

    Returns
    -------
    Volume
        float32, same unit.

    Examples
    --------
    >>> grid = Grid((3, 3, 3), np.eye(4))
    >>> ones = Volume(np.ones((3, 3, 3), np.float32), grid, Unit.SCORE)
    >>> bool(np.allclose(smooth_within(ones, ones.data > 0).data, 1))
    True
    """
    from scipy.ndimage import gaussian_filter

    result = np.zeros(volume.data.shape, np.float32)
    if not mask.any():
        return Volume(result, volume.grid, volume.unit)
    sigma = fwhm * _FWHM_TO_SIGMA / volume.grid.voxel_sizes
    box = bounding_box(mask)
    weight = mask[box].astype(np.float32)
    summed = volume.data[box] * weight
    for part in (weight, summed):
        gaussian_filter(part, sigma, output=part, truncate=3, mode="constant")
    np.divide(summed, weight, out=result[box], where=mask[box])
    return Volume(result, volume.grid, volume.unit)


def cifti_grid(grid: Grid) -> Grid:
    """The grid of subcortical voxels in CIFTI files: `CIFTI_SPACING`, along the T1w's axes and from its first corner.

    For an oblique T1w it is parallel to the world's axes and contains the T1w's field of view, since Workbench rejects
    CIFTI files with oblique voxels.

    Examples
    --------
    >>> cifti_grid(Grid((260, 311, 260), np.diag([0.7, 0.7, 0.7, 1]))).shape
    (91, 109, 91)
    """
    return (_box(grid) if grid.is_oblique else grid).with_spacing(max(CIFTI_SPACING, float(grid.voxel_sizes.max())))


def on_cifti_grid(volume: Volume) -> Volume:
    """Means of a map over the subcortical voxels of CIFTI files (see `cifti_grid`).

    Examples
    --------
    >>> fine = Volume(np.ones((20, 20, 20), np.float32), Grid((20, 20, 20), np.eye(4)), Unit.SCORE)
    >>> on_cifti_grid(fine).data.shape
    (10, 10, 10)
    """
    grid = cifti_grid(volume.grid)
    return resample_density(volume, grid) if volume.grid.is_oblique else average(volume, grid)


def _box(grid: Grid) -> Grid:
    """A grid of one voxel along the world's axes, in HCP's orientation (LAS), that contains a field of view."""
    low, high = grid.corners().min(axis=0), grid.corners().max(axis=0)
    affine = np.diag([*((high - low) * (-1, 1, 1)), 1.0])
    affine[:3, 3] = (low + high) / 2
    return Grid((1, 1, 1), affine)
