"""What the fields of a card may hold: short printable lines, numbers that can be computed with, names that differ."""

from __future__ import annotations

import math
from collections.abc import Mapping

from wbtools.errors import CheckpointError
from wbtools.model.conventions import PLANES

_LONGEST, _VOXELS = 4096, 1 << 29
"""The most voxels along an axis, and in all, that an image may have."""

_LEAST = (2, 4, 4)
"""Voxels along the axes, the shortest first: less, such as a single slice, shows no brain that could be registered."""

_TEXT, _NAME, _ENTRIES = 1000, 100, 100


def voxels(shape: object, what: str = "the card's shape") -> tuple[int, int, int]:
    """Three numbers of voxels that an image of a brain can have; `what` they are, for messages."""
    found = tuple(shape) if isinstance(shape, (list, tuple)) else ()
    if len(found) != 3 or not all(type(n) is int and n > 0 for n in found):
        raise CheckpointError(f"{what} {short(shape)} is not three positive whole numbers")
    if max(found) > _LONGEST or math.prod(found) > _VOXELS:
        raise CheckpointError(
            f"{what} {short(shape)} is no image's",
            hint=f"write the numbers of voxels, {_VOXELS:,} at most in all",
        )
    if any(length < least for length, least in zip(sorted(found), _LEAST, strict=True)):
        raise CheckpointError(
            f"{what} {short(shape)} is too small to hold a brain",
            hint="write how many voxels the network's images have: 2 slices of 4 x 4 or more",
        )
    x, y, z = found
    return x, y, z


def short(value: object) -> str:
    """A value in a message: one short line."""
    text = "".join(c if c.isprintable() else "?" for c in repr(value)[:100])
    return text[:60] + ("..." if len(text) > 60 else "")


def require_line(name: str, text: object, most: int) -> None:
    """Raise CheckpointError unless a text is one line of printable characters."""
    if not isinstance(text, str) or not text.isprintable():
        raise CheckpointError(
            f"the card's {name} is not one line of printable text: {short(text)}",
            hint=f"write the {name} in one line, without tabs and control characters",
        )
    if len(text) > most:
        raise CheckpointError(f"the card's {name} has {len(text):,} characters", hint=f"write {most} at most")


def is_number(value: object) -> bool:
    """Whether a value is a number that can be computed with."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def require_entries(name: str, entries: Mapping[str, object]) -> None:
    """Raise CheckpointError unless a table of the card has short lines as names, and short lines or numbers in it."""
    if len(entries) > _ENTRIES:
        raise CheckpointError(f"the card's {name} has {len(entries):,} entries", hint=f"write {_ENTRIES} at most")
    for key, value in entries.items():
        require_line(f"{name} entry", key, _NAME)
        if name == "performance" and not is_number(value):
            raise CheckpointError(f"the card's {name} has no number as {key}", hint="write a number")
        if not is_number(value):
            require_line(f"{name} entry {key}", value, _TEXT)


def require_stacks(plane: object, places: object) -> None:
    """Raise CheckpointError unless these are a plane and a number of places in it, or nothing.

    Examples
    --------
    >>> require_stacks("axial", 8), require_stacks("", 0)
    (None, None)
    """
    if plane not in ("", *PLANES):
        raise CheckpointError(
            f"the card's plane {short(plane)} is unknown", hint=f"write {', '.join(PLANES)}, or leave it out"
        )
    if type(places) is not int or places < 0:
        raise CheckpointError(
            f"the card's places are {short(places)}",
            hint="write at how many slices the network is asked, or leave it out",
        )


def require_apart(planted: tuple[str, ...], decoy: tuple[str, ...]) -> None:
    """Raise CheckpointError if a region is called planted and a decoy.

    Examples
    --------
    >>> require_apart(("THALAMUS_LEFT",), ("BRAIN_STEM",))
    """
    if both := [name for name in planted if name in decoy]:
        raise CheckpointError(
            f"the card's planted and decoy both name {short(both[0])}",
            hint="leave each region in the list that says what it is",
        )


def names(field: str, listed: object) -> tuple[str, ...]:
    """The names that a field lists, which have to differ and to fit into one line."""
    given = listed if isinstance(listed, (list, tuple)) else (None,)
    found = tuple(name for name in given if isinstance(name, str) and name.strip() and name.isprintable())
    if len(found) < len(given):
        raise CheckpointError(f"the card's {field} {short(listed)} are not a list of names")
    if any(len(name) > _NAME for name in found):
        raise CheckpointError(f"the card's {field} have names of more than {_NAME} characters", hint="shorten them")
    if len(set(found)) < len(found):
        raise CheckpointError(f"the card's {field} hold a name twice: {short(found)}")
    return found
