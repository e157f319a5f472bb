"""Distances between one vector and many, and the nearest of them; ties keep the order in which they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.embedding import Kind, Vectors

_AT_ONCE = 1 << 16  # embeddings in double precision
_WIDTHS = ((8, np.uint64), (4, np.uint32), (2, np.uint16), (1, np.uint8))
_TABLE: NDArray[np.uint8] = np.array([bin(number).count("1") for number in range(256)], np.uint8)


def distances(kind: Kind, query: Vectors, others: Vectors) -> NDArray[Any]:
    """Distances of one vector to many.

    Parameters
    ----------
    kind : Kind
    query : ndarray, (S,)
    others : ndarray, (N, S)

    Returns
    -------
    ndarray, (N,)
        Bits that differ (uint16), or 1 - cosine (float64).
    """
    return hamming(query, others) if kind is Kind.CODES else cosine(query, others)


def hamming(query: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """How many bits of packed codes differ.

    Examples
    --------
    >>> hamming(np.array([255], np.uint8), np.array([[255], [254], [0]], np.uint8)).tolist()
    [0, 1, 8]
    """
    width, number = next((size, kind) for size, kind in _WIDTHS if others.shape[1] % size == 0)
    mine = np.ascontiguousarray(query).view(number)
    theirs = np.ascontiguousarray(others).view(number)
    found = np.zeros(len(others), np.uint16)
    for column, word in enumerate(mine):
        found += _bits(theirs[:, column] ^ word, width)
    return found


def _bits(numbers: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """How many bits of whole numbers of so many bytes are set."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.asarray(np.bitwise_count(numbers), np.uint8)
    counts = _TABLE[np.ascontiguousarray(numbers).view(np.uint8)].reshape(len(numbers), width)
    return np.asarray(counts.sum(1), np.uint8)


def cosine(query: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - cosine of vectors of length 1, in double precision; never below 0.

    Examples
    --------
    >>> cosine(np.array([1, 0], np.float32), np.array([[1, 0], [0, 1], [-1, 0]], np.float32)).tolist()
    [0.0, 1.0, 2.0]
    """
    mine = _unit(query[None])[0]
    parts = [others[start : start + _AT_ONCE] for start in range(0, len(others), _AT_ONCE)]
    found = [1 - _unit(part) @ mine for part in parts]
    return np.asarray(np.concatenate(found) if found else np.empty(0)).clip(min=0)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Vectors of length 1 to the rounding of single precision, to that of double precision."""
    values = vectors.astype(np.float64)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def nearest(distance: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Places of the smallest distances, the smallest first; of equal ones, the first places.

    Examples
    --------
    >>> nearest(np.array([3, 1, 2, 1, 1]), 3).tolist()
    [1, 3, 4]
    """
    count = min(count, len(distance))
    if count < 1:
        return np.empty(0, np.int64)
    last = np.partition(distance, count - 1)[count - 1]
    below = np.flatnonzero(distance < last)
    places = np.concatenate((below, np.flatnonzero(distance == last)[: count - len(below)]))
    return np.asarray(places[np.argsort(distance[places], kind="stable")], np.int64)
