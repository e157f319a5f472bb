"""Removing what crashes leave: unfinished folders, damaged exports that were set aside, a batch's own files."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wbtools import staging
from wbtools.batch.layout import Layout
from wbtools.batch.published import flat, folders_of
from wbtools.ownership import foreign, unrecorded
from wbtools.staging import Marker

_ASIDE = re.compile(r"(?P<name>.+)\.[0-9a-f]{12}")
_BATCH = re.compile(
    r"batch\.json|subjects\.txt|failed\.tsv|summary\.json|names\.tsv|submissions(~\d+)?\.jsonl|stop|round-.+\.txt"
    r"|attempts(~\d+)?|logs|slurm|marks|\..+\.[0-9a-f]{32}"
)
"""Names of a batch's own files and folders."""


@dataclass(frozen=True)
class Cleaned:
    """What was done.

    Parameters
    ----------
    removed : int
        Folders.
    restored : tuple of str
        Subjects whose only copy was under a hidden name, and is in its place now.
    ignored : tuple of Path
        What lies where such things lie, and is not wbtools'.
    """

    removed: int
    restored: tuple[str, ...]
    ignored: tuple[Path, ...]


def clean(layout: Layout, subjects: Iterable[str], age: float, *, forget: bool = False) -> Cleaned:
    """Remove what is wbtools' own and nobody needs; published subjects and what is not wbtools' stay, links as well.

    Parameters
    ----------
    layout : Layout
    subjects : iterable of str
        Of the batch.
    age : float
        Seconds for which nobody must have touched what a process of another machine may still need. An unfinished
        folder is as old as its last new file, so this should be more than a subject may take.
    forget : bool
        Also the batch's own files.
    """
    known = {name: ids for subject in subjects for name, ids in folders_of(layout.out, subject).items()}
    tidied = staging.tidy(layout.out, known, age)
    aside = {flat(layout.out / name, layout.out): (layout.out / name, ids) for name, ids in known.items()}
    removed, ignored = _clean_aside(layout, aside, age)
    if forget:
        gone, left = _forget(layout)
        removed, ignored = removed + gone, [*ignored, *left]
    ignored += [layout.out / name for name in tidied.ignored]
    return Cleaned(removed + len(tidied.removed), tidied.restored, tuple(ignored))


def _clean_aside(layout: Layout, known: dict[str, tuple[Path, tuple[str, ...]]], age: float) -> tuple[int, list[Path]]:
    """Remove exports that were set aside; gives how many, and what is there beside them."""
    if layout.home.is_symlink() or layout.aside.is_symlink():
        return 0, [layout.home if layout.home.is_symlink() else layout.aside]
    removed, ignored = 0, []
    for path in sorted(layout.aside.iterdir()) if layout.aside.is_dir() else []:
        found = _ASIDE.fullmatch(path.name)
        final, ids = known.get(found["name"] if found else "", (layout.out, ()))
        remover = _remover(path, final, ids)
        if remover is None:
            ignored.append(path)
        elif time.time() - staging.touched(path) >= age:
            removed += remover(path)
    return removed, ignored


def _remover(path: Path, final: Path, ids: tuple[str, ...]) -> Callable[[Path], bool] | None:
    """How to remove an export that was set aside, or what an interrupted removal left of one; None if it is neither.

    What somebody else put into it goes into the subject's export, and waits for that.
    """
    marker = Marker.read(path)
    if marker is not None:
        return staging.discard if marker.gone else None
    if not ids or not path.is_dir() or foreign(path, *ids):
        return None
    if not unrecorded(path):
        return staging.discard
    there = os.path.lexists(final) and not foreign(final, *ids)
    return partial(staging.retire, newer=final) if there else None


def _forget(layout: Layout) -> tuple[int, list[Path]]:
    """Remove the batch's own files, and their folder if that is all there is; gives what is there beside them."""
    if layout.home.is_symlink():
        return 0, []
    for path in layout.home.iterdir():
        if _BATCH.fullmatch(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)  # NFS keeps files that are open as .nfsXXXX: next time
            else:
                with suppress(OSError):
                    path.unlink()
    for folder in (layout.aside, layout.home):
        with suppress(OSError):
            folder.rmdir()
    left = sorted(path for path in layout.home.iterdir() if path != layout.aside) if layout.home.is_dir() else []
    return int(not os.path.lexists(layout.home)), left
