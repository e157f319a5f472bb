"""Classes: how often the class of an image is told, and how well classes are told apart (system S3)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.evaluating import told
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import groups_of
from wbtools.evaluating.classification import Scores, log_odds
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.findings import Findings
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
)
