"""Folders of pictures, one for each class, perhaps within a folder for each part: `[{train,val,test}/]CLASS/*.png`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from wbtools.datasets.candidates import Candidate, Found, SourceOptions
from wbtools.datasets.images.pictures import SUFFIXES, PictureFile
from wbtools.datasets.items import SPLITS, Item
from wbtools.datasets.labels import Knowledge
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source
from wbtools.datasets.sources.table import part_of
from wbtools.errors import InputError
from wbtools.subject import places
from wbtools.text import line

LABEL = "class"
"""The label that the folders give."""


def recognises(place: Path) -> bool:
    """Whether it holds two folders of pictures, perhaps in folders of parts."""
    return places.is_dir(place) and any(_holds_picture(folder) for _, folder in _classes(place))


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """Every picture with its class, its part, and its person if the name says who that is."""
    person = person_by(options.person)
    found = []
    for part, folder in _classes(place):
        for path in _pictures(folder):
            name = line(path.relative_to(place).as_posix())
            labels = {LABEL: line(folder.name)}
            found.append(
                Candidate(Item(0, person(path.name, name), name, split=part, labels=labels), PictureFile(path))
            )
    known = Knowledge()
    for path in options.labels:
        known.add(path, options.columns)
    return Found(known.joined(found), tuple(known.remarks))


def person_by(pattern: str) -> Callable[[str, str], str]:
    r"""Whose picture it is: takes the file's name, and what to say if nobody is asked for.

    Parameters
    ----------
    pattern : str
        A regular expression whose first group is the person; empty if each picture is its own.

    Raises
    ------
    InputError
        If it is none, or has no group; later, if it does not match a name.

    Examples
    --------
    >>> person_by(r"(person\d+)_")("person7_virus_2.jpeg", ""), person_by("")("a.png", "cat/a.png")
    ('person7', 'cat/a.png')
    """
    if not pattern:
        return lambda name, otherwise: otherwise
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--person {pattern} is no regular expression: {error}") from None
    if not expression.groups:
        raise InputError(f"--person {pattern} has no group", hint="put the person into brackets, as in '^([^_]+)_'")

    def find_person(name: str, otherwise: str) -> str:
        matched = expression.search(name)
        if not matched or not matched[1]:
            raise InputError(f"--person {pattern} does not match {line(name)}", hint="make it match every name")
        return line(matched[1])

    return find_person


def _classes(place: Path) -> Iterator[tuple[str, Path]]:
    """Parts and folders of classes."""
    inside = places.children(place)
    parts = [folder for folder in inside if part_of(folder.name) in SPLITS]
    if not parts:
        yield from (("", folder) for folder in inside)
    for part in parts:
        yield from ((part_of(part.name), folder) for folder in places.children(part))


def _pictures(folder: Path) -> Iterator[Path]:
    """Pictures in a folder and below it, in the order of their names; hidden ones do not count."""
    for path in places.files(folder):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield path
    for inner in places.children(folder):
        yield from _pictures(inner)


def _holds_picture(folder: Path) -> bool:
    return next(_pictures(folder), None) is not None


SOURCE = Source(
    "folders",
    "[{train,val,test}/]CLASS/ with pictures",
    frozenset([Kind.PICTURES]),
    recognises,
    find,
)
