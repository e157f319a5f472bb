"""Calibration of ranks against networks that have learned nothing: a Monte Carlo test.

Untrained networks rank regions similarly, because brains are alike and architectures are more sensitive in some places.
Every region is therefore compared with itself in the maps of K networks with randomised weights. Under the null
hypothesis the network is one more of them, and the K + 1 maps are exchangeable. So the same statistic is computed for
each of them against the K others, and the network's is ranked among all:

1. only the pattern of a map counts: the *level* of a region is the binary logarithm of what it is ranked by, its mean
   |relevance| or root mean square, relative to that of the median region;
2. the statistic of a region is its *excess*: what it has beyond the value that 19 of 20 of the other maps stay below,
   relative to the median region. That limit follows from the mean and the standard deviation of the others' levels;
   variances are moderated: shrunk towards that of all regions, as far as these agree (Smyth 2004);
3. p of a region is 1 plus the number of randomised networks whose largest excess over regions reaches the region's,
   divided by K + 1 (Dwass 1957, Barnard 1963). It is corrected for the number of regions and steps down from the
   highest region to the lowest (Westfall and Young 1993). It needs no model of the distribution: steps 1 and 2 decide
   the power only. Distances in standard deviations, z, would have less: of 379 regions, many that hardly have
   relevance lie high by chance.

The lowest p is 1 / (K + 1): below .05 with 20 networks or more. The test is exact for networks that were drawn as the
randomised ones are. Others that have learned nothing, whose batch norms were filled in another way, differ from these a
little more than these do from each other; so the excess of randomised networks is taken 1.7 times.

References: Barnard 1963, J. R. Stat. Soc. B 25:294; Dwass 1957, doi:10.1214/aoms/1177707045; Phipson and Smyth 2010,
doi:10.2202/1544-6115.1585 (why p is not 0); Smyth 2004, doi:10.2202/1544-6115.1027; Westfall and Young 1993,
Resampling-Based Multiple Testing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.regions.correlation import spearman
from wbtools.regions.ranking import AgainstNull, NullSummary, Ranking

FEWEST_NETWORKS = 4
"""Least number of randomised networks for an estimate of how much they differ."""

FEWEST_REGIONS = 10
"""Least number of regions for a common variance."""

USUAL = 0.95
"""Share of randomised networks that stay below a region's limit."""

MARGIN = 1.7
"""How many times a randomised network's excess is counted."""

_FLOOR = 1e-6  # of the median region; keeps the logarithm finite for regions without relevance
_MAD_TO_SD = 1.482602218505602  # of a normal distribution

Array = NDArray[np.float64]


def calibrated(ranking: Ranking, observed: Array, null: Array) -> Ranking:
    """A ranking with each region compared with the same region in randomised networks.

    Parameters
    ----------
    ranking : Ranking
    observed : ndarray, (R,)
        What every region is ranked by, 1/mm3, in the order of the regions' keys, from a map that was made as those of
        the randomised networks are; NaN for regions without voxels.
    null : ndarray, (K, R)
        The same in the maps of K randomised networks, in any unit. Maps in which half of the regions
        carry no relevance are left out.

    Returns
    -------
    Ranking
        The same rows in the same order. Without comparison if fewer than 10 regions have voxels, or if half of them
        carry no relevance in the map, or in all but 3 of the randomised networks' maps.

    Raises
    ------
    InputError
        If there are fewer than 4 networks, or the regions are not those of the ranking.
    """
    places = np.argsort([row.region.key for row in ranking.rows if row.region])
    if null.ndim != 2 or len(null) < FEWEST_NETWORKS or not null.shape[1] == len(observed) == len(places):
        raise InputError(f"{null.shape} values of randomised networks do not fit {len(places)} regions")
    present = np.isfinite(observed)
    maps = np.vstack((observed, null))[:, present]
    if maps.shape[1] < FEWEST_REGIONS:
        return ranking
    levels = levels_of(maps)
    alive = np.isfinite(levels[:, 0])
    if not alive[0] or alive[1:].sum() < FEWEST_NETWORKS:
        return ranking
    levels = levels[alive]
    compared = Compared.of(levels)
    tested = {"z": compared.z, "p": compared.p}
    found = _regions(observed[present], float(np.median(maps[0])), compared.expected, tested)
    rows = list(ranking.rows)
    for place, comparison in zip(places[present], found, strict=True):
        rows[place] = replace(rows[place], null=comparison)
    spread = float(_MAD_TO_SD * np.median(np.abs(compared.z - np.median(compared.z))))
    summary = NullSummary(len(levels) - 1, spread, _alike(levels), compared.expected.freedom)
    return replace(ranking, rows=tuple(rows), null=summary)


