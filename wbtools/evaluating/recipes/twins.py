"""Twins: how well distances between embeddings tell twins from other people (system S1).

The threshold is the checkpoint's, chosen on validation people; every pair of test people counts. The published way, one
other pair drawn for each pair of twins, is reported beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet, Item, Kind
from wbtools.errors import InputError
from wbtools.evaluating import pairs as pair_figures
from wbtools.evaluating import thresholds
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import FEWEST, Estimate, estimates
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.figures import curves, distances
from wbtools.evaluating.findings import Findings, Section, Table, mean_and_sd, shown, side_by_side
from wbtools.evaluating.pairs import Pairs, pairs_of
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.thresholds import CRITERIA, Curve, curve_of
from wbtools.evaluating.told import too_few
from wbtools.model.family import Network
from wbtools.text import counted

_LABEL = "twin"
_NOTE = (
    "All pairs of people count; scans of one person, and relatives who are not twins, are left out.",
    "Intervals: people were drawn again with replacement, families as a whole.",
)


def _answer(network: Network, look: Look) -> Tensor:
    return network.raw(look.images)


def check(data: DataSet, rows: Rows, options: Options, contestants: Sequence[Contestant]) -> None:
    """Require twins, and others, among images."""
    label = options.label or _LABEL
    data.labels(label)
    pairs_of([data.items[row] for row in rows], np.zeros((len(rows), 1)), label, f"{data.folder}")


@dataclass(frozen=True, eq=False)
class _Case:
    """A checkpoint, with its pairs of both parts.

    Parameters
    ----------
    name : str
    place : int
        From 1.
    pairs : Pairs
    threshold : float or None
        The checkpoint's.
    curve : Curve or None
        Of validation pairs; None if there are none.
    chosen : mapping of str to float
        Thresholds by criterion.
    """

    name: str
    place: int
    pairs: Pairs
    threshold: float | None
    curve: Curve | None
    chosen: Mapping[str, float]


def measure(bench: Bench) -> Findings:
    """Figures of twins.

    Parameters
    ----------
    bench : Bench
    """
    cases = [_case(bench, answered, place) for place, answered in enumerate(bench.answered, 1)]
    how = bench.options.resampling
    found = {case.name: _estimates(case, bench) for case in cases}
    sections = [_results(bench, cases, found), _published(bench, cases)]
    if any(case.curve is not None for case in cases):
        sections.append(_study(cases, bench.part))
    headline = tuple(
        f"{case.name}: AUC {found[case.name]['auc']}, F1 {found[case.name]['f1']} at the threshold "
        f"{'n/a' if case.threshold is None else f'{case.threshold:.4g}'}"
        for case in cases
    )
    more = {
        "pairs": {"twins": len(cases[0].pairs.together), "others": len(cases[0].pairs.apart)},
        "groups": cases[0].pairs.groups,
        "thresholds": {
            case.name: {"checkpoint": case.threshold, **{name: _json(value) for name, value in case.chosen.items()}}
            for case in cases
        },
        "draws": {
            case.name: {name: {"mean": mean, "sd": sd} for name, (mean, sd) in _draws(case, bench).items()}
            for case in cases
        },
        "level": how.level,
    }
    return Findings(headline, tuple(sections), found, more)


def _case(bench: Bench, answered: Answered, place: int) -> _Case:
    label = bench.options.label or _LABEL
    pairs = pairs_of(bench.items(bench.rows), answered.judged, label, f"the part {bench.part}")
    curve, chosen = None, {}
    if "val" in answered.others and _has_pairs(bench.items(answered.others["val"][0]), label):
        rows, embeddings = answered.others["val"]
        curve = curve_of(pairs_of(bench.items(rows), embeddings, label, "the validation part"))
        chosen = {name: choose(curve) for name, (_, choose) in _criteria(bench.options).items()}
    return _Case(answered.name, place, pairs, answered.contestant.model.threshold, curve, chosen)


def _has_pairs(items: Sequence[Item], label: str) -> bool:
    """Whether thresholds can be chosen on images: not on those of another study's validation part without twins."""
    try:
        pairs_of(items, np.zeros((len(items), 1)), label, "it")
    except InputError:
        return False
    return True


def _criteria(options: Options) -> dict[str, tuple[str, Callable[[Curve], float]]]:
    """The criteria of thresholds, with those that the user asks for."""
    found = dict(CRITERIA)
    if (least := options.least_recall) is not None:
        found["least_recall"] = (f"recall {least:g} or more", thresholds.with_recall(least))
    if (least := options.least_precision) is not None:
        found["least_precision"] = (f"precision {least:g} or more", thresholds.with_precision(least))
    return found


def _estimates(case: _Case, bench: Bench) -> dict[str, Estimate]:
    found = estimates(
        lambda counts: pair_figures.figures(case.pairs, case.threshold, counts),
        case.pairs.groups,
        bench.options.resampling,
    )
    return {name: each if case.pairs.twin_groups >= FEWEST else each.alone() for name, each in found.items()}


def _draws(case: _Case, bench: Bench) -> dict[str, tuple[float, float]]:
    return pair_figures.drawn(case.pairs, case.threshold, bench.options.draws, bench.options.resampling.seed)


