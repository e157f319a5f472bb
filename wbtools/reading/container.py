"""Where the files of an export lie: in its folder, or elsewhere; and whether it is still the one that was opened."""

from __future__ import annotations

import errno
import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wbtools.errors import InputError, MissingFile, UnreadableFile
from wbtools.output.ownership import PROVENANCE, read_plain
from wbtools.provenance import sha256
from wbtools.reading.export_folders import holds_exports
from wbtools.text import shell

HINT = "give the folder that wbtools export-subject wrote, or a zip file of it"
CLOSED = f"cannot be read ({os.strerror(errno.EACCES)})"
"""How a file differs that may not be read."""
_BY_FILE = ("outputs_sha256", "outputs_bytes")
"""The parts of a record that say something of every file."""


class Replaced(InputError):
    """An export that is no longer the one whose record was read.

    Parameters
    ----------
    place : Path

    Examples
    --------
    >>> str(Replaced(Path("/"))), str(Replaced(Path("/no/such")))
    ('/ was replaced or changed since it was opened', '/no/such was moved or removed since it was opened')
    """

    def __init__(self, place: Path) -> None:
        what = "replaced or changed" if os.path.lexists(place) else "moved or removed"
        super().__init__(f"{place} was {what} since it was opened", hint="open it again, or run the command again")


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
            If it is missing, or the export was replaced.
        """

    @abstractmethod
    def record(self) -> bytes:
        """The content of the record.

        Raises
        ------
        InputError
            If it is missing or unreadable.
        """

    @abstractmethod
    def require_same(self, name: str = "") -> None:
        """Require that what the record says of the export, and of a file in it, holds as when it was read.

        Raises
        ------
        InputError
            If it does not, or cannot be known.
        """

    def differs(self, name: str, digest: str) -> str:
        """How a file differs from its recorded SHA-256; empty if it does not."""
        try:
            return "" if sha256(self.path(name)) == digest else "is not as recorded"
        except MissingFile:
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
        try:
            return (self.folder / name).is_file()
        except OSError:
            return True  # behind a closed folder, for example: who reads it is told the reason

    def path(self, name: str) -> Path:
        """Where a file can be read."""
        self.require_same(name)
        if not self.has(name):
            raise MissingFile(self.folder / name, hint="the export is not whole: copy it again, or export again")
        return self.folder / name

    def record(self) -> bytes:
        """The content of the record, as it was when it was first asked for."""
        return self._first[1]

    def require_same(self, name: str = "") -> None:
        """Require that the record says the same of the export, and of a file in it, as when it was read."""
        facts, then = self._first
        try:
            if facts == self._facts():
                return
            now = read_plain(self.folder / PROVENANCE)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise Replaced(self.folder) from None
        except OSError as error:
            raise UnreadableFile(self.folder / PROVENANCE, error) from None
        if now != then and _said(now, name) != _said(then, name):
            raise Replaced(self.folder)

    def _facts(self) -> tuple[int, ...]:
        """What differs as soon as another file has the name of the record, or it was written."""
        found = (self.folder / PROVENANCE).stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    @cached_property
    def _first(self) -> tuple[tuple[int, ...], bytes]:
        """Of which file the record was read, and its content."""
        try:
            return self._facts(), read_plain(self.folder / PROVENANCE)
        except FileNotFoundError:
            what = f"{self.folder} has no {PROVENANCE}: it is no finished export"
            if holds_exports(self.folder):
                pages = shell("wbtools", "batch", "report", self.folder)
                raise InputError(
                    what, hint=f"it is a folder of exports: name one of them, or show all: {pages}"
                ) from None
            raise InputError(what, hint=HINT) from None
        except (OSError, ValueError) as error:
            raise UnreadableFile(self.folder / PROVENANCE, error) from None


def _said(record: bytes, name: str) -> object:
    """What a record says of the export and of one file; others may have been made again since, as the page is.

    Examples
    --------
    >>> before, after = (b'{"written": "noon", "outputs_sha256": {"a": "1", "page": "%d"}}' % page for page in (2, 3))
    >>> _said(before, "a") == _said(after, "a"), _said(before, "page") == _said(after, "page")
    (True, False)
    """
    try:
        content = json.loads(record)
    except (ValueError, RecursionError):
        return record
    if not isinstance(content, dict):
        return record
    by_file = [part.get(name) for part in map(content.get, _BY_FILE) if isinstance(part, dict)]
    return {key: value for key, value in content.items() if key not in _BY_FILE}, by_file
