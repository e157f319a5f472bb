"""Where outputs may go: neither into a subject's folder nor into a data set, both of which stay as they are."""

from __future__ import annotations

import os
from pathlib import Path

from wbtools.datasets.manifest import IMAGES, NAME
from wbtools.errors import InputError
from wbtools.subject.containment import require_outside_subjects


def require_outside_inputs(folder: Path, option: str, study: Path | None = None) -> None:
    """Require that a folder to write to is, and lies in, neither a subject's folder nor a data set.

    Parameters
    ----------
    folder : Path
        Need not exist.
    option : str
        That names it.
    study : Path, optional
        The study folder, whose subjects' folders need not look like such.

    Raises
    ------
    InputError
        Naming the input.
    """
    require_outside_subjects(folder, study or folder, (), option)
    try:
        real = folder.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return
    for above in (real, *real.parents):
        if all(os.path.lexists(above / name) for name in (NAME, IMAGES)):
            raise InputError(
                f"{option} {folder} lies in {above}, a data set, which stays as it is", hint=f"choose another {option}"
            )
