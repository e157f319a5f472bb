"""Removing what crashes leave: unfinished folders, damaged exports that were set aside, a batch's own files."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wbtools.atomic import BESIDE
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.published import flat, folders_of
from wbtools.output import staging
from wbtools.output.markers import Marker
from wbtools.output.ownership import foreign, not_as_made

_ASIDE = re.compile(r"(?P<name>.+)\.[0-9a-f]{12}")
_FILES = re.compile(
    r"batch\.json|subjects\.txt|failed\.tsv|summary\.json|names\.tsv|submissions(~\d+)?\.jsonl|stop|round-.+\.txt"
    r"|published(~\d+)?\.tsv"
    rf"|{BESIDE}"
)
"""Names of a batch's own files."""
_FOLDERS = {
    re.compile(r"attempts(~\d+)?"): re.compile(rf".+\.jsonl|{BESIDE}"),
    re.compile(r"logs"): re.compile(r".+\.\d+\.[0-9a-f]{12}\.log|worker\.local-[0-9a-f]{8}\.log"),
    re.compile(r"slurm"): re.compile(rf".*[0-9a-f]{{8}}-.+\.sh|\d+(_\d+)?(\.next)?\.log|{BESIDE}"),
    re.compile(r"references"): re.compile(rf"reference-[0-9a-f]{{64}}\.npy|{BESIDE}"),
    re.compile(r"marks"): re.compile(rf".+\.json|{BESIDE}"),
}
"""Names of its own folders, and of the files in them; what is named otherwise is somebody else's."""


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


def clean(files: BatchFiles, subjects: Iterable[str], age: float, *, forget: bool = False) -> Cleaned:
    """Remove what is wbtools' own and nobody needs; published subjects and what is not wbtools' stay, links as well.

    Parameters
    ----------
    files : BatchFiles
    subjects : iterable of str
        Of the batch.
    age : float
        Seconds for which nobody must have touched what a process of another machine may still need. An unfinished
        folder is as old as its last new file, so this should be more than a subject may take.
    forget : bool
        Also the batch's own files.
    """
    known = {name: ids for subject in subjects for name, ids in folders_of(files.out, subject).items()}
    tidied = staging.tidy(files.out, known, age)
    aside = {flat(files.out / name, files.out): (files.out / name, ids) for name, ids in known.items()}
    removed, ignored = _clean_aside(files, aside, age)
    if forget:
        gone, left = _forget(files)
        removed, ignored = removed + gone, [*ignored, *left]
    ignored += [files.out / name for name in tidied.ignored]
    return Cleaned(removed + len(tidied.removed), tidied.restored, tuple(ignored))


def _clean_aside(
    files: BatchFiles, known: dict[str, tuple[Path, tuple[str, ...]]], age: float
) -> tuple[int, list[Path]]:
    """Remove exports that were set aside; gives how many, and what is there beside them."""
    if files.home.is_symlink() or files.aside.is_symlink():
        return 0, [files.home if files.home.is_symlink() else files.aside]
    removed, ignored = 0, []
    for path in sorted(files.aside.iterdir()) if files.aside.is_dir() else []:
        found = _ASIDE.fullmatch(path.name)
        final, ids = known.get(found["name"] if found else "", (files.out, ()))
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
    if not not_as_made(path):
        return staging.discard
    there = os.path.lexists(final) and not foreign(final, *ids)
    return partial(staging.retire, newer=final) if there else None


def _forget(files: BatchFiles) -> tuple[int, list[Path]]:
    """Remove the batch's own files, and their folder if that is all there is; gives what is there beside them."""
    if files.home.is_symlink():
        return 0, []
    for path in files.home.iterdir():
        inside = next((allowed for names, allowed in _FOLDERS.items() if names.fullmatch(path.name)), None)
        if path.is_dir() and inside is not None and not path.is_symlink():
            _remove_files(path, inside)
            with suppress(OSError):
                path.rmdir()
    _remove_files(files.home, _FILES)
    with suppress(OSError):
        files.aside.rmdir()
    left = [path for path in sorted(files.home.iterdir()) if path != files.mark]
    if not left:
        with suppress(OSError):
            files.mark.unlink(missing_ok=True)
            files.home.rmdir()
    return int(not os.path.lexists(files.home)), [told for path in left for told in _told(path, files.aside)]


def _remove_files(folder: Path, names: re.Pattern[str]) -> None:
    """Remove the plain files of these names; NFS keeps those that are open as .nfsXXXX: next time."""
    for path in folder.iterdir():
        if names.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()


def _told(path: Path, aside: Path) -> list[Path]:
    """What is to be said of something that stays: what lies in it; exports that were set aside are told elsewhere."""
    if path == aside:
        return []
    return sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else [path]
