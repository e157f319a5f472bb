"""How much two maps are alike: rank and linear correlation of their magnitudes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.regions.correlation import ranks

Map = NDArray[np.floating]


@dataclass(frozen=True)
class Similarity:
    """Correlation of the magnitudes of two maps over the brain's voxels; 0 where one of them is constant.

    Parameters
    ----------
    pearson, spearman : float
    """

    pearson: float
    spearman: float

    @property
    def highest(self) -> float:
        """The larger of the two."""
        return max(self.pearson, self.spearman)

    @classmethod
    def of(cls, first: Map, second: Map) -> Similarity:
        """Compare two maps (V,).

        Examples
        --------
        >>> Similarity.of(np.array([1.0, -2, 3]), np.array([2.0, 4, 6])) == Similarity(1.0, 1.0)
        True
        """
        pair = np.abs(np.stack((first, second)), dtype=np.float64)
        return cls(_correlation(pair), _correlation(np.stack([ranks(values) for values in pair])))

    @classmethod
    def mean(cls, found: Sequence[Similarity]) -> Similarity:
        """The mean of several."""
        return cls(
            float(np.mean([similarity.pearson for similarity in found])),
            float(np.mean([similarity.spearman for similarity in found])),
        )


def _correlation(pair: NDArray[np.float64]) -> float:
    centred = pair - pair.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=1)).prod()
    return round(float(centred[0] @ centred[1] / size), 6) if size > 0 else 0.0
