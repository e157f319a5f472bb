"""`--references`: which brains a person's is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wbtools.attribution.references.sets import ReferenceSource
from wbtools.attribution.references.sources import SOURCES
from wbtools.errors import InputError, OutOfRange, nearest

TEMPLATE = "template"
"""The name of the single brain that others are compared with by methods that take one."""

MOST = 64
"""So many references at most: each is another pass through the network."""

_LONGEST = 6  # digits of a number


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
        if sum((bool(self.name), self.count is not None, self.place is not None)) > 1:
            raise InputError("references are a name, a number or a place", hint="give one of them")
        if self.name and self.name not in SOURCES:
            raise InputError(f"there are no references '{self.name}'", hint=f"choose one of: {', '.join(SOURCES)}")
        if self.count is not None and self.count < 1:
            raise OutOfRange("--references", self.count, of="people")
        if self.count is not None and self.count > MOST:
            raise InputError(f"--references {self.count} are too many", hint=f"give {MOST} at most")

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
        if text.isascii() and text.removeprefix("-").isdigit() and len(text) <= _LONGEST:
            return cls(count=int(text))
        if not text or not text.isprintable():
            raise InputError("--references names nothing", hint=_HINT)
        place = Path(text)
        if place.name == text and not place.exists() and nearest(text, SOURCES):
            raise InputError(f"--references {text}: there is no such file", hint=f"{nearest(text, SOURCES)} {_HINT}")
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
    def source(self) -> ReferenceSource | None:
        """What gives them; None where that are other people, or what is usual for the method."""
        return SOURCES.get(self.name)


_HINT = f"give a number, a folder, a text file, or one of: {', '.join(SOURCES)}"

USUAL = ReferenceChoice()
"""Those of the network's card, else made-up heads."""
