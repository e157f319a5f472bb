"""`--references`: which brains a person's is compared with."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

from wbtools.attribution.references.sets import ReferenceSource
from wbtools.attribution.references.sources import SOURCES
from wbtools.errors import InputError, OutOfRange, nearest, require_kind

TEMPLATE = "template"
"""The name of the single brain that others are compared with by methods that take one."""

MOST = 64
"""So many references at most: each is another pass through the network."""

OPTION = "--references"

_NUMBER = re.compile(r"[+-]?\d+")
_LONGEST = 20  # characters of a number; Python refuses to read thousands


@dataclass(frozen=True)
class ReferenceChoice:
    """Which brains a person's is compared with; without any field, what is usual for the method.

    Parameters
    ----------
    name : str
        A name of `SOURCES`.
    count : int or None
        So many other people of the study folder.
    place : Path or None
        A folder of other people, or a text file that lists them.

    Raises
    ------
    InputError
        If more than one of them is given, or one cannot be meant.

    Examples
    --------
    >>> ReferenceChoice.parse("8"), ReferenceChoice.parse("template").name
    (ReferenceChoice(name='', count=8, place=None), 'template')
    >>> str(ReferenceChoice.parse("controls.txt")), str(ReferenceChoice())
    ('controls.txt', 'what is usual for the method')
    """

    name: str = ""
    count: int | None = None
    place: Path | None = None

    def __post_init__(self) -> None:
        require_kind("name", self.name, str, f"give one of: {', '.join(SOURCES)}")
        count: object = self.count
        if isinstance(count, Integral):  # numpy's integers, too
            object.__setattr__(self, "count", int(count))
        if self.count is not None:
            require_kind("count", self.count, int, "give a whole number")
        if self.place is not None:
            require_kind("place", self.place, Path, "give a pathlib.Path")
        if sum((bool(self.name), self.count is not None, self.place is not None)) > 1:
            raise InputError("references are a name, a number or a place", hint="give one of them")
        if self.name and self.name not in SOURCES:
            raise InputError(f"there are no references '{self.name}'", hint=f"choose one of: {', '.join(SOURCES)}")
        if self.count is not None:
            _require_number(self.count, "count")

    @classmethod
    def parse(cls, text: str) -> ReferenceChoice:
        """Read a name of `SOURCES`, a number, or a path.

        Raises
        ------
        InputError
            If there is nothing of that name.
        """
        if text in SOURCES:
            return cls(name=text)
        if not text or not text.isprintable():
            raise InputError(f"{OPTION} names nothing", hint=_HINT)
        place = Path(text)
        if _NUMBER.fullmatch(text) and not (len(text) > len(str(MOST)) and _exists(place)):
            return cls(count=_number(text))
        if place.name == text and not _exists(place):
            _require_name_of_file(text)
        return cls(place=place)

    def __str__(self) -> str:
        """As the record may name it: without any folder."""
        if self.count is not None:
            return f"{self.count} of the study folder"
        return self.name or (self.place.name if self.place else "what is usual for the method")

    @property
    def typed(self) -> str:
        """As it is typed."""
        return str(self.count) if self.count is not None else self.name or str(self.place or "")

    @property
    def of_people(self) -> bool:
        """Whether they are other people."""
        return self.count is not None or self.place is not None

    @property
    def source(self) -> ReferenceSource | None:
        """What gives them; None where that are other people, or what is usual for the method."""
        return SOURCES.get(self.name)


_HINT = f"give a number up to {MOST}, a folder, a text file, or one of: {', '.join(SOURCES)}"


def _number(text: str) -> int:
    if len(text) > _LONGEST:
        raise _too_many(f"{text[:_LONGEST]}...", OPTION)
    _require_number(int(text), OPTION)
    return int(text)


def _require_number(count: int, word: str) -> None:
    """Raise InputError unless so many people can be compared with; `word` is what the number was given as."""
    if count < 1:
        raise OutOfRange(word, count, of="people")
    if count > MOST:
        raise _too_many(str(count), word)


def _too_many(number: str, word: str) -> InputError:
    return InputError(
        f"{word} {number}: {MOST} people are the most",
        hint="give a smaller number; to name people by their ids, list them in a text file",
    )


def _require_name_of_file(text: str) -> None:
    """Raise InputError for a word that is meant as a number or a name, and is none; there is no file of this name."""
    if _is_number(text):
        raise InputError(f"{OPTION} {text} is not a whole number of people", hint=_HINT)
    if near := nearest(text, SOURCES):
        raise InputError(f"{OPTION} {text}: there is no such file", hint=f"{near} {_HINT}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


USUAL = ReferenceChoice()
"""Those of the network's card, else made-up heads."""
