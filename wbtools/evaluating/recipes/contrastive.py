"""Contrastive: pictures are told by the labelled examples that they are nearest to, the Siamese way (system S4).

A network that was trained on the classes themselves (`plain=yes`) answers with them, and can stand beside the others.
Runs that differ in examples or seed are put together to learning curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
from wbtools.evaluating.findings import Findings, Section, Table, mean_and_sd
from wbtools.evaluating.labels import label_of, numbers_of, values_of
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes import learning_curves
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.told import Told
from wbtools.model.families.contrastive import Contrastive
from wbtools.model.family import Network
from wbtools.text import counted
from wbtools.training.recipes.contrastive import examples_of, shown

_LABEL = "class"
_FEWER = (1, 5, 10, 20, 50, 100, 200, 500)
_TRAIN = "train"
_FEW = 4
"""Runs of learning curves that are compared one by one as well."""


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
    """Figures of pictures, and learning curves if runs form some.

    Parameters
    ----------
    bench : Bench
    """
    contestants = [answered.contestant for answered in bench.answered]
    label = label_of(bench.options.label, contestants, _LABEL)
    cases = [
        _case(replace(bench, rows=answered.rows), answered, label, place)
        for place, answered in enumerate(bench.answered, 1)
    ]
    found = {case.name: case.estimates(bench.options.resampling) for case in cases}
    if not (keys := learning_curves.keys_of(contestants)):
        return _side_by_side(bench, label, cases, found)
    curves = _curves(bench, label, cases, (keys, found))
    if len(cases) > _FEW or any(not np.array_equal(each.rows, bench.rows) for each in bench.answered):
        return curves
    return curves.joined(_side_by_side(bench, label, cases, found))


def _curves(
    bench: Bench,
    label: str,
    cases: Sequence[Told],
    known: tuple[Sequence[learning_curves.Key], told.Estimates],
) -> Findings:
    """Accuracy against examples, of the runs with these keys and estimates."""
    (keys, found), contestants = known, [answered.contestant for answered in bench.answered]
    accuracies = [classification.figures(case.scores)["accuracy"] for case in cases]
    level = bench.options.resampling.level
    curves = learning_curves.Curves(dict(zip(keys, accuracies, strict=True)), level)
    words = _words_on_curves(bench, label, cases)
    if apart := learning_curves.apart_in(contestants, keys):
        words.append(f"The two runs of a pair differ in {' and '.join(apart)} as well.")
    had: dict[float, tuple[int, int]] = {}
    if all(contestant.trained_on == bench.data.sha256 for contestant in contestants):
        for key, rows in zip(keys, bench.learned, strict=True):
            mine = learning_curves.fewest_and_most(_learned_classes(bench, label, rows, key))
            least, most = had.get(key.examples, mine)
            had[key.examples] = min(least, mine[0]), max(most, mine[1])
    else:
        words.append(
            "This is not the data set that they were trained on: Siamese networks compare with its own part train."
        )
    epochs = [int(learning_curves.settings_of(contestant)["epochs"]) for contestant in contestants]
    runs = learning_curves.each_run(
        [case.name for case in cases], keys, epochs, [found[case.name]["accuracy"] for case in cases]
    )
    more = {"label": label, "learning_curves": curves.as_record()}
    sections = (learning_curves.section(curves, words, had), runs)
    return Findings(learning_curves.headline(curves), sections, found, more)


def _words_on_curves(bench: Bench, label: str, cases: Sequence[Told]) -> list[str]:
    """What is judged."""
    sizes = sorted({len(case.scores.truth) for case in cases})
    pictures = counted(sizes[0], "picture") if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} pictures"
    same = all(np.array_equal(answered.rows, bench.rows) for answered in bench.answered)
    which = "the same for all" if same else "of its own split; those of one seed have the same"
    return [
        f"The {label} of {pictures} by each of {counted(len(cases), 'run')}, {which}. Every network was trained anew "
        "with so many examples of each class. A Siamese one tells a picture by the class whose examples it is nearest "
        "to, a plain one was trained on the classes themselves."
    ]


def _learned_classes(bench: Bench, label: str, rows: Rows, key: learning_curves.Key) -> NDArray[np.int64]:
    """The classes of the examples that a run was trained on."""
    classes = numbers_of(values_of(bench.data, rows, label), bench.data.classes(label), str(bench.data.folder))
    count = 0 if key.examples == float("inf") else int(key.examples)
    return classes[np.isin(rows, examples_of(rows, classes, count, key.seed))]


def _side_by_side(bench: Bench, label: str, cases: Sequence[Told], found: told.Estimates) -> Findings:
    """Figures of pictures, checkpoint by checkpoint."""
    headline = tuple(
        f"{answered.name}: accuracy {found[answered.name]['accuracy']} {_how(bench, answered, label)}"
        for answered in bench.answered
    )
    first = cases[0].scores
    words = [
        f"The {label} of {len(first.truth)} pictures: {told.counted_classes(first)}. An embedding is told by the class "
        "whose examples it is nearest to, the mean of cosine similarities; examples are training pictures.",
    ]
    words += learning_curves.why_none([answered.contestant for answered in bench.answered])
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
        return "from the classes themselves"
    rows, _, _ = _examples_for(bench, answered, label)
    return f"from {counted(len(rows), 'example')}"


def _case(bench: Bench, answered: Answered, label: str, place: int) -> Told:
    classes = bench.data.classes(label)
    truth = numbers_of(values_of(bench.data, bench.rows, label), classes, answered.name)
    if is_plain(answered.contestant):
        if answered.judged.shape[1] != len(classes):
            raise InputError(
                f"{answered.name} knows {counted(answered.judged.shape[1], 'class', 'classes')}, "
                f"and {bench.data.folder} has {len(classes)}",
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
        f"Means over {counted(bench.options.draws, 'draw')} of examples for the same network, "
        f"which was trained on all of them. "
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
    shared=learning_curves.judged_together,
)
