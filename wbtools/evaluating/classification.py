"""How well classes are told, image by image, however often groups of people count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.bootstrap import Counts

Values = NDArray[np.float64]

FIGURES = {
    "accuracy": "accuracy",
    "majority": "accuracy of always naming the most frequent class",
    "balanced_accuracy": "balanced accuracy: mean recall of the classes",
    "auc": "area under the ROC curve, mean of the classes",
    "f1": "F1, mean of the classes",
    "precision": "precision, mean of the classes",
}
"""What `figures` gives of all classes together, in words."""

OF_CLASS = ("precision", "recall", "f1", "auc")
"""What it gives of each class, as `NAME: CLASS`."""


@dataclass(frozen=True, eq=False)
class Scores:
    """What a network said of images whose class is known.

    Parameters
    ----------
    scores : ndarray, (N, K)
        The highest is the class that is named.
    truth : ndarray, (N,), int
    group : ndarray, (N,), int
        Who belongs together.
    classes : tuple of str
        Those that occur are judged.
    """

    scores: Values
    truth: NDArray[np.int64]
    group: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def groups(self) -> int:
        """How many there are."""
        return int(self.group.max()) + 1

    @cached_property
    def named(self) -> NDArray[np.int64]:
        """The class that is named, (N,)."""
        return np.asarray(self.scores.argmax(1), np.int64)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Classes that occur."""
        return np.unique(self.truth)

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Places of the scores of each class among its different values, (N, K)."""
        columns = [np.unique(column, return_inverse=True)[1] for column in self.scores.T]
        return np.stack(columns, axis=1).astype(np.int64)

    def confusion(self, weights: Values | None = None) -> Values:
        """How often each class was named for each true one, (K, K); rows are true."""
        count = len(self.classes)
        places = self.truth * count + self.named
        return np.asarray(np.bincount(places, weights, minlength=count**2).reshape(count, count), np.float64)


def log_odds(logits: NDArray[np.floating]) -> Values:
    """The logarithm of each class's odds, (N, K): orders images as probabilities do, which become 1 too soon.

    Examples
    --------
    >>> log_odds(np.array([[0.0, 50.0]])).tolist()
    [[-50.0, 50.0]]
    """
    values = logits.astype(np.float64)
    return np.stack([values[:, k] - _log_sum(np.delete(values, k, axis=1)) for k in range(values.shape[1])], axis=1)


def _log_sum(values: Values) -> Values:
    """The logarithm of the sum of exponentials of each row."""
    highest = values.max(1)
    return np.asarray(highest + np.log(np.exp(values - highest[:, None]).sum(1)))


def figures(found: Scores, counts: Counts | None = None) -> dict[str, float]:
    """Figures of a classification; NaN where a class does not occur.

    Parameters
    ----------
    found : Scores
    counts : ndarray, (G,), int, optional
        How often each group counts.
    """
    weights = np.ones(len(found.truth)) if counts is None else counts[found.group].astype(np.float64)
    confusion = found.confusion(weights)
    true, named, hits = confusion.sum(1), confusion.sum(0), np.diag(confusion)
    recall = hits / np.where(true > 0, true, np.nan)
    precision = np.where(true > 0, hits / np.where(named > 0, named, 1), np.nan)
    f1 = np.where(true > 0, 2 * hits / np.where(true + named > 0, true + named, 1), np.nan)
    auc = np.array([_auc(found, number, weights) for number in range(len(found.classes))])
    each = {"precision": precision, "recall": recall, "f1": f1, "auc": auc}
    single = {
        f"{name}: {found.classes[number]}": float(values[number])
        for name, values in each.items()
        for number in found.present
    }
    together = {
        "accuracy": float(hits.sum() / true.sum()),
        "majority": float(true[np.bincount(found.truth).argmax()] / true.sum()),
        "balanced_accuracy": _mean(recall, found.present),
        "auc": _mean(auc, found.present),
        "f1": _mean(f1, found.present),
        "precision": _mean(precision, found.present),
    }
    return {**together, **single}


def _mean(values: Values, present: Sequence[int] | NDArray[np.int64]) -> float:
    """The mean over the classes that occur; NaN if one of them does not in this draw."""
    return float(np.mean(values[present]))


def _auc(found: Scores, number: int, weights: Values) -> float:
    """The area under the ROC curve of a class against all others; equal scores count half."""
    rank, is_it = found.ranks[:, number], found.truth == number
    size = int(rank.max()) + 1
    inside, outside = (np.bincount(rank, weights * where, size) for where in (is_it, ~is_it))
    below = np.cumsum(outside) - outside
    pairs = inside.sum() * outside.sum()
    return float((inside * (below + outside / 2)).sum() / pairs) if pairs else float("nan")
