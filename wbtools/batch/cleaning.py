"""Removing what crashes leave: unfinished folders, damaged exports that were set aside, old lists."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from wbtools.batch.layout import Layout
from wbtools.naming import bids_id

_STAGING = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}(\.old)?")
"""The folders in which `outputs.publishing` makes a subject; the ending is Python's `mkdtemp`."""


def left_over(layout: Layout, subjects: Iterable[str], age: float) -> list[Path]:
    """What may be removed: unfinished folders that nobody touched for `age` seconds, and what was set aside.

    An unfinished folder of a running subject is as old as its last new file, so `age` should be more than a subject
    may take.
    """
    names = {name for one in subjects for name in (one, bids_id(one))}
    staged = [path for path in layout.out.iterdir() if (m := _STAGING.fullmatch(path.name)) and m["name"] in names]
    aside = list(layout.aside.iterdir()) if layout.aside.is_dir() else []
    now = time.time()
    return sorted(path for path in (*staged, *aside) if now - _touched(path) >= age)


def remove(layout: Layout, paths: list[Path], *, forget: bool = False) -> int:
    """Remove paths, and with `forget` all of the batch's own files; gives how many could be removed.

    Published subjects are never touched.
    """
    chosen = [*paths, *([layout.home] if forget else [])]
    for path in chosen:
        shutil.rmtree(path, ignore_errors=True)  # NFS keeps files that are open as .nfsXXXX: next time
    return sum(not path.exists() for path in chosen)


def _touched(path: Path) -> float:
    """When something was last made in a folder or directly below."""
    try:
        return max(one.stat().st_mtime for one in (path, *path.iterdir()))
    except OSError:
        return time.time()
