"""Where exports lie in a folder of many."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from wbtools.errors import InputError
from wbtools.errors.system import from_os_error
from wbtools.output.ownership import BATCH_STATE, PROVENANCE

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_SYSTEMS_OWN = "lost+found"
"""What a disk has at its root, and nobody may read."""


def export_folders(root: Path) -> Iterator[Path]:
    """The folders with a record, and those in folders without one, as BIDS sessions; hidden ones are unfinished.

    A folder that may not be looked into counts as an export: nobody gets lost, and whoever opens it is told the reason.

    Raises
    ------
    InputError
        If the names in a folder may not be read.
    """
    for folder in _folders(root):
        if _has_record(folder):
            yield folder
        else:
            yield from filter(_has_record, _folders(folder))


def holds_exports(folder: Path) -> bool:
    """Whether a folder is that of a batch, or there are exports in it; it is none itself."""
    if os.path.lexists(folder / PROVENANCE):
        return False
    try:
        known = any(os.path.lexists(place / PROVENANCE) for place in export_folders(folder))
    except InputError:
        known = False
    return known or os.path.isdir(folder / BATCH_STATE)  # noqa: PTH112, that raises where nothing may be looked at


def _has_record(folder: Path) -> bool:
    """Whether there is a record, were it a link to what was not fetched (git-annex), or cannot be known."""
    try:
        (folder / PROVENANCE).lstat()
    except OSError as error:
        return error.errno not in _ABSENT
    return True


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _may_hold_exports(path))
    except OSError as error:
        if error.errno in _ABSENT:
            return []
        raise from_os_error(error) from None


def _may_hold_exports(path: Path) -> bool:
    if path.name.startswith(".") or path.name == _SYSTEMS_OWN:
        return False
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        return error.errno not in _ABSENT
