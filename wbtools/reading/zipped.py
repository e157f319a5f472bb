"""An export in a zip file, out of which files are taken when they are read."""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, cast

from wbtools import atomic
from wbtools.errors import InputError, MissingFile, UnreadableFile
from wbtools.output.ownership import PROVENANCE
from wbtools.provenance import sha256_of
from wbtools.reading.container import HINT, Container, Replaced
from wbtools.text import line

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

    def record(self) -> bytes:
        """The content of the record."""
        with self._member(PROVENANCE, _LARGEST_RECORD) as source:
            return source.read()

    def require_same(self, name: str = "") -> None:
        """Require that the zip file lists the same files, of the same content, as when it was first read."""
        with self._reopened():
            pass

    def differs(self, name: str, digest: str) -> str:
        """How a file differs from its recorded SHA-256, without unpacking it to disk."""
        if not self.has(name):
            return "is missing"
        try:
            with self._member(name) as source:
                return "" if sha256_of(source) == digest else "is not as recorded"
        except UnreadableFile as error:
            if error.path == self.file:
                raise
            return "is damaged"

    @cached_property
    def _unpacked(self) -> tempfile.TemporaryDirectory[str]:
        """Is removed with this value."""
        return tempfile.TemporaryDirectory(prefix="wbtools-read-")

    @cached_property
    def _names(self) -> dict[str, tuple[int, int]]:
        """Unpacked sizes and checksums by name, as they were when they were first asked for."""
        with self._opened() as archive:
            return self._listed(archive)

    def _listed(self, archive: zipfile.ZipFile) -> dict[str, tuple[int, int]]:
        """Unpacked sizes and checksums by name, of which there is but one file each."""
        self._require_few(len(archive.infolist()))
        files = [each for each in archive.infolist() if each.filename[-1:] not in ("", "/")]
        listed = {each.filename: (each.file_size, each.CRC) for each in files}
        if len(listed) < len(files):
            twice = next(name for name, count in Counter(each.filename for each in files).items() if count > 1)
            what = f"{self.file} holds several files of one name: {line(twice, 80)}"
            raise InputError(what, hint="pack the export again")
        return listed

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
        if self._names[inside][0] > largest:
            raise UnreadableFile(self.file / name, ValueError("it is too large"), hint="pack the export again")
        with self._reopened() as archive:
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
    def _reopened(self) -> Iterator[zipfile.ZipFile]:
        """The same zip file as when it was first read; the checksums of its directory tell it from any other."""
        known = self._names
        with self._opened() as archive:
            if self._listed(archive) != known:
                raise Replaced(self.file)
            yield archive

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            stream = self.file.open("rb")
        except FileNotFoundError:
            raise Replaced(self.file) from None
        except OSError as error:
            raise UnreadableFile(self.file, error) from None
        with stream:
            try:
                self._require_few(_said_files(stream))  # before the directory is read
                archive = zipfile.ZipFile(stream)
            except OSError as error:
                raise UnreadableFile(self.file, error) from None
            except _WRONG as error:
                raise UnreadableFile(self.file, ValueError(line(error)), hint=HINT) from None
            with archive:
                yield archive


def _said_files(stream: BinaryIO) -> int:
    """How many files the end of a zip says it has; 65,535 stands for more, too."""
    stream.seek(-min(os.fstat(stream.fileno()).st_size, 0xFFFF + _END.size), os.SEEK_END)
    tail = stream.read()
    at = tail.rfind(b"PK\5\6", 0, len(tail) - _END.size + 4)
    return int(_END.unpack_from(tail, at)[4]) if at >= 0 else 0
