"""Tables and curves of classes that networks tell: what recipes share whose networks do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wbtools.evaluating import classification
from wbtools.evaluating.bootstrap import FEWEST, Counts, Estimate, Resampling, estimates
from wbtools.evaluating.classification import Scores
from wbtools.evaluating.figures import curves
from wbtools.evaluating.findings import Figure, Section, Table, side_by_side
from wbtools.text import counted

NOTE = ("Every image counts.", "Intervals: people were drawn again with replacement, families as a whole.")
FEW = 20
"""Families with fewer of which intervals are called too narrow."""


@dataclass(frozen=True, eq=False)
class Told:
    """What a checkpoint told.

    Parameters
    ----------
    name : str
    place : int
        From 1.
    scores : Scores
    """

    name: str
    place: int
    scores: Scores

    def estimates(self, how: Resampling) -> dict[str, Estimate]:
        """Figures with intervals, where people are of enough families; of each class, its own families count."""

        def statistic(counts: Counts) -> dict[str, float]:
            return classification.figures(self.scores, counts)

        found = estimates(statistic, self.scores.groups, how)
        rare = {name for name, families in self.families().items() if families < FEWEST}
        return {name: each.alone() if _rests_on(name, rare) else each for name, each in found.items()}

    def families(self) -> dict[str, int]:
        """Of how many families people of each class are."""
        scores = self.scores
        return {
            scores.classes[number]: len(np.unique(scores.group[scores.truth == number])) for number in scores.present
        }

    def confusion(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "classes": list(self.scores.classes),
            "true_by_predicted": self.scores.confusion().astype(int).tolist(),
        }


def _rests_on(figure: str, classes: set[str]) -> bool:
    """Whether a figure is of one of some classes, or a mean over all of them."""
    name, _, of = figure.partition(": ")
    return of in classes if of else bool(classes) and name not in _OF_IMAGES


_OF_IMAGES = ("accuracy", "majority")
"""Figures in which every image counts the same, whatever its class."""

Estimates = Mapping[str, Mapping[str, Estimate]]
"""By checkpoint and figure."""


def results(cases: Sequence[Told], found: Estimates, words: Sequence[str], how: Resampling) -> Section:
    """The section of results.

    Parameters
    ----------
    cases : sequence of Told
    found : mapping
    words : sequence of str
    how : Resampling
    """
    words = [*words, *too_few(cases[0].scores.groups), *too_rare(cases[0])]
    tables = [side_by_side(found, classification.FIGURES, how, NOTE)]
    tables += [_of_classes(case, found[case.name]) for case in cases]
    confusions = [
        curves.confusion(
            case.name, case.place, case.scores.confusion().astype(np.int64), case.scores.classes, "Confusion"
        )
        for case in cases
    ]
    return Section("Results", tuple(words), tuple(tables), (*_curves(cases, found), *confusions))


def too_few(groups: int) -> list[str]:
    """What has to be said of intervals of few families; nothing of many."""
    if groups >= FEW:
        return []
    if groups < FEWEST:
        return [f"No interval can be given of {counted(groups, 'family')}: {FEWEST} are the least."]
    return [f"With {groups} families, intervals are too narrow: read them as the least uncertainty."]


def too_rare(case: Told) -> list[str]:
    """What has to be said of classes whose people are of too few families, where there are enough in all."""
    few = {name: number for name, number in case.families().items() if number < FEWEST}
    if not few or case.scores.groups < FEWEST:
        return []
    said = ", ".join(f"{name} ({counted(number, 'family')})" for name, number in few.items())
    return [
        f"Too few families for an interval, {FEWEST} are the least: {said}. Figures of these classes, and means over "
        "classes, have none."
    ]


def counted_classes(scores: Scores) -> str:
    """How many images of each class there are."""
    return ", ".join(f"{(scores.truth == number).sum()} {scores.classes[number]}" for number in scores.present)


def _of_classes(case: Told, found: Mapping[str, Estimate]) -> Table:
    rows = tuple(
        (case.scores.classes[number], *(str(found[f"{name}: {case.scores.classes[number]}"]) for name in _SPOKEN))
        for number in case.scores.present
    )
    return Table(f"classes-{case.place}", f"Each class, {case.name}", ("class", *_SPOKEN.values()), rows)


_SPOKEN = {"precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC against all others"}


def _curves(cases: Sequence[Told], found: Estimates) -> list[Figure]:
    """ROC and precision by recall: a curve for each checkpoint where there are two classes, else for each class."""
    first = cases[0].scores
    if len(first.classes) == 2:
        drawn = {case.name: (case, 1) for case in cases}
        share = float((first.truth == 1).mean())
        return _pair_of_curves(drawn, found, "", share, f"of {first.classes[1]}")
    figures = []
    for case in cases:
        drawn = {case.scores.classes[number]: (case, int(number)) for number in case.scores.present}
        share = 1 / len(case.scores.present)
        figures += _pair_of_curves(drawn, found, f"-{case.place}", share, f"of every class, {case.name}")
    return figures


def _pair_of_curves(
    drawn: Mapping[str, tuple[Told, int]], found: Estimates, suffix: str, chance: float, words: str
) -> list[Figure]:
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

    lines, recalls = {}, {}
    for name, (case, number) in drawn.items():
        truth, scores = case.scores.truth == number, case.scores.scores[:, number]
        false, hits, _ = roc_curve(truth, scores)
        lines[name] = curves.Line(false, hits, f"AUC {found[case.name][f'auc: {case.scores.classes[number]}']}")
        precision, recall, _ = precision_recall_curve(truth, scores)
        recalls[name] = curves.Line(recall[::-1], precision[::-1], f"area {average_precision_score(truth, scores):.3f}")
    return [curves.roc(lines, suffix, words), curves.precision_recall(recalls, chance, words, suffix)]
