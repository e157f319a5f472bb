"""Arrays of numpy from files that anybody may have written: of plain numbers, or refused before numpy looks further."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

_PLAIN = re.compile(rb"""['"]descr['"]\s*:\s*['"][<>|=]?[biufc]\d{1,2}['"]""")
_LONGEST = 10_000  # bytes of a header; numpy's own limit


def require_plain(stream: IO[bytes], name: object) -> None:
    """Require that an array's header says a type of plain numbers; the stream stays where it is.

    In the unit of a date numpy divides by what the header says, and 0 there ends the process.

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
    version = np.lib.format.read_magic(stream)
    length = int.from_bytes(stream.read(2 if version == (1, 0) else 4), "little")
    if length > _LONGEST or not _PLAIN.search(stream.read(length)):
        raise ValueError(f"{name} does not say what kind of numbers it holds")
    stream.seek(begin)


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
    with path.open("rb") as stream:
        require_plain(stream, path.name)
    found: NDArray[Any] = np.load(path, mmap_mode=mapped, allow_pickle=False)
    return found
