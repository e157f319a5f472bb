"""Contrastive: pictures are told by the labelled examples that they are nearest to, the Siamese way (system S4).

A network that was trained on the classes themselves (`plain=yes`) answers with them, and can stand beside the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.errors import InputError
from wbtools.evaluating import told
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import groups_of
from wbtools.evaluating.classification import Scores, log_odds
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.findings import Findings, Section, Table, mean_and_sd
from wbtools.evaluating.labels import label_of, numbers_of, values_of
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.told import Told
from wbtools.model.families.contrastive import Contrastive
from wbtools.model.family import Network
from wbtools.training.recipes.contrastive import examples_of, shown

_LABEL = "class"
_FEWER = (1, 5, 10, 20, 50, 100, 200, 500)
_TRAIN = "train"


def _answer(network: Network, look: Look) -> Tensor:
    assert isinstance(network, Contrastive)
    return network.of_pictures(shown(look.images))


def check(data: DataSet, rows: Rows, options: Options, contestants: Sequence[Contestant]) -> None:
    """Require a label of every picture."""
    label = label_of(options.label, contestants, _LABEL)
    values_of(data, rows, label)
    data.classes(label)


def is_plain(contestant: Contestant) -> bool:
    """Whether a network was trained on the classes themselves."""
    return (contestant.record or {}).get("options", {}).get("plain") is True


def measure(bench: Bench) -> Findings:
    """Figures of pictures.

    Parameters
    ----------
    bench : Bench
    """
    label = label_of(bench.options.label, [answered.contestant for answered in bench.answered], _LABEL)
    cases = [_case(bench, answered, label, place) for place, answered in enumerate(bench.answered, 1)]
    found = {case.name: case.estimates(bench.options.resampling) for case in cases}
    headline = tuple(
        f"{answered.name}: accuracy {found[answered.name]['accuracy']} {_how(bench, answered, label)}"
        for answered in bench.answered
    )
    first = cases[0].scores
    words = [
        f"The {label} of {len(first.truth)} pictures: {told.counted_classes(first)}. An embedding is told by the class "
        "whose examples it is nearest to, the mean of cosine similarities; examples are training pictures.",
    ]
    sections = [told.results(cases, found, words, bench.options.resampling)]
    fewer = {
        answered.name: _with_fewer(bench, answered, label)
        for answered in bench.answered
        if not is_plain(answered.contestant)
    }
    if any(fewer.values()):
        sections.append(_examples(fewer, bench))
    more = {
        "label": label,
        "groups": first.groups,
        "confusion": {case.name: case.confusion() for case in cases},
        "examples": {
            name: {str(count): {"mean": mean, "sd": sd} for count, (mean, sd) in each.items()}
            for name, each in fewer.items()
        },
    }
    return Findings(headline, tuple(sections), found, more)


def _how(bench: Bench, answered: Answered, label: str) -> str:
    if is_plain(answered.contestant):
        return "from classes themselves"
    rows, _, _ = _examples_for(bench, answered, label)
    return f"from {len(rows)} examples"


def _case(bench: Bench, answered: Answered, label: str, place: int) -> Told:
    classes = bench.data.classes(label)
    truth = numbers_of(values_of(bench.data, bench.rows, label), classes, answered.name)
    if is_plain(answered.contestant):
        if answered.judged.shape[1] != len(classes):
            raise InputError(
                f"{answered.name} knows {answered.judged.shape[1]} classes, and {bench.data.folder} has {len(classes)}",
                hint="give data of the same classes",
            )
        scores = log_odds(answered.judged)
    else:
        _, examples, known = _examples_for(bench, answered, label)
        scores = similarities(answered.judged, examples, known, len(classes))
    return Told(answered.name, place, Scores(scores, truth, groups_of(bench.items(bench.rows)), classes))


def similarities(
    embeddings: NDArray[np.floating], examples: NDArray[np.floating], known: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Mean cosine similarity to the examples of each class, (N, K); below all others where a class has none.

    Parameters
    ----------
    embeddings : ndarray, (N, E)
    examples : ndarray, (M, E)
    known : ndarray, (M,), int
        Classes of the examples.
    classes : int
    """
    mine, theirs = (_units(each) for each in (embeddings, examples))
    means = np.full((classes, theirs.shape[1]), np.nan)
    for number in np.unique(known):
        means[number] = theirs[known == number].mean(0)  # the mean similarity is that to the mean of unit vectors
    return np.asarray(np.nan_to_num(mine @ means.T, nan=-2.0))


def _units(values: NDArray[np.floating]) -> NDArray[np.float64]:
    found = values.astype(np.float64)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))


def _examples_for(bench: Bench, answered: Answered, label: str) -> tuple[Rows, NDArray[np.float32], NDArray[np.int64]]:
    """The labelled pictures that a network compares with: rows, embeddings and classes.

    Raises
    ------
    InputError
        If there are none.
    """
    if _TRAIN not in answered.others:
        raise InputError(
            f"{answered.name} tells pictures by labelled examples, and {bench.data.folder} has no part train for them",
            hint="give a data set with a split, or the one that it was trained on",
        )
    rows, embeddings = answered.others[_TRAIN]
    classes = numbers_of(values_of(bench.data, rows, label), bench.data.classes(label), answered.name)
    record = answered.contestant.record
    if record is not None and answered.contestant.trained_on == bench.data.sha256:
        count, seed = int(record["options"].get("examples", 0)), int(record["settings"].get("seed", 0))
        kept = np.isin(rows, examples_of(rows, classes, count, seed))
        return rows[kept], embeddings[kept], classes[kept]
    return rows, embeddings, classes


def _with_fewer(bench: Bench, answered: Answered, label: str) -> dict[int, tuple[float, float]]:
    """Mean and standard deviation of the accuracy with so many examples of each class, over draws of examples."""
    rows, examples, known = _examples_for(bench, answered, label)
    classes = bench.data.classes(label)
    truth = numbers_of(values_of(bench.data, bench.rows, label), classes, answered.name)
    most = int(np.bincount(known)[np.unique(known)].min())
    found = {}
    for count in (count for count in _FEWER if count < most):
        accuracies = []
        for draw in range(bench.options.draws):
            seed = bench.options.resampling.seed + draw
            kept = np.isin(rows, examples_of(rows, known, count, seed))
            scores = similarities(answered.judged, examples[kept], known[kept], len(classes))
            accuracies.append(float((scores.argmax(1) == truth).mean()))
        found[count] = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    return found


def _examples(found: dict[str, dict[int, tuple[float, float]]], bench: Bench) -> Section:
    counts = sorted({count for each in found.values() for count in each})
    rows = tuple(
        (f"{count}", *(mean_and_sd(each[count]) if count in each else "n/a" for each in found.values()))
        for count in counts
    )
    note = (
        f"Means over {bench.options.draws} draws of examples for the same network, which was trained on all of them. "
        "Runs with --set examples=N show how good a network is that was trained on few."
    )
    table = Table("examples", "Accuracy by examples of each class", ("examples", *found), rows, note)
    return Section("Fewer examples", (), (table,))


EVALUATION = Evaluation(
    name="contrastive",
    families=("contrastive",),
    kinds=(Kind.PICTURES,),
    answer=_answer,
    check=check,
    measure=measure,
    also=(_TRAIN,),
)
