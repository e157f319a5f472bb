"""Arrays of numpy from files that anybody may have written: of plain numbers, or refused before numpy looks further."""

from __future__ import annotations

import ast
import math
import os
import re
import stat
import zipfile
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

_PLAIN = re.compile(r"[<>|=]?[biufc]\d{1,2}", re.ASCII)
NPY_FORMAT: Any = np.lib.format
"""numpy's reader and writer of headers; untyped before numpy 2.4."""

_LONGEST = 10_000  # bytes of a header; numpy's own limit
_MOST = 1 << 60  # values; numpy counts them in 64 bits
_UNREADABLE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


def require_plain(stream: IO[bytes], name: object) -> None:
    """Require that an array's header says a type of plain numbers and a shape; the stream stays where it is.

    In the unit of a date numpy divides by what the header says, and 0 there ends the process. The header is read as
    numpy reads it, so that both see the same.

    Parameters
    ----------
    stream : binary file
        At the array's beginning.
    name : object
        What the array is called in an error.

    Raises
    ------
    ValueError
        If it does not.
    """
    begin = stream.tell()
    version = NPY_FORMAT.read_magic(stream)
    length = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
    header = _header(stream.read(length)) if length <= _LONGEST else {}
    stream.seek(begin)
    kind, shape = header.get("descr"), header.get("shape")
    if not (isinstance(kind, str) and _PLAIN.fullmatch(kind)):
        raise ValueError(f"{name} does not say what kind of numbers it holds")
    if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape) and math.prod(shape) < _MOST):
        raise ValueError(f"{name} does not say how many numbers it holds")


def require_plain_archive(path: Path) -> None:
    """Require that an archive of numpy's (`.npz`) holds uncompressed arrays of plain numbers alone.

    A compressed file, a pipe or a device may yield more bytes than the file has.

    Raises
    ------
    ValueError
        If it does not.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("its members are compressed")
        for member in archive.infolist():
            with archive.open(member) as stream:
                require_plain(stream, member.filename)


def _header(text: bytes) -> dict[Any, Any]:
    """What a header says; nothing if it cannot be read."""
    try:
        found = ast.literal_eval(text.decode("latin1").strip())
    except _UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def load(path: Path, mapped: Literal["r"] | None = None) -> NDArray[Any]:
    """Read an array, or map it into memory; raises what `wbtools.images.diagnosis.ARRAY_DAMAGE` lists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/a.npy", np.arange(3))
    ...     load(Path(folder, "a.npy")).tolist()
    [0, 1, 2]
    """
    # A pipe would be waited for.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as stream:  # noqa: PTH123
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError(f"{path.name} is no ordinary file")
        require_plain(stream, path.name)
    found: NDArray[Any] = np.load(path, mmap_mode=mapped, allow_pickle=False)
    return found
