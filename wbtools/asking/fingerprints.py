"""Few numbers by which the very same image is recognised, however many threads prepared it.

Sums over voxels differ in the last digits with the number of threads, and so does the SHA-256 of an image. Means over
4 x 4 x 4 blocks hardly change; those of two scans do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCKS = 4  # along each axis
LENGTH = _BLOCKS**3
"""Numbers of a fingerprint."""

_SAME = 1e-5  # of the image's range of values


def fingerprint(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Means over blocks of an image (X, Y, Z), as shares of its range of values, (LENGTH,).

    Examples
    --------
    >>> fingerprint(np.arange(64.0).reshape(4, 4, 4))[[0, -1]].tolist()
    [0.0, 1.0]
    """
    sums, count = np.asarray(image), np.ones(1)
    for axis, length in enumerate(image.shape):
        edges = np.unique(np.arange(_BLOCKS) * length // _BLOCKS)
        sums = np.add.reduceat(sums, edges, axis=axis)
        sizes = np.diff([*edges, length])
        count = np.multiply.outer(count, sizes)
    means = (sums / count[0]).ravel().astype(np.float64)
    low, high = float(image.min()), float(image.max())
    shares = (means - low) / (high - low if high > low else 1)
    return np.resize(shares, LENGTH).astype(np.float32)  # fewer than four voxels along an axis give fewer blocks


def same(mine: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of many fingerprints (N, LENGTH) are those of the same image, (N,)."""
    return np.asarray((np.abs(others - mine) < _SAME).all(axis=1))
