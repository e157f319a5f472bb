"""Whether a zip file is a pack as wbtools wrote it: only then it may be replaced, for all else is somebody's work.

A pack ends in its seal, the zip file's comment: the SHA-256 of every byte before it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import BinaryIO

from wbtools.errors import InputError
from wbtools.output.ownership import subject_of
from wbtools.reading.packing import PACKED
from wbtools.reading.zipped import Zipped
from wbtools.text import line

_SEAL = b"wbtools pack, SHA-256 of all before: "
_DIGITS = 2 * hashlib.sha256().digest_size

UNSEALED = _SEAL + b"0" * _DIGITS
"""The comment of a pack until `seal`."""


def seal(stream: BinaryIO) -> None:
    """Write the hash into a pack that was written with the comment `UNSEALED`.

    Parameters
    ----------
    stream : BinaryIO
        Open for writing, of a file that has a name.
    """
    stream.flush()
    digits = _digest(Path(stream.name))
    stream.seek(-_DIGITS, os.SEEK_END)
    stream.write(digits)
    stream.flush()


def not_replaceable(out: Path, subject: str) -> str:
    """Why a file is not a pack of a subject as wbtools wrote it, as a sentence about "it"; empty if it is.

    Parameters
    ----------
    out : Path
        Exists.
    subject : str
    """
    if out.is_symlink() or not out.is_file():
        return "it is a link" if out.is_symlink() else "it is no file"
    if not zipfile.is_zipfile(out):
        return "it is no zip file"
    named = _subject_of(out)
    if named is None:
        return "it is no pack that wbtools wrote"
    if named != subject:
        return f"it is the pack of {line(named, 80)}"
    with out.open("rb") as stream:
        stream.seek(-len(UNSEALED), os.SEEK_END)
        sealed = stream.read()
    return "" if sealed == _SEAL + _digest(out) else "it is not as wbtools packed it"


def _subject_of(out: Path) -> str | None:
    """Whose pack a zip file is; None if it is none, or cannot be read."""
    try:
        record = json.loads(Zipped(out).record())
    except (InputError, ValueError, RecursionError):
        return None
    packed = isinstance(record, dict) and isinstance(record.get(PACKED), dict)
    return subject_of(record) if packed else None


def _digest(file: Path) -> bytes:
    """The SHA-256 of all but the digits at the end, in hexadecimal digits."""
    found, left = hashlib.sha256(), file.stat().st_size - _DIGITS
    with file.open("rb") as stream:
        while left > 0 and (part := stream.read(min(left, 1 << 20))):
            found.update(part)
            left -= len(part)
    return found.hexdigest().encode()
