"""Outputs stay out of inputs: an output folder that is, holds or lies in one is refused before any work.

What tells a subject's folder is a field of each layout (`wbtools.subject.layouts.Signs`).

Links are followed on both sides, and folders are compared by device and number, so that a bind mount or another
spelling of a name is noticed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NoReturn

from wbtools.errors import InputError, SubjectError
from wbtools.output.names.described_data import DESCRIPTION
from wbtools.output.ownership import BATCH_STATE, PROVENANCE, read_plain, record, subject_of
from wbtools.subject.layouts import Layout, layouts_selected

DATA_SET = ("dataset.json", "images.npy")
"""Files that every data set of `wbtools prepare` has: its manifest and its images."""

RUN = "run.json"
"""The record that the folder of every run of `wbtools train` has."""

_RUN_SAYS = {"run", "recipe", "data_sha256"}
"""What such a record says at least; other programs have files of this name, too."""

_DEFAULT = Path("derivatives", "wbtools")
_LOOKED_AT = 200

_Id = tuple[int, int]


@dataclass(frozen=True)
class _Place:
    """A path, which need not exist, and what identifies it and the folders that it lies in."""

    path: Path

    @cached_property
    def real(self) -> Path:
        """With all links followed."""
        try:
            return self.path.resolve()
        except (OSError, RuntimeError):  # links in a circle
            return Path(os.path.abspath(self.path))  # noqa: PTH100

    @property
    def own(self) -> _Id | None:
        """What identifies it; None if it does not exist."""
        return _id(self.real)

    @cached_property
    def above(self) -> frozenset[_Id]:
        """What identifies the folders that it lies in."""
        return frozenset(found for folder in self.real.parents if (found := _id(folder)))

    def lies_in(self, folder: _Place) -> bool:
        """Whether it is somewhere below a folder."""
        return folder.own in self.above

    def is_same(self, other: _Place) -> bool:
        """Whether both are one."""
        return self.real == other.real or (self.own is not None and self.own == other.own)


def default_out(study: Path, subject: str = "", given: Path | None = None) -> Path:
    """Where exports go if nothing is said: beside the subjects of the study folder, never in the folder of one.

    Parameters
    ----------
    study : Path
        The study folder.
    subject : str, optional
        Of whom.
    given : Path, optional
        The study folder that was named before the subject's path told it. Results of a scanner's files go there: what
        lies around these may be a medium or an archive.

    Examples
    --------
    >>> default_out(Path("study")).as_posix()
    'study/derivatives/wbtools'
    """
    if given is not None and _is_scanners(study, subject):
        home = study / subject if (study / subject).is_dir() else study
        beside = default_out(given)
        return default_out(home.parent) if _Place(beside).lies_in(_Place(home)) else beside
    outermost = next(iter(reversed(list(_subjects_above(_Place(study), None)))), None)
    return (outermost.parent if outermost else study) / _DEFAULT


def require_place(out: Path, study: Path, subjects: Collection[str] = (), work: Path | None = None) -> None:
    """Require that a folder may receive exports: nobody's inputs are in it, and it is in nobody's.

    Parameters
    ----------
    out : Path
        Need not exist.
    study : Path
        The study folder.
    subjects : collection of str
        Names of folders in it that are subjects', whatever they look like.
    work : Path, optional
        Where caches go; may be anywhere but in a study folder itself, or a subject's folder.

    Raises
    ------
    InputError
        If it is the study folder or another one, lies in a subject's folder, or is somebody else's BIDS dataset.
    """
    place, origin = _Place(out), _Place(study)
    if place.is_same(origin):
        _refuse(f"--out {out} is the study folder, which is never written to", study)
    require_no_subjects(out, study, "--out", subjects)
    require_outside_made(out, "--out")
    if work is not None:
        _require_place_of_caches(work, study, subjects)
    owner = _owner_of_dataset(place.real / DESCRIPTION)
    if owner:
        _refuse(f"--out {out} is the BIDS dataset of {owner}", study)


def require_no_subjects(folder: Path, study: Path, option: str, subjects: Collection[str] = ()) -> None:
    """Require that a folder to write to neither lies in a subject's folder nor is a study folder.

    Raises
    ------
    InputError
        Naming a subject's folder.
    """
    require_outside_subjects(folder, study, subjects, option)
    inside = _subject_in(_Place(folder).real)
    if inside:
        _refuse(f"{option} {folder} is a study folder: it holds {inside.name}, which wbtools did not make", study)


def _require_place_of_caches(work: Path, study: Path, subjects: Collection[str]) -> None:
    """Require that caches lie neither among subjects nor in the folder of one."""
    place = _Place(work)
    require_outside_subjects(work, study, subjects, "--work")
    inside = None if place.is_same(_Place(study)) else _subject_in(place.real)
    if inside or place.is_same(_Place(study)):
        what = f"a study folder: it holds {inside.name}" if inside else "the study folder, which is never written to"
        raise InputError(f"--work {work} is {what}", hint="choose another --work, for example a folder beside --out")


def require_outside_subjects(folder: Path, study: Path, subjects: Collection[str], option: str) -> None:
    """Require that a folder to write to does not lie in a subject's folder.

    Raises
    ------
    InputError
        Naming the subject's folder.
    """
    place, origin = _Place(folder), _Place(study)
    for above in _subjects_above(place, origin):
        _refuse(f"{option} {folder} lies in {above}, a subject's folder, which is never written to", study, option)
    for path in (place.real, *place.real.parents):
        if path.name in subjects and _Place(path.parent).is_same(origin):
            _refuse(f"{option} {folder} lies in {path}, a subject's folder, which is never written to", study, option)


def require_outside_made(folder: Path, option: str, *, itself: bool = True) -> None:
    """Require that a folder to write to neither is nor lies in a data set or a run, which stay as they are.

    Parameters
    ----------
    folder : Path
        Need not exist.
    option : str
        That names it.
    itself : bool, optional
        Whether it may not be one itself either.

    Raises
    ------
    InputError
        Naming it.
    """
    real = _Place(folder).real
    for above in (*((real,) if itself else ()), *real.parents):
        data_set = all(os.path.lexists(above / name) for name in DATA_SET)
        if data_set or _is_run(above):
            what = "a data set" if data_set else "the folder of a run"
            raise InputError(
                f"{option} {folder} lies in {above}, {what}, which stays as it is", hint=f"choose another {option}"
            )


def require_outside_inputs(folder: Path, option: str, study: Path | None = None) -> None:
    """Require that a file or folder to write is, and lies in, nothing that stays as it is.

    That is a subject's folder, a data set, a run's folder, a finished export or a batch's own files.

    Parameters
    ----------
    folder : Path
        Need not exist.
    option : str
        That names it.
    study : Path, optional
        The study folder, whose subjects' folders need not look like such.

    Raises
    ------
    InputError
        Naming the input.
    """
    _require_outside_exports(folder, option)  # first: some look like a subject's folder
    require_outside_subjects(folder, study or folder, (), option)
    require_outside_made(folder, option)


def _require_outside_exports(folder: Path, option: str) -> None:
    """Require that a file or folder to write lies in no finished export, and not among a batch's own files."""
    real = _Place(folder).real
    for above in (real, *real.parents):
        if above.name == BATCH_STATE and above.is_dir():
            what = "where a batch keeps its own files"
        elif above != real and _is_export(above):
            what = "a finished export, which stays as it is"
        else:
            continue
        raise InputError(f"{option} {folder} lies in {above}, {what}", hint=f"choose another {option}")


