"""Which rearrangements of people leave the distribution of their errors as it is: exchangeability blocks by family.

Relatives resemble one another, so people must not be exchanged freely. Families of the same structure, that is of as
many members of the same kinds, are exchanged as wholes, the members in their order; where signs are flipped, a family's
are flipped together. If the tested variable varies within families, relatives of the same kind are exchanged with one
another as well (Winkler et al. 2015, whole-block and within-block exchange). Each person being a family, people are
exchanged freely.

Members of a family are of one kind, unless kinds are given: twins and their other siblings, for instance, are not
exchangeable, nor are families of identical twins with those of others.

Reference: Winkler, Webster, Vidaurre, Nichols and Smith 2015, doi:10.1016/j.neuroimage.2015.05.092.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import factorial, prod
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError

Item = TypeVar("Item", bound=Hashable)
Indices = NDArray[np.int64]
Signs = NDArray[np.float64]
Rearrangement = tuple[Indices, Signs]
"""Whose row of the design each person gets, (N,), and by which sign it is multiplied, (N,)."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Families and the kinds of their members.

    Parameters
    ----------
    family : ndarray, (N,)
        Number of each person's family.
    kind : ndarray, (N,), optional
        Number of each person's kind; only people of the same kind are exchanged.

    Examples
    --------
    >>> [slots.tolist() for slots in Blocks(np.array([0, 1, 0, 2, 1])).structures]
    [[[3]], [[0, 2], [1, 4]]]
    """

    family: Indices
    kind: Indices | None = None

    def __post_init__(self) -> None:
        if self.kind is not None and len(self.kind) != len(self.family):
            raise InputError(f"{len(self.kind)} kinds do not fit {len(self.family)} people")

    @classmethod
    def single(cls, people: int) -> Blocks:
        """Everybody is a family of their own."""
        return cls(np.arange(people))

    def kinds(self) -> Indices:
        """The kind of each person."""
        return np.zeros(len(self.family), np.int64) if self.kind is None else self.kind

    @cached_property
    def structures(self) -> list[Indices]:
        """For each structure of families, its families' members (B, S), ordered by kind."""
        kinds = self.kinds()
        found: dict[tuple[int, ...], list[Indices]] = {}
        for number in dict.fromkeys(self.family.tolist()):
            members = np.flatnonzero(self.family == number)
            members = members[np.argsort(kinds[members], kind="stable")]
            found.setdefault(tuple(kinds[members].tolist()), []).append(members)
        return [np.array(found[structure], np.int64) for structure in sorted(found, key=lambda key: (len(key), key))]


@dataclass(frozen=True, eq=False)
class SignFlips:
    """Signs that are flipped for whole families: for the test of a mean whose errors are symmetric.

    Parameters
    ----------
    blocks : Blocks
    """

    blocks: Blocks

    def draw(self, dice: np.random.RandomState) -> Rearrangement:
        """Drawn signs, in the order that nilearn draws them in if everybody is a family of their own."""
        group = self._groups()
        flips = dice.randint(2, size=(group.max() + 1, 1))[:, 0] * 2 - 1
        return np.arange(len(group)), flips[group].astype(float)

    @property
    def distinct(self) -> int:
        """How many rearrangements there are."""
        return 1 << int(self._groups().max() + 1)

    def every(self) -> Iterator[Rearrangement]:
        """Each of them, first the given signs."""
        group = self._groups()
        for flips in product((1.0, -1.0), repeat=int(group.max() + 1)):
            yield np.arange(len(group)), np.array(flips)[group]

    def _groups(self) -> Indices:
        """Number of each person's family, from 0."""
        return np.asarray(np.unique(self.blocks.family, return_inverse=True)[1], np.int64)


