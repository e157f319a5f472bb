"""Figures of many networks as tables: means, 95 % intervals over networks and people, differences to one way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sources.case import Case, Training
from sources.figures import Figures
from sources.ways import Way

DRAWS = 2000

Values = Sequence[NDArray[np.float64]]
"""Of each network, a value for each person."""

COLUMNS = (
    "auc",
    "blurred",
    "precision",
    "inside",
    "rank",
    "first",
    "decoy",
    "null",
    "again",
    "conservation",
    "forwards",
)
"""In the order of the table; `wbtools`'s docs say what they are."""

COMPARED = ("auc", "rank")
"""Figures whose paired difference to one way is given, too."""


@dataclass(frozen=True)
class Interval:
    """A mean over networks of the mean over people, and where 95 % of bootstrap samples lie."""

    mean: float
    low: float
    high: float

    def text(self, form: str) -> str:
        """As a cell: `0.91 [0.88, 0.94]`."""
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"


def interval(values: Values, seed: int = 0) -> Interval:
    """Networks are drawn with replacement, then people of each; NaN are left out.

    Examples
    --------
    >>> found = interval([np.array([0.0, 1.0]), np.array([0.5, 0.5])])
    >>> found.mean, found.low < 0.5 < found.high
    (0.5, True)
    """
    known = [v[~np.isnan(v)] for v in values]
    known = [v for v in known if len(v)]
    if not known:
        return Interval(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    # Means of people drawn anew, of every network in every draw; then networks are drawn.
    means = np.stack([v[rng.integers(len(v), size=(DRAWS, len(v)))].mean(1) for v in known])
    chosen = rng.integers(len(known), size=(len(known), DRAWS))
    drawn = np.take_along_axis(means, chosen, axis=0).mean(0)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(np.mean([v.mean() for v in known])), float(low), float(high))


@dataclass(frozen=True)
class Results:
    """Figures of every network and way.

    Parameters
    ----------
    trainings : dict
        By network.
    figures : dict
        By network and way.
    """

    trainings: dict[Case, Training]
    figures: dict[tuple[Case, Way], Figures]

    @property
    def learned(self) -> list[Case]:
        """Networks that learned what they were asked."""
        return [case for case, training in self.trainings.items() if training.learned]

    def of(self, way: Way, column: str, cases: Iterable[Case]) -> dict[Case, NDArray[np.float64]]:
        """A figure of those networks that have it."""
        found = {case: self.figures.get((case, way)) for case in cases}
        return {case: np.array(figures[column], dtype=float) for case, figures in found.items() if figures}

    def difference(self, way: Way, other: Way, column: str, cases: Sequence[Case]) -> Interval:
        """Of a way from another, person by person, over networks that have both."""
        mine, theirs = self.of(way, column, cases), self.of(other, column, cases)
        both = [(mine[case], theirs[case]) for case in mine if case in theirs]
        return interval([a[: len(b)] - b[: len(a)] for a, b in both])


def networks(results: Results) -> str:
    """How well every network answers, as markdown."""
    rows = ["| task | region | " + " | ".join(dict.fromkeys(c.family for c in results.trainings)) + " |"]
    families = list(dict.fromkeys(c.family for c in results.trainings))
    rows.append("|---|---|" + "---|" * len(families))
    for task, region in dict.fromkeys((c.task, c.region) for c in results.trainings):
        cells = []
        for family in families:
            mine = [t for c, t in results.trainings.items() if (c.task, c.region, c.family) == (task, region, family)]
            cells.append(", ".join(_answer(t) for t in mine) or "-")
        rows.append(f"| {task} | {region} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _answer(training: Training) -> str:
    r2 = "" if training.r2 is None else f" / {training.r2:.2f}"
    return f"{training.auc:.2f}{r2}{'' if training.learned else ' (left out)'}"


def table(results: Results, ways: Sequence[Way], cases: Sequence[Case], against: Way) -> str:
    """All figures of some networks together, the best voxel AUC first, as markdown."""
    heads = [f"{column} - {against}" for column in COMPARED]
    rows = [
        f"| map | networks | {' | '.join(COLUMNS)} | {' | '.join(heads)} |",
        "|---" * (2 + len(COLUMNS) + len(heads)) + "|",
    ]
    lines = []
    for way in ways:
        values = {column: list(results.of(way, column, cases).values()) for column in COLUMNS}
        if not values["auc"]:
            continue
        found = {column: interval(values[column]) for column in COLUMNS}
        cells = [_cell(column, found[column]) for column in COLUMNS]
        differences = [results.difference(way, against, column, cases) for column in COMPARED]
        cells += [
            d.text("+.1f" if column == "rank" else "+.3f") for column, d in zip(COMPARED, differences, strict=True)
        ]
        lines.append((-found["auc"].mean, f"| {way} | {len(values['auc'])} | {' | '.join(cells)} |"))
    return "\n".join(rows + [line for _, line in sorted(lines)])


def _cell(column: str, found: Interval) -> str:
    if np.isnan(found.mean):
        return "-"
    if column in ("auc", "rank"):
        return found.text(".1f" if column == "rank" else ".3f")
    form = {"first": ".0%", "decoy": ".0%", "forwards": ".0f", "conservation": ".3f"}.get(column, ".2f")
    return f"{found.mean:{form}}"


def grid(results: Results, ways: Sequence[Way], column: str, groups: dict[str, list[Case]]) -> str:
    """One figure of every way, for groups of networks side by side, as markdown."""
    form = {"rank": ".1f"}.get(column, ".3f")
    rows = [f"| map | {' | '.join(groups)} |", "|---" * (1 + len(groups)) + "|"]
    for way in ways:
        means = [interval(list(results.of(way, column, cases).values())).mean for cases in groups.values()]
        if not np.isnan(means).all():
            rows.append(f"| {way} | {' | '.join('-' if np.isnan(m) else format(m, form) for m in means)} |")
    return "\n".join(rows)


def grouped(cases: Iterable[Case], key: Callable[[Case], str]) -> dict[str, list[Case]]:
    """Networks by what a function says of them, in the order in which they come."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(key(case), []).append(case)
    return found


def report(results: Results, ways: Sequence[Way], against: Way) -> str:
    """All tables."""
    learned = results.learned
    parts = ["## Networks", "AUC / R2 of people of the test.", networks(results)]
    tasks = grouped(learned, lambda case: case.task)
    for task, cases in tasks.items():
        parts += [f"## {task}: {len(cases)} networks", table(results, ways, cases, against)]
    for column in COMPARED:
        parts += [
            f"## {column}, by task and family",
            grid(results, ways, column, grouped(learned, lambda c: f"{c.task} {c.family}")),
        ]
        parts += [
            f"## {column}, by task and region",
            grid(results, ways, column, grouped(learned, lambda c: f"{c.task} {c.region}")),
        ]
    return "\n\n".join(parts) + "\n"
