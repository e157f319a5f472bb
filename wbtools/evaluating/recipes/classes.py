"""Classes: how often the class of an image is told, and how well classes are told apart (system S3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.evaluating import classification, told
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import groups_of
from wbtools.evaluating.classification import Scores, log_odds
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.findings import FOLDS, Findings, Section, Table, mean_and_sd, shown
from wbtools.evaluating.labels import label_of, numbers_of, values_of
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.told import Told
from wbtools.model.family import Network

_LABEL = "sex"


def _answer(network: Network, look: Look) -> Tensor:
    logits: Tensor = getattr(network, "logits")(look.images)  # noqa: B009
    return logits


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
    return Findings(headline, (told.results(cases, found, words, bench.options.resampling),), found, more)


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
    found = {FOLDS: whole.estimates(how)}
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
    return Findings(headline, (told.results([whole], found, words, how), _folds(each, means)), found, more)


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
        answered.name, place, Scores(log_odds(answered.judged), truth, groups_of(bench.items(bench.rows)), classes)
    )


EVALUATION = Evaluation(
    name="classes",
    families=("mrinet",),
    kinds=(Kind.VOLUMES,),
    answer=_answer,
    check=check,
    measure=measure,
    folds=measure_folds,
)
