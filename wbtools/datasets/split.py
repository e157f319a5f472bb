"""Splits of a data set that keep together what belongs together, and the check that they do.

A person's images, a pair of twins, a family, and equal images are in one part: a network that has seen a person's twin
has seen much of the person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets.dataset import DataSet
from wbtools.datasets.items import SPLITS, Item
from wbtools.errors import InputError
from wbtools.subject.identity import person_key
from wbtools.text import counted

PARTS = SPLITS
"""Names of the parts: what is learned from, what choices are made on, what is looked at once."""
FRACTIONS = (0.7, 0.15, 0.15)
"""Of people in the parts, where none are given."""
SEED = 42
"""Of a training's split, where none is given."""

TWIN = "twin"
"""The label that twins share."""

_FEWEST_FOLDS = 3


@dataclass(frozen=True)
class Split:
    """Which images are in which part.

    Parameters
    ----------
    parts : mapping of str to tuple of int
        Rows of the array, ascending, by a name of `PARTS`.
    seed : int
    how : str
        Who made it: `source`, `random`, or `fold I of K`.

    Raises
    ------
    InputError
        If a part is unknown, or an image is in two.

    Examples
    --------
    >>> split = Split({"train": (0, 2), "val": (1,), "test": ()}, seed=3)
    >>> Split.from_record(split.as_record()) == split
    True
    """

    parts: Mapping[str, tuple[int, ...]]
    seed: int = 0
    how: str = "random"

    def __post_init__(self) -> None:
        if tuple(self.parts) != PARTS:
            raise InputError(f"a split has the parts {', '.join(self.parts)}", hint=f"name {', '.join(PARTS)}")
        rows = Counter(row for part in self.parts.values() for row in part)
        if twice := [row for row, count in rows.items() if count > 1]:
            raise InputError(f"the split has the image in row {twice[0]} twice", hint="name every row once")

    def as_record(self) -> dict[str, Any]:
        """As JSON values."""
        return {"how": self.how, "seed": self.seed, "parts": {name: list(rows) for name, rows in self.parts.items()}}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Split:
        """Read what `as_record` gave.

        Raises
        ------
        InputError
            If it is no such record.
        """
        try:
            parts = {str(name): tuple(rows) for name, rows in record["parts"].items()}
            seed, how = record["seed"], record["how"]
        except (KeyError, TypeError, AttributeError):
            raise InputError("the record of the split is damaged", hint="train anew, or give another run") from None
        if type(seed) is not int or any(type(row) is not int for rows in parts.values() for row in rows):
            raise InputError("the record of the split is damaged", hint="train anew, or give another run")
        return cls({name: parts[name] for name in PARTS if name in parts}, seed, str(how))


def split_of(
    data: DataSet, fractions: Sequence[float] = FRACTIONS, seed: int = 0, stratify: str | None = None
) -> Split:
    """Split a data set, as its source does or at random.

    A source that names a part for each image decides; if it has no validation part, one is taken from its training
    part, in the proportion of the first two fractions.

    Parameters
    ----------
    data : DataSet
    fractions : sequence of float, (3,)
        Of training, validation and test images.
    seed : int
    stratify : str, optional
        A label whose values are to be as frequent in every part.

    Raises
    ------
    InputError
        If a part would be empty, the source's parts leak, or it names a part for some images only.
    """
    _require_fractions(fractions)
    fixed = [row for row, item in enumerate(data.items) if item.split]
    if not fixed:
        rows = range(len(data))
        return _checked(data, _drawn(data, rows, dict(zip(PARTS, fractions, strict=True)), seed, stratify), seed)
    if len(fixed) < len(data):
        missing = next(item for item in data.items if not item.split)
        raise InputError(
            f"{data.folder} names a part for {len(fixed)} of {counted(len(data), 'image')}; {missing.source} has none",
            hint="complete the column split in what the data set is made of, or leave it out",
        )
    parts = {part: tuple(item.row for item in data.items if item.split == part) for part in PARTS}
    if not parts["val"] and fractions[1] > 0:
        whole = fractions[0] + fractions[1]
        inside = {"train": fractions[0] / whole, "val": fractions[1] / whole}
        parts |= _drawn(data, parts["train"], inside, seed, stratify)
    return _checked(data, parts, seed, "source")


def folds_of(data: DataSet, k: int, seed: int = 0, stratify: str | None = None) -> tuple[Split, ...]:
    """Splits for cross-validation: each of `k` folds is the test part once, and the validation part of the one before.

    Parameters
    ----------
    data : DataSet
    k : int
        3 at least.
    seed : int
    stratify : str, optional
        As in `split_of`.

    Raises
    ------
    InputError
        If there are fewer groups of people than folds.
    """
    if k < _FEWEST_FOLDS:
        raise InputError(f"{counted(k, 'fold')} cannot be split into three parts", hint=f"give {_FEWEST_FOLDS} or more")
    folds = list(_drawn(data, range(len(data)), {str(i): 1 / k for i in range(k)}, seed, stratify).values())
    splits = []
    for place in range(k):
        held = (place, (place + 1) % k)
        train = sorted(row for i, fold in enumerate(folds) if i not in held for row in fold)
        parts = {"train": tuple(train), "val": folds[held[1]], "test": folds[held[0]]}
        splits.append(_checked(data, parts, seed, f"fold {place + 1} of {k}"))
    return tuple(splits)


