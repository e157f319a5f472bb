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

from wbtools.text import line

PROVENANCE = "provenance.json"
"""Name of the record; its presence means that the folder is whole."""
MARKER = ".wbtools-staging.json"
"""Name of the file that says which process makes a folder that is not finished."""

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
        return f"it is the export of {line(named)}, not of {subjects[0]}"
    other = _export_in(folder)
    return f"it also holds {other.name}, an export of its own" if other else ""


def _export_in(folder: Path) -> Path | None:
    """An export, finished or not, that lies in a folder, as that of a BIDS session in its subject's."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(os.path.lexists(path / name) for name in (PROVENANCE, MARKER)):
            return path
    return None


def unrecorded(folder: Path) -> list[Path]:
    """What somebody else put into an export: files and links that are not on its record, relative to it, sorted.

    Raises
    ------
    OSError, ValueError
        If the record cannot be read.
    """
    known = {Path(name) for name in (*record(folder)["outputs_sha256"], PROVENANCE, MARKER)}
    there = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted({path.relative_to(folder) for path in there} - known)


def record(folder: Path) -> dict[str, Any]:
    """The record of a folder.

    Raises
    ------
    OSError
        If there is none, or it cannot be read.
    ValueError
        If it is a link, or no JSON object.
    """
    path = folder / PROVENANCE
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb") as stream:  # noqa: PTH123, an open file
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > _LARGEST:
            raise ValueError("it is no file of a record's size")
        content = stream.read(_LARGEST)
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


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
