"""How far people agree on which regions rank high."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.regions.correlation import ranks

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Consistency:
    """Agreement of people.

    Parameters
    ----------
    top : ndarray, (R,)
        Share of the people who have the region in whose top decile it is; NaN if nobody has it.
    concordance : float
        Kendall's W, from 0 to 1, of the regions that everybody has; NaN with fewer than 2 people or 2 regions.
    regions : int
        How many regions everybody has.
    """

    top: Array
    concordance: float
    regions: int


def in_top_decile(values: Array) -> NDArray[np.bool_]:
    """Which regions are in the top decile of each map, (N, R): a tenth of those present, rounded up.

    Regions with equal values have the mean of their ranks.

    Parameters
    ----------
    values : ndarray, (N, R)
        NaN for regions without voxels.

    Examples
    --------
    >>> in_top_decile(np.array([[1.0, 5.0, np.nan, 2.0]])).tolist()
    [[False, True, False, False]]
    """
    found = np.zeros(values.shape, bool)
    for row, chosen in zip(values, found, strict=True):
        present = np.isfinite(row)
        chosen[present] = ranks(-row[present]) <= np.ceil(present.sum() / 10) if present.any() else False
    return found


def consistency(values: Array) -> Consistency:
    """How consistently people have regions in their top decile, and Kendall's W with correction for ties.

    People in whom no region is known are left out.

    Parameters
    ----------
    values : ndarray, (N, R)
        What regions are ranked by within each person, a level for instance; NaN for regions without voxels.

    References
    ----------
    Kendall and Smith 1939, doi:10.1214/aoms/1177732186.

    Examples
    --------
    >>> found = consistency(np.array([[3.0, 2.0, 1.0], [9.0, 5.0, 4.0]]))
    >>> found.top.tolist(), found.concordance
    ([1.0, 0.0, 0.0], 1.0)
    """
    present = np.isfinite(values)
    people = present.sum(axis=0)
    hits = in_top_decile(values).sum(axis=0).astype(float)
    top = np.divide(hits, people, out=np.full(people.shape, np.nan), where=people > 0)
    some = values[present.any(axis=1)]
    shared = some[:, np.isfinite(some).all(axis=0)] if len(some) else some[:, :0]
    return Consistency(top, _concordance(shared), shared.shape[1])


def _concordance(values: Array) -> float:
    """Kendall's W of complete values (N, R)."""
    people, regions = values.shape
    if people < 2 or regions < 2:
        return float("nan")
    ordered = np.array([ranks(row) for row in values])
    ties = sum(
        float((counts**3 - counts).sum()) for counts in (np.unique(row, return_counts=True)[1] for row in ordered)
    )
    sums = ordered.sum(axis=0)
    most = people**2 * (regions**3 - regions) - people * ties
    return float(12 * ((sums - sums.mean()) ** 2).sum() / most) if most > 0 else float("nan")
