"""Exchangeability blocks in the notation of PALM: who may be exchanged with whom (Winkler et al. 2015)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Exchange = Literal["whole", "within", "both"]
"""Families of one structure as wholes; people of one kind within their families; both."""


def blocks(families: Sequence[str], exchange: Exchange = "whole", kinds: Sequence[str] = ()) -> NDArray[np.int64]:
    """The blocks of people who belong to families.

    Every column divides the blocks of the column before it. Where a number is positive, what lies inside that block
    may be exchanged; where it is negative, it stays in place. Single people are families of one.

    Parameters
    ----------
    families : sequence of str, (N,)
        The family of each person.
    exchange : str
        `whole` for what is the same in a family or differs between families, `within` for what differs inside.
    kinds : sequence of str, (N,), optional
        What tells people of a family apart, such as twins from their siblings; without it, nothing does. Families with
        as many people of each kind have the same structure.

    Returns
    -------
    ndarray, (N, 5) or (N, 4), int
        -1; the structure of the family, unless families stay in place; minus the family; the kind, negative unless
        people are exchanged within families; the person.

    References
    ----------
    Winkler, Webster, Vidaurre, Nichols and Smith 2015, NeuroImage 123:253-268.

    Examples
    --------
    >>> blocks(["a", "b", "a"])
    array([[-1,  1, -1, -1,  1],
           [-1,  2, -2, -1,  2],
           [-1,  1, -1, -1,  3]])
    >>> blocks(["a", "b", "a"], "within")
    array([[-1, -1,  1,  1],
           [-1, -2,  1,  2],
           [-1, -1,  1,  3]])
    """
    kinds = kinds or [""] * len(families)
    members: dict[str, list[str]] = {}
    for name, sort in zip(families, kinds, strict=True):
        members.setdefault(name, []).append(sort)
    structure = _numbered(tuple(sorted(members[name])) for name in families)
    kind = _numbered(kinds)
    columns = [
        np.full(len(families), -1),
        *([] if exchange == "within" else [structure]),
        -_numbered(families),
        -kind if exchange == "whole" else kind,
        np.arange(1, len(families) + 1),
    ]
    return np.column_stack(columns)


def _numbered(values: Iterable[Hashable]) -> NDArray[np.int64]:
    """Numbers from 1 on, in the order in which values first come."""
    found: dict[Hashable, int] = {}
    return np.array([found.setdefault(value, len(found) + 1) for value in values], np.int64)
