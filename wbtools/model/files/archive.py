"""Zip archives as torch writes them: nothing packed, so that what is read is never more than the file holds."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from wbtools.errors import CheckpointError
from wbtools.model.files import source

MAGIC = b"PK\x03\x04"

DAMAGED = (
    zipfile.BadZipFile,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    EOFError,
    OverflowError,
    NotImplementedError,
    struct.error,
    OSError,
)
"""What reading a damaged archive, and what is in it, may raise."""

_DIRECTORY = 1 << 26  # bytes that the table of contents may take: half a million members
_END = struct.Struct("<4s4H2LH")


@dataclass(frozen=True, eq=False)
class Archive:
    """An open archive.

    Parameters
    ----------
    zip : ZipFile
    sizes : mapping
        Bytes of each member, by its full name.
    """

    zip: zipfile.ZipFile
    sizes: Mapping[str, int]

    @classmethod
    def of(
        cls, path: Path, file: BinaryIO, known: Callable[[Path, Iterable[str]], None] = lambda path, names: None
    ) -> Archive:
        """Read the table of contents.

        Parameters
        ----------
        path : Path
            For messages.
        file : binary file
        known : callable
            Given path and members' names, raises CheckpointError for archives that are known to be something else.

        Raises
        ------
        CheckpointError
            If a member is packed, or members claim more bytes than the file has.
        BadZipFile and others of `DAMAGED`
            If it is no archive.
        """
        length = source.size(file)
        _require_short_directory(file, length)
        members = zipfile.ZipFile(file)
        infos = members.infolist()
        known(path, (info.filename for info in infos))
        if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
            raise CheckpointError(
                f"{path} is compressed, which torch never does",
                hint="write it again with torch, or unpack and repack it",
            )
        sizes = {info.filename: info.file_size for info in infos}
        if (
            len(sizes) < len(infos)
            or any(info.file_size != info.compress_size for info in infos)
            or sum(sizes.values()) > length
        ):
            raise zipfile.BadZipFile("members overlap")
        return cls(members, sizes)

    def open(self, name: str) -> IO[bytes]:
        """A member, to be read from its beginning."""
        return self.zip.open(name)

    def read(self, name: str, most: int | None = None) -> bytes:
        """All of a member.

        Raises
        ------
        ValueError
            If it has more than `most` bytes.
        """
        if most is not None and self.sizes[name] > most:
            raise ValueError(f"{name} has {self.sizes[name]} bytes")
        return self.zip.read(name)


def _require_short_directory(file: BinaryIO, length: int) -> None:
    """Raise BadZipFile if the table of contents alone would fill the memory."""
    tail = min(length, 65_535 + _END.size)
    file.seek(length - tail)
    data = file.read(tail)
    file.seek(0)
    at = data.rfind(b"PK\x05\x06")
    if at < 0 or len(data) - at < _END.size:
        raise zipfile.BadZipFile("no end of central directory")
    size = _END.unpack_from(data, at)[5]
    # Where it is longer than 32 bits can say, its place says how long it can be at most.
    if min(size, length) > _DIRECTORY:
        raise zipfile.BadZipFile("too many members")
