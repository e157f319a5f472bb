"""How many pairs of twins a training needs, and what to do with few: two to learn from, and two to be validated on."""

from __future__ import annotations

from collections.abc import Iterable

from wbtools.datasets.dataset import DataSet
from wbtools.datasets.items import Item
from wbtools.datasets.split import FRACTIONS, SEED, TWIN, Split, split_of
from wbtools.errors import InputError
from wbtools.text import counted

EACH = 2
"""Pairs that training and validation each need: with a single one there is nobody to be told apart."""

LEAST, USUAL = 2 * EACH, 9
"""Pairs that are enough if none are kept to test on, and enough for the usual fractions, if no families join them."""

_FRACTIONS = (FRACTIONS, (0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.4, 0.4, 0.2), (0.5, 0.5, 0.0))
"""The usual ones, and others for fewer and fewer pairs."""

_NEEDED = f"{LEAST} are the least, none of them kept to test on, and {USUAL} are enough for the usual fractions"


def pairs_of(items: Iterable[Item]) -> int:
    """How many pairs of twins there are, of both of whom there is an image."""
    people: dict[str, set[str]] = {}
    for item in items:
        people.setdefault(item.labels.get(TWIN, ""), set()).add(item.person)
    return sum(bool(pair) and len(members) > 1 for pair, members in people.items())


def fractions_for(data: DataSet, seed: int = SEED) -> tuple[float, ...] | None:
    """The first of `_FRACTIONS` with which enough pairs are learned from and validated on; None if there are none."""
    for fractions in _FRACTIONS:
        try:
            split = split_of(data, fractions, seed)
        except InputError:
            continue
        if all(pairs_of(data.items[row] for row in split.parts[part]) >= EACH for part in ("train", "val")):
            return fractions
    return None


def as_words(fractions: Iterable[float]) -> tuple[str, ...]:
    """Fractions as the command line takes them.

    Examples
    --------
    >>> as_words((0.5, 0.25, 0.25)), as_words((0.5, 0.5, 0.0))
    (('.5', '.25', '.25'), ('.5', '.5', '0'))
    """
    return tuple(f"{share:g}".replace("0.", ".") for share in fractions)


def usual(fractions: tuple[float, ...]) -> bool:
    """Whether these fractions need not be given."""
    return fractions == FRACTIONS


def require_enough(data: DataSet) -> None:
    """Require as many pairs as any training needs.

    Raises
    ------
    InputError
        If there are fewer.
    """
    if (pairs := pairs_of(data.items)) < LEAST:
        raise InputError(
            f"{data.folder} has {counted(pairs, 'pair')} of twins, too few to train on", hint=f"prepare more: {_NEEDED}"
        )


def remark(pairs: int) -> str:
    """What has to be known of so few pairs before they are trained on; empty where they are enough.

    Examples
    --------
    >>> remark(9)
    ''
    """
    if pairs >= USUAL:
        return ""
    few = "too few to train on" if pairs < LEAST else "few to train on, and need other fractions than the usual ones"
    return f"{counted(pairs, 'pair')} of twins {'is' if pairs == 1 else 'are'} {few}: {_NEEDED}."


def hint(data: DataSet, split: Split) -> str:
    """What to do about a split whose training or validation part has too few pairs."""
    if split.how.startswith("fold"):
        return f"give fewer folds, or prepare more pairs: every fold needs {EACH} of them"
    found = fractions_for(data, split.seed)
    if found is None and split.how == "source":
        return f"the data set's source says who is in which part: it needs {EACH} pairs for each of train and val"
    if found is None:
        return f"prepare more pairs, of other families: {_NEEDED}"
    tested = "" if found[-1] else ", which keeps none to test on"
    return f"give --fractions {' '.join(as_words(found))}{tested}; or prepare more pairs: {USUAL} are usually enough"
