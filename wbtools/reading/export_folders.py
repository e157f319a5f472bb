"""Where exports lie in a folder of many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wbtools.output.ownership import BATCH_STATE, PROVENANCE


def export_folders(root: Path) -> Iterator[Path]:
    """The folders with a record, and those in folders without one, as BIDS sessions; hidden ones are unfinished."""
    # lexists: a record whose content was not fetched (git-annex) is no folder of somebody else's
    for folder in _folders(root):
        if os.path.lexists(folder / PROVENANCE):
            yield folder
        else:
            yield from (inner for inner in _folders(folder) if os.path.lexists(inner / PROVENANCE))


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []


def holds_exports(folder: Path) -> bool:
    """Whether a folder is that of a batch, or there are exports in it; it is none itself."""
    if os.path.lexists(folder / PROVENANCE):
        return False
    return (folder / BATCH_STATE).is_dir() or any(True for _ in export_folders(folder))
