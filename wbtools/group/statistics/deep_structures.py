"""Subcortical structures against the cortex: how much more relevance they have, and how much of that needs no learning.

A person's difference is that of the mean levels over subcortical and over cortical regions. Cohen's d has two forms,
and the same differences give very different numbers: relative to the standard deviation of the differences, which is
small where people resemble one another, and relative to that of the people's means. The same d of networks with
randomised weights, and of how close regions are to the brain's centre, stand beside it: whatever these have as well is
no evidence of learning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.group.statistics.family_bootstrap import EFFECT_SIZE, FamilyBootstrap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """How far subcortical regions exceed cortical ones, within persons.

    Parameters
    ----------
    difference : float
        Mean over people, in the measure's unit.
    d_paired : float
        Relative to the standard deviation of the differences (Cohen's d_z).
    d_paired_interval : tuple of float
        By bootstrap over families; NaN with fewer than 5.
    d_pooled : float
        Relative to the root mean square of the two standard deviations over people (Cohen's d_av).
    d_pooled_interval : tuple of float
    people : int
        With values on both sides. With fewer than 2, d is NaN.
    """

    difference: float
    d_paired: float
    d_paired_interval: tuple[float, float]
    d_pooled: float
    d_pooled_interval: tuple[float, float]
    people: int


@dataclass(frozen=True)
class DeepStructures:
    """Effects of the same people and regions, side by side.

    Parameters
    ----------
    network : Effect
        Of the network's levels, in doublings.
    randomised : tuple of Effect
        Of each randomised network's.
    closeness : Effect
        Of minus the distance from the brain's centre, mm.
    """

    network: Effect
    randomised: tuple[Effect, ...]
    closeness: Effect


def deep_structures(
    levels: Array, distance: Array, subcortex: NDArray[np.bool_], bootstrap: FamilyBootstrap
) -> DeepStructures:
    """Subcortex against cortex in a network, in randomised networks and in the distance from the brain's centre.

    Parameters
    ----------
    levels : ndarray, (N, 1 + K, R)
        Of each person: the network's, then those of K randomised networks; NaN for regions without voxels.
    distance : ndarray, (N, R)
        Of regions from the brain's centre, mm.
    subcortex : ndarray, (R,)
        Which regions are subcortical; the others are cortical.
    bootstrap : FamilyBootstrap

    Raises
    ------
    InputError
        If shapes do not fit, or all regions are on one side.

    Examples
    --------
    >>> dice = np.random.default_rng(1)
    >>> levels = dice.normal(size=(8, 3, 6)) + 2 * np.array([1, 1, 0, 0, 0, 0]) * np.array([[1], [0], [0]])
    >>> distance, subcortex = np.tile(np.arange(6.0), (8, 1)), np.arange(6) < 2
    >>> found = deep_structures(levels, distance, subcortex, FamilyBootstrap(np.arange(8)))
    >>> found.network.d_paired > 1 > found.randomised[0].d_paired, len(found.randomised), found.closeness.difference
    (True, 2, 3.0)
    """
    people, _, regions = levels.shape if levels.ndim == 3 else (0, 0, 0)
    if distance.shape != (people, regions) or subcortex.shape != (regions,) or len(bootstrap.family) != people:
        raise InputError("levels, distances, structures and families are not of the same people and regions")
    if subcortex.all() or not subcortex.any():
        raise InputError("the atlas has no regions on one of both sides, subcortex and cortex")
    counts = bootstrap.counts()
    network, *randomised = (
        effect(*_sides(levels[:, place], subcortex), bootstrap, counts) for place in range(levels.shape[1])
    )
    return DeepStructures(network, tuple(randomised), effect(*_sides(-distance, subcortex), bootstrap, counts))


def effect(deep: Array, cortex: Array, bootstrap: FamilyBootstrap, counts: Array) -> Effect:
    """The effect between two values of each person.

    Parameters
    ----------
    deep, cortex : ndarray, (N,)
        People without a finite value of both are left out.
    bootstrap : FamilyBootstrap
    counts : ndarray, (draws, N)
        How often each person is drawn.
    """
    known = np.isfinite(deep) & np.isfinite(cortex)
    deep, cortex, counts = deep[known], cortex[known], counts[:, known]
    if not known.any():
        nothing = (float("nan"), float("nan"))
        return Effect(float("nan"), float("nan"), nothing, float("nan"), nothing, 0)
    bootstrap = FamilyBootstrap(bootstrap.family[known], bootstrap.draws, bootstrap.seed, bootstrap.level)
    paired, pooled = _sizes(deep, cortex, np.ones((1, len(deep))))
    intervals = [
        _pair(bootstrap.interval(value, drawn[:, None], EFFECT_SIZE))
        for value, drawn in zip((paired, pooled), _sizes(deep, cortex, counts), strict=True)
    ]
    difference = float((deep - cortex).mean())
    return Effect(difference, float(paired[0]), intervals[0], float(pooled[0]), intervals[1], int(known.sum()))


def _sides(values: Array, subcortex: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Each person's mean over subcortical and over cortical regions, (N,); NaN without any of them."""
    sides = []
    for chosen in (subcortex, ~subcortex):
        present = np.isfinite(values) & chosen
        regions = present.sum(axis=1)
        sums = np.where(present, values, 0.0).sum(axis=1)
        sides.append(np.divide(sums, regions, out=np.full(len(values), np.nan), where=regions > 0))
    return sides[0], sides[1]


def _sizes(deep: Array, cortex: Array, counts: Array) -> tuple[Array, Array]:
    """Both forms of d in each draw, (D,); NaN where people do not differ."""
    difference = deep - cortex
    mean = np.divide(
        counts @ difference, counts.sum(axis=1), out=np.full(len(counts), np.nan), where=counts.any(axis=1)
    )
    paired = _variance(difference, counts)
    pooled = (_variance(deep, counts) + _variance(cortex, counts)) / 2
    sizes = [
        np.divide(mean, np.sqrt(np.maximum(variance, 0)), out=np.full(len(counts), np.nan), where=variance > 0)
        for variance in (paired, pooled)
    ]
    return sizes[0], sizes[1]


def _variance(values: Array, counts: Array) -> Array:
    """Sample variances, each person counted as often as drawn, (D,); NaN with fewer than 2."""
    values = values - values.mean()
    values = np.where(np.abs(values) > 1e-12 * np.abs(values).max(), values, 0.0)
    people = counts.sum(axis=1)
    squares = counts @ values**2 - (counts @ values) ** 2 / np.maximum(people, 1)
    return np.asarray(np.divide(squares, people - 1, out=np.full(len(counts), np.nan), where=people > 1), np.float64)


def _pair(bounds: tuple[Array, Array]) -> tuple[float, float]:
    """An interval of a single figure."""
    return float(bounds[0][0]), float(bounds[1][0])
