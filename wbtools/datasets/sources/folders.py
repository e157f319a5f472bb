"""Folders of pictures, one for each class, perhaps within a folder for each part: `[{train,val,test}/]CLASS/*.png`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wbtools.datasets.candidates import Candidate, Found, SourceOptions, person_by
from wbtools.datasets.images.pictures import SUFFIXES, PictureFile
from wbtools.datasets.items import SPLITS, Item
from wbtools.datasets.labels import Knowledge
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source
from wbtools.datasets.sources.table import part_of
from wbtools.errors import InputError
from wbtools.subject import not_found, places
from wbtools.text import line

LABEL = "class"
"""The label that the folders give."""


def recognises(place: Path) -> bool:
    """Whether it holds two folders of pictures, perhaps in folders of parts."""
    walk = _Walk(place)
    return places.is_dir(place) and any(next(walk.pictures(folder), None) for _, folder in walk.classes())


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """Every picture with its class, its part, and its person if the name says who that is."""
    person = person_by(options.person)
    found, walk = [], _Walk(place)
    for part, folder in walk.classes():
        for path in walk.pictures(folder):
            name = line(path.relative_to(place).as_posix())
            labels = {LABEL: line(folder.name)}
            found.append(
                Candidate(Item(0, person(path.name, name), name, split=part, labels=labels), PictureFile(path))
            )
    for folder in walk.locked:
        name = line(folder.relative_to(place).as_posix())
        found.append(Candidate(Item(0, name, name), None, str(not_found.not_readable(folder))))
    known = Knowledge()
    for path in options.labels:
        known.add(path, options.columns)
    known.require_columns(options.columns)
    return Found(known.joined(found), tuple(known.remarks))


class _Walk:
    """A walk through folders of pictures that comes into no folder twice, whatever links there are.

    Folders that are unreadable are gathered in `locked` on the way.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.locked: list[Path] = []
        self._seen: dict[Path, Path] = {}

    def classes(self) -> Iterator[tuple[str, Path]]:
        """Parts and folders of classes."""
        inside = self._folders(self.place)
        parts = [folder for folder in inside if part_of(folder.name) in SPLITS]
        if not parts:
            yield from (("", folder) for folder in inside)
        for part in parts:
            yield from ((part_of(part.name), folder) for folder in self._folders(part))

    def pictures(self, folder: Path) -> Iterator[Path]:
        """Pictures in a folder and below it, in the order of their names; hidden ones do not count."""
        for path in places.files(folder):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                yield path
        for inner in self._folders(folder):
            yield from self.pictures(inner)

    def _folders(self, folder: Path) -> list[Path]:
        """The folders in a folder; InputError if one of them is read under another name, too."""
        found = places.children(folder)
        self.locked += places.locked(folder)
        root = self.place.resolve()
        for path in found:
            real = path.resolve()
            inside = root == real or root in real.parents or real in root.parents
            if (path.is_symlink() and inside) or self._seen.setdefault(real, path) != path:
                raise InputError(
                    f"{path} leads to {real}, whose pictures are read under another name, too",
                    hint="remove the link, or put the pictures into one folder",
                )
        return found


SOURCE = Source(
    "folders",
    "[{train,val,test}/]CLASS/ with pictures",
    frozenset([Kind.PICTURES]),
    recognises,
    find,
    takes=frozenset(["person", "column"]),
)
