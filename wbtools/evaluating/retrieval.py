"""How good what is found is: precision, recall and average precision of the nearest, query by query.

Codes often lie at equal distances. Figures are the means over all orders of those (McSherry & Najork 2008), so that no
order of files decides. Nobody is found by a query of their own group: another scan of a person is no find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.bootstrap import Counts

Values = NDArray[np.float64]

MEASURES = {"map": "mAP", "precision": "precision", "recall": "recall"}
"""Of the N nearest, in words."""


@dataclass(frozen=True, eq=False)
class Found:
    """Curves of queries.

    Parameters
    ----------
    curves : mapping of str to ndarray, (Q, N)
        By a name of `MEASURES`: for the 1 to N nearest.
    group : ndarray, (Q,), int
        Of the queries.
    groups : int
    """

    curves: dict[str, Values]
    group: NDArray[np.int64]
    groups: int

    @property
    def query_groups(self) -> int:
        """How many groups have a query."""
        return len(np.unique(self.group))

    def figures(self, at: Sequence[int], counts: Counts | None = None) -> dict[str, float]:
        """Means over queries, as `map@10`; NaN if no query counts.

        Parameters
        ----------
        at : sequence of int
            How many of the nearest are looked at.
        counts : ndarray, (G,), int, optional
            How often each group counts.
        """
        weights = np.ones(len(self.group)) if counts is None else counts[self.group].astype(np.float64)
        total = weights.sum()
        if not total:
            return {f"{name}@{n}": float("nan") for name in self.curves for n in at}
        means = {name: weights @ values / total for name, values in self.curves.items()}
        return {f"{name}@{n}": float(values[n - 1]) for name, values in means.items() for n in at}

    def means(self) -> dict[str, Values]:
        """The mean curves, (N,)."""
        return {name: values.mean(0) for name, values in self.curves.items()}


def search(
    distance: NDArray[np.number], classes: NDArray[np.integer], group: NDArray[np.int64], top: int
) -> Found | None:
    """Look for images of the same class, with every image as a query.

    Parameters
    ----------
    distance : ndarray, (N, N)
    classes, group : ndarray, (N,), int
    top : int
        So many of the nearest are looked at; fewer where fewer are left for some query.

    Returns
    -------
    Found or None
        Queries whose class nobody else has are left out; None if none is left.
    """
    queries = [
        (distance[query][others], classes[others] == classes[query], query)
        for query in range(len(classes))
        if (classes[others := np.flatnonzero(group != group[query])] == classes[query]).any()
    ]
    if not queries:
        return None
    top = min([top, *(len(row) for row, _, _ in queries)])
    rows = [_curves(row, relevant, top) for row, relevant, _ in queries]
    curves = {name: np.stack([row[name] for row in rows]) for name in MEASURES}
    return Found(curves, group[[query for _, _, query in queries]], int(group.max()) + 1)


def _curves(distance: NDArray[np.number], relevant: NDArray[np.bool_], top: int) -> dict[str, Values]:
    """Average precision, precision and recall of the 1 to `top` nearest, (top,) each."""
    _, tie = np.unique(distance, return_inverse=True)
    size = np.bincount(tie)
    hits = np.bincount(tie, weights=relevant)
    of = np.repeat(np.arange(len(size)), size)[:top]
    before, hits_before = np.cumsum(size) - size, np.cumsum(hits) - hits
    place = np.arange(1, top + 1)
    share = hits[of] / size[of]
    among_earlier = (place - before[of] - 1) * (hits[of] - 1) / np.maximum(size[of] - 1, 1)
    gained = np.cumsum(share * (hits_before[of] + among_earlier + 1) / place)
    total, found = relevant.sum(), np.cumsum(share)
    return {"map": gained / np.minimum(total, place), "precision": found / place, "recall": found / total}
