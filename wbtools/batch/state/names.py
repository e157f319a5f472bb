"""What each subject of a list is called, and where its results are: as the export itself will say it.

A list may say `sub-01`, and the export be that of `sub-01_ses-1`. The study folder is asked once, before any work;
the answers lie in `OUT/.wbtools/names.tsv`, so that `status` needs no study folder. Lost, they are asked for again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from wbtools.batch.state.folder import BatchFiles, write_whole
from wbtools.batch.state.records import read_text
from wbtools.errors import InputError

_AT_ONCE = 16
"""Threads that ask: on a network file system, asking takes long and costs nothing."""


class PublishedName(NamedTuple):
    """What a subject is called.

    Parameters
    ----------
    id : str
        As in the record of its export.
    folder : str
        Name of its folder of results.
    """

    id: str
    folder: str


Ask = Callable[[str], PublishedName | None]
"""Tells a subject's name; None if the study does not have the subject."""

_noted: dict[Path, dict[str, PublishedName]] = {}
"""What this process has asked for itself, by the folder of exports."""


def name_of(out: Path, subject: str) -> PublishedName | None:
    """A subject's name, if anybody has asked for it yet."""
    return _noted.get(out, {}).get(subject) or _kept(out).get(subject)


def note(out: Path, subject: str, name: PublishedName | None) -> None:
    """Remember for this process what the study says now."""
    if name is not None:
        _noted.setdefault(out, {})[subject] = name


def settle(
    files: BatchFiles, ask: Ask, subjects: Iterable[str], *, settled: Callable[[str], bool], write: bool = True
) -> dict[str, PublishedName]:
    """Ask for the names of subjects, and keep them.

    Parameters
    ----------
    files : BatchFiles
    ask : callable
    subjects : iterable of str
    settled : callable
        Whether the name that is known of a subject stands, as of one who is published under it.
    write : bool
        Keep the names on disk, and not only in this process.

    Returns
    -------
    dict of str to Name
        Of all subjects that the study has.
    """
    wanted = list(subjects)
    known = {subject: name for subject in wanted if (name := name_of(files.out, subject)) is not None}
    open_ = [subject for subject in wanted if subject not in known or not settled(subject)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for subject, name in zip(open_, pool.map(ask, open_), strict=True):
            note(files.out, subject, name)
            if name is None:
                known.pop(subject, None)
            else:
                known[subject] = name
    if write:
        _keep(files, known)
    return {subject: known[subject] for subject in wanted if subject in known}


def require_distinct(names: Mapping[str, PublishedName], earlier: Mapping[str, PublishedName]) -> None:
    """Raise InputError if two subjects would be published in one folder, or are one person.

    Names that only differ in capitals count as the same, since on some file systems they are.

    Parameters
    ----------
    names : mapping of str to Name
        Of the subjects that are to be exported.
    earlier : mapping of str to Name
        Of those of other lists with the same folder of exports, who may be the same people.

    Examples
    --------
    >>> require_distinct({"P1_1": PublishedName("P1_1", "sub-P11"), "P11": PublishedName("P11", "sub-P11")}, {})
    Traceback (most recent call last):
    wbtools.errors.InputError: P1_1 and P11 would both be published as sub-P11
    """
    taken: dict[str, tuple[str, PublishedName]] = {}
    for subject, name in names.items():
        other, others = taken.setdefault(_key(name.folder), (subject, name))
        if other != subject:
            raise _collision(other, others, subject, name)
    for subject, name in earlier.items():
        other, others = taken.get(_key(name.folder), (subject, name))
        if other != subject and others.id != name.id:
            raise _collision(other, others, subject, name)


def earlier_names(out: Path) -> Mapping[str, PublishedName]:
    """The names of everybody who was ever asked for in a folder of exports."""
    return _kept(out)


def _collision(first: str, name: PublishedName, second: str, other: PublishedName) -> InputError:
    """The refusal of two subjects of one list."""
    if name.id == other.id:
        return InputError(f"{first} and {second} are one person, {name.id}", hint="list everybody once")
    if name.folder == other.folder:
        return InputError(
            f"{first} and {second} would both be published as {name.folder}",
            hint="BIDS names keep only letters and digits: give --naming hcp, or export them into two folders",
        )
    if unicodedata.normalize("NFC", name.folder) == unicodedata.normalize("NFC", other.folder):
        return InputError(
            f"{first} and {second} look alike, since accents are written in two ways ({name.folder!a} and "
            f"{other.folder!a}), and are one folder where a file system composes letters",
            hint="list the person once, or rename one of them",
        )
    return InputError(
        f"{first} and {second} would be published as {name.folder} and {other.folder}, which are one folder where a "
        "file system ignores capitals",
        hint="export them into two folders, or rename one of them",
    )


def _key(folder: str) -> str:
    """What file systems that ignore capitals, or compose letters, take a name for."""
    return unicodedata.normalize("NFC", folder).casefold()


def _keep(files: BatchFiles, names: Mapping[str, PublishedName]) -> None:
    """Write names beside those that are on disk already, if any is new."""
    before = _kept(files.out)
    together = {**before, **names}
    if together != before:
        rows = (f"{subject}\t{name.id}\t{name.folder}\n" for subject, name in together.items())
        with suppress(OSError):  # of whoever may only look
            write_whole(files.names, "".join(rows))


def _kept(out: Path) -> Mapping[str, PublishedName]:
    """The names on disk."""
    path = BatchFiles(out).names
    try:
        facts = path.stat()
        return _read(path, facts.st_mtime_ns, facts.st_size)
    except OSError:
        return {}


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int) -> Mapping[str, PublishedName]:
    """What a file says; lines that are no names do not count."""
    lines = (read_text(path) or "").split("\n")
    rows = (line.split("\t") for line in lines)
    return {row[0]: PublishedName(row[1], row[2]) for row in rows if len(row) == 3 and all(row) and _is_plain(row[2])}


def _is_plain(folder: str) -> bool:
    """Whether a name leads nowhere but into the folder of exports."""
    parts = folder.split("/")  # of a BIDS session two
    return len(parts) <= 2 and all(part and part[0] != "." for part in parts)
