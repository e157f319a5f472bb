"""Maps of magnitudes pooled over neighbouring voxels, for looking at; regions are ranked by the maps as they were.

Few references make a map noisy, and a network that reads every second voxel leaves holes in it: what voxels show
together says better where something is used. Regions average over their voxels anyway; pooling would only hand
relevance to the regions beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.method import MethodOutput
from wbtools.attribution.question import Question

Explain = Callable[[Question], MethodOutput]


def pooling(explain: Explain, voxels: float) -> Explain:
    """The same method, its maps pooled.

    Parameters
    ----------
    explain : callable
        Gives magnitudes, and what their sums should be.
    voxels : float
        Standard deviation of the Gaussian, voxels of the network's grid; 0 leaves the method as it is.
    """
    if not voxels:
        return explain

    def pooled(question: Question) -> MethodOutput:
        found = explain(question)
        squares = np.square(found.relevance, dtype=np.float64)
        return replace(found, relevance=root_of_pooled(squares, voxels), squares=squares)

    return pooled


def root_of_pooled(squares: NDArray[np.float64], voxels: float) -> NDArray[np.float32]:
    """The root of pooled squares, with the sum that the roots have.

    Parameters
    ----------
    squares : ndarray, (X, Y, Z)
    voxels : float
        Standard deviation of the Gaussian.

    Examples
    --------
    >>> found = root_of_pooled(np.eye(3)[None] * 4, 1.0)
    >>> float(found.sum()), bool(found[0, 0, 0] > found[0, 0, 1] > 0)
    (6.0, True)
    """
    from scipy.ndimage import gaussian_filter

    size = np.sqrt(gaussian_filter(squares, voxels, mode="constant"))
    if total := size.sum():
        size *= np.sqrt(squares).sum() / total
    found: NDArray[np.float32] = size.astype(np.float32)
    return found