def check_leaks(data: DataSet | Sequence[Item], split: Split, place: object = None) -> None:
    """Require that nobody, no twins, no family and no image is in two parts.

    Parameters
    ----------
    data : DataSet, or sequence of Item
    split : Split
    place : object, optional
        What to call the data in an error; the data set's folder without.

    Raises
    ------
    InputError
        Naming the first that is, or a row that the data set does not have.
    """
    items, place = (data.items, place or data.folder) if isinstance(data, DataSet) else (data, place)
    seen: dict[tuple[str, str], str] = {}
    for part, rows in split.parts.items():
        for row in rows:
            if not 0 <= row < len(items):
                raise InputError(
                    f"the split has row {row}, and {place} {counted(len(items), 'image')}",
                    hint="give the data set that the split was drawn for",
                )
            for key in _bonds(items[row]):
                if seen.setdefault(key, part) != part:
                    what, name = key
                    raise InputError(
                        f"{place}: {what} {name} is in two parts of the split, {seen[key]} and {part}",
                        hint="put all images of a person, a twin pair and a family into one part",
                    )


def _bonds(item: Item) -> Iterator[tuple[str, str]]:
    """What an image shares with those that must be in the same part."""
    yield "the person", person_key(item.person)
    if item.family:
        yield "the family", item.family
    if item.labels.get(TWIN):
        yield "the twin pair", item.labels[TWIN]
    if item.sha256:
        yield "the image with SHA-256", item.sha256


def _groups(items: Sequence[Item]) -> list[list[int]]:
    """Rows that must stay together, directly or through others; in the order of their first images."""
    parent = list(range(len(items)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, item in enumerate(items):
        for key in _bonds(item):
            parent[root(place)] = root(first.setdefault(key, place))
    found: dict[int, list[int]] = {}
    for place, item in enumerate(items):
        found.setdefault(root(place), []).append(item.row)
    return list(found.values())


def _drawn(
    data: DataSet, rows: Sequence[int], fractions: Mapping[str, float], seed: int, stratify: str | None
) -> dict[str, tuple[int, ...]]:
    """Rows by part: groups in random order, large ones first, each put where most is missing."""
    values = data.labels(stratify) if stratify else [""] * len(data)
    known = {value: place for place, value in enumerate(sorted({values[row] for row in rows}))}
    groups = _groups([data.items[row] for row in rows])
    wanted = {name: share for name, share in fractions.items() if share > 0}
    _require_enough(data, len(groups), len(wanted))
    order = np.random.default_rng(seed).permutation(len(groups))
    counts = np.zeros((len(groups), len(known)))
    for place, group in enumerate(groups):
        np.add.at(counts[place], [known[values[row]] for row in group], 1)
    ordered = order[np.argsort(-counts[order].sum(1), kind="stable")]
    chosen = _placed(counts[ordered], np.array(list(wanted.values())))
    found: dict[str, list[int]] = {name: [] for name in fractions}
    names = list(wanted)
    for place, part in zip(ordered, chosen, strict=True):
        found[names[part]] += groups[place]
    return {name: tuple(sorted(part)) for name, part in found.items()}


def _placed(counts: NDArray[np.float64], fractions: NDArray[np.float64]) -> list[int]:
    """The part of each group (N, labels): where it lessens the squared differences from what is wanted most.

    Examples
    --------
    >>> _placed(np.array([[2.0], [1.0], [1.0]]), np.array([0.5, 0.5]))
    [0, 1, 1]
    """
    missing = fractions[:, None] * counts.sum(0)
    unused = set(range(len(fractions)))
    chosen = []
    for place, group in enumerate(counts):
        gains = (group * (2 * missing - group)).sum(1)
        last = len(unused) == len(counts) - place  # no part stays empty
        part = int(max(unused if last and unused else range(len(fractions)), key=gains.__getitem__))
        unused.discard(part)
        chosen.append(part)
        missing[part] -= group
    return chosen


def _checked(data: DataSet, parts: Mapping[str, tuple[int, ...]], seed: int, how: str = "random") -> Split:
    split = Split({name: parts[name] for name in PARTS}, seed, how)
    check_leaks(data, split)
    if not split.parts["train"]:
        raise InputError(f"the split of {data.folder} has no training images")
    return split


def _require_fractions(fractions: Sequence[float]) -> None:
    possible = len(fractions) == len(PARTS) and all(0 <= share <= 1 for share in fractions)
    if not possible or abs(sum(fractions) - 1) > 1e-6 or not fractions[0]:
        raise InputError(
            f"the parts {', '.join(f'{share:g}' for share in fractions)} are no split",
            hint=f"give three numbers for {', '.join(PARTS)} that sum to 1, as in 0.7 0.15 0.15",
        )


def _require_enough(data: DataSet, groups: int, parts: int) -> None:
    if groups < parts:
        raise InputError(
            f"{data.folder} has {counted(groups, 'group')} of people who belong together, too few for {parts} parts",
            hint="prepare more people, or ask for fewer parts",
        )