def _regions(observed: Array, unit: float, expected: Expected, tested: dict[str, Array]) -> list[AgainstNull]:
    """The comparison of each region; `unit` is the value of a level of 0, 1/mm3."""
    excess = observed - unit * 2**expected.limit
    best = float(excess.max())
    columns = {
        "mean": unit * 2**expected.mean,
        "sd": expected.sd,
        "excess": excess,
        "score": np.clip(excess / best, 0, 1) if best > 0 else np.zeros_like(excess),
        **tested,
    }
    rank = np.argsort(np.argsort(-excess, kind="stable")) + 1
    return [
        AgainstNull(**{name: float(values[i]) for name, values in columns.items()}, rank=int(rank[i]))
        for i in range(len(rank))
    ]


def levels_of(values: Array) -> Array:
    """Binary logarithms of regions' values relative to the median region of their map, (M, R).

    Parameters
    ----------
    values : ndarray, (M, R)
        Mean |relevance| or root mean square of regions in M maps, in any unit; NaN for regions without voxels.

    Returns
    -------
    ndarray, (M, R)
        In doublings, at least log2(1e-6); NaN for regions without voxels, and for all regions of a map in which half of
        them carry no relevance.

    Examples
    --------
    >>> levels_of(np.array([[1.0, 2.0, 8.0, np.nan], [0.0, 0.0, 3.0, 1.0]])).tolist()
    [[-1.0, 0.0, 2.0, nan], [-19.931568569324174, -19.931568569324174, 2.584962500721156, 1.0]]
    >>> levels_of(np.array([[0.0, 0.0, 3.0]])).tolist()
    [[nan, nan, nan]]
    """
    some = np.isfinite(values).any(axis=1, keepdims=True)
    middle = np.nanmedian(np.where(some, values, 0.0), axis=1, keepdims=True)
    relative = np.divide(values, middle, out=np.full(values.shape, np.nan), where=middle > 0)
    return np.asarray(np.log2(np.maximum(relative, _FLOOR)), np.float64)


@dataclass(frozen=True, eq=False)
class Compared:
    """The first of some maps compared with the others.

    Parameters
    ----------
    expected : Expected
        What the others predict.
    z : ndarray, (R,)
        Deviation from them, in standard deviations of a further map.
    excess : ndarray, (R,)
        What is beyond their limit, in median regions.
    p : ndarray, (R,)
        Monte Carlo p values, corrected for the number of regions.
    """

    expected: Expected
    z: Array
    excess: Array
    p: Array

    @classmethod
    def of(cls, levels: Array, margin: float = MARGIN) -> Compared:
        """From the levels (1 + K, R) of a network's map and those of K randomised networks.

        `margin` says how many times a randomised network's excess is counted.
        """
        expected = Expected.of(levels[1:])
        beyond = excesses(levels)
        p = step_down(np.vstack((beyond[:1], np.maximum(beyond[1:], margin * beyond[1:]))))
        return cls(expected, (levels[0] - expected.mean) / expected.error, beyond[0], p)


def excesses(levels: Array) -> Array:
    """What each region of each map has beyond the limit that the other maps predict, in median regions, (1 + K, R).

    Every map is treated alike, the network's own too: that makes the test exact.

    Parameters
    ----------
    levels : ndarray, (1 + K, R)
    """
    limits = [Expected.of(np.delete(levels, i, axis=0)).limit for i in range(len(levels))]
    return np.asarray(np.exp2(levels) - np.exp2(limits))