def require_apart(target: Path, inputs: Iterable[Path], study: Path) -> None:
    """Require that the folder to be published is no input, holds none, and lies in none.

    Parameters
    ----------
    target : Path
        Need not exist.
    inputs : iterable of Path
        Files and folders.
    study : Path
        For the hint.

    Raises
    ------
    InputError
        Naming both.
    """
    place, parent, read = _Place(target), _Place(target.parent), tuple(inputs)
    require_not_around(target, read, study)
    for path in read:
        found = _Place(path)
        if place.lies_in(found) or parent.lies_in(found) or parent.is_same(found):
            _refuse(f"the output folder {target} lies in an input ({path})", study)


def require_no_subject(target: Path, study: Path) -> None:
    """Require that the folder to be published, if it is there, is not a subject's with an export copied into it."""
    if _is_subject(target) and not _is_made(target):
        _refuse(f"the output folder {target} holds a subject's files, which wbtools did not make", study)


def require_not_around(target: Path, inputs: Iterable[Path], study: Path) -> None:
    """Require that the folder to be published is no input and holds none; parameters and errors as `require_apart`."""
    place = _Place(target)
    for path in inputs:
        found = _Place(path)
        if place.is_same(found):
            _refuse(f"the output folder {target} is an input ({path})", study)
        if found.lies_in(place):
            _refuse(f"the output folder {target} holds an input ({path})", study)


