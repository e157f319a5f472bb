"""Which published folders are the batch's own: of this subject, made with these settings, by their records.

Reading a record per subject takes long on a network file system, and a batch of thousands is looked at every few
seconds. `OUT/.wbtools/published.tsv` has a line per record that was read and is the batch's own: whose it is, its size
and its time. Only other records are read. Lost or damaged lines cost one more look.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from wbtools.batch.state.folder import BatchFiles, append_line
from wbtools.batch.state.published import Published, ids_of, look_at_record, place
from wbtools.batch.state.records import read_text
from wbtools.output.ownership import PROVENANCE

_READERS = 16
"""Threads that read records: on a network file system, asking takes long and costs nothing."""
_SETTINGS = 12
"""Digits of the settings' hash that a line has."""


def exports_there(files: BatchFiles, subjects: Sequence[str]) -> list[str]:
    """Those whose place holds a record, whoever wrote it."""
    return list(_stamps(files, subjects))


def own_exports(files: BatchFiles, settings_sha256: str, subjects: Sequence[str]) -> set[str]:
    """Those whose place holds a record of them with these settings (empty: with any).

    Whether its files are whole is not asked.
    """
    lines = {subject: _line(subject, stamp, settings_sha256) for subject, stamp in _stamps(files, subjects).items()}
    known = _known(files) if settings_sha256 else set()
    unknown = [subject for subject, line in lines.items() if line not in known]

    def is_own(subject: str) -> bool:
        folder, ids = place(files.out, subject), ids_of(files.out, subject)
        return look_at_record(folder, settings_sha256, ids).what is Published.CURRENT

    with ThreadPoolExecutor(_READERS) as pool:
        found = {subject for subject, own in zip(unknown, pool.map(is_own, unknown), strict=True) if own}
    if settings_sha256:
        _keep(files, [lines[subject] for subject in unknown if subject in found])
    return found.union(lines.keys() - set(unknown))


def note(files: BatchFiles, settings_sha256: str, subject: str) -> None:
    """Remember of a record that was read that it is the batch's own."""
    if stamp := _stamp(place(files.out, subject)):
        _keep(files, [_line(subject, stamp, settings_sha256)])


def _stamps(files: BatchFiles, subjects: Sequence[str]) -> dict[str, str]:
    """What the records are told by that are there."""
    visible = names_in(files.out)
    places = {subject: place(files.out, subject) for subject in subjects}
    inside = len(files.out.parts)  # of a session's place, the person's folder is listed there
    there = {subject: folder for subject, folder in places.items() if folder.parts[inside] in visible}
    return {subject: stamp for subject, folder in there.items() if (stamp := _stamp(folder))}


def _stamp(folder: Path) -> str:
    """What another record in the same place differs in: size and time; empty without a record."""
    try:
        facts = os.stat(f"{folder}/{PROVENANCE}")  # noqa: PTH116, asked of thousands
    except OSError:  # also another user's, closed to this one
        return ""
    return f"{facts.st_size}\t{facts.st_mtime_ns}" if stat.S_ISREG(facts.st_mode) else ""


def _line(subject: str, stamp: str, settings_sha256: str) -> str:
    return f"{subject}\t{stamp}\t{settings_sha256[:_SETTINGS]}"


def _known(files: BatchFiles) -> set[str]:
    known: set[str] = set()
    for path in files.published_files():
        with suppress(OSError):
            known.update((read_text(path, tail=True) or "").split("\n"))
    return known - {""}


def _keep(files: BatchFiles, lines: Sequence[str]) -> None:
    if lines:
        with suppress(OSError):  # of whoever may only look
            append_line(files.published, "\n".join(lines), files.own_published)


def names_in(folder: Path) -> set[str]:
    """The names in a folder, in one question; empty if there is no folder."""
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
