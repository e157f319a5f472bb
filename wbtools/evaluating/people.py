"""Who a network is judged on: never those that it learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import PARTS, DataSet, Kind, Split, check_leaks, split_of
from wbtools.errors import InputError, UnknownChoice
from wbtools.evaluating.contestants import Contestant
from wbtools.model.intensity import Intensity
from wbtools.subject.identity import person_key
from wbtools.subject.training_record import learned_from
from wbtools.text import counted, lengths

ALL = "all"
CHOICES = ("test", "val", "train", ALL)
"""Parts of a split that can be looked at."""

Rows = NDArray[np.int64]
_INHERITED = ("orientation", "intensity", "skull_stripped")


@dataclass(frozen=True, eq=False)
class Judged:
    """Rows of a data set, for one checkpoint.

    Parameters
    ----------
    rows : ndarray, (N,), int
        What the figures are of.
    others : mapping of str to ndarray, int
        The other parts by name, such as `val`, which thresholds may be chosen on; empty if there is nothing.
    how : str
        Who says which rows these are, in words.
    """

    rows: Rows
    others: Mapping[str, Rows]
    how: str


def judged(data: DataSet, contestants: Sequence[Contestant], part: str, shared: Sequence[object]) -> tuple[Judged, ...]:
    """The rows that checkpoints are judged on.

    Parameters
    ----------
    data : DataSet
    contestants : sequence of Contestant
    part : str
        One of `CHOICES`.
    shared : sequence
        A value for each checkpoint; those with the same have to be judged on the same people.

    Raises
    ------
    InputError
        If there are none, somebody was learned from, or checkpoints that are compared were not trained on the same
        people.
    """
    if part not in CHOICES:
        raise UnknownChoice("part", part, CHOICES, "--split")
    found = tuple(_rows(data, each, part) for each in contestants)
    for other, each, value in zip(contestants, found, shared, strict=True):
        first = list(shared).index(value)
        if not np.array_equal(each.rows, found[first].rows):
            names = f"{contestants[first].name} and {other.name}"
            raise InputError(
                f"{names} have other people in the part {part}: nothing can be compared",
                hint="train both with one --seed and the same --fractions, or evaluate each by itself",
            )
    return found


def folds(data: DataSet, contestants: Sequence[Contestant], part: str) -> tuple[Judged, ...]:
    """The rows that the folds of a cross-validation are judged on, each by the network that has not seen them.

    Parameters
    ----------
    data : DataSet
    contestants : sequence of Contestant
    part : str
        Has to be `test`.

    Raises
    ------
    InputError
        If they are not different folds of one cross-validation.
    """
    if part != CHOICES[0]:
        raise InputError(f"--folds are judged on test people, not on {part}", hint="leave out --split")
    if len(contestants) < 2:
        raise InputError("--folds needs the runs of several folds", hint="give all of them before the data set")
    kept = [_made_by(contestant) for contestant in contestants]
    for other, (number, what) in zip(contestants[1:], kept[1:], strict=True):
        if what != kept[0][1]:
            raise InputError(
                f"{contestants[0].name} and {other.name} are no folds of one cross-validation: more than the fold "
                "differs",
                hint="train them with the same settings, and --fold 1/K to K/K",
            )
        if number in [each for each, _ in kept[: contestants.index(other)]]:
            raise InputError(f"{other.name} is {number}, which was given already", hint="give each fold once")
    return tuple(_rows(data, each, part) for each in contestants)


def _made_by(contestant: Contestant) -> tuple[str, list[object]]:
    """The fold of a run, and all that folds of one cross-validation share."""
    record = contestant.record
    how = str(record["split"].get("how")) if record is not None else ""
    number, _, count = how.partition(" of ")
    if record is None or not number.startswith("fold ") or not count:
        raise InputError(f"{contestant.name} is no fold of a cross-validation", hint="train with --fold 1/K to K/K")
    shared = ("recipe", "data_sha256", "options", "settings", "backbone")
    return number, [count, *(record.get(key) for key in shared)]


def _rows(data: DataSet, contestant: Contestant, part: str) -> Judged:
    if contestant.record is not None and contestant.trained_on == data.sha256:
        parts, how = _of_run(data, contestant, part), f"the split of the run ({contestant.record['split'].get('how')})"
    elif contestant.trained_on == data.sha256:
        raise InputError(
            f"{contestant.name} was trained on {data.folder}, and nothing says on whom: it has no run.json beside it",
            hint="give the checkpoint in its run's folder",
        )
    else:
        parts, how = _of_source(data, part)
        _require_unseen(data, contestant, parts)
    rows = parts[part]
    if not len(rows):
        raise InputError(
            f"the part {part} of {data.folder} is empty", hint="give another --split, or train with other --fractions"
        )
    return Judged(rows, {name: parts[name] for name in PARTS if name != part}, how)


def _of_run(data: DataSet, contestant: Contestant, part: str) -> dict[str, Rows]:
    """The parts that a run was trained by."""
    assert contestant.record is not None
    if part == ALL:
        raise InputError(
            f"{contestant.name} was trained on {data.folder}: not all of its people are new to it",
            hint="give --split test",
        )
    split = Split.from_record(contestant.record["split"])
    check_leaks(data, split)
    return {name: np.array(rows, np.int64) for name, rows in split.parts.items()}


def _of_source(data: DataSet, part: str) -> tuple[dict[str, Rows], str]:
    """The parts of a data set that nothing was trained on."""
    everything = np.arange(len(data))
    if any(item.split for item in data.items):
        split = split_of(data, (1.0, 0.0, 0.0))
        parts = {name: np.array(split.parts[name], np.int64) for name in PARTS}
        return {**parts, ALL: everything}, "the split that the data set brings"
    if part != ALL:
        raise InputError(f"{data.folder} has no part {part}: it brings no split", hint="give --split all")
    nothing = np.empty(0, np.int64)
    return {**dict.fromkeys(PARTS, nothing), ALL: everything}, "everybody in the data set"


def _require_unseen(data: DataSet, contestant: Contestant, parts: dict[str, Rows]) -> None:
    """Require that nobody was in another data set that the run learned from or chose by."""
    if contestant.record is None:
        return
    known = learned_from(contestant.record)
    for rows in parts.values():
        seen = [name for row in rows if person_key(name := data.items[row].person) in known]
        if seen:
            raise InputError(
                f"{seen[0]} of {data.folder} was in the part {known[person_key(seen[0])]} of the run of "
                f"{contestant.name}",
                hint="make a data set of other people, or rename those who only have the same id",
            )


def require_fitting(data: DataSet, contestant: Contestant) -> None:
    """Require that images are what a network was trained to take.

    Raises
    ------
    InputError
        If shape, orientation, intensities or skull differ from the card's.
    """
    manifest, card = data.manifest, contestant.model.card
    if manifest.kind is Kind.VOLUMES:
        shape = (1, *card.shape)
    else:  # a card knows scans only
        shape = tuple((contestant.record or {}).get("sizes", {}).get("images", manifest.shape))
    if manifest.shape != shape:
        sizes = [lengths(size[1:]) for size in (shape, manifest.shape)]
        raise InputError(
            f"{contestant.name} takes images of {sizes[0]}, and {data.folder} has {sizes[1]}",
            hint="make the data set with wbtools prepare, and give that --shape"
            if manifest.kind is Kind.VOLUMES
            else "prepare the data as those were that it was trained on",
        )
    for name in _INHERITED:
        given, wanted = manifest.card.get(name), getattr(card, name)
        if name == "intensity" and isinstance(given, str):
            given = str(Intensity.parse(given))
        if given is not None and given != wanted:
            assumed = ", as its family does" if card.assumed else ""
            raise InputError(
                f"{contestant.name} was trained on images with {name} {wanted}{assumed}, and {data.folder} has {given}",
                hint="prepare the data as the card says, or correct the card",
            )


def described(data: DataSet, rows: Rows) -> str:
    """How many images of how many people rows are."""
    people = len({person_key(data.items[row].person) for row in rows})
    return f"{counted(len(rows), 'image')} of {counted(people, 'person', 'people')}"
