"""Whether a subject is done: a look at the published folder, never at a queue or a log."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from wbtools.batch.state.names import name_of
from wbtools.batch.state.records import read_text
from wbtools.errors import InputError
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
    """Whether the record is there, the mark of a whole folder; costs a question or two to the file system."""
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
    try:
        text = read_text(folder / PROVENANCE)
        if text is None:
            return _without_record(folder)
        record = json.loads(text)
        tables = [record.get(name, {}) for name in ("outputs_bytes", "inputs_sha256", "inputs_bytes")]
        outputs = record["outputs_sha256"]
        if not all(isinstance(table, dict) for table in (outputs, *tables)):
            raise ValueError("its lists of files are none")
    except (OSError, ValueError, KeyError, AttributeError, RecursionError) as error:
        return Inspection(Published.DAMAGED, f"{PROVENANCE} cannot be read: {line(error)}")
    sizes, hashes_before, sizes_before = tables
    named = subject_of(record)
    if ids and named is not None and named not in ids:
        return Inspection(Published.ANOTHERS, f"it is the export of {line(named)}, not of {ids[0]}")
    if settings_sha256 and record.get("settings_sha256") != settings_sha256:
        return Inspection(Published.FOREIGN, "it was made with other settings, another network or another version")
    wrong = _first_difference(folder, outputs, sizes, deep)
    if wrong:
        return Inspection(Published.DAMAGED, wrong)
    changed = inputs and _first_difference(inputs, hashes_before, sizes_before, deep, absent_is_fine=True)
    return Inspection(Published.OUTDATED, f"input {changed}") if changed else _CURRENT


def _without_record(folder: Path) -> Inspection:
    """What a folder without a record is."""
    if not os.path.lexists(folder):
        return _ABSENT
    return Inspection(Published.DAMAGED, f"{PROVENANCE} is missing" if folder.is_dir() else "it is no folder")


def _first_difference(
    folder: Path, hashes: Mapping[str, str], sizes: Mapping[str, int], deep: bool, *, absent_is_fine: bool = False
) -> str:
    """The first file that is not as recorded, and how; empty if there is none."""
    for name in hashes:
        try:
            size = (folder / name).stat().st_size
            if size != sizes.get(name, size):
                return f"{name} has {counted(size, 'byte')}, recorded are {sizes[name]}"
            if deep and sha256(folder / name) != hashes[name]:
                return f"{name} has another SHA-256 than recorded"
        except FileNotFoundError:
            if not absent_is_fine:
                return f"{name} is missing"
        except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
            if not absent_is_fine:
                return f"{line(name)} cannot be read: {getattr(error, 'strerror', None) or error}"
    return ""
