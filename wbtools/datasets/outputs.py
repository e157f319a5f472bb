"""Where outputs may go: neither into a subject's folder nor into a data set, both of which stay as they are."""

from __future__ import annotations

from pathlib import Path

from wbtools.subject.containment import require_outside_data_sets, require_outside_subjects


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
    require_outside_data_sets(folder, option)
