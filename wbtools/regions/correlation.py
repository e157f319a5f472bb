"""Rank correlation, without the seconds that importing `scipy.stats` takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ranks(values: NDArray[np.number]) -> NDArray[np.float64]:
    """Ranks (V,) from 1; equal values have the mean of theirs.

    Examples
    --------
    >>> ranks(np.array([3.0, 1, 3, 2]))
    array([3.5, 1. , 3.5, 2. ])
    """
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))  # of each value
    counts = np.diff(first, append=len(values))
    found = np.empty(len(values))
    found[order] = np.repeat(first + (counts + 1) / 2, counts)
    return found


def spearman(first: NDArray[np.number], second: NDArray[np.number]) -> float:
    """Spearman's correlation of two series (V,); nan where one of them is constant.

    Examples
    --------
    >>> spearman(np.array([1.0, 2, 3]), np.array([1.0, 4, 9]))
    1.0
    """
    a, b = (found - found.mean() for found in (ranks(first), ranks(second)))
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else np.nan
