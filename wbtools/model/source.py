"""The file behind `--model`: opened, or the reason why it cannot be used."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from wbtools.errors import CheckpointError

_LOOK = 512  # bytes at the beginning that tell what a file is

_ANNEX = (
    "is a pointer of git-annex; the file itself is not on this machine",
    "run `git annex get` or `datalad get` on it",
)
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs",
        "is a pointer of git-lfs; the file itself is not on this machine",
        "run `git lfs pull` in its folder",
    ),
    (b"/annex/objects/", *_ANNEX),
    (b"<!doctype html", "is a web page", "download the file itself, not the page that shows it"),
    (b"<html", "is a web page", "download the file itself, not the page that shows it"),
    (b"\x1f\x8b", "is packed with gzip", "unpack it first: gunzip, or tar xzf"),
    (b"BZh", "is packed with bzip2", "unpack it first: bunzip2, or tar xjf"),
    (b"\xfd7zXZ", "is packed with xz", "unpack it first: unxz, or tar xJf"),
    (b"7z\xbc\xaf", "is packed with 7-Zip", "unpack it first"),
    (b"Rar!", "is packed with RAR", "unpack it first"),
    (b"\x89HDF\r\n", "is an HDF5 file, as Keras writes", "wbtools reads networks of PyTorch"),
    (b"\x93NUMPY", "is a NumPy array", "give the network's checkpoint"),
)
"""How other files begin (in lower case, where that is text), what they are, and what to do."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file at `path`, opened for reading at its beginning.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CheckpointError
        If there is none, it may not be read, or it is something else: a pointer to a file that was not fetched, a web
        page, a packed file.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise _is_no_file(path, mode)
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    with file:
        require_network(path, file)
        yield file


def _is_no_file(path: Path, mode: int) -> CheckpointError:
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
    return CheckpointError(f"{path} is {what}, no file", mend="give the checkpoint itself with --model")


def _unreadable(path: Path, error: OSError | ValueError) -> CheckpointError:
    """Why a path leads to no file that can be read."""
    if isinstance(error, PermissionError):
        return CheckpointError(
            f"{path} cannot be read: you lack the permission",
            mend="ask its owner for the right to read the file, and to enter every folder above it",
        )
    try:
        target = path.readlink() if path.is_symlink() else None
    except (OSError, ValueError):
        target = None
    if target is not None and "annex/objects" in target.as_posix():
        return CheckpointError(f"{path} {_ANNEX[0]}", mend=_ANNEX[1])
    if target is not None and isinstance(error, FileNotFoundError):
        return CheckpointError(
            f"{path} does not exist: it is a link to {target}, which leads nowhere", mend="repair the link"
        )
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return CheckpointError(f"{path} does not exist", mend="check the path given with --model")
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return CheckpointError(f"{path} cannot be read: {said}", mend="check the path given with --model")


def require_network(path: Path, file: BinaryIO) -> None:
    """Raise CheckpointError if a file is empty, or begins as something does that is no network."""
    start = file.read(_LOOK)
    file.seek(0)
    if not start:
        raise CheckpointError(f"{path} is damaged: it is empty", mend="copy the file again")
    lower = start.lstrip().lower()
    for magic, what, mend in _OTHERS:
        if start.startswith(magic) or (magic.isascii() and lower.startswith(magic)):
            raise CheckpointError(f"{path} {what}", mend=mend)
    if start[257:262] == b"ustar":
        raise CheckpointError(f"{path} is a tar archive", mend="unpack it first: tar xf")


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
