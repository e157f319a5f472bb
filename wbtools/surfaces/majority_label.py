"""The label with the largest weight, for resampling label maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def majority_label(
    weights: sparse.csr_matrix, keys: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The label with the largest summed weight in each row.

    Parameters
    ----------
    weights : csr_matrix, (R, C)
        The non-negative weight of each column in each row.
    keys : ndarray, (C,), int32
        The label of each column; 0 counts like any other.

    Returns
    -------
    winner : ndarray, (R,), int32
        The smallest key for equal weights, as in Workbench (whose sums are of single precision, too); 0 in rows
        without weight.
    weight : ndarray, (R,), float32
        Summed weight of the winner.

    Examples
    --------
    >>> shares = sparse.csr_matrix(np.array([[0.5, 0.25, 0.5], [0, 0, 0]]))
    >>> winner, weight = majority_label(shares, np.array([5, 7, 7], np.int32))
    >>> winner.tolist(), weight.tolist()
    ([7, 0], [0.75, 0.0])
    """
    labels, column = np.unique(keys, return_inverse=True)
    belongs = sparse.csr_matrix(
        (np.ones(len(keys), weights.dtype), column, np.arange(len(keys) + 1)), shape=(len(keys), len(labels))
    )
    votes = (weights @ belongs).tocsr()
    votes.sort_indices()
    winner, weight = np.zeros(weights.shape[0], np.int32), np.zeros(weights.shape[0], np.float32)
    lengths = np.diff(votes.indptr)
    filled = np.flatnonzero(lengths)
    if filled.size:
        largest = np.maximum.reduceat(votes.data, votes.indptr[filled])
        leading = np.flatnonzero(votes.data >= np.repeat(largest, lengths[filled]))
        smallest_key = leading[np.searchsorted(leading, votes.indptr[filled])]
        winner[filled], weight[filled] = labels[votes.indices[smallest_key]], largest
    return winner, weight
