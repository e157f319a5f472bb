"""The file behind `--model`: opened, or the reason why it cannot be used."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from wbtools.errors import CheckpointError, InputError
from wbtools.images.diagnosis import HEAD, IMAGES, PACKED, FileKind, kind_of, require_file, unreadable
from wbtools.text import shell

NETWORKS = ("a zip archive", "a PyTorch or pickle file")
"""Kinds of file that may hold a network."""

CARDS = ("a JSON file", "a text file")
"""Kinds of file that may be a card."""


@contextmanager
def opened(path: Path, wanted: str = "checkpoint", kinds: tuple[str, ...] = NETWORKS) -> Iterator[BinaryIO]:
    """The file at `path`, opened for reading at its beginning.

    Parameters
    ----------
    path : Path
    wanted : str
        What it should be, for messages.
    kinds : tuple of str
        Of the kinds of file that can be told by their look, those that it may be of.

    Raises
    ------
    CheckpointError
        If there is none, it may not be read, or it is something else: a pointer to a file that was not fetched, a web
        page, a packed file.
    """
    try:
        require_file(path)
        file = path.open("rb")
    except InputError as error:
        raise CheckpointError(str(error), hint=error.hint) from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    with file:
        head = file.read(HEAD)
        file.seek(0)
        kind = kind_of(head)
        if kind is not None and kind.name not in kinds:
            raise _refusal(path, wanted, kinds, kind, head)
        yield file


def is_closed(path: Path) -> bool:
    """Whether nothing but the right to read it may be what a file lacks."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _refusal(path: Path, wanted: str, kinds: tuple[str, ...], kind: FileKind, head: bytes) -> CheckpointError:
    """The refusal of a file of another kind; a packed one is called by what is inside, if that is no network."""
    inside = kind_of(_unpacked(head)) if kind.name == PACKED else None
    found, how = (inside, ", packed with gzip") if inside in IMAGES else (kind, "")
    hint = found.hint.format(name=shell(path.name))
    if found in IMAGES and kinds == NETWORKS:
        hint = "give the scan as SUBJECT, and the network's own file with --model: a checkpoint or a .pt2 file"
        how += ": an image or a surface"
    return CheckpointError(f"{path} is not a {wanted}, but {found.name}{how}", hint=hint)


def _unpacked(head: bytes) -> bytes:
    """The beginning of what is packed with gzip; empty if it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD)
    except zlib.error:
        return b""


def digest(file: BinaryIO) -> str:
    """SHA-256 of an open file, which is at its beginning before and after."""
    found = sha256()
    while piece := file.read(1 << 20):
        found.update(piece)
    file.seek(0)
    return found.hexdigest()


def size(file: BinaryIO) -> int:
    """Bytes in an open file; its position is kept."""
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end
