"""Whose a folder is. The one rule by which anything is replaced, set aside or removed.

A folder is wbtools' own only if it is a real folder, not a link, and carries a record that wbtools wrote about this
same subject. Everything else belongs to somebody else, whatever it is called.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbtools.provenance import sha256_of
from wbtools.text import line

PROVENANCE = "provenance.json"
"""Name of the record; its presence means that the folder is whole."""
MARKER = ".wbtools-staging.json"
"""Name of the file that says which process makes a folder that is not finished."""
BATCH_STATE = ".wbtools"
"""Name of the folder, beside the subjects' folders of outputs, in which a batch keeps its own files."""

_LARGEST = 1 << 26  # a record has about 50 kB


def foreign(folder: Path, *subjects: str) -> str:
    """Why a folder is not wbtools' own export of a subject, as a sentence about "it"; empty if it is.

    Parameters
    ----------
    folder : Path
        Exists.
    *subjects : str
        The ids under which a record may name the subject.
    """
    try:
        if folder.is_symlink():
            return "it is a link"
        if (folder / PROVENANCE).is_symlink():
            return f"its {PROVENANCE} is a link, and wbtools replaces no links"
        found = record(folder)
    except NotADirectoryError:
        return "it is a file"
    except FileNotFoundError:
        return f"it has no {PROVENANCE} that wbtools wrote"
    except (OSError, ValueError) as error:
        return f"its {PROVENANCE} cannot be read: {line(error)}"
    named = subject_of(found)
    if named is None:
        return f"its {PROVENANCE} was not written by wbtools for a subject"
    if named not in subjects:
        if isinstance(found.get("subject"), dict):
            return f"it is the export of {line(named)}, not of {subjects[0]}"
        return f"its {PROVENANCE} names {line(named)}, not {subjects[0]}"  # a query or a page, which is no export
    other = _export_in(folder)
    return f"it also holds {other.name}, an export of its own" if other else ""


def _export_in(folder: Path) -> Path | None:
    """An export, finished or not, that lies in a folder, as that of a BIDS session in its subject's."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(os.path.lexists(path / name) for name in (PROVENANCE, MARKER)):
            return path
    return None


def not_as_made(folder: Path) -> list[Path]:
    """What is somebody else's in an export: files and links that are not on its record, or not as it says.

    Returns
    -------
    list of Path
        Relative to the folder, sorted.

    Raises
    ------
    OSError, ValueError
        If the record cannot be read.
    """
    hashes = _hashes(folder)
    return [name for name in _files(folder) if name not in hashes or _differs(folder / name, hashes[name])]


def added(folder: Path) -> list[Path]:
    """Those of `not_as_made` that are not on the record, whose content is not read; errors as there."""
    hashes = _hashes(folder)
    return [name for name in _files(folder) if name not in hashes]


def _hashes(folder: Path) -> dict[Path, object]:
    return {Path(name): sha256 for name, sha256 in record(folder)["outputs_sha256"].items()}


def _files(folder: Path) -> list[Path]:
    """All files and links in a folder, relative to it and sorted, but for the record and what says who makes it."""
    there = (path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(set(there) - {Path(PROVENANCE), Path(MARKER), Path(f"{MARKER}.new")})


def is_as_made(folder: Path, name: str) -> bool:
    """Whether a file in an export is on its record, as the record says; errors as of `not_as_made`."""
    sha256 = _hashes(folder).get(Path(name))
    return sha256 is not None and not _differs(folder / name, sha256)


def changed(folder: Path) -> list[Path]:
    """Those of `not_as_made` that have the name of a file on the record; errors as there."""
    names = {Path(name) for name in record(folder)["outputs_sha256"]}
    return [name for name in not_as_made(folder) if name in names]


def _differs(path: Path, sha256: object) -> bool:
    """Whether what has the name of a recorded file is something else; an empty file holds nothing to lose."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as stream:  # noqa: PTH123, an open file
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                return True
            return facts.st_size > 0 and sha256_of(stream) != sha256
    except OSError:
        return True


def record(folder: Path) -> dict[str, Any]:
    """The record of a folder.

    Raises
    ------
    OSError
        If there is none, or it cannot be read.
    ValueError
        If it is a link, or no JSON object.
    """
    try:
        found = json.loads(read_plain(folder / PROVENANCE, follow=False))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def read_plain(path: Path, *, follow: bool = True) -> bytes:
    """The content of a small file that somebody else may have made; no pipe is waited for, no device read.

    Parameters
    ----------
    path : Path
    follow : bool
        Whether it may be a link.

    Raises
    ------
    OSError
        If it is not there, or cannot be read.
    ValueError
        If it is no plain file, a link that may not be followed, or larger than any record.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except OSError:
        if not follow and path.is_symlink():  # the system calls it too many links
            raise ValueError("it is a link") from None
        raise
    with open(handle, "rb") as stream:  # noqa: PTH123, an open file
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
            raise ValueError("it is no plain file of a record's size")
        return stream.read(_LARGEST)


def subject_of(record: Mapping[str, Any]) -> str | None:
    """The id of the subject that a record is about; None if wbtools did not write it.

    Examples
    --------
    >>> subject_of({"wbtools": "0.1.0", "subject": {"id": "100307"}, "outputs_sha256": {}})
    '100307'
    >>> subject_of({"generator": "another program", "subject": "100307"}) is None
    True
    """
    if not isinstance(record.get("wbtools"), str) or not isinstance(record.get("outputs_sha256"), dict):
        return None
    for part, key in (("subject", "id"), ("settings", "subject")):
        within = record.get(part)
        if isinstance(within, dict) and isinstance(within.get(key), str):
            return str(within[key])
    return None


def is_whole(folder: Path) -> bool:
    """Whether every file on a folder's record is there with its size."""
    try:
        found = record(folder)
        sizes = found.get("outputs_bytes", {})
        files = {name: (folder / name).stat().st_size for name in found["outputs_sha256"]}
        return all(size == sizes.get(name, size) for name, size in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
