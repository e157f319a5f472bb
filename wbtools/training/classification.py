"""How well classes are told apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def figures(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> dict[str, float]:
    """Figures of a classification.

    Parameters
    ----------
    probabilities : ndarray, (N, K)
    truth : ndarray, (N,), int
        Every class occurs.

    Returns
    -------
    dict of str to float
        `auc` (of several classes the mean, each against the rest), `accuracy`, `balanced` (mean accuracy of the
        classes), `f1` (mean of the classes).

    Examples
    --------
    >>> figures(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]))["accuracy"]
    1.0
    """
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

    answers = probabilities.argmax(1)
    each = [roc_auc_score(truth == number, probabilities[:, number]) for number in range(probabilities.shape[1])]
    return {
        "auc": float(np.mean(each)),
        "accuracy": float(accuracy_score(truth, answers)),
        "balanced": float(balanced_accuracy_score(truth, answers)),
        "f1": float(f1_score(truth, answers, average="macro", zero_division=0.0)),
    }
