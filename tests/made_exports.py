"""Folders that stand for an export: some files, and the record that makes them wbtools' own."""

from __future__ import annotations

from pathlib import Path

from wbtools.output.ownership import MARKER, PROVENANCE
from wbtools.provenance import Provenance


def files_in(folder: Path) -> list[Path]:
    """Every file there is, relative to the folder, sorted; the marker of an unfinished one left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    return sorted(path.relative_to(folder) for path in files)


def write_record(record: Provenance, folder: Path) -> None:
    """Put everything that lies in a folder on record there."""
    record.write(folder / PROVENANCE, folder, files_in(folder))
