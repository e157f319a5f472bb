"""Calibration of ranks against networks that have learned nothing.

Untrained networks rank regions similarly, because brains are alike and architectures are more sensitive in some places.
Every region is therefore compared with itself in the maps of networks with randomised weights. The statistic is the
region's *level*: the binary logarithm of its mean |relevance|, minus that of the median region of the same map. Between
randomised networks, levels vary by a similar factor in every region, so few networks suffice:

1. the variance of each region is moderated: shrunk towards that of all regions, as far as these agree (Smyth 2004);
2. the network is treated as another draw, not compared with the mean: its deviation has the variance of the randomised
   networks times 1 + 1 / K, and Student's t distribution;
3. z is centred, and divided by the largest spread of the bulk of regions that any randomised network shows against the
   others: maps of such networks also differ as a whole, which would make p too small;
4. p is one-sided, for higher levels, and corrected for the number of regions (Holm 1979).

References: Smyth 2004, doi:10.2202/1544-6115.1027; Anders and Huber 2010, doi:10.1186/gb-2010-11-10-r106 (the median as
the common scale of logarithms); Efron 2004, doi:10.1198/016214504000000089 (the width of the bulk); Holm 1979.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.regions.ranking import AgainstNull, NullSummary, Ranking

FEWEST_NETWORKS = 4
"""Least number of randomised networks for an estimate of how much they differ."""

FEWEST_REGIONS = 10
"""Least number of regions for distinguishing the bulk from outliers."""

_FLOOR = 1e-6  # of the median region; keeps the logarithm finite for regions without relevance
_FARTHEST = 37.0  # standard deviations, beyond which a normal tail is 0 in double precision
_ONE_IN_20 = 1.6448536269514722  # standard deviations of a normal distribution, one-sided
_MAD_TO_SD = 1.482602218505602  # of a normal distribution

Array = NDArray[np.float64]


def calibrated(ranking: Ranking, null: Array) -> Ranking:
    """A ranking with each region compared with the same region in randomised networks.

    Parameters
    ----------
    ranking : Ranking
    null : ndarray, (K, R)
        Mean |relevance| of every region in the maps of K randomised networks, in the order of the regions' keys, in
        any unit; as `abs_means` returns it.

    Returns
    -------
    Ranking
        The same rows in the same order. Without comparison if fewer than 10 regions have voxels, or if half of them
        carry no relevance at all in the map of the network or of a randomised one.

    Raises
    ------
    InputError
        If there are fewer than 4 networks, or the regions are not those of the ranking.
    """
    places = np.argsort([row.region.key for row in ranking.rows if row.region])
    observed = np.array([ranking.rows[i].abs_mean for i in places])
    if null.ndim != 2 or len(null) < FEWEST_NETWORKS or null.shape[1] != len(observed):
        raise InputError(f"{null.shape} values of randomised networks do not fit {len(observed)} regions")
    present = np.isfinite(observed)
    maps = np.vstack((observed, null))[:, present]
    if maps.shape[1] < FEWEST_REGIONS or not (np.median(maps, axis=1) > 0).all():
        return ranking
    levels, scale = _levels(maps)
    compared = deviation(levels[0], levels[1:])
    others = (deviation(level, np.delete(levels[1:], i, 0)) for i, level in enumerate(levels[1:]))
    widest = max(other.width for other in others)
    rows = list(ranking.rows)
    for place, found in zip(places[present], _regions(maps[0], scale, compared, max(1.0, widest)), strict=True):
        rows[place] = replace(rows[place], null=found)
    summary = NullSummary(len(null), compared.width, widest, _alike(levels), compared.freedom)
    return replace(ranking, rows=tuple(rows), null=summary)


def _regions(observed: Array, scale: float, compared: Deviation, width: float) -> list[AgainstNull]:
    """The comparison of each region; `scale` is the value of a level of 0, `width` the divisor of z."""
    z = compared.z / width
    expected, limit = scale * 2**compared.mean, scale * 2 ** (compared.mean + _ONE_IN_20 * width * compared.error)
    excess = observed - limit
    best = float(excess.max())
    columns = {
        "mean": expected,
        "sd": compared.sd,
        "excess": excess,
        "z": z,
        "p": holm(z),
        "score": np.clip(excess / best, 0, 1) if best > 0 else np.zeros_like(excess),
    }
    rank = np.argsort(np.argsort(-excess, kind="stable")) + 1
    return [
        AgainstNull(**{name: float(values[i]) for name, values in columns.items()}, rank=int(rank[i]))
        for i in range(len(observed))
    ]


def _levels(maps: Array) -> tuple[Array, float]:
    """Binary logarithms (1 + K, R), 0 for the median region of each map; and that region's value in the first map."""
    logs = np.log2(np.maximum(maps, _FLOOR * np.median(maps, axis=1, keepdims=True)))
    middle = np.median(logs, axis=1, keepdims=True)
    return logs - middle, float(2 ** middle[0, 0])


@dataclass(frozen=True, eq=False)
class Deviation:
    """The deviation of the regions of a map from those of other maps.

    Parameters
    ----------
    mean, sd : ndarray, (R,)
        Of the other maps' levels; the standard deviation is moderated.
    error : ndarray, (R,)
        Standard deviation of another map's level from their mean.
    z : ndarray, (R,)
        0 for the median region.
    freedom : float
        Degrees of freedom of the moderated variances.
    """

    mean: Array
    sd: Array
    error: Array
    z: Array
    freedom: float

    @property
    def width(self) -> float:
        """Standard deviation of the bulk of z, by the median absolute value, which is robust to a few regions."""
        return float(_MAD_TO_SD * np.median(np.abs(self.z)))


def deviation(level: Array, others: Array) -> Deviation:
    """Compare a map with other maps, as another draw from their distribution.

    Parameters
    ----------
    level : ndarray, (R,)
    others : ndarray, (K, R)
        K >= 2.
    """
    mean = others.mean(0)
    variance, freedom = moderated(others.var(0, ddof=1), len(others) - 1)
    sd = np.sqrt(variance)
    error = sd * np.sqrt(1 + 1 / len(others))
    z = _normal((level - mean) / error, freedom)
    return Deviation(mean, sd, error, z - np.median(z), freedom)


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
    from scipy.optimize import brentq
    from scipy.special import polygamma

    # 1 / x < trigamma(x) < 1 / x + 1 / x^2 brackets the solution.
    high = (1 + np.sqrt(1 + 4 * value)) / (2 * value)
    return float(brentq(lambda x: float(polygamma(1, x)) - value, 1 / value, high))


def _normal(t: Array, freedom: float) -> Array:
    """The normal deviate with the same tail probability as Student's t."""
    from scipy import stats

    size = np.abs(t)
    if np.isfinite(freedom):
        size = stats.norm.isf(stats.t.sf(size, freedom))
    return np.asarray(np.copysign(np.minimum(size, _FARTHEST), t))


def holm(z: Array) -> Array:
    """One-sided p values with Holm's step-down correction for the number of regions.

    Examples
    --------
    >>> holm(np.array([0.0, 3.0])).round(4).tolist()
    [0.5, 0.0027]
    """
    from scipy import stats

    p = stats.norm.sf(z)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1)
    return np.asarray(corrected)


def _alike(levels: Array) -> float:
    """Mean Spearman correlation of the first map with the others."""
    from scipy import stats

    return float(np.mean([stats.spearmanr(levels[0], other).statistic for other in levels[1:]]))
