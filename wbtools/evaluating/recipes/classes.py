"""Classes: how often the class of an image is told, and how well classes are told apart (system S3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.evaluating import classification
from wbtools.evaluating.bootstrap import Estimate, estimates, groups_of
from wbtools.evaluating.classification import Scores, log_odds
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.figures import curves
from wbtools.evaluating.findings import Figure, Findings, Section, Table, side_by_side
from wbtools.evaluating.labels import label_of, numbers_of, values_of
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.model.family import Network

_LABEL = "sex"
_NOTE = "Every image counts. Intervals: people were drawn again with replacement, families as a whole."
_FEW = 20


def _answer(network: Network, images: Tensor) -> Tensor:
    logits: Tensor = getattr(network, "logits")(images)  # noqa: B009
    return logits


def check(data: DataSet, rows: Rows, options: Options, contestants: Sequence[Contestant]) -> None:
    """Require a label of every image, which all networks know."""
    values = values_of(data, rows, label_of(options.label, contestants, _LABEL))
    for contestant in contestants:
        if contestant.model.card.classes:
            numbers_of(values, contestant.model.card.classes, contestant.name)


@dataclass(frozen=True, eq=False)
class _Case:
    """A checkpoint.

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


def measure(bench: Bench) -> Findings:
    """Figures of classes.

    Parameters
    ----------
    bench : Bench
    """
    contestants = [answered.contestant for answered in bench.answered]
    label = label_of(bench.options.label, contestants, _LABEL)
    values = values_of(bench.data, bench.rows, label)
    cases = [_case(bench, answered, values, place) for place, answered in enumerate(bench.answered, 1)]
    found = {
        case.name: estimates(
            lambda counts, case=case: classification.figures(case.scores, counts),  # type: ignore[misc]
            case.scores.groups,
            bench.options.resampling,
        )
        for case in cases
    }
    headline = tuple(
        f"{name}: accuracy {each['accuracy']}, AUC {each['auc']}; always the most frequent {label}: "
        f"{each['majority'].value:.3f}"
        for name, each in found.items()
    )
    more = {
        "label": label,
        "groups": cases[0].scores.groups,
        "confusion": {
            case.name: {
                "classes": list(case.scores.classes),
                "true_by_predicted": case.scores.confusion().astype(int).tolist(),
            }
            for case in cases
        },
    }
    return Findings(headline, (_results(bench, cases, found, label),), found, more)


def _case(bench: Bench, answered: Answered, values: Sequence[str], place: int) -> _Case:
    classes = answered.contestant.model.card.classes or tuple(sorted(set(values)))
    truth = numbers_of(values, classes, answered.name)
    group = groups_of(bench.items(bench.rows))
    return _Case(answered.name, place, Scores(log_odds(answered.judged), truth, group, classes))


def _results(bench: Bench, cases: Sequence[_Case], found: Mapping[str, Mapping[str, Estimate]], label: str) -> Section:
    first = cases[0].scores
    counts = ", ".join(f"{(first.truth == number).sum()} {first.classes[number]}" for number in first.present)
    words = [
        f"The {label} of {len(first.truth)} images of {first.groups} families: {counts}. The class with the highest "
        "probability counts as the answer."
    ]
    if first.groups < _FEW:
        words.append(f"With {first.groups} families, intervals are too narrow: read them as the least uncertainty.")
    tables = [side_by_side(found, classification.FIGURES, bench.options.resampling, _NOTE)]
    tables += [_of_classes(case, found[case.name]) for case in cases]
    figures = [
        *_curves(cases, found),
        *(
            curves.confusion(
                case.name, case.place, case.scores.confusion().astype(np.int64), case.scores.classes, "Confusion"
            )
            for case in cases
        ),
    ]
    return Section("Results", tuple(words), tuple(tables), tuple(figures))


def _of_classes(case: _Case, found: Mapping[str, Estimate]) -> Table:
    rows = tuple(
        (case.scores.classes[number], *(str(found[f"{name}: {case.scores.classes[number]}"]) for name in _SPOKEN))
        for number in case.scores.present
    )
    return Table(f"classes-{case.place}", f"Each class, {case.name}", ("class", *_SPOKEN.values()), rows)


_SPOKEN = {"precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC against all others"}


def _curves(cases: Sequence[_Case], found: Mapping[str, Mapping[str, Estimate]]) -> list[Figure]:
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
    drawn: Mapping[str, tuple[_Case, int]],
    found: Mapping[str, Mapping[str, Estimate]],
    suffix: str,
    chance: float,
    words: str,
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


EVALUATION = Evaluation(
    name="classes",
    families=("mrinet",),
    kinds=(Kind.VOLUMES,),
    answer=_answer,
    check=check,
    measure=measure,
)
