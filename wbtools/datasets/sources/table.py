"""A table that names files and what is known of each: TSV or CSV, with a column of paths.

Paths are seen from the table. Columns `person` (or `participant_id` and the like), `family`, `session`, `split` and
`twin` mean what they say; all others are labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from wbtools.datasets.candidates import Candidate, Found, SourceOptions
from wbtools.datasets.images.made import SourceImage
from wbtools.datasets.images.pictures import PictureFile
from wbtools.datasets.images.volumes import ScanImage, StoredVolume
from wbtools.datasets.items import COLUMNS, Item
from wbtools.datasets.labels import IDS, Knowledge, require_one_sex
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source
from wbtools.errors import InputError, SubjectError, UnknownChoice
from wbtools.subject import places
from wbtools.subject.identity import IMAGES, identity, person_of
from wbtools.tables import tabular
from wbtools.tables.tabular import Table
from wbtools.text import line

PATHS = ("file", "path", "image", "filename", "t1w", "scan")
"""Headings that announce paths."""

_SUFFIXES = (".tsv", ".csv")
_PARTS = {"training": "train", "validation": "val", "valid": "val", "dev": "val", "testing": "test"}
"""Other words for the parts of a split."""


def recognises(place: Path) -> bool:
    """Whether it is a table with a column of paths."""
    if not places.is_file(place) or place.suffix.lower() not in _SUFFIXES:
        return False
    return bool(tabular.read(place).column(*PATHS))


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """The file of every row."""
    table = tabular.read(place)
    paths = table.column(*PATHS)
    if not paths:
        raise InputError(f"{place} has no column of files", hint=f"name the column {PATHS[0]}")
    for name in options.columns:
        if name not in table.names:
            raise UnknownChoice("column", name, table.names, option="--column")
    known = Knowledge()
    for path in options.labels:
        known.add(path)
    require_one_sex(table, options.columns or table.names)
    read = _Reader(table, paths, options.columns, *_IMAGES[kind])
    found = [read(number, row) for number, row in enumerate(table.rows, 2)]
    return Found(known.joined(found), tuple(known.remarks))


def part_of(word: str) -> str:
    """The part of a split that a word means.

    Examples
    --------
    >>> part_of("Training"), part_of("val"), part_of("")
    ('train', 'val', '')
    """
    return _PARTS.get(word.lower(), word.lower())


class _Reader:
    """Makes candidates of rows."""

    def __init__(
        self,
        table: Table,
        paths: str,
        columns: tuple[str, ...],
        image: Callable[[Path], SourceImage],
        whose: Callable[[Path, str], str],
    ) -> None:
        self.table, self.paths, self.image, self.whose = table, paths, image, whose
        self.person = table.column(*IDS)
        self.family = table.column("family", "family_id")
        self.session, self.split = table.column("session", "session_id"), table.column("split")
        used = {paths, self.person, self.family, self.session, self.split}
        chosen = columns or table.names
        self.labels = {
            "sex" if name.lower() == "gender" else name: name
            for name in chosen
            if name not in used and name.lower() not in COLUMNS
        }

    def __call__(self, number: int, row: Mapping[str, str]) -> Candidate:
        given = row.get(self.paths, "")
        if not given:
            raise InputError(f"{self.table.path}: row {number} names no file", hint="complete the row, or remove it")
        path = self.table.path.parent / given
        labels = {name: row.get(heading, "") for name, heading in self.labels.items()}
        source = line("/".join(path.parts[-3:]) if Path(given).is_absolute() else given)
        item = Item(
            0,
            row.get(self.person, "") or self.whose(path, source),
            source,
            row.get(self.family, ""),
            row.get(self.session, ""),
            part_of(row.get(self.split, "")),
            labels=labels,
        )
        return Candidate(item, self.image(path))


def _person(path: Path, source: str) -> str:
    """Whose scan it is, by its name."""
    try:
        return person_of(identity(path))
    except SubjectError:
        return path.name


def _volume(path: Path) -> SourceImage:
    return StoredVolume(path) if path.suffix == ".npy" and not path.name.endswith(IMAGES) else ScanImage(path)


def _itself(path: Path, source: str) -> str:
    """A picture is nobody's."""
    return source


_IMAGES: Mapping[Kind, tuple[Callable[[Path], SourceImage], Callable[[Path, str], str]]] = {
    Kind.VOLUMES: (_volume, _person),
    Kind.PICTURES: (PictureFile, _itself),
}
"""What a path stands for, and whose image it is where no column says so, by what is needed."""

SOURCE = Source(
    "table",
    f"a TSV or CSV with a column {PATHS[0]}",
    frozenset(_IMAGES),
    recognises,
    find,
)
