"""Locations of a subject's folder: in the study folder, or in a data set derived from it.

An unreadable folder counts as empty and does not end a search; `closed` reports it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from wbtools.errors import SubjectError
from wbtools.output.ownership import PROVENANCE
from wbtools.subject.identity import identity, is_step, person_of, session_of
from wbtools.subject.layouts import layouts_selected

Match = Callable[[Path], bool]
"""Whether a folder looks like a subject's in one layout."""

_RAW = frozenset({"rawdata", "raw", "raw_data", "bids", "bids_raw", "bids_data", "sourcedata", "source", "nifti"})
"""Names of folders of raw scans, next to which `derivatives` may be."""
_FUNCTIONAL = "func"
"""A folder with it, or with a part of a layout's, is a subject's folder, not a data set."""
_NO_DATA_SETS = frozenset(["logs", "log", "figures", "tmp", "work", "sourcedata"])
_NOBODYS = _NO_DATA_SETS | {"derivatives", "lost+found"}
"""Names of folders that are no person's, `lost+found` at the root of a disk among them."""
_FREESURFER = Path("sourcedata", "freesurfer")
"""Where BIDS apps keep the SUBJECTS_DIR that they used."""


def children(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; empty if it does not exist or is unreadable."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and _is_dir(entry))
    except OSError:
        return []


def files(folder: Path) -> list[Path]:
    """Everything in a folder but folders, broken links included, sorted; as `children`."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if not _is_dir(entry))
    except OSError:
        return []


def entries(folder: Path) -> list[Path]:
    """Everything in a folder, sorted; as `children`."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def is_dir(path: Path) -> bool:
    """Whether a path leads to a folder; False if that cannot be determined."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether a path leads to a file; False if that cannot be determined."""
    try:
        return path.is_file()
    except OSError:
        return False


def has_folder(folder: Path, *names: str) -> bool:
    """Whether a folder contains all of these folders.

    Examples
    --------
    >>> has_folder(Path("/"), "dev", "proc"), has_folder(Path("/"), "no such folder")
    (True, False)
    """
    return all(is_dir(folder / name) for name in names)


def closed(folder: Path) -> bool:
    """Whether a folder exists and is unreadable.

    Examples
    --------
    >>> closed(Path("/")), closed(Path("/no such folder"))
    (False, False)
    """
    return is_dir(folder) and not os.access(folder, os.R_OK | os.X_OK)


def locked(folder: Path) -> list[Path]:
    """The folders in a folder that are unreadable, and may be somebody's."""
    return [inside for inside in children(folder) if inside.name not in _NOBODYS and closed(inside)]


def folders_named(study_folder: Path, subject_id: str) -> tuple[Path, ...]:
    """Possible folders of a subject: in the study folder, with or without `sub-`, or the study folder itself.

    Examples
    --------
    >>> [path.as_posix() for path in folders_named(Path("study/sub-01"), "01")]
    ['study/sub-01/01', 'study/sub-01/sub-01', 'study/sub-01']
    """
    label = subject_id.removeprefix("sub-")
    names = dict.fromkeys([subject_id, label, f"sub-{label}"])
    inside = tuple(study_folder / name for name in names)
    return (*inside, study_folder) if study_folder.name in names else inside


def homes(root: Path, subject_id: str) -> list[Path]:
    """The folders of a data set that may be or contain the subject's: by its id, else by that of its person."""
    named = dict.fromkeys([*folders_named(root, subject_id), *folders_named(root, person_of(subject_id))])
    there = [folder for folder in named if is_dir(folder)]
    if there or subject_id != person_of(subject_id):
        return there
    try:
        return list(_flat_sessions(root, root.stat().st_mtime_ns).get(subject_id.removeprefix("sub-"), ()))
    except OSError:
        return []


def found(study_folder: Path, subject_id: str, match: Match) -> list[Path]:
    """The matching folders of a subject: those in the study folder, or else those in derived data sets.

    There may be several sessions or runs, or several data sets; several links to a folder count once.
    """
    direct = _in_data_set(study_folder, subject_id, match)
    if direct:
        return direct
    others = (
        folder for root in data_sets(study_folder, subject_id) for folder in _in_data_set(root, subject_id, match)
    )
    return list({os.path.realpath(folder): folder for folder in reversed(list(others))}.values())[::-1]


def only(candidates: list[Path], study_folder: Path, subject_id: str) -> Path | None:
    """The only one of several candidates; None without any.

    Raises
    ------
    SubjectError
        If there are several, all of which are named.
    """
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    ids = [identity(folder) for folder in candidates]
    if len(set(ids)) == len(ids):
        raise SubjectError(
            f"subject {subject_id} in {study_folder} has {len(ids)} sessions or runs",
            hint=f"name one of them: {', '.join(ids)}",
        )
    listed = "".join(f"\n  {folder}" for folder in candidates)
    raise SubjectError(
        f"subject {subject_id} of {study_folder} was found in {len(candidates)} places:{listed}",
        hint=f"give the folder to take by its path, for example: {candidates[0]}",
    )


def people(study_folder: Path, match: Match, subject_id: str = "") -> list[str]:
    """Names of the subject folders of a study folder, and of derived data sets, that match or contain a match."""
    roots = (study_folder, *data_sets(study_folder, subject_id))
    return sorted({home.name for root in roots for home in children(root) if _matching(home, match)})


def data_sets(study_folder: Path, subject_id: str) -> Iterator[Path]:
    """Data sets derived from a study folder's scans, in the usual locations.

    These are `derivatives/`, the folders in it and the folders in those, folders with a program's name next to the
    subjects' (`freesurfer/`), and `sourcedata/freesurfer` in any of them. They also lie next to `rawdata/`, and
    above a study folder that is the subject's own folder.
    """
    if subject_id and study_folder in folders_named(study_folder, person_of(subject_id)):
        study_folder = study_folder.parent
    tops = [study_folder, study_folder.parent] if study_folder.name.lower() in _RAW else [study_folder]
    for top in tops:
        derivatives = top if top.name == "derivatives" else top / "derivatives"
        made = [derivatives] if is_dir(derivatives) else []
        for holder in _holders(derivatives):
            made += [holder, *_holders(holder)]
        if top.name != "derivatives":
            made += [holder for holder in _holders(top) if _is_programs(holder.name)]
        yield from (folder for folder in made if folder != study_folder)
        yield from (holder / _FREESURFER for holder in (top, *made) if has_folder(holder, str(_FREESURFER)))


def is_derived(folder: Path, study_folder: Path) -> bool:
    """Whether a folder is in a derived data set rather than in the study folder itself."""
    if not folder.is_relative_to(study_folder):
        return True
    first, *_ = (*folder.relative_to(study_folder).parts, "")
    return first in {"derivatives", "sourcedata"} or _is_programs(first)


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _in_data_set(root: Path, subject_id: str, match: Match) -> list[Path]:
    """Matching folders of the subject in a data set: by its exact id, else by person with matching session and run."""
    there = homes(root, subject_id)
    flat = [home for home in there if person_of(home.name) != home.name and home.name != subject_id]
    groups = [*([home] for home in there if home not in flat), flat]  # the id itself comes before its other spellings
    for group in groups:
        places = list(dict.fromkeys(place for home in group for place in _matching(home, match)))
        if subject_id != person_of(subject_id) and root / subject_id not in group:
            wanted = subject_id.removeprefix("sub-")
            places = [place for place in places if identity(place).removeprefix("sub-") == wanted]
        if places:
            return places
    return []


def _matching(home: Path, match: Match) -> list[Path]:
    """The matches in a person's folder: itself, else step and run folders inside it; and those of its sessions."""
    if is_file(home / PROVENANCE):  # one of our exports, which has a T1w and surfaces, too
        return []
    inside = children(home)
    sessions = [folder for folder in inside if session_of(folder.name) is not None]
    steps = (entry for entry in inside if entry not in sessions)
    matches = [home] if match(home) else _of_steps(steps, match, deeper=True)
    for folder in sessions:
        matches += [folder] if match(folder) else _of_steps(children(folder), match, deeper=True)
    return matches


def _of_steps(folders: Iterable[Path], match: Match, *, deeper: bool) -> list[Path]:
    """The matches among folders named after programs, steps, sessions or runs, and one level below these."""
    matching: list[Path] = []
    for folder in folders:
        if is_step(folder.name) and match(folder):
            matching.append(folder)
        elif is_step(folder.name) and deeper:
            matching += _of_steps(children(folder), match, deeper=False)
    return matching


def _is_programs(name: str) -> bool:
    """Whether a folder next to the subjects' is named after a processing program."""
    return is_step(name) and session_of(name) is None and name.lower() not in {*_RAW, "derivatives"}


def _holders(folder: Path) -> tuple[Path, ...]:
    """The folders in a folder that may be data sets, which are not a subject's or session's."""
    try:
        return _listed(folder, folder.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=64)
def _flat_sessions(root: Path, changed: int) -> dict[str, tuple[Path, ...]]:
    """Folders such as `sub-01_ses-1` by their person, without `sub-`; cached as in `_listed`."""
    by_person: dict[str, tuple[Path, ...]] = {}
    for folder in children(root):
        if "_ses-" in folder.name:
            person = person_of(folder.name).removeprefix("sub-")
            by_person[person] = (*by_person.get(person, ()), folder)
    return by_person


@lru_cache(maxsize=4096)
def _listed(folder: Path, changed: int) -> tuple[Path, ...]:
    """As `_holders`; cached while the folder is unchanged, since a batch asks for every subject."""
    parts = (_FUNCTIONAL, *(part for layout in layouts_selected() for part in layout.parts))
    return tuple(
        child
        for child in children(folder)
        if not child.name.startswith(("sub-", "ses-"))
        and child.name not in _NO_DATA_SETS
        and not any(is_dir(child / part) for part in parts)
    )
