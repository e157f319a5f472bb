"""Classes: how often the class of an image is told, and how well classes are told apart (system S3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.errors import InputError
from wbtools.evaluating import classification, told
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import groups_of
from wbtools.evaluating.classification import Scores, log_odds
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.findings import FOLDS, Findings, Section, Table, mean_and_sd, shown
from wbtools.evaluating.labels import label_of, numbers_of, values_of
from wbtools.evaluating.maps import of_classes
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes import baselines, votes
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.told import Told
from wbtools.model.family import Network

_LABEL = "sex"


def _answer(network: Network, look: Look) -> Tensor:
    return votes.answer(network, look.images)


def check(data: DataSet, rows: Rows, options: Options, contestants: Sequence[Contestant]) -> None:
    """Require a label of every image, which all networks know."""
    values = values_of(data, rows, label_of(options.label, contestants, _LABEL))
    for contestant in contestants:
        if contestant.model.card.classes:
            numbers_of(values, contestant.model.card.classes, contestant.name)


def measure(bench: Bench) -> Findings:
    """Figures of classes.

    Parameters
    ----------
    bench : Bench
    """
    label = label_of(bench.options.label, [answered.contestant for answered in bench.answered], _LABEL)
    values = values_of(bench.data, bench.rows, label)
    cases = [_case(bench, answered, values, place) for place, answered in enumerate(bench.answered, 1)]
    classics, weighed = _classics([bench], label, cases[0].scores)
    cases += classics
    found = {case.name: case.estimates(bench.options.resampling) for case in cases}
    headline = tuple(
        f"{name}: accuracy {each['accuracy']}, AUC {each['auc']}; always the most frequent {label}: "
        f"{each['majority'].value:.3f}"
        for name, each in found.items()
    )
    first = cases[0].scores
    words = [
        f"The {label} of {len(first.truth)} images of {first.groups} families: {told.counted_classes(first)}. The "
        "class with the highest probability counts as the answer."
    ]
    more = {"label": label, "groups": first.groups, "confusion": {case.name: case.confusion() for case in cases}}
    found_of_all = Findings(
        headline, (told.results(cases, found, words, bench.options.resampling), *weighed), found, more
    )
    asked = [votes.Votes(each.name, each.judged, first.truth, first.group) for each in bench.answered]
    return found_of_all.joined(votes.findings(asked, bench.options.resampling))


def measure_folds(bench: Bench) -> Findings:
    """Figures of a cross-validation: everybody is judged once, by the network that was not trained on them.

    Parameters
    ----------
    bench : Bench
    """
    how = bench.options.resampling
    label = label_of(bench.options.label, [answered.contestant for answered in bench.answered], _LABEL)
    cases = []
    for place, answered in enumerate(bench.answered, 1):
        part = replace(bench, rows=answered.rows)
        cases.append(_case(part, answered, values_of(bench.data, answered.rows, label), place))
    rows = np.concatenate([answered.rows for answered in bench.answered])
    scores, truth = (np.concatenate([getattr(case.scores, name) for case in cases]) for name in ("scores", "truth"))
    whole = Told(FOLDS, 1, Scores(scores, truth, groups_of(bench.items(rows)), cases[0].scores.classes))
    parts = [
        replace(bench, rows=answered.rows, learned=(learned,))
        for answered, learned in zip(bench.answered, bench.learned, strict=True)
    ]
    classics, weighed = _classics(parts, label, whole.scores)
    found = {told_by.name: told_by.estimates(how) for told_by in (whole, *classics)}
    each = {case.name: classification.figures(case.scores) for case in cases}
    means = {
        name: (float(np.mean(values)), float(np.std(values, ddof=1)))
        for name in classification.FIGURES
        for values in [[figures[name] for figures in each.values()]]
    }
    headline = (
        f"{len(cases)} folds: accuracy {found[FOLDS]['accuracy']}, mean of the folds {mean_and_sd(means['accuracy'])}; "
        f"always the most frequent {label}: {found[FOLDS]['majority'].value:.3f}",
    )
    words = [
        f"The {label} of {len(truth)} images of {whole.scores.groups} families: {told.counted_classes(whole.scores)}.",
        "Each was judged by the network of the fold that it was left out of. The AUC over all folds compares "
        "answers of different networks; the mean of the folds does not.",
    ]
    more = {"label": label, "groups": whole.scores.groups, "confusion": {FOLDS: whole.confusion()}, "each_fold": each}
    sections = (told.results([whole, *classics], found, words, how), _folds(each, means), *weighed)
    said = np.concatenate([answered.judged for answered in bench.answered])
    voted = votes.findings([votes.Votes(FOLDS, said, truth, whole.scores.group)], how)
    return Findings(headline, sections, found, more).joined(voted)


def measure_maps(bench: Bench) -> Findings:
    """Figures of maps.

    Parameters
    ----------
    bench : Bench
    """
    label = label_of(bench.options.label, [answered.contestant for answered in bench.answered], _LABEL)
    labels = bench.data.labels(label)
    return of_classes.measure(bench, lambda rows: [labels[row] for row in rows])


def _classics(parts: Sequence[Bench], label: str, whole: Scores) -> tuple[list[Told], tuple[Section, ...]]:
    """What classic models tell of the same people, each part by those that learned from its training people.

    Parameters
    ----------
    parts : sequence of Bench
        The folds, or a single one.
    label : str
    whole : Scores
        The network's, of all parts one after the other.
    """
    options, data = parts[0].options, parts[0].data
    known: dict[str, baselines.Baseline] = dict(baselines.OF_IMAGES) if options.baselines else {}
    measures = None
    if options.measures:
        rows = np.concatenate([rows for part in parts for rows in (part.rows, *part.learned)])
        measures = baselines.measures_in(Path(options.measures), data, rows)
        known |= baselines.of_measures(measures)
    tasks = [_task(part, label, whole.classes) for part in parts] if known else []
    place = len(parts[0].answered) if len(parts) == 1 else 1
    cases = [
        Told(name, place + number, replace(whole, scores=np.concatenate([scores(task) for task in tasks])))
        for number, (name, scores) in enumerate(known.items(), 1)
    ]
    weighed = (_importances(measures, tasks[0], whole.truth),) if measures and len(parts) == 1 else ()
    return cases, weighed


def _task(part: Bench, label: str, classes: Sequence[str]) -> baselines.Task:
    truth = numbers_of(values_of(part.data, part.learned[0], label), classes, "the classic model")
    if len(np.unique(truth)) < len(classes):
        raise InputError(f"the training people do not have every {label}", hint="leave out --baselines")
    return baselines.Task(part.data, part.learned[0], part.rows, truth)


def _importances(measures: baselines.Measures, task: baselines.Task, truth: NDArray[np.int64]) -> Section:
    """What gradient boosting relies on."""
    found = baselines.importances(measures, task, truth)
    rows = tuple((name, shown(value, 4)) for name, value in found)
    note = "By how much accuracy falls if the measure is shuffled among the people judged: the mean of ten times."
    table = Table("importances", "Measures that gradient boosting relies on", ("measure", "importance"), rows, note)
    return Section("Measures", (), (table,))


def _folds(each: Mapping[str, Mapping[str, float]], means: Mapping[str, tuple[float, float]]) -> Section:
    """Every fold, and their means."""
    rows = [(name, *(shown(figures[figure]) for figure in means)) for name, figures in each.items()]
    rows.append(("mean", *map(mean_and_sd, means.values())))
    header = ("fold", *(classification.FIGURES[name] for name in means))
    note = (
        "Folds share most of their training people, so their standard deviation is no standard error; the intervals "
        "above are over people."
    )
    return Section("Folds", (), (Table("folds", "Each fold", header, tuple(rows), note),))


def _case(bench: Bench, answered: Answered, values: Sequence[str], place: int) -> Told:
    classes = answered.contestant.model.card.classes or tuple(sorted(set(values)))
    truth = numbers_of(values, classes, answered.name)
    return Told(
        answered.name,
        place,
        Scores(log_odds(votes.logits_of(answered.judged)), truth, groups_of(bench.items(bench.rows)), classes),
    )


EVALUATION = Evaluation(
    name="classes",
    families=("mrinet", "stacks"),
    kinds=(Kind.VOLUMES,),
    answer=_answer,
    check=check,
    measure=measure,
    folds=measure_folds,
    baselines=True,
    maps=measure_maps,
)
