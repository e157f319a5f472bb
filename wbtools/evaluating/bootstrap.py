"""Intervals by drawing groups of people again, with replacement: the bootstrap, for figures of images or of pairs.

People who belong together are drawn together: two scans of a person, or two siblings, are not two observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import Item

Counts = NDArray[np.int64]
"""How often each group was drawn, (G,)."""

Statistic = Callable[[Counts], Mapping[str, float]]
"""Figures of groups, each counted so often; NaN where they are not defined."""

_TWIN = "twin"

FEWEST = 5
"""Groups with fewer of which there is no interval: samples of so few hardly differ, and those of a single one never."""


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Parameters
    ----------
    draws : int
    seed : int
        The same for all checkpoints, so that each draw has the same people for all of them.
    level : float
        Of the interval.
    """

    draws: int = 2000
    seed: int = 0
    level: float = 0.95

    def counts(self, groups: int) -> Iterator[Counts]:
        """How often each group is drawn, draw by draw."""
        dice = np.random.default_rng(self.seed)
        for _ in range(self.draws):
            yield dice.multinomial(groups, np.full(groups, 1 / groups))

    def interval(self, values: NDArray[np.float64]) -> tuple[float, float]:
        """The percentile interval of a figure's values (R,); draws in which it is not defined are left out.

        Examples
        --------
        >>> Resampling(level=0.5).interval(np.array([0.0, 1.0, 2.0, 3.0, np.nan, 4.0]))
        (1.0, 3.0)
        """
        known = values[np.isfinite(values)]
        if not len(known):
            return float("nan"), float("nan")
        tail = (1 - self.level) / 2
        low, high = np.quantile(known, [tail, 1 - tail])
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Estimate:
    """A figure with its interval.

    Parameters
    ----------
    value : float
        NaN if it is not defined.
    low, high : float
        NaN if there is no interval.
    drawn : ndarray, (R,)
        Its value in every draw; empty if there is no interval.
    """

    value: float
    low: float
    high: float
    drawn: NDArray[np.float64]

    @property
    def sure(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    def alone(self) -> Estimate:
        """Without an interval."""
        return Estimate(self.value, float("nan"), float("nan"), np.empty(0))

    def as_record(self) -> dict[str, float | None]:
        """As JSON values."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(f"{number:.7g}") if np.isfinite(number) else None for name, number in numbers.items()}

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "n/a"
        return self.said("")

    def said(self, sign: str = "+") -> str:
        """For a table; with a sign, as a difference.

        Examples
        --------
        >>> Estimate(0.5, 0.25, 0.75, np.empty(0)).said(), Estimate(0.5, 0.25, 0.75, np.empty(0)).alone().said()
        ('+0.500 [+0.250, +0.750]', '+0.500 (no interval)')
        """
        value, low, high = (f"{number:{sign}.3f}" for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]" if self.sure else f"{value} (no interval)"

    def less(self, other: Estimate, how: Resampling) -> Estimate:
        """The difference from another checkpoint's, whose draws had the same people."""
        if not (len(self.drawn) and len(other.drawn)):
            return Estimate(self.value - other.value, float("nan"), float("nan"), np.empty(0))
        drawn = self.drawn - other.drawn
        return Estimate(self.value - other.value, *how.interval(drawn), drawn)


def estimates(statistic: Statistic, groups: int, how: Resampling) -> dict[str, Estimate]:
    """Figures, each with its interval; without if there are fewer groups than `FEWEST`.

    Parameters
    ----------
    statistic : callable
    groups : int
    how : Resampling

    Examples
    --------
    >>> values = np.arange(5.0)
    >>> found = estimates(lambda counts: {"mean": float(counts @ values / counts.sum())}, 5, Resampling(200))
    >>> found["mean"].value, 0 < found["mean"].low < 2 < found["mean"].high < 4
    (2.0, True)
    """
    point = statistic(np.ones(groups, np.int64))
    drawn = [statistic(counts) for counts in how.counts(groups)] if groups >= FEWEST else []
    found = {}
    for name, value in point.items():
        values = np.array([each[name] for each in drawn])
        found[name] = Estimate(value, *how.interval(values), values)
    return found


def groups_of(items: Sequence[Item]) -> NDArray[np.int64]:
    """The number of the group of each image, (N,): people, twins and families, together directly or through others.

    Examples
    --------
    >>> people = [("a", "", "1"), ("b", "F", "1"), ("c", "F", ""), ("d", "", "")]
    >>> groups_of([Item(0, name, name, family, labels={"twin": twin}) for name, family, twin in people]).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first: dict[tuple[str, str], int] = {}
    edges = []
    for place, item in enumerate(items):
        bonds = {"person": item.person, "family": item.family, _TWIN: item.labels.get(_TWIN, "")}
        edges += [(place, first.setdefault(bond, place)) for bond in bonds.items() if bond[1]]
    ends = np.array(edges, np.int64).T
    _, found = connected_components(
        coo_array((np.ones(len(edges)), tuple(ends)), shape=(len(items),) * 2), directed=False
    )
    return np.asarray(found, np.int64)