def _refuse(what: str, study: Path, option: str = "--out") -> NoReturn:
    example = f", for example {default_out(study)}" if option == "--out" else ""
    raise InputError(what, hint=f"choose another {option}{example}")


def _id(path: Path) -> _Id | None:
    """What identifies an existing file or folder, whatever its name."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _subjects_above(place: _Place, study: _Place | None) -> Iterator[Path]:
    """The folders of subjects that a place is, or lies in; innermost first."""
    for path in (place.real, *place.real.parents):
        within = study is not None and _Place(path).lies_in(study)
        if _is_subject(path) or (within and _any_layout(path, lambda layout: layout.signs.in_study)):
            yield path


def _is_subject(folder: Path) -> bool:
    """Whether a folder looks like one subject's in any layout."""
    return _any_layout(folder, lambda layout: layout.signs.anywhere)


def _any_layout(folder: Path, sign: Callable[[Layout], Callable[[Path], bool]]) -> bool:
    """Whether a folder has a sign of any layout; where that cannot be told, it has not."""
    for layout in layouts_selected():
        with suppress(OSError):
            if sign(layout)(folder):
                return True
    return False


def _is_scanners(study: Path, subject: str) -> bool:
    """Whether a subject is found in no layout but that of a scanner's own files."""
    with suppress(SubjectError):
        found = [layout for layout in layouts_selected() if layout.locate(study, subject)]
        return bool(found) and all(layout.of_series for layout in found)
    return False


def _subject_in(out: Path) -> Path | None:
    """A subject's folder directly in a folder, which no export left there; looks at the first few only."""
    try:
        with os.scandir(out) as entries:
            folders = (
                Path(entry.path) for entry in islice(entries, _LOOKED_AT) if entry.name[0] != "." and entry.is_dir()
            )
            return next((folder for folder in folders if _is_subject(folder) and not _is_made(folder)), None)
    except OSError:
        return None


def _is_made(folder: Path) -> bool:
    """Whether a subject's folder is an export and no more, or holds nothing but exports of BIDS sessions."""
    if os.path.lexists(folder / PROVENANCE):
        return not _any_layout(folder, lambda layout: layout.signs.beside_export)
    sessions = list(folder.glob("ses-*"))
    alone = not (folder / "anat").exists() and bool(sessions)
    return alone and all(os.path.lexists(session / PROVENANCE) for session in sessions)


def _is_run(folder: Path) -> bool:
    """Whether `wbtools train` keeps a run in a folder."""
    if not os.path.lexists(folder / RUN):
        return False
    try:
        found = json.loads(read_plain(folder / RUN))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.keys() >= _RUN_SAYS


def _is_export(folder: Path) -> bool:
    """Whether a folder has a record that wbtools wrote of a subject's export."""
    if not os.path.lexists(folder / PROVENANCE):
        return False
    try:
        found = record(folder)
    except (OSError, ValueError):
        return False
    return subject_of(found) is not None and bool({"subject", "networks"} & found.keys())


def _owner_of_dataset(description: Path) -> str:
    """Whose BIDS dataset it is by its description; empty without one, and of one that may hold exports."""
    if not os.path.lexists(description):
        return ""
    try:
        found = json.loads(read_plain(description).decode("utf-8-sig"))
        makers = [str(maker["Name"]) for maker in found.get("GeneratedBy", [])]
        kind = str(found.get("DatasetType", "raw"))
    except (OSError, ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return f"somebody else ({DESCRIPTION} cannot be read)"
    if kind != "derivative":
        return f"somebody else (DatasetType: {kind})"
    return "" if not makers or "wbtools" in makers else ", ".join(makers)