@dataclass(frozen=True, eq=False)
class Shuffles:
    """People exchanged with their families, and relatives with one another if the tested variable varies among them.

    Parameters
    ----------
    blocks : Blocks
    rows : ndarray, (N,)
        Number of each person's row of the design: equal for people with equal rows, whose exchange changes nothing.
    within : bool
        Whether relatives of the same kind are exchanged.

    Examples
    --------
    >>> Shuffles(Blocks.single(4), np.array([0, 0, 1, 1]), within=False).distinct
    6
    >>> Shuffles(Blocks(np.array([0, 0, 1, 1])), np.array([0, 1, 0, 1]), within=True).distinct
    4
    """

    blocks: Blocks
    rows: Indices
    within: bool

    def draw(self, dice: np.random.RandomState) -> Rearrangement:
        """A drawn order, as nilearn draws it if everybody is a family of their own."""
        order = np.arange(len(self.rows))
        for slots in self.blocks.structures:
            taken = slots[dice.permutation(len(slots))]
            for places in self._exchangeable(slots):
                taken[:, places] = _each(dice, taken[:, places])
            order[slots] = taken
        return order, np.ones(len(order))

    @property
    def distinct(self) -> int:
        """How many rearrangements give different designs."""
        return prod(self._distinct(slots) for slots in self.blocks.structures)

    def every(self) -> Iterator[Rearrangement]:
        """One rearrangement for each different design."""
        structures = self.blocks.structures
        first = {int(row): place for place, row in reversed(list(enumerate(self.rows)))}
        for contents in product(*(list(self._contents(slots)) for slots in structures)):
            order = np.empty(len(self.rows), np.int64)
            for slots, content in zip(structures, contents, strict=True):
                order[slots] = [[first[row] for row in family] for family in content]
            yield order, np.ones(len(order))

    def _exchangeable(self, slots: Indices) -> list[Indices]:
        """Places in a family of this structure whose people are exchanged with one another."""
        if not self.within or slots.shape[1] < 2:
            return []
        kinds = self.blocks.kinds()[slots[0]]
        return [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]

    def _canonical(self, slots: Indices) -> list[tuple[int, ...]]:
        """The rows of each family, sorted where relatives are exchanged."""
        rows = self.rows[slots]
        for places in self._exchangeable(slots):
            rows[:, places] = np.sort(rows[:, places], axis=1)
        return [tuple(family) for family in rows.tolist()]

    def _distinct(self, slots: Indices) -> int:
        """How many different designs families of a structure have."""
        families = self._canonical(slots)
        inside = (
            _arrangements([family[place] for place in places])
            for family in families
            for places in self._exchangeable(slots)
        )
        return _arrangements(families) * prod(inside)

    def _contents(self, slots: Indices) -> Iterator[list[tuple[int, ...]]]:
        """The rows of the families of a structure, in each different way."""
        for families in _orders(self._canonical(slots)):
            yield from (list(inner) for inner in product(*(list(self._inner(slots, family)) for family in families)))

    def _inner(self, slots: Indices, family: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """The rows of a family, in each different way."""
        places = self._exchangeable(slots)
        for orders in product(*(list(_orders([family[i] for i in group])) for group in places)):
            rows = list(family)
            for group, order in zip(places, orders, strict=True):
                for place, row in zip(group, order, strict=True):
                    rows[place] = row
            yield tuple(rows)


def _each(dice: np.random.RandomState, table: Indices) -> Indices:
    """A table whose rows are each shuffled."""
    return np.take_along_axis(table, dice.random_sample(table.shape).argsort(axis=1), axis=1)


def _arrangements(items: Sequence[Hashable]) -> int:
    """In how many different orders items stand of which some are equal."""
    return factorial(len(items)) // prod(factorial(count) for count in Counter(items).values())


def _orders(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Each different order of items of which some are equal, in lexicographic order."""
    kinds = list(dict.fromkeys(items))
    number = {item: place for place, item in enumerate(kinds)}
    found = sorted(number[item] for item in items)
    while True:
        yield [kinds[place] for place in found]
        rises = next((i for i in reversed(range(len(found) - 1)) if found[i] < found[i + 1]), None)
        if rises is None:
            return
        larger = next(i for i in reversed(range(len(found))) if found[i] > found[rises])
        found[rises], found[larger] = found[larger], found[rises]
        found[rises + 1 :] = found[:rises:-1]
