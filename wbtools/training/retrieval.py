"""How well the nearest codes are those of the same class, whatever the order of codes at equal distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def hamming(codes: NDArray[np.floating]) -> NDArray[np.int64]:
    """How many bits differ between codes (N, B), the sign of a value being the bit, (N, N).

    Examples
    --------
    >>> hamming(np.array([[0.3, -1.0], [0.2, 0.4]])).tolist()
    [[0, 1], [1, 0]]
    """
    signs = np.where(codes > 0, 1, -1).astype(np.int64)
    return np.asarray((signs.shape[1] - signs @ signs.T) // 2)


def figures(distance: NDArray[np.number], classes: NDArray[np.integer], top: int) -> dict[str, float]:
    """Figures of retrieval among images, each of them a query once, and never in its own result.

    Codes often lie at equal distances. The figures are the means over all orders of those (McSherry & Najork 2008).

    Parameters
    ----------
    distance : ndarray, (N, N)
    classes : ndarray, (N,), int
    top : int
        So many of the nearest are looked at.

    Returns
    -------
    dict of str to float
        `map` (mean average precision), `precision` and `recall`, all of them at `top`; `chance`, the precision of
        random results. Queries whose class nobody else has are left out.

    Examples
    --------
    >>> figures(np.array([[0, 1, 2], [1, 0, 2], [2, 2, 0]]), np.array([0, 0, 1]), 1)["map"]
    1.0
    """
    found = []
    for query, row in enumerate(distance):
        others = np.delete(np.arange(len(row)), query)
        relevant = classes[others] == classes[query]
        if relevant.any():
            found.append(_query(row[others], relevant, min(top, len(others))))
    return dict(zip(("map", "precision", "recall", "chance"), map(float, np.mean(found, axis=0)), strict=True))


def _query(distance: NDArray[np.number], relevant: NDArray[np.bool_], top: int) -> tuple[float, float, float, float]:
    """Average precision, precision, recall at `top`, and the share of relevant images."""
    _, group = np.unique(distance, return_inverse=True)
    size = np.bincount(group)
    hits = np.bincount(group, weights=relevant)
    of = np.repeat(np.arange(len(size)), size)[:top]  # the group that holds each place of the result
    before, hits_before = np.cumsum(size) - size, np.cumsum(hits) - hits
    place = np.arange(1, top + 1)
    share = hits[of] / size[of]
    among_earlier = (place - before[of] - 1) * (hits[of] - 1) / np.maximum(size[of] - 1, 1)
    precision = (share * (hits_before[of] + among_earlier + 1) / place).sum()
    total = relevant.sum()
    return precision / min(total, top), share.mean(), share.sum() / total, relevant.mean()
