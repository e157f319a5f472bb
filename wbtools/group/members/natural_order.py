"""Ids in the order that readers expect: numbers in them count as numbers."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"([0-9]+)")

Key = tuple[tuple[int, str], ...]


def natural(who: str) -> Key:
    """What ids are sorted by.

    Examples
    --------
    >>> sorted(["p10", "p2", "p1"], key=natural)
    ['p1', 'p2', 'p10']
    """
    parts = _DIGITS.split(who)
    # The length of a number without leading zeros, then its digits: numbers of any size, without arithmetic.
    numbers = (part.lstrip("0") if place % 2 else part for place, part in enumerate(parts))
    found = ((len(part) if place % 2 else 0, part) for place, part in enumerate(numbers))
    return (*found, (0, who))
