"""Reading the batch's own files: whatever is in them, a look costs little and never fails for their content.

They lie on shared file systems, are written by several machines and may be cut by crashes. What cannot be read does not
count; who shows a batch says so.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.text import line

_MOST = 16 << 20
"""Bytes that are read of one file; a list of a million subjects has fewer."""
_LONGEST = 1000
"""Characters of one text that are kept."""

Record = Mapping[str, object]


@dataclass(frozen=True)
class Records:
    """What a file of one JSON object per line holds.

    Parameters
    ----------
    found : tuple of mapping
        In the order of the file; values are texts of one line, whole numbers, or finite floats.
    damaged : int
        Lines that are no such object.
    """

    found: tuple[Record, ...] = ()
    damaged: int = 0

    @classmethod
    def parse(cls, lines: list[str]) -> Records:
        """The records that lines tell.

        Examples
        --------
        >>> Records.parse(['{"event": "start", "pid": [7]}', '{"ev'])
        Records(found=({'event': 'start'},), damaged=1)
        """
        found = [record for text in lines if (record := _record(text)) is not None]
        return cls(tuple(found), sum(bool(text.strip()) for text in lines) - len(found))

    @classmethod
    def read(cls, path: Path) -> Records:
        """The records of a file; none if it is missing, one damaged line if it cannot be read."""
        try:
            text = read_text(path, tail=True)
        except OSError:
            return cls(damaged=1)
        return cls.parse((text or "").splitlines())


def read_text(path: Path, *, tail: bool = False) -> str | None:
    """The text of a file, None if it is missing; no more than the first or (`tail`) last 16 MiB.

    Raises
    ------
    OSError
        If it is there and cannot be read, or is a folder, a pipe or a device.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    with open(handle, "rb") as stream:  # noqa: PTH123
        if tail and found.st_size > _MOST:
            stream.seek(-_MOST, os.SEEK_END)
        return stream.read(_MOST).decode("utf-8", errors="replace")


def whole(value: object, least: int, most: int) -> bool:
    """Whether a value is a whole number (and no truth value) in a range."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _record(text: str) -> Record | None:
    """What a line holds, as far as it is sound; None if that is no object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return {name: sound for name, value in found.items() if (sound := _sound(value)) is not None}


def _sound(value: object) -> str | int | float | None:
    """A plain value, None for anything else."""
    if isinstance(value, str):
        return line(value, _LONGEST)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and whole(value, -(1 << 62), 1 << 62) else None
