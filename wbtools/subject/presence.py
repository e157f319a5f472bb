"""Whether a file is present, absent, or present but unusable: a common rule for all layouts.

A layout chooses among a subject's files by name (`is_named`). The chosen files must then be readable (`hindrance`), so
that no other file silently replaces one that is present but, for example, was not fetched.
"""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from wbtools.errors import InputError, SubjectError
from wbtools.images import diagnosis

_POINTERS = {b"annex/objects/": "git-annex", b"version https://git-lfs.github.com/spec/": "git-lfs"}
"""Marks in the first line of pointer files, and the programs that write them."""
_LONGEST_POINTER = 1024

UNFETCHED = "its file was not fetched"


class Missing(NamedTuple):
    """A missing file, relative to the subject's folder, and what cannot be done without it."""

    path: str
    forbids: str


def is_named(path: Path) -> bool:
    """Whether there is a file of this name, of any kind; also True if its folder is not accessible.

    Examples
    --------
    >>> is_named(Path("/no such folder/T1.mgz")), is_named(Path("/dev/null"))
    (False, True)
    """
    try:
        path.lstat()
        return True
    except (FileNotFoundError, ValueError):
        above = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
        return not above.exists()  # anything may be behind a broken link
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def hindrance(path: Path) -> InputError | None:
    """The error for a file that is present but unusable; None for a readable or an absent file.

    Raises
    ------
    TransientError
        If the state of the file cannot be determined now.
    """
    try:
        found = diagnosis.require_file(path)
    except InputError as error:
        return error if is_named(path) else None
    pointer = _pointer(path) if found.st_size <= _LONGEST_POINTER else ""
    if not pointer:
        return None
    return InputError(f"{path} is a pointer of {pointer}: {UNFETCHED}", hint=fetching(path))


def usable(path: Path) -> bool:
    """Whether a file is present, not empty, and not a pointer of git-annex or git-lfs."""
    return is_named(path) and hindrance(path) is None


def absence(path: Path) -> str:
    """Why a file cannot be used, as the end of a sentence; empty if it is absent.

    Examples
    --------
    >>> absence(Path("/no such file")), absence(Path("/dev/null"))
    ('', 'it is no ordinary file')
    """
    reason = hindrance(path)
    if reason is None:
        return ""
    message = str(reason)
    return f"it{message.removeprefix(str(path))}" if message.startswith(f"{path} ") else message


def missing(folder: Path, name: str, forbids: str) -> Missing:
    """A missing file, with the reason if it is present but unusable."""
    reason = absence(folder / name)
    return Missing(name, f"{forbids}; {reason}" if reason else forbids)


def incomplete(folder: Path, lacking: Iterable[Missing], hint: str) -> SubjectError:
    """The error for a subject with missing files: one per line, with the reason for those that are unusable."""
    listed = list({file.path: file for file in lacking}.values())
    reasons = {file.path: absence(folder / file.path) for file in listed}
    first = next(iter(unusable_files(folder / file.path for file in listed).values()), None)
    lines = "".join(f"\n  {file.path}  (forbids {_with(file.forbids, reasons[file.path])})" for file in listed)
    if any(UNFETCHED in reason for reason in reasons.values()):
        hint = fetching(folder)
    elif first is not None:
        hint = f"{first.hint}; or {hint}"
    return SubjectError(f"subject {folder.name} in {folder.parent} lacks {_files(listed)}:{lines}", hint=hint)


def unusable_files(files: Iterable[Path]) -> dict[Path, InputError]:
    """The files that are present but unusable, with the reasons."""
    return {path: reason for path in files if (reason := hindrance(path)) is not None}


def refusal(folder: Path, unusable: Mapping[Path, InputError], alternative: str = "") -> SubjectError:
    """The error for a subject with files that are present but unusable, all of which are named.

    Parameters
    ----------
    folder : Path
        The subject's folder.
    unusable : mapping of Path to InputError
        From `unusable_files`.
    alternative : str
        What can be done without the files, for the hint.
    """
    lines = "".join(f"\n  {_relative(path, folder)}: {absence(path)}" for path in unusable)
    unfetched = any(UNFETCHED in str(reason) for reason in unusable.values())
    hint = fetching(folder) if unfetched else next(iter(unusable.values())).hint
    return SubjectError(
        f"subject {folder.name} in {folder.parent} has {_files(unusable)} that cannot be used, and no other file is "
        f"used instead:{lines}",
        hint=f"{hint}; {alternative}" if alternative else hint,
    )


def fetching(path: Path) -> str:
    """A hint on how to fetch a file that git-annex, DataLad or git-lfs left out."""
    return (
        f"fetch it: datalad get {shlex.quote(str(path))} (or git annex get, git lfs pull), or copy what the link names"
    )


def _files(listed: Iterable[object]) -> str:
    count = len(list(listed))
    return f"{count} file{'s' * (count > 1)}"


def _relative(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _with(forbids: str, reason: str) -> str:
    return f"{forbids}; {reason}" if reason and reason not in forbids else forbids


def _pointer(path: Path) -> str:
    """The program whose pointer a file is; empty for a regular file."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(_LONGEST_POINTER)
    except OSError:  # the reader of the file reports that it is unreadable
        return ""
    return next((program for mark, program in _POINTERS.items() if mark in first), "")
