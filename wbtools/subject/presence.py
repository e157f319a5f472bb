"""Whether a file is there, is absent, or is there and not to be had: one rule for every layout.

A layout chooses among a person's files by their names (`is_named`). What was chosen is then required to be a file that
can be read (`hindrance`), so that nothing takes the place of a file that is there and was only not fetched.
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
"""What the first line of files that stand for others has in it, and whose they are."""
_LONGEST_POINTER = 1024

UNFETCHED = "its file was not fetched"


class Missing(NamedTuple):
    """A file that is not there, relative to the subject's folder, and what cannot be done without it."""

    path: str
    forbids: str


def is_named(path: Path) -> bool:
    """Whether a folder has a file of this name, whatever it is; also where the folder itself cannot be looked into.

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
        return not above.exists()  # behind a link to nowhere may be anything
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG


def hindrance(path: Path) -> InputError | None:
    """Why a file that is there cannot be had; None for one that can be read, and for one that is not there.

    Raises
    ------
    TransientError
        If the machine cannot tell now.
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
    """Whether a file is there, holds anything, and is not what git-annex or git-lfs put in its place."""
    return is_named(path) and hindrance(path) is None


def absence(path: Path) -> str:
    """Why a file that was looked for cannot be used, as the end of a sentence; empty if it is simply not there.

    Examples
    --------
    >>> absence(Path("/no such file")), absence(Path("/dev/null"))
    ('', 'it is no ordinary file')
    """
    reason = hindrance(path)
    if reason is None:
        return ""
    said = str(reason)
    return f"it{said.removeprefix(str(path))}" if said.startswith(f"{path} ") else said


def missing(folder: Path, name: str, forbids: str) -> Missing:
    """A missing file, with a word on one that is there and cannot be used."""
    reason = absence(folder / name)
    return Missing(name, f"{forbids}; {reason}" if reason else forbids)


def incomplete(folder: Path, lacking: Iterable[Missing], hint: str) -> SubjectError:
    """The refusal of a subject, with all that is missing, one file a line; why, where the file's place tells."""
    listed = list({file.path: file for file in lacking}.values())
    reasons = {file.path: absence(folder / file.path) for file in listed}
    first = next(iter(hindered(folder / file.path for file in listed).values()), None)
    lines = "".join(f"\n  {file.path}  (forbids {_with(file.forbids, reasons[file.path])})" for file in listed)
    if any(UNFETCHED in reason for reason in reasons.values()):
        hint = fetching(folder)
    elif first is not None:
        hint = f"{first.hint}; or {hint}"
    return SubjectError(f"subject {folder.name} in {folder.parent} lacks {_files(listed)}:{lines}", hint=hint)


def hindered(files: Iterable[Path]) -> dict[Path, InputError]:
    """The files that are there and cannot be had, with the reasons."""
    return {path: reason for path in files if (reason := hindrance(path)) is not None}


def refusal(folder: Path, hindered: Mapping[Path, InputError], otherwise: str = "") -> SubjectError:
    """The refusal of a subject some of whose files are there and cannot be had, all of them named.

    Parameters
    ----------
    folder : Path
        The subject's.
    hindered : mapping of Path to InputError
        From the function of this name.
    otherwise : str
        What can be done without them, for the hint.
    """
    lines = "".join(f"\n  {_relative(path, folder)}: {absence(path)}" for path in hindered)
    unfetched = any(UNFETCHED in str(reason) for reason in hindered.values())
    hint = fetching(folder) if unfetched else next(iter(hindered.values())).hint
    return SubjectError(
        f"subject {folder.name} in {folder.parent} has {_files(hindered)} that cannot be used, and nothing takes the "
        f"place of what is there:{lines}",
        hint=f"{hint}; {otherwise}" if otherwise else hint,
    )


def fetching(path: Path) -> str:
    """How to have a file that git-annex, DataLad or git-lfs left out."""
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
    """The program that put a few words in a file's place; empty for a file that is itself."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(_LONGEST_POINTER)
    except OSError:  # that it may not be read is said by whoever reads it
        return ""
    return next((program for mark, program in _POINTERS.items() if mark in first), "")
