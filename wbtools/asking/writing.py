"""Single files that a user names: new ones only, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from wbtools import atomic
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.output.destination import require_writable_around
from wbtools.subject.containment import require_outside_inputs


def require_new_file(path: Path, option: str) -> None:
    """Require that a file can be written which is not there yet.

    Raises
    ------
    InputError
        If something has its name, or its folder is missing, cannot be written, or is a subject's or a data set's.
    """
    if os.path.lexists(path):
        theirs = path.is_symlink() or path.is_file() or path.is_dir()  # and no device
        remove = ", or remove it yourself" if theirs else ""
        raise InputError(f"{option} {path} exists", hint=f"choose another name{remove}")
    if not path.parent.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}", hint="make it, or choose another place")
    require_writable_around(path, option)
    require_outside_inputs(path, option)


def write_new_file(path: Path, text: str) -> None:
    """Write such a file."""
    with writing(path.parent):
        atomic.write_new(path, text)
