"""Whether a subject is done: a look at the published folder, never at a queue or a log."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from wbtools.batch.state.names import name_of
from wbtools.batch.state.records import read_text
from wbtools.errors import InputError, TransientError
from wbtools.output import names
from wbtools.output.ownership import PROVENANCE, foreign, subject_of
from wbtools.provenance import sha256
from wbtools.text import counted, line


class Published(Enum):
    """What a look at a subject's folder found."""

    ABSENT = "absent"
    CURRENT = "published"
    DAMAGED = "damaged"
    OUTDATED = "made from other inputs"
    FOREIGN = "made with other settings"
    ANOTHERS = "of another subject"
    UNFETCHED = "not fetched"


@dataclass(frozen=True)
class Inspection:
    """What was found, and in one sentence why."""

    what: Published
    why: str = ""


_ABSENT = Inspection(Published.ABSENT)
_CURRENT = Inspection(Published.CURRENT)


def place(out: Path, subject: str) -> Path:
    """Where a subject's results are, or will be: where the export puts them, by the name that was asked for.

    Before anybody has asked, the folder of its id, or of its id in BIDS where there is that one.
    """
    name = name_of(out, subject)
    if name is not None:
        return out / name.folder
    plain, *bids = (out / folder for folder in _possible(subject))
    return next((folder for folder in bids if not plain.exists() and folder.exists()), plain)


def _possible(subject: str) -> tuple[str, ...]:
    """The names that a subject's folder may have by its id alone: in BIDS, there is not one for every id."""
    try:
        return subject, names.folder_name(subject, "bids")
    except InputError:
        return (subject,)


def flat(folder: Path, out: Path) -> str:
    """A folder of results as one name.

    Examples
    --------
    >>> flat(Path("out/sub-01/ses-a"), Path("out"))
    'sub-01_ses-a'
    """
    return "_".join(folder.relative_to(out).parts)


def identity(out: Path, subject: str) -> str:
    """What the record of a subject's export calls it."""
    name = name_of(out, subject)
    return name.id if name is not None else subject


def folders_of(out: Path, subject: str) -> dict[str, tuple[str, ...]]:
    """The names that a subject's folder of results may have, and the ids under which its record may name the subject.

    Both are one name, once somebody has asked for it.

    Examples
    --------
    >>> folders_of(Path("nowhere"), "P1_1")
    {'P1_1': ('P1_1', 'sub-P1_1'), 'sub-P11': ('P1_1', 'sub-P1_1')}
    """
    name = name_of(out, subject)
    if name is not None:
        return {name.folder: (name.id,)}
    bare = subject.removeprefix("sub-")
    return dict.fromkeys(_possible(subject), tuple(dict.fromkeys((subject, bare, f"sub-{bare}"))))


def ids_of(out: Path, subject: str) -> tuple[str, ...]:
    """The ids under which a record may name the subject, the likeliest first."""
    return next(iter(folders_of(out, subject).values()))


def why_foreign(out: Path, subject: str, folder: Path | None = None) -> str:
    """Why a folder, by default that of a subject's results, may not be touched; empty if it may be."""
    found = folder or place(out, subject)
    return foreign(found, *ids_of(out, subject))


def is_there(out: Path, subject: str) -> bool:
    """Whether a record is there, whoever wrote it; costs a question or two to the file system."""
    try:
        return (place(out, subject) / PROVENANCE).is_file()
    except OSError:  # another user's, closed to this one
        return False


def look(
    folder: Path, settings_sha256: str, inputs: Path | None = None, *, deep: bool = False, ids: Sequence[str] = ()
) -> Inspection:
    """Compare a subject's folder with its own record.

    Parameters
    ----------
    folder : Path
        The subject's folder of results.
    settings_sha256 : str
        Of the batch that asks; empty if nobody knows it any more.
    inputs : Path, optional
        The subject's folder of inputs; those that can be read must have the recorded sizes (`deep`: hashes).
    deep : bool
        Compare hashes, not only sizes.
    ids : sequence of str
        Under one of which the record must name the subject; empty if that does not matter.
    """
    record = _record(folder)
    if isinstance(record, Inspection):
        return record
    claim = _claim(record, settings_sha256, ids)
    if claim is not _CURRENT:
        return claim
    made = _Files(folder, record["outputs_sha256"], record.get("outputs_bytes", {}))
    wrong = made.first_difference(deep=deep)
    if wrong is not None or inputs is None:
        return wrong or _CURRENT
    taken = _Files(inputs, record.get("inputs_sha256", {}), record.get("inputs_bytes", {}))
    changed = taken.first_difference(deep=deep, absent_is_fine=True)
    return Inspection(Published.OUTDATED, f"input {changed.why}") if changed is not None else _CURRENT


