"""Where a map says that the lesion is, against where it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.bootstrap import Counts, Estimate, Resampling, estimates
from wbtools.evaluating.maps.explaining import Map

Mask = NDArray[np.bool_]

MEASURED = ("inside", "chance", "half", "half_chance", "auc", "precision", "background")
"""What `located` gives, in this order."""

FIGURES = {
    "inside": "share of relevance inside the lesion",
    "chance": "chance: share of the tissue that the lesion covers",
    "times_chance": "first over second",
    "auc": "AUC of voxels",
    "precision": "precision at the lesion's size",
    "half": "share of relevance in the half with the lesion",
    "half_chance": "chance: that half's share of the tissue",
    "background": "share of relevance outside tissue",
}
"""What is said of a method, in words."""


def located(relevance: Map, tissue: Mask, lesion: Mask) -> tuple[float, ...]:
    """How well a map finds a lesion, the figures of `MEASURED`; NaN for all if there is no lesion.

    Shares, AUC and precision are over the tissue of both halves; of all voxels, the background tells nothing of a
    lesion. A map that is 0 everywhere has nothing inside.

    Parameters
    ----------
    relevance : ndarray, (2, H, W)
        Magnitudes.
    tissue, lesion : ndarray, (2, H, W), bool
        The lesion lies in the tissue of one half.
    """
    from sklearn.metrics import roc_auc_score

    size = int(lesion.sum())
    if not 0 < size < int(tissue.sum()):
        return (float("nan"),) * len(MEASURED)
    side = int(lesion.any((1, 2)).argmax())
    shown, truth = relevance[tissue], lesion[tissue]
    whole, total = float(relevance.sum()) or 1.0, float(shown.sum()) or 1.0
    return (
        float(relevance[lesion].sum()) / total,
        size / len(shown),
        float(relevance[side][tissue[side]].sum()) / total,
        float(tissue[side].sum()) / len(shown),
        float(roc_auc_score(truth, shown)),
        precision_at(shown, truth),
        float(relevance[~tissue].sum()) / whole,
    )


def precision_at(values: NDArray[np.floating], truth: Mask) -> float:
    """Share of true ones among as many of the largest values as there are true ones; equal values share their places.

    Examples
    --------
    >>> precision_at(np.array([3.0, 2, 2, 2]), np.array([True, True, False, False]))
    0.6666666666666666
    """
    count = int(truth.sum())
    least = np.partition(values, -count)[-count]
    above, equal = values > least, values == least
    return float((truth[above].sum() + truth[equal].mean() * (count - above.sum())) / count)


@dataclass(frozen=True, eq=False)
class Located:
    """How well one method finds lesions in some slices.

    Parameters
    ----------
    values : ndarray, (N, S, F)
        Of slices, sizes of lesions and figures of `MEASURED`.
    group : ndarray, (N,), int
        Who belongs together.
    """

    values: NDArray[np.float64]
    group: NDArray[np.int64]

    def estimates(self, how: Resampling) -> tuple[dict[str, Estimate], tuple[dict[str, Estimate], ...]]:
        """The figures of `FIGURES` over all lesions, and of each size."""

        def statistic(counts: Counts) -> dict[str, float]:
            weights = counts[self.group][:, None, None] * np.isfinite(self.values)
            sums, known = (weights * np.nan_to_num(self.values)).sum(0), weights.sum(0)
            rows = [_mean(sums.sum(0), known.sum(0)), *map(_mean, sums, known)]
            return {f"{place} {name}": value for place, row in enumerate(rows) for name, value in _named(row).items()}

        found = estimates(statistic, int(self.group.max()) + 1, how)
        each = [{name: found[f"{place} {name}"] for name in FIGURES} for place in range(1 + self.values.shape[1])]
        return each[0], tuple(each[1:])


def _mean(sums: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.divide(sums, known, out=np.full(len(sums), np.nan), where=known > 0)
    return found


def _named(means: NDArray[np.float64]) -> Mapping[str, float]:
    found = dict(zip(MEASURED, means.tolist(), strict=True))
    return {**found, "times_chance": found["inside"] / found["chance"]}
