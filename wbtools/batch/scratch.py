"""Temporary data: on the machine that computes, one folder per attempt, removed always."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from wbtools.errors import InputError, TransientError
from wbtools.errors.system import from_os_error
from wbtools.output.markers import Marker
from wbtools.output.staging import discard

_USUAL = ("/tmp", "/var/tmp")
_NAME = re.compile(r"wbtools-(?P<host>.+)-(?P<pid>\d+)-[^-]+")


def folder(asked: str | None, environment: Mapping[str, str]) -> Path:
    """Where temporary data goes: what was asked for, else the first place that can be written to.

    Sites set variables that name folders of other machines, or of jobs that are over.

    Examples
    --------
    >>> folder("/fast", {}).as_posix(), folder(None, {"TMPDIR": "/no/such", "SLURM_TMPDIR": "here"}).as_posix()
    ('/fast', '/tmp')
    """
    if asked:
        return Path(asked)
    places = (environment.get("SLURM_TMPDIR", ""), environment.get("TMPDIR", ""), *_USUAL)
    return Path(next((place for place in places if _writable(place)), _USUAL[0]))


def require(parent: Path) -> None:
    """Raise InputError for a place that temporary data cannot be written to; a full one may have room later."""
    with suppress(TransientError):
        discard(make(parent))


def _writable(place: str) -> bool:
    return os.path.isabs(place) and Path(place).is_dir() and os.access(place, os.W_OK | os.X_OK)  # noqa: PTH117


def make(parent: Path) -> Path:
    """A new folder that says whose it is.

    Raises
    ------
    InputError
        If it cannot be made.
    TransientError
        If there is no room for it, or the disk does not answer.
    """
    made = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"wbtools-{socket.gethostname()}-{os.getpid()}-", dir=parent))
        Marker.of(made).write(made)
    except OSError as error:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
        said = f"temporary data cannot be written to {parent}: {error.strerror or error}"
        if isinstance(from_os_error(error), TransientError):
            raise TransientError(said, hint="free space there, or give another folder with --scratch") from None
        raise InputError(said, hint="give a folder of your own with --scratch") from None
    return made


def remove_left_over(parent: Path) -> int:
    """Remove what workers of this machine left that are gone; gives how many folders.

    A folder without a worker's marker is somebody else's, whatever its name, unless it is empty.
    """
    count = 0
    for path in parent.glob("wbtools-*"):
        found = _NAME.fullmatch(path.name)
        if found and found["host"] == socket.gethostname() and not Path(f"/proc/{found['pid']}").exists():
            if (marker := Marker.read(path)) and marker.gone:
                discard(path)
            else:
                with suppress(OSError):
                    path.rmdir()
            count += not os.path.lexists(path)
    return count