def step_down(statistics: Array) -> Array:
    """Monte Carlo p values of the first row's columns, corrected for their number by step-down maxima.

    The family-wise error rate is at most the level: exactly, if the rows are exchangeable under the null hypothesis.

    Parameters
    ----------
    statistics : ndarray, (1 + K, R)
        The observed values, then those of K draws from the null distribution; larger is more extreme.

    Returns
    -------
    ndarray, (R,)
        From 1 / (K + 1) to 1; never lower for a lower statistic.

    Examples
    --------
    >>> step_down(np.array([[9.0, 4.0, 0.0], [1.0, 5.0, 1.0], [2.0, 1.0, 3.0], [0.0, 1.0, 2.0]])).tolist()
    [0.25, 0.5, 1.0]
    """
    order = np.argsort(-statistics[0], kind="stable")
    observed, null = statistics[0, order], statistics[1:, order]
    # The largest of each draw among the columns that are left when those with a higher statistic are taken out.
    left = np.maximum.accumulate(null[:, ::-1], axis=1)[:, ::-1]
    p = np.maximum.accumulate((1 + (left >= observed).sum(0)) / len(statistics))
    found = np.empty_like(p)
    found[order] = p
    return found


@dataclass(frozen=True, eq=False)
class Expected:
    """What maps predict of a further one, as levels.

    Parameters
    ----------
    mean, sd : ndarray, (R,)
        Of the maps' levels; the standard deviation is moderated.
    error : ndarray, (R,)
        Standard deviation of a further map's level from their mean.
    limit : ndarray, (R,)
        What 19 of 20 further maps stay below.
    freedom : float
        Degrees of freedom of the moderated variances.
    """

    mean: Array
    sd: Array
    error: Array
    limit: Array
    freedom: float

    @classmethod
    def of(cls, levels: Array) -> Expected:
        """From the levels (K, R) of K >= 2 maps."""
        from scipy.special import stdtrit

        mean = levels.mean(0)
        variance, freedom = moderated(levels.var(0, ddof=1), len(levels) - 1)
        sd = np.sqrt(variance)
        error = sd * np.sqrt(1 + 1 / len(levels))
        return cls(mean, sd, error, mean + float(stdtrit(freedom, USUAL)) * error, freedom)


def moderated(variances: Array, freedom: float) -> tuple[Array, float]:
    """Variances shrunk towards a common value as far as they agree, and their degrees of freedom.

    The true variances are modelled by an inverse chi-square distribution, whose parameters are estimated from the mean
    and the variance of the logarithms of the sample variances (Smyth 2004, section 6.2).

    Parameters
    ----------
    variances : ndarray, (R,)
        Sample variances.
    freedom : float
        Degrees of freedom of each.

    Examples
    --------
    >>> moderated(np.full(20, 4.0), 7)[1]
    inf
    """
    from scipy.special import digamma, polygamma

    usable = np.maximum(variances, 1e-8 * max(float(np.median(variances)), 1e-12))
    logs = np.log(usable) - digamma(freedom / 2) + np.log(freedom / 2)
    between = float(logs.var(ddof=1)) - float(polygamma(1, freedom / 2))
    if between <= 0:
        return np.full_like(usable, usable.mean()), np.inf
    half = _inverse_trigamma(between)
    prior = float(np.exp(logs.mean() + digamma(half) - np.log(half)))
    return (2 * half * prior + freedom * usable) / (2 * half + freedom), 2 * half + freedom


def _inverse_trigamma(value: float) -> float:
    """The positive number whose trigamma function is `value`."""
    from scipy.special import polygamma

    # Newton's steps for 1 / trigamma, which is convex and almost linear: from below they rise to the solution.
    x, step = 0.5 + 1 / value, np.inf
    while abs(step) > 1e-12 * x:
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
    return x


def _alike(levels: Array) -> float:
    """Mean Spearman correlation of the first map with the others."""
    return float(np.mean([spearman(levels[0], other) for other in levels[1:]]))
