"""The text of a list of people, whatever kind of file somebody gives: bounded, and refused with the reason."""

from __future__ import annotations

import codecs
import os
import re
import select
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from wbtools.errors import InputError, UnreadableFile

_MOST = 64 << 20
"""Bytes of the longest list; one of a million ids has a quarter of it."""
_PATIENCE = 10.0
"""Seconds until a pipe that nobody writes to is given up."""
_HINT = "give a text file with one id per line, or a table with a column participant_id"
_BOMS = {  # the longer ones first: UTF-32 begins as UTF-16 does
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_PACKED = {
    b"PK\x03\x04": "a zip archive or a workbook of Excel",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel",
    b"\x1f\x8b": "compressed with gzip",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class ListText:
    """The text of a list.

    Parameters
    ----------
    text : str
    certain : bool
        False if the file does not say how its letters are encoded, so that those beyond ASCII may be others.
    """

    text: str
    certain: bool = True


def of_file(path: Path, source: str = "") -> ListText:
    """The text of a file or a pipe.

    Parameters
    ----------
    path : Path
    source : str
        What to call the list in an error; `the list PATH` without.

    Raises
    ------
    InputError
        If it is anything else, or cannot be read.
    """
    source = source or f"the list {path}"
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{source} is a folder", hint=_HINT)
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise InputError(f"{source} is a device, no file", hint=_HINT)
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = _read_pipe(handle, source) if stat.S_ISFIFO(mode) else _read(handle)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise UnreadableFile(source, error, hint=_HINT) from None
    return decoded(data, source)


def of_stream(stream: TextIO | None, source: str) -> ListText:
    """The text of standard input, which is None where who started this program has closed it.

    Raises
    ------
    InputError
        If it is closed, or holds no text, or too much.
    """
    if stream is None:
        raise InputError(f"{source} is closed", hint="give the list as a file, or pipe it in")
    binary = getattr(stream, "buffer", None)
    if binary is None:
        return ListText(stream.read(_MOST))
    return decoded(binary.read(_MOST + 1), source)


def decoded(data: bytes, source: str) -> ListText:
    r"""The text that bytes hold: UTF-8, or what a byte order mark says; else Latin-1, as older spreadsheets write.

    Raises
    ------
    InputError
        If it is no text, or too much.

    Examples
    --------
    >>> decoded("sub-01".encode("utf-16"), "a.tsv"), decoded(b"sub-01\tM\xfcller", "a.tsv").certain
    (ListText(text='sub-01', certain=True), False)
    """
    if len(data) > _MOST:
        raise InputError(f"{source} has more than {_MOST >> 20} MiB", hint="leave out columns that are not needed")
    packed = next((what for mark, what in _PACKED.items() if data.startswith(mark)), None)
    if packed:
        raise InputError(f"{source} is {packed}, no text", hint="save it as text (CSV or TSV), and give that file")
    named = next((encoding for mark, encoding in _BOMS.items() if data.startswith(mark)), None)
    if named is None and b"\0" in data:
        raise InputError(f"{source} is no text", hint=_HINT)
    try:
        return ListText(data.decode(named or "utf-8"))
    except UnicodeDecodeError:
        if named:
            raise InputError(
                f"{source} is damaged: it is no {named.upper()} as its first bytes say", hint=_HINT
            ) from None
    return ListText(data.decode("latin-1"), certain=False)


def nonempty(text: str) -> list[str]:
    """The lines that hold anything."""
    return [line for line in re.split("\r\n|\r|\n", text.removeprefix("\ufeff")) if line.strip()]


def _read(handle: int) -> bytes:
    """At most as much as a list may have, and a byte more."""
    parts, size = [], 0
    while size <= _MOST and (part := os.read(handle, min(1 << 20, _MOST + 1 - size))):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _read_pipe(handle: int, source: str) -> bytes:
    """The same from a pipe, such as the shell's `<(...)`; it may take its time, once somebody writes."""
    until = time.monotonic() + _PATIENCE
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    first = b""
    while not first:
        try:
            first = os.read(handle, 1)
            if not first and (waiting.poll(100) or time.monotonic() > until):  # hung up, or nobody ever came
                first = os.read(handle, 1)
                break
        except BlockingIOError:  # somebody has it open, and wrote nothing so far
            waiting.poll()
    if not first and time.monotonic() > until:
        raise InputError(f"{source} is a pipe that nobody writes to", hint=_HINT)
    os.set_blocking(handle, True)
    return first + _read(handle)