def _results(bench: Bench, cases: Sequence[_Case], found: Mapping[str, Mapping[str, Estimate]]) -> Section:
    """The table of all figures, with the curves."""
    first = cases[0].pairs
    words = [
        f"{counted(len(first.together), 'pair')} of twins and {len(first.apart)} other pairs, of {first.groups} "
        "families. Pairs below the threshold count as twins. Each checkpoint has its own threshold, chosen on "
        "validation people."
    ]
    words += too_few(first.groups)
    if first.twin_groups < FEWEST <= first.groups:
        words.append(
            f"No interval can be given of twins of {counted(first.twin_groups, 'family')}: {FEWEST} are the least."
        )
    if lacking := [case.name for case in cases if case.threshold is None]:
        words.append(f"Without a threshold in the checkpoint: {', '.join(lacking)}.")
    lines = {case.name: _roc_line(case, found[case.name]) for case in cases}
    recalls = {case.name: _recall_line(case, found[case.name]) for case in cases}
    figures = [
        curves.roc(lines),
        curves.precision_recall(recalls, 0.5, "with as many others as twins"),
        *(distances.histogram(case.name, case.place, case.pairs, case.threshold) for case in cases),
        *(
            curves.confusion(
                case.name, case.place, _confusion(case.pairs, case.threshold), ("twins", "others"), "Confusion"
            )
            for case in cases
            if case.threshold is not None
        ),
    ]
    table = side_by_side(found, pair_figures.FIGURES, bench.options.resampling, _NOTE)
    return Section("Results", tuple(words), (table,), tuple(figures))


def _roc_line(case: _Case, found: Mapping[str, Estimate]) -> curves.Line:
    false, hits = _rates(case.pairs)
    return curves.Line(false, hits, f"AUC {found['auc']}")


def _recall_line(case: _Case, found: Mapping[str, Estimate]) -> curves.Line:
    false, hits = _rates(case.pairs)
    below = false + hits
    precision = np.where(below > 0, hits / np.where(below > 0, below, 1), 1.0)
    return curves.Line(hits, precision, f"area {found['auc_pr']}")


def _rates(pairs: Pairs) -> tuple[curves.Values, curves.Values]:
    """False alarms and hits of all thresholds."""
    from sklearn.metrics import roc_curve

    truth = np.repeat([1, 0], [len(pairs.together), len(pairs.apart)])
    false, hits, _ = roc_curve(truth, -np.concatenate([pairs.together, pairs.apart]))
    return false, hits


def _confusion(pairs: Pairs, threshold: float) -> NDArray[np.int64]:
    counts = [[np.sum(values < threshold), np.sum(values >= threshold)] for values in (pairs.together, pairs.apart)]
    return np.array(counts, np.int64)


def _published(bench: Bench, cases: Sequence[_Case]) -> Section:
    """The figures in the published way."""
    drawn = [_draws(case, bench) for case in cases]
    words = {"auc": "AUC-ROC", "auc_pr": "AUC-PR", "f1": "F1", "precision": "precision", "recall": "recall"}
    rows = tuple(
        (said, *(mean_and_sd(each[name]) if name in each else "n/a" for each in drawn)) for name, said in words.items()
    )
    note = (
        "The standard deviation is over draws of other pairs of the same people: how much the choice of pairs matters, "
        "not how much the choice of people does, which intervals show."
    )
    header = ("figure", *(case.name for case in cases))
    table = Table(
        "draws",
        f"Means over {counted(bench.options.draws, 'draw')} of one other pair for each pair of twins",
        header,
        rows,
        note,
    )
    return Section("As published", (), (table,))


def _study(cases: Sequence[_Case], part: str) -> Section:
    """Thresholds chosen on validation pairs by several criteria."""
    with_curve = [case for case in cases if case.curve is not None]
    tables = tuple(_thresholds(case, part) for case in with_curve)
    figures = []
    for case in with_curve:
        assert case.curve is not None
        said = {_words(name): value for name, value in case.chosen.items()}
        figures.append(distances.thresholds(case.name, case.place, case.curve, said))
    words = (
        f"Chosen on validation people, other pairs weighted to count as many as twins; the last columns show what each "
        f"threshold does on the part {part}. A threshold that is chosen by these columns makes their figures too good.",
    )
    return Section("Thresholds", words, tables, tuple(figures))


def _words(name: str) -> str:
    return CRITERIA[name][0] if name in CRITERIA else name.replace("least_", "least ")


def _thresholds(case: _Case, part: str) -> Table:
    assert case.curve is not None
    names = ("f1", "precision", "recall", "balanced_accuracy")
    rows = []
    for criterion, value in case.chosen.items():
        known = None if np.isnan(value) else value
        measured = [pair_figures.figures(pairs, known) for pairs in (case.curve.pairs, case.pairs)]
        cells = [shown(each[name]) for each in measured for name in names]
        rows.append((_words(criterion), shown(value, 4), *cells))
    spoken = ("F1", "precision", "recall", "balanced accuracy")
    header = ("criterion", "threshold", *(f"{said}, {where}" for where in ("validation", part) for said in spoken))
    chosen_on = case.curve.pairs
    twins, others = counted(len(chosen_on.together), "pair"), counted(len(chosen_on.apart), "other")
    note = f"Chosen on {twins} of twins and {others}."
    return Table(f"thresholds-{case.place}", f"Thresholds of {case.name}", header, tuple(rows), note)


def _json(value: float) -> float | None:
    return None if np.isnan(value) else value


EVALUATION = Evaluation(
    name="twins",
    families=("unet", "resnet", "densenet"),
    kinds=(Kind.VOLUMES,),
    answer=_answer,
    check=check,
    measure=measure,
    also=("val",),
)
