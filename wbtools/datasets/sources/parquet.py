"""Parquet files as public data sets have them: a column with pictures, one with midlines or labels.

A folder is read with the files in it and in `data/`. What a file is called (`train-00000-of-00001.parquet`) becomes the
label `part`; it is a split only where nothing else than pictures and classes is in the file, since the public slices of
newborns (S2) call T1w scans `train` and T2w scans of the same babies `test`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets.candidates import Candidate, Found, SourceOptions
from wbtools.datasets.images.made import SourceImage
from wbtools.datasets.images.pictures import Look, Picture, colours_of, grey_of, look_at, opened
from wbtools.datasets.images.slices import AnnotatedSlice
from wbtools.datasets.items import SPLITS, Item
from wbtools.datasets.labels import Knowledge
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source
from wbtools.datasets.sources.midlines import midline_of, record_item, unknown_people
from wbtools.datasets.sources.table import part_of
from wbtools.errors import InputError
from wbtools.subject import places
from wbtools.text import line

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGES = ("image", "img", "picture")
"""Columns that hold pictures."""

_SUFFIX = ".parquet"
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture in a cell of a Parquet file.

    Parameters
    ----------
    path : Path
    column : str
    group, row : int
        The group of rows, and the row in it.
    """

    path: Path
    column: str
    group: int
    row: int

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def check(self) -> None:
        """Read the header."""
        self.look()

    def look(self) -> Look:
        """What the header says."""
        with self._opened() as image:
            return look_at(image)

    def grey(self) -> NDArray[np.uint8]:
        """Its grey values, (H, W)."""
        with self._opened() as image:
            return grey_of(image)

    def colours(self) -> NDArray[np.uint8]:
        """Red, green and blue, (H, W, 3)."""
        with self._opened() as image:
            return colours_of(image)

    @contextmanager
    def _opened(self) -> Iterator[Image]:
        content = _cells(self.path, self.column, self.group)[self.row]
        if isinstance(content, dict):
            content = content.get("bytes")
        if not isinstance(content, bytes):
            raise InputError(f"row {self.row} of group {self.group} of {self.path} holds no picture")
        with opened(self.path, io.BytesIO(content)) as image:
            yield image


@lru_cache(maxsize=2)
def _cells(path: Path, column: str, group: int) -> list[Any]:
    """The pictures of a group of rows; they are asked for one after the other."""
    with _parquet(path) as file:
        found: list[Any] = file.read_row_group(group, columns=[column]).column(column).to_pylist()
        return found


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    """A Parquet file, open.

    Raises
    ------
    InputError
        If it is none, or pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError("reading Parquet needs pyarrow, which is not installed", hint="pip install pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except (arrow.ArrowException, OSError, EOFError) as error:
        raise InputError(f"{path} is no Parquet file that can be read: {line(error, 200)}") from None


def recognises(place: Path) -> bool:
    """Whether it is a Parquet file, or a folder with some."""
    return bool(_files(place))


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """Every row with a picture, and a midline where that is needed."""
    found = [candidate for path in _files(place) for candidate in _rows(path, place, kind, options)]
    known = Knowledge()
    for path in options.labels:
        known.add(path, options.columns)
    known.require_columns(options.columns)
    remarks = unknown_people(found) if kind is Kind.SLICES else ()
    return Found(known.joined(found), (*remarks, *known.remarks))


def _files(place: Path) -> list[Path]:
    """The Parquet files that are meant."""
    if places.is_file(place):
        with place.open("rb") as stream:
            return [place] if stream.read(4) == _MAGIC else []
    inside = [*places.files(place), *places.files(place / "data")]
    return [
        path for path in inside if path.suffix == _SUFFIX and places.is_file(path) and not path.name.startswith(".")
    ]


def _rows(path: Path, place: Path, kind: Kind, options: SourceOptions) -> Iterator[Candidate]:
    """The rows of a file."""
    relative = path.name if path == place else path.relative_to(place).as_posix()
    with _parquet(path) as file:
        names = file.schema_arrow.names
        image = next((name for name in IMAGES if name in names), None)
        if image is None:
            raise InputError(f"{path} has no column of pictures (looked for: {', '.join(IMAGES)})")
        others = [name for name in names if name != image]
        words = _class_names(file.schema_arrow.metadata or {})
        number = 0
        for group in range(file.num_row_groups):
            for row, record in enumerate(file.read_row_group(group, columns=others).to_pylist()):
                picture = EmbeddedPicture(path, image, group, row)
                source = f"{line(relative)}#{number}"
                yield _candidate(picture, source, _worded(record, words), kind, options)
                number += 1


def _candidate(
    picture: Picture, source: str, record: Mapping[str, Any], kind: Kind, options: SourceOptions
) -> Candidate:
    part = Path(source.partition("#")[0]).name.partition("-")[0].removesuffix(_SUFFIX)
    if kind is Kind.SLICES:
        item = record_item(source, source, {**record, "part": part}, options)
        try:
            shown: SourceImage = AnnotatedSlice(picture, midline_of(record))
        except InputError as error:
            return Candidate(item, None, str(error))
        return Candidate(item, shown)
    item = record_item(source, source, record, options)
    split = part_of(part) if part_of(part) in SPLITS else ""
    return Candidate(Item(0, item.person, source, split=split, labels=item.labels), picture)


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """What whole numbers of a column stand for, as data sets of Hugging Face say it in the file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {str(name): [str(word) for word in kind["names"]] for name, kind in features.items() if "names" in kind}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _worded(record: Mapping[str, Any], words: Mapping[str, list[str]]) -> dict[str, Any]:
    """A record with the names of classes in place of their numbers."""
    found = dict(record)
    for name, names in words.items():
        value = found.get(name)
        if isinstance(value, int) and 0 <= value < len(names):
            found[name] = names[value]
    return found


SOURCE = Source(
    "parquet",
    "Parquet files with a column of pictures, and midlines or labels",
    frozenset([Kind.PICTURES, Kind.SLICES]),
    recognises,
    find,
    takes=frozenset(["person", "column"]),
)
