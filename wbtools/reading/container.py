"""Where the files of an export lie: in a folder, or in a zip file, out of which files are taken when they are read."""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, cast

from wbtools import atomic
from wbtools.errors import InputError, MissingFile, UnreadableFile
from wbtools.output.ownership import PROVENANCE, read_plain
from wbtools.provenance import sha256, sha256_of
from wbtools.reading.export_folders import holds_exports
from wbtools.text import line, shell

_LARGEST, _LARGEST_RECORD = 1 << 33, 1 << 26
"""Most bytes that one file of a zip, and the record in it, may take unpacked."""
_MOST_FILES = 10_000
"""Most files of a zip: an export has some hundred, and the directory is read again for each of them."""
_END = struct.Struct("<4s4H2LH")
"""The end of a zip: how many files it has stands fifth."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError)
"""What a file of a zip that is damaged, encrypted or packed in an unknown way raises."""
_WRONG = (*_DAMAGED, ValueError, struct.error, OSError)
"""The same of its directory: names that are no text, and places that are not in the file."""
_HINT = "give the folder that wbtools export-subject wrote, or a zip file of it"


class Container(ABC):
    """The files of an export, by their paths in it."""

    @property
    @abstractmethod
    def place(self) -> Path:
        """What the user named."""

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    @abstractmethod
    def path(self, name: str) -> Path:
        """Where a file can be read.

        Raises
        ------
        InputError
            If it is missing.
        """

    @abstractmethod
    def record(self) -> bytes:
        """The content of the record.

        Raises
        ------
        InputError
            If it is missing or unreadable.
        """

    def differs(self, name: str, digest: str) -> str:
        """How a file differs from its recorded SHA-256; empty if it does not."""
        try:
            return "" if sha256(self.path(name)) == digest else "is not as recorded"
        except InputError:
            return "is missing"
        except OSError as error:
            return f"cannot be read ({error.strerror})"


@dataclass(frozen=True)
class Folder(Container):
    """An export's own folder.

    Parameters
    ----------
    folder : Path
    """

    folder: Path

    @property
    def place(self) -> Path:
        """What the user named."""
        return self.folder

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.folder / name).is_file()

    def path(self, name: str) -> Path:
        """Where a file can be read."""
        if not self.has(name):
            raise MissingFile(self.folder / name, hint="the export is not whole: copy it again, or export again")
        return self.folder / name

    def record(self) -> bytes:
        """The content of the record."""
        try:
            return read_plain(self.folder / PROVENANCE)
        except FileNotFoundError:
            what = f"{self.folder} has no {PROVENANCE}: it is no finished export"
            if holds_exports(self.folder):
                pages = shell("wbtools", "batch", "report", self.folder)
                raise InputError(
                    what, hint=f"it is a folder of exports: name one of them, or show all: {pages}"
                ) from None
            raise InputError(what, hint=_HINT) from None
        except (OSError, ValueError) as error:
            raise UnreadableFile(self.folder / PROVENANCE, error) from None


@dataclass(frozen=True)
class Zipped(Container):
    """An export in a zip file, in whichever folder of it.

    Parameters
    ----------
    file : Path
    """

    file: Path

    @property
    def place(self) -> Path:
        """What the user named."""
        return self.file

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return f"{self._root}{name}" in self._names

    def path(self, name: str) -> Path:
        """Where a file can be read."""
        target = Path(self._unpacked.name) / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._member(name) as source:
                atomic.write(target, partial(shutil.copyfileobj, source))  # what is cut or damaged gets no name
        return target

    def names(self) -> list[str]:
        """All files, by their paths in the export; those outside of it begin with `../`."""
        root = self._root
        return [name.removeprefix(root) if name.startswith(root) else f"../{name}" for name in self._names]

    def record(self) -> bytes:
        """The content of the record."""
        with self._member(PROVENANCE, _LARGEST_RECORD) as source:
            return source.read()

    def differs(self, name: str, digest: str) -> str:
        """How a file differs from its recorded SHA-256, without unpacking it to disk."""
        if not self.has(name):
            return "is missing"
        try:
            with self._member(name) as source:
                return "" if sha256_of(source) == digest else "is not as recorded"
        except InputError:
            return "is damaged"

    @cached_property
    def _unpacked(self) -> tempfile.TemporaryDirectory[str]:
        """Is removed with this value."""
        return tempfile.TemporaryDirectory(prefix="wbtools-read-")

    @cached_property
    def _names(self) -> dict[str, int]:
        """Unpacked sizes by name, of which there is but one file each."""
        self._require_few(_said_files(self.file))  # before the directory is read
        with self._opened() as archive:
            self._require_few(len(archive.infolist()))
            files = [each for each in archive.infolist() if each.filename[-1:] not in ("", "/")]
        sizes = {each.filename: each.file_size for each in files}
        if len(sizes) < len(files):
            twice = next(name for name, count in Counter(each.filename for each in files).items() if count > 1)
            what = f"{self.file} holds several files of one name: {line(twice, 80)}"
            raise InputError(what, hint="pack the export again")
        return sizes

    def _require_few(self, files: int) -> None:
        if files > _MOST_FILES:
            raise InputError(f"{self.file} holds more than {_MOST_FILES:,} files", hint="give a zip file of one export")

    @cached_property
    def _root(self) -> str:
        """The folder of the zip that holds the record, with its slash."""
        found = [name for name in self._names if name.rpartition("/")[2] == PROVENANCE]
        if len(found) != 1:
            many = f"holds {len(found)} exports" if found else f"holds no {PROVENANCE}"
            raise InputError(f"{self.file} {many}", hint="give a zip file of one export")
        return found[0].removesuffix(PROVENANCE)

    @contextmanager
    def _member(self, name: str, largest: int = _LARGEST) -> Iterator[BinaryIO]:
        inside = f"{self._root}{name}"
        if inside not in self._names:
            raise MissingFile(self.file / name, hint="the zip file is not whole: pack the export again")
        if self._names[inside] > largest:
            raise UnreadableFile(self.file / name, ValueError("it is too large"), hint="pack the export again")
        with self._opened() as archive:
            try:
                source = archive.open(inside)
            except _WRONG as error:
                raise self._damaged(name, error) from None
            try:
                with source:
                    yield cast(BinaryIO, source)
            except _DAMAGED as error:
                raise self._damaged(name, error) from None

    def _damaged(self, name: str, error: Exception) -> UnreadableFile:
        return UnreadableFile(self.file / name, ValueError(line(error)), hint="pack the export again")

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            archive = zipfile.ZipFile(self.file)
        except OSError as error:
            raise UnreadableFile(self.file, error) from None
        except _WRONG as error:
            raise UnreadableFile(self.file, ValueError(line(error)), hint=_HINT) from None
        with archive:
            yield archive


def _said_files(file: Path) -> int:
    """How many files the end of a zip says it has; 65,535 stands for more, too."""
    try:
        with file.open("rb") as stream:
            stream.seek(-min(file.stat().st_size, 0xFFFF + _END.size), os.SEEK_END)
            tail = stream.read()
    except OSError as error:
        raise UnreadableFile(file, error) from None
    at = tail.rfind(b"PK\5\6", 0, len(tail) - _END.size + 4)
    return int(_END.unpack_from(tail, at)[4]) if at >= 0 else 0


def contained(place: Path) -> Container:
    """The files of an export that the user named by its folder, its record or a zip file.

    Raises
    ------
    InputError
        If there is nothing of that name, or something else.
    """
    if place.name == PROVENANCE:
        place = place.parent
    if place.is_dir():
        return Folder(place)
    if place.is_file() and zipfile.is_zipfile(place):
        return Zipped(place)
    if place.exists():
        raise InputError(f"{place} is neither a folder nor a zip file", hint=_HINT)
    raise MissingFile(place, hint=_HINT)
