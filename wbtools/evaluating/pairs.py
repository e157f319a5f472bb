"""Pairs of people: their distances, and how well these tell twins from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import Item
from wbtools.errors import InputError
from wbtools.evaluating.bootstrap import Counts, groups_of

Distances = NDArray[np.float64]

_DIGITS = 9
"""Of distances: what differs by the order of sums alone is equal."""
_NEAR = 0.05
"""The share of the others that `overlap` takes for near."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Cosine distances of all pairs of images that count: twins, and people who do not belong together.

    Scans of one person, and relatives who are not twins, are neither.

    Parameters
    ----------
    together : ndarray, (T,)
        Of twins.
    apart : ndarray, (A,)
        Of others, ascending.
    together_group : ndarray, (T,), int
        The group of each pair of twins.
    apart_groups : ndarray, (2, A), int
        Both groups of each other pair.
    groups : int
        How many there are.
    """

    together: Distances
    apart: Distances
    together_group: NDArray[np.int64]
    apart_groups: NDArray[np.int64]
    groups: int

    @property
    def twin_groups(self) -> int:
        """How many groups have twins."""
        return len(np.unique(self.together_group))


def pairs_of(items: Sequence[Item], embeddings: NDArray[np.floating], twin: str, what: str) -> Pairs:
    """The pairs among images.

    Parameters
    ----------
    items : sequence of Item
    embeddings : ndarray, (N, E)
        Of any length.
    twin : str
        The label that twins share.
    what : str
        What to call the images in an error.

    Raises
    ------
    InputError
        If there are no twins, or nobody else.
    """
    group = groups_of(items)
    person = np.unique([item.person for item in items], return_inverse=True)[1]
    pair = np.array([item.labels.get(twin, "") for item in items])
    first, second = np.triu_indices(len(items), 1)
    twins = (pair[first] == pair[second]) & (pair[first] != "") & (person[first] != person[second])
    others = group[first] != group[second]
    if not twins.any():
        raise InputError(f"{what} has no pair of twins", hint="give data with both twins of a pair, or another --split")
    if not others.any():
        raise InputError(
            f"{what} has nobody but one family, and nobody to tell twins from", hint="give data of more people"
        )
    units = embeddings.astype(np.float64)
    units /= np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)
    distance = (1 - units @ units.T).clip(0).round(_DIGITS)[first, second]
    order = np.argsort(distance[others], kind="stable")
    between = np.stack([group[first[others]], group[second[others]]])
    return Pairs(distance[twins], distance[others][order], group[first[twins]], between[:, order], int(group.max()) + 1)


def figures(pairs: Pairs, threshold: float | None, counts: Counts | None = None) -> dict[str, float]:
    """How well distances tell twins from others.

    Parameters
    ----------
    pairs : Pairs
    threshold : float, optional
        Twins are those below it; what depends on it is NaN without.
    counts : ndarray, (G,), int, optional
        How often each group counts; pairs of a group with its own copy do not.

    Returns
    -------
    dict of str to float
        In `f1`, `precision` and `auc_pr` other pairs are weighted to count as many as twins; with `_all` they count as
        they are.
    """
    counts = np.ones(pairs.groups, np.int64) if counts is None else counts
    near = counts[pairs.together_group].astype(np.float64)
    far = (counts[pairs.apart_groups[0]] * counts[pairs.apart_groups[1]]).astype(np.float64)
    if not near.any() or not far.any():
        return dict.fromkeys(FIGURES, float("nan"))
    weighed = near / near.sum(), far / far.sum()
    ratio = float(far.sum() / near.sum())
    return {
        **_ranked(pairs, *weighed, ratio),
        **_decided(pairs, *weighed, threshold, ratio),
        **_spread(pairs, *weighed),
    }


FIGURES = {
    "auc": "area under the ROC curve",
    "auc_pr": "area under the precision-recall curve, as many others as twins",
    "auc_pr_all": "area under the precision-recall curve, all others",
    "f1": "F1, as many others as twins",
    "precision": "precision, as many others as twins",
    "recall": "recall: share of twins who are recognised",
    "specificity": "specificity: share of others who are recognised",
    "balanced_accuracy": "balanced accuracy",
    "f1_all": "F1, all others",
    "precision_all": "precision, all others",
    "together_mean": "mean distance of twins",
    "together_sd": "standard deviation of twins' distances",
    "apart_mean": "mean distance of others",
    "apart_sd": "standard deviation of others' distances",
    "gap": "gap between the means",
    "separability": "separability: gap over the pooled standard deviation",
    "overlap": "overlap: share of twins farther apart than the nearest 5 % of others",
}
"""What `figures` gives, in words."""


def _ranked(pairs: Pairs, near: Distances, far: Distances, ratio: float) -> dict[str, float]:
    """What depends on the order of distances alone; equal ones count half.

    Parameters
    ----------
    near, far : ndarray
        Weights of twins and others, each with the sum 1.
    ratio : float
        How many others there are for each pair of twins.
    """
    steps, place = np.unique(pairs.together, return_inverse=True)
    hits = np.bincount(place, near)
    below = np.concatenate([[0.0], np.cumsum(far)])
    nearer = below[np.searchsorted(pairs.apart, steps, "left")]
    as_near = below[np.searchsorted(pairs.apart, steps, "right")]
    found = np.cumsum(hits)
    counted = hits > 0
    shares = [found / np.where(counted, found + many * as_near, 1) for many in (1.0, ratio)]
    return {
        "auc": float(hits @ (1 - (nearer + as_near) / 2)),
        "auc_pr": float(hits @ shares[0]),
        "auc_pr_all": float(hits @ shares[1]),
    }


def _decided(pairs: Pairs, near: Distances, far: Distances, threshold: float | None, ratio: float) -> dict[str, float]:
    """What depends on the threshold."""
    if threshold is None:
        nothing = float("nan")
        recall = false = nothing
    else:
        recall = float(near[pairs.together < threshold].sum())
        false = float(far[: np.searchsorted(pairs.apart, threshold, "left")].sum())
    return {
        "f1": f_score(recall, false),
        "precision": _share(recall, recall + false),
        "recall": recall,
        "specificity": 1 - false,
        "balanced_accuracy": (recall + 1 - false) / 2,
        "f1_all": f_score(recall, ratio * false),
        "precision_all": _share(recall, recall + ratio * false),
    }


def f_score(recall: float, false: float, beta: float = 1.0) -> float:
    """F of hits and false alarms, each as a share of the number of twins.

    Examples
    --------
    >>> f_score(1.0, 0.0), round(f_score(0.5, 0.5), 3)
    (1.0, 0.5)
    """
    return float((1 + beta**2) * recall / (beta**2 + recall + false))


def _share(part: float, whole: float) -> float:
    """A part of a whole; 0 of nothing, as scikit-learn has it."""
    return part / whole if whole else 0.0


def _spread(pairs: Pairs, near: Distances, far: Distances) -> dict[str, float]:
    """Means and standard deviations of the distances, and what compares them."""
    means = float(near @ pairs.together), float(far @ pairs.apart)
    variances = (
        float(near @ (pairs.together - means[0]) ** 2),
        float(far @ (pairs.apart - means[1]) ** 2),
    )
    gap, pooled = means[1] - means[0], np.sqrt(sum(variances) / 2)
    edge = pairs.apart[min(int(np.searchsorted(np.cumsum(far), _NEAR)), len(far) - 1)]
    return {
        "together_mean": means[0],
        "together_sd": float(np.sqrt(variances[0])),
        "apart_mean": means[1],
        "apart_sd": float(np.sqrt(variances[1])),
        "gap": gap,
        "separability": float(gap / pooled) if pooled else float("nan"),
        "overlap": float(near[pairs.together > edge].sum()),
    }


def drawn(pairs: Pairs, threshold: float | None, draws: int, seed: int) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of figures over draws of one other pair for each pair of twins, as published.

    Parameters
    ----------
    pairs : Pairs
    threshold : float, optional
    draws : int
        2 at least.
    seed : int
    """
    from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

    dice = np.random.default_rng(seed)
    count = min(len(pairs.together), len(pairs.apart))
    found: dict[str, list[float]] = {}
    for _ in range(draws):
        others = dice.choice(pairs.apart, count, replace=False)
        truth = np.repeat([1, 0], [len(pairs.together), count])
        distance = np.concatenate([pairs.together, others])
        found.setdefault("auc", []).append(roc_auc_score(truth, -distance))
        found.setdefault("auc_pr", []).append(average_precision_score(truth, -distance))
        if threshold is not None:
            said = distance < threshold
            for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
                found.setdefault(name, []).append(score(truth, said, zero_division=0.0))
    return {name: (float(np.mean(each)), float(np.std(each, ddof=1))) for name, each in found.items()}
