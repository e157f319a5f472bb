"""Agreement of several networks' maps of the same group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.group.statistics.consistency import in_top_decile
from wbtools.group.statistics.family_bootstrap import CORRELATION, FamilyBootstrap, means

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of each two of M networks, of the regions that all of them have.

    Parameters
    ----------
    spearman : ndarray, (M, M)
        Spearman's correlation of the mean levels; NaN where a map is constant.
    low, high : ndarray, (M, M)
        Interval by bootstrap over families of the correlation of the population's means, NaN with fewer than 5. It is
        corrected for what noise takes from a correlation, so the value found may lie below it.
    overlap : ndarray, (M, M)
        Share of the regions of both top deciles that are in both, from 0 to 1; about .1 by chance.
    regions : int
    """

    spearman: Array
    low: Array
    high: Array
    overlap: Array
    regions: int


def agreement(levels: Array, bootstrap: FamilyBootstrap) -> Agreement:
    """How far the mean levels of several networks agree.

    In every draw of families, the same people are drawn for all networks.

    Parameters
    ----------
    levels : ndarray, (M, N, R)
        Of M networks in the same N people; NaN for regions without voxels.
    bootstrap : FamilyBootstrap

    Raises
    ------
    InputError
        If the people are not those of the families, or fewer than 3 regions are known for all networks.

    Examples
    --------
    >>> ramp = np.arange(20.0) + np.zeros((6, 1))
    >>> found = agreement(np.stack((ramp, ramp**2, -ramp)), FamilyBootstrap(np.arange(6), draws=50))
    >>> found.spearman.round(6).tolist()
    [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    >>> found.overlap.tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if levels.ndim != 3 or levels.shape[1] != len(bootstrap.family):
        raise InputError(f"levels of shape {levels.shape} do not fit {len(bootstrap.family)} people")
    everybody = np.ones((1, levels.shape[1]))
    maps = np.vstack([means(everybody, values) for values in levels])
    shared = np.isfinite(maps).all(axis=0)
    if shared.sum() < 3:
        raise InputError("the networks have fewer than 3 regions in common")
    counts = bootstrap.counts()
    drawn = _correlations(np.stack([means(counts, values[:, shared]) for values in levels], axis=1))
    spearman = _correlations(maps[None, :, shared])[0]
    low, high = bootstrap.interval(spearman, drawn, CORRELATION)
    top = in_top_decile(maps[:, shared]).astype(float)
    overlap = 2 * (top @ top.T) / np.maximum(top.sum(axis=1)[:, None] + top.sum(axis=1), 1)
    return Agreement(spearman, low, high, overlap, int(shared.sum()))


def _correlations(maps: Array) -> Array:
    """Spearman's correlation of each two of the maps (D, M, R) of each draw, (D, M, M)."""
    from scipy.stats import rankdata

    ordered = rankdata(maps, axis=2, nan_policy="propagate")
    off = ordered - ordered.mean(axis=2, keepdims=True)
    length = np.sqrt((off**2).sum(axis=2, keepdims=True))
    off = np.divide(off, length, out=np.full(off.shape, np.nan), where=length > 0)
    return np.asarray(np.clip(off @ off.transpose(0, 2, 1), -1, 1), np.float64)
