"""Remarks on many images: brought together where they differ in numbers only, and what they say of all images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:\.\d+)?(?![\w-])")
"""A number that stands alone: no part of a name such as T1w, MNI152 or sub-01."""
_REMOVED = "The skull was removed "
"""How `wbtools.model.input.MASKED_WITH` begins; `by` or `with` what comes next."""
_END = re.compile(r" \(|: | laid over|\.( |$)")
"""What ends the name of a tool or a mask in it."""


SKULL = "skull_removed_by"
"""The setting of a data set that says what removed the skull from its images."""


def skull_removed_by(remarks: Iterable[str]) -> str:
    """What removed the skull from the images of which something is said, in a few words.

    Examples
    --------
    >>> skull_removed_by(["turned", "The skull was removed by deepbet 1.0.2 (Fisch et al. 2024)."])
    'deepbet 1.0.2'
    >>> skull_removed_by(["turned"])
    'nothing'
    """
    removed = (remark.removeprefix(_REMOVED) for remark in remarks if remark.startswith(_REMOVED))
    found = (_END.split(words.partition(" ")[2], maxsplit=1)[0] for words in removed)
    return " and ".join(dict.fromkeys(found)) or "nothing"


def collected(remarks: Mapping[str, Sequence[str]]) -> list[tuple[str, int]]:
    """One sentence for all remarks that differ in numbers only, with the range of each number.

    Parameters
    ----------
    remarks : mapping of str to sequence of str
        Sources of the images, by what is said of them.

    Returns
    -------
    list of tuple
        The sentence, and of how many images it is said.

    Examples
    --------
    >>> collected({"turned by 9 degrees": ["a"], "turned by 12 degrees": ["b", "c"], "no T1w": ["d"]})
    [('turned by 9 to 12 degrees', 3), ('no T1w', 1)]
    """
    alike: dict[str, list[str]] = {}
    for remark in remarks:
        alike.setdefault(_NUMBER.sub("\0", remark), []).append(remark)
    found = []
    for form, several in alike.items():
        columns = zip(*map(_NUMBER.findall, several), strict=True)
        first, *others = form.split("\0")
        ranges = map(_range, columns)
        sentence = first + "".join(word + other for word, other in zip(ranges, others, strict=True))
        found.append((sentence, len({source for remark in several for source in remarks[remark]})))
    return found


def _range(numbers: Iterable[str]) -> str:
    """The least and the greatest of numbers, as they were written."""
    ordered = sorted(numbers, key=float)
    return ordered[0] if float(ordered[0]) == float(ordered[-1]) else f"{ordered[0]} to {ordered[-1]}"
