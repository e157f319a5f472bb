"""How well areas found in a head agree with those of the person's own surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


def dice(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """Dice coefficient of what is not 0."""
    here, there = found != 0, truth != 0
    return 2 * int((here & there).sum()) / max(1, int(here.sum()) + int(there.sum()))


def area_dices(found: Labels, truth: Labels) -> dict[int, float]:
    """Dice coefficient of each area that the truth has, by key; 0 for one that was not found."""
    length = int(max(found.max(), truth.max())) + 1
    sizes = np.bincount(found.ravel(), minlength=length) + np.bincount(truth.ravel(), minlength=length)
    both = np.bincount(truth[found == truth], minlength=length)
    return {int(key): float(2 * both[key] / sizes[key]) for key in np.unique(truth[truth > 0])}


def same_area(found: Labels, truth: Labels) -> float:
    """Among voxels that have an area in both, the share in which it is the same."""
    both = (found > 0) & (truth > 0)
    return float(np.mean(found[both] == truth[both])) if both.any() else 0.0


def centroid_distances(found: Labels, truth: Labels, affine: Floats) -> dict[int, float]:
    """Distance between the centroids of each area that both have, mm, by key."""
    here, there = (_centroids(labels, affine) for labels in (found, truth))
    return {key: float(np.linalg.norm(here[key] - there[key])) for key in there if key in here}


def _centroids(labels: Labels, affine: Floats) -> dict[int, Floats]:
    """Centroids of areas in world mm, by key."""
    places = np.argwhere(labels > 0)
    keys = labels[tuple(places.T)]
    counts = np.bincount(keys)
    means = np.stack([np.bincount(keys, places[:, axis]) for axis in range(3)], axis=1) / np.maximum(counts, 1)[:, None]
    world = means @ affine[:3, :3].T + affine[:3, 3]
    return {int(key): world[key] for key in np.flatnonzero(counts)}


def rank_correlation(found: Mapping[str, float], truth: Mapping[str, float]) -> float:
    """Spearman's correlation of scores over the regions that both have."""
    from scipy.stats import spearmanr

    names = [name for name, score in truth.items() if np.isfinite(score) and np.isfinite(found.get(name, np.nan))]
    return float(spearmanr([found[name] for name in names], [truth[name] for name in names]).statistic)


def voxel_correlation(found: Floats, truth: Floats, mask: NDArray[np.bool_]) -> float:
    """Pearson's correlation of two maps in the voxels of a mask."""
    return float(np.corrcoef(found[mask], truth[mask])[0, 1])


def against(found: Labels, truth: Labels, affine: Floats) -> dict[str, float]:
    """The figures of an atlas against the truth; keys above 400 are subcortical structures.

    Returns
    -------
    dict of str to float
        By the headings of the table.
    """
    cortex, true_cortex = (np.where(labels <= _SUBCORTEX, labels, 0) for labels in (found, truth))
    areas = list(area_dices(cortex, true_cortex).values())
    deep, true_deep = (np.where(labels > _SUBCORTEX, labels, 0) for labels in (found, truth))
    low, middle, high = np.quantile(areas, (0.25, 0.5, 0.75))
    distances = centroid_distances(cortex, true_cortex, affine)
    structures = list(area_dices(deep, true_deep).values())
    return {
        "cortex Dice": dice(cortex, true_cortex),
        "same area": same_area(cortex, true_cortex),
        "area Dice": float(middle),
        "lower quartile": float(low),
        "upper quartile": float(high),
        "centroids, mm": float(np.median(list(distances.values()))),
        "subcortex Dice": float(np.median(structures)) if structures else float("nan"),
    }


_SUBCORTEX = 400
"""Keys of subcortical structures lie above it."""
