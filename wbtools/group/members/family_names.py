"""Whose exports belong together: sessions of a person, members of a family, and pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def person(who: str) -> str:
    """The person of an export: sessions of a person have exports of their own.

    Examples
    --------
    >>> person("01_ses-a"), person("100307")
    ('01', '100307')
    """
    return who.partition("_ses-")[0]


def joined_families(exports: Sequence[str], columns: Sequence[Iterable[object]]) -> NDArray[np.str_]:
    """The family of each export, (N,): all who are tied by being sessions of a person, or by any of the columns.

    A family is called after what its first column has of its first member, else after the person.

    Parameters
    ----------
    exports : sequence of str, (N,)
    columns : sequence of iterables, each (N,)
        Of the table of participants: of families, and of pairs.

    Examples
    --------
    >>> joined_families(["01_ses-a", "01_ses-b", "02"], []).tolist()
    ['person 01', 'person 01', 'person 02']
    >>> joined_families(["p0", "p1", "p2", "p3"], [["F1", "F2", "F3", "F4"], ["a", "a", "b", "b"]]).tolist()
    ['family F1', 'family F1', 'family F3', 'family F3']
    """
    persons = [f"person {person(who)}" for who in exports]
    told = [[f"family {value}" for value in column] for column in columns]
    found = list((told or [persons])[0])
    ties = [persons, *told]
    for tie in ties:
        first: dict[str, str] = {}
        for place, value in enumerate(tie):
            old, new = found[place], first.setdefault(value, found[place])
            if old != new:
                found = [new if name == old else name for name in found]
                first = {key: new if name == old else name for key, name in first.items()}
    return np.array(found)