def look_at_record(folder: Path, settings_sha256: str, ids: Sequence[str]) -> Inspection:
    """The same by the record alone; its files are not looked at."""
    record = _record(folder)
    return record if isinstance(record, Inspection) else _claim(record, settings_sha256, ids)


def _record(folder: Path) -> dict[str, Any] | Inspection:
    """The record in a folder; what is found instead of a sound one."""
    try:
        text = read_text(folder / PROVENANCE)
        if text is None:
            return _without_record(folder)
        record: dict[str, Any] = json.loads(text)
        tables = [record.get(name, {}) for name in ("outputs_bytes", "inputs_sha256", "inputs_bytes")]
        if not all(isinstance(table, dict) for table in (record["outputs_sha256"], *tables)):
            raise ValueError("its lists of files are none")
    except (OSError, ValueError, KeyError, AttributeError, RecursionError) as error:
        return Inspection(Published.DAMAGED, f"{PROVENANCE} cannot be read: {line(error)}")
    return record


def _claim(record: Mapping[str, Any], settings_sha256: str, ids: Sequence[str]) -> Inspection:
    """What a record says whose export it is, and of what settings."""
    named = subject_of(record)
    if ids and named is not None and named not in ids:
        return Inspection(Published.ANOTHERS, f"it is the export of {line(named)}, not of {ids[0]}")
    if settings_sha256 and record.get("settings_sha256") != settings_sha256:
        return Inspection(Published.FOREIGN, "it was made with other settings, another network or another version")
    return _CURRENT


def _without_record(folder: Path) -> Inspection:
    """What a folder without a record is."""
    if not os.path.lexists(folder):
        return _ABSENT
    if not folder.is_dir():
        return Inspection(Published.DAMAGED, "it is no folder")
    return _unfetched(folder, PROVENANCE) or Inspection(Published.DAMAGED, f"{PROVENANCE} is missing")


def _unfetched(folder: Path, name: str) -> Inspection | None:
    """What is said of a file that git-annex or git-lfs has elsewhere; None of any other."""
    from wbtools.subject.presence import UNFETCHED, absence, fetching  # it computes: no help of a command needs it

    try:
        reason = absence(folder / name)
    except TransientError:
        return None
    if UNFETCHED not in reason:
        return None
    return Inspection(Published.UNFETCHED, f"{name} {reason.removeprefix('it ')}; {fetching(folder / name)}")


@dataclass(frozen=True)
class _Files:
    """Files as a record has them.

    Parameters
    ----------
    folder : Path
    hashes : mapping of str to str
        SHA-256 by name.
    sizes : mapping of str to int
        Bytes by name, of those of which they are known.
    """

    folder: Path
    hashes: Mapping[str, str]
    sizes: Mapping[str, int]

    def first_difference(self, *, deep: bool, absent_is_fine: bool = False) -> Inspection | None:
        """The first file that is not as recorded, else the first that was not fetched; None if there is neither."""
        unfetched = None
        for name in self.hashes:
            wrong = self._difference(name, deep, absent_is_fine)
            if wrong is not None and wrong.what is not Published.UNFETCHED:
                return wrong
            unfetched = unfetched or wrong
        return None if absent_is_fine else unfetched

    def _difference(self, name: str, deep: bool, absent_is_fine: bool) -> Inspection | None:
        """How a file is not as recorded; None if it is."""
        path = self.folder / name
        try:
            size = path.stat().st_size
            if size != self.sizes.get(name, size):
                other = f"{name} has {counted(size, 'byte')}, recorded are {self.sizes[name]}"
                return _unfetched(self.folder, name) or Inspection(Published.DAMAGED, other)
            if deep and sha256(path) != self.hashes[name]:
                return Inspection(Published.DAMAGED, f"{name} has another SHA-256 than recorded")
        except FileNotFoundError:
            if not absent_is_fine:
                return _unfetched(self.folder, name) or Inspection(Published.DAMAGED, f"{name} is missing")
        except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
            if not absent_is_fine:
                why = getattr(error, "strerror", None) or error
                return Inspection(Published.DAMAGED, f"{line(name)} cannot be read: {why}")
        return None
