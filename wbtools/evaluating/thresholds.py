"""Thresholds by which distances may decide, each the best by a criterion of its own; for validation data.

Other pairs are weighted to count as many as twins, so that no threshold depends on how many people there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.pairs import Pairs

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """What every threshold that makes a difference would decide.

    Parameters
    ----------
    thresholds : ndarray, (C,)
        Halfway between neighbouring distances, ascending.
    recall, false : ndarray, (C,)
        Shares of twins and of others below.
    pairs : Pairs
    """

    thresholds: Values
    recall: Values
    false: Values
    pairs: Pairs

    @property
    def precision(self) -> Values:
        """With as many others as twins; 1 where nobody is below."""
        below = self.recall + self.false
        return np.where(below > 0, self.recall / np.where(below > 0, below, 1), 1.0)

    def f(self, beta: float) -> Values:
        """The F score of every threshold."""
        return (1 + beta**2) * self.recall / (beta**2 + self.recall + self.false)


def curve_of(pairs: Pairs) -> Curve:
    """All thresholds between distances that occur."""
    steps = np.unique(np.concatenate([pairs.together, pairs.apart]))
    between = (steps[:-1] + steps[1:]) / 2
    recall = np.searchsorted(np.sort(pairs.together), between) / len(pairs.together)
    false = np.searchsorted(pairs.apart, between) / len(pairs.apart)
    return Curve(between, recall, false, pairs)


def _highest(score: Callable[[Curve], Values]) -> Callable[[Curve], float]:
    def chosen(curve: Curve) -> float:
        return float(curve.thresholds[np.argmax(score(curve))]) if len(curve.thresholds) else float("nan")

    return chosen


def midpoint(curve: Curve) -> float:
    """Halfway between the mean distances."""
    return float(curve.pairs.together.mean() + curve.pairs.apart.mean()) / 2


def crossing(curve: Curve) -> float:
    """Where two normal distributions, fitted to twins and others, have the same density between their means."""
    (near, far), (narrow, wide) = (
        (float(measure(curve.pairs.together)), float(measure(curve.pairs.apart))) for measure in (np.mean, np.std)
    )
    if not narrow or not wide or near >= far:
        return float("nan")
    square = 1 / wide**2 - 1 / narrow**2
    linear = 2 * (near / narrow**2 - far / wide**2)
    constant = far**2 / wide**2 - near**2 / narrow**2 + 2 * np.log(wide / narrow)
    roots = np.roots([square, linear, constant])
    between = [float(root.real) for root in roots if abs(root.imag) < 1e-12 and near <= root.real <= far]
    return between[0] if between else float("nan")


CRITERIA: Mapping[str, tuple[str, Callable[[Curve], float]]] = {
    "f1": ("F1", _highest(lambda curve: curve.f(1.0))),
    "f05": ("F0.5", _highest(lambda curve: curve.f(0.5))),
    "f2": ("F2", _highest(lambda curve: curve.f(2.0))),
    "balanced_accuracy": ("balanced accuracy", _highest(lambda curve: (curve.recall + 1 - curve.false) / 2)),
    "youden": ("Youden's J", _highest(lambda curve: curve.recall - curve.false)),
    "midpoint": ("midpoint of the means", midpoint),
    "crossing": ("crossing of two Gaussians", crossing),
}
"""By name: words, and what chooses a threshold; NaN where there is none."""


def with_recall(least: float) -> Callable[[Curve], float]:
    """The threshold of the highest precision among those that recognise so many of the twins."""
    return _under(lambda curve: curve.recall >= least, lambda curve: curve.precision)


def with_precision(least: float) -> Callable[[Curve], float]:
    """The threshold of the highest recall among those that are right so often."""
    return _under(lambda curve: curve.precision >= least, lambda curve: curve.recall)


def _under(allowed: Callable[[Curve], NDArray[np.bool_]], score: Callable[[Curve], Values]) -> Callable[[Curve], float]:
    def chosen(curve: Curve) -> float:
        possible = allowed(curve)
        if not possible.any():
            return float("nan")
        return float(curve.thresholds[np.argmax(np.where(possible, score(curve), -1.0))])

    return chosen
