"""How well distances tell pairs that belong together from pairs that do not, and the threshold between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.floating]


@dataclass(frozen=True)
class Threshold:
    """A distance below which two images count as a pair.

    Parameters
    ----------
    distance : float
    f1 : float
        With as many other pairs as pairs: other pairs are weighted, so that it does not depend on how many there are.
    """

    distance: float
    f1: float


def best_threshold(together: Distances, apart: Distances) -> Threshold:
    """The threshold with the highest F1, halfway between the distances around it.

    Examples
    --------
    >>> best_threshold(np.array([0.1, 0.2]), np.array([0.4, 0.9, 0.5]))
    Threshold(distance=0.3, f1=1.0)
    """
    from sklearn.metrics import roc_curve

    truth = np.concatenate([np.ones(len(together)), np.zeros(len(apart))])
    values = np.concatenate([together, apart]).astype(np.float64)
    false, hits, thresholds = roc_curve(truth, -values, drop_intermediate=False)
    f1 = 2 * hits / (1 + hits + false)
    best = int(np.argmax(f1[1:])) + 1  # the first threshold accepts nothing
    highest = -thresholds[best]
    above = values[values > highest]
    distance = (highest + above.min()) / 2 if len(above) else highest
    return Threshold(round(float(distance), 6), round(float(f1[best]), 6))


def figures(together: Distances, apart: Distances) -> dict[str, float]:
    """What published validations report of distances.

    Parameters
    ----------
    together, apart : ndarray
        Distances of pairs that belong together, and of all others.

    Returns
    -------
    dict of str to float
        `auc`, `auc_pr` (with as many other pairs as pairs), `f1` and `threshold`, `gap` between the means,
        `separability` (gap over the pooled standard deviation), means and standard deviations, `overlap` (share of
        pairs farther apart than the 5th percentile of the others), `sensitivity` (share of pairs nearer than the
        threshold), `specificity` (share of the others that are not), and `pairs`, how many there are.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth = np.concatenate([np.ones(len(together)), np.zeros(len(apart))])
    nearness = -np.concatenate([together, apart])
    weights = np.where(truth == 1, 1.0, len(together) / len(apart))
    chosen = best_threshold(together, apart)
    gap = float(apart.mean() - together.mean())
    pooled = float(np.sqrt((together.var() + apart.var()) / 2))
    return {
        "auc": float(roc_auc_score(truth, nearness)),
        "auc_pr": float(average_precision_score(truth, nearness, sample_weight=weights)),
        "f1": chosen.f1,
        "threshold": chosen.distance,
        "gap": gap,
        "separability": gap / pooled if pooled else 0.0,
        "together_mean": float(together.mean()),
        "together_sd": float(together.std()),
        "apart_mean": float(apart.mean()),
        "apart_sd": float(apart.std()),
        "overlap": float((together > np.percentile(apart, 5)).mean()),
        "sensitivity": float((together < chosen.distance).mean()),
        "specificity": float((apart >= chosen.distance).mean()),
        "pairs": float(len(together)),
    }
