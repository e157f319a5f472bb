"""Marks on published folders that are not as they seem: damaged ones that are to be made again, and other people's.

A look at sizes does not see a changed byte, and a record is there whoever wrote it. What was found out once is kept
beside the folders, never in them. A mark is about one record; a folder with another one is not marked.
"""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from wbtools.batch.state.folder import BatchFiles, write_whole
from wbtools.batch.state.published import place
from wbtools.output.ownership import PROVENANCE, read_plain


def put(files: BatchFiles, subject: str, why: str) -> None:
    """Mark a subject's published folder.

    Raises
    ------
    OSError
        If the mark cannot be written.
    """
    path = _path(files, subject)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, json.dumps({"record": _record(place(files.out, subject)), "why": why}))


def remove(files: BatchFiles, subject: str) -> None:
    """Take a mark away; nothing without one."""
    with suppress(OSError):
        _path(files, subject).unlink(missing_ok=True)


def names(files: BatchFiles) -> set[str]:
    """Everybody who has a mark, in one question."""
    with suppress(OSError):
        return {path.name.removesuffix(".json") for path in _path(files, "x").parent.iterdir()}
    return set()


def why(files: BatchFiles, subject: str, folder: Path | None = None) -> str:
    """Why a folder (by default the subject's) is marked; empty without a mark, and with one about another record."""
    try:
        found = json.loads(read_plain(_path(files, subject)))
        same = found["record"] == _record(folder or place(files.out, subject))
        return str(found["why"]) if same else ""
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ""


def _path(files: BatchFiles, subject: str) -> Path:
    return files.home / "marks" / f"{subject}.json"


def _record(folder: Path) -> str:
    """Which record a folder has: its content and its age; empty if it cannot be read."""
    path = folder / PROVENANCE
    try:
        return f"{sha256(read_plain(path)).hexdigest()} {path.stat().st_mtime_ns}"
    except (OSError, ValueError):
        return ""
