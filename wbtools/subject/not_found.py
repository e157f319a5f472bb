"""Errors that explain why a subject was not found; used only after a look-up has failed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from wbtools.errors import InputError, MissingFile, SubjectError
from wbtools.subject import places
from wbtools.subject.identity import identity, image_stem, is_step, person_of, typed
from wbtools.subject.layouts import Layout, layouts_selected
from wbtools.subject.presence import hindrance
from wbtools.text import first_of

_MAY_READ = "ask its owner for read permission, for example: chmod -R g+rX"


_NAMED = 5
"""Number of sessions that a hint lists."""


def list_subjects(study_folder: Path, layouts: Iterable[Layout]) -> list[str]:
    """Names of the subjects in a study folder, in any of the layouts."""
    return sorted({name for layout in layouts for name in layout.list_subjects(study_folder)})


def unknown(study_folder: Path, subject_id: str, layouts: Sequence[Layout]) -> InputError:
    """The error for a subject that no layout recognises, with what was looked for and the closest ids."""
    if places.closed(study_folder):
        return not_readable(study_folder)
    scans = [scan for layout in layouts for scan in layout.candidates(study_folder, subject_id)]
    only_scans = scans and all(layout.is_raw for layout in layouts)  # nothing made of them is asked for
    incomplete = None if only_scans else next(_incomplete(study_folder, subject_id, beside_scan=bool(scans)), None)
    if incomplete is not None:
        return incomplete
    if scans:
        listed = ", ".join(path.name for path in scans)
        return SubjectError(
            f"subject {subject_id} in {study_folder} has {len(scans)} T1w images and nothing made of them: {listed}",
            hint=f"name the one to take: {scans[0]}",
        )
    for path in (path for layout in layouts for path in layout.unfetched(study_folder, subject_id)):
        if (reason := hindrance(path)) is not None:
            return reason
    return _not_there(study_folder, subject_id, layouts)


def _not_there(study_folder: Path, subject_id: str, layouts: Sequence[Layout]) -> SubjectError:
    """The error for an id that is not in the study folder."""
    looked_for = "; ".join(layout.looked_for for layout in layouts)
    locked = [folder.name for folder in places.locked(study_folder)]
    remark = f"; folders without read permission were not searched ({first_of(locked, 3)})" if locked else ""
    if places.is_dir(study_folder / subject_id):
        return SubjectError(
            f"{study_folder / subject_id} does not look like a subject's folder (looked for: {looked_for})",
            hint="give a subject's own folder or image, or the folder above the subjects' folders with --study-folder",
        )
    if sessions := _sessions(study_folder, subject_id):
        person = person_of(subject_id)
        return SubjectError(
            f"subject {person} in {study_folder} has no {subject_id.removeprefix(person).lstrip('_')}",
            hint=f"did you mean {' or '.join(sessions[:_NAMED])}? ({len(sessions)} there)",
        )
    there = list_subjects(study_folder, layouts)
    if not there:
        return SubjectError(
            f"{study_folder} has no subject {subject_id}, nor any other (looked for: {looked_for}){remark}",
            hint="give the folder above the subjects' folders with --study-folder",
        )
    near = get_close_matches(subject_id, there, n=3, cutoff=0.5) or there[:3]
    return SubjectError(
        f"{study_folder} has no subject {subject_id} (looked for: {looked_for}){remark}",
        hint=f"did you mean {' or '.join(near)}? ({len(there)} subject{'s' * (len(there) > 1)} there)",
    )


def _sessions(study_folder: Path, subject_id: str) -> list[str]:
    """Ids of the existing sessions and runs of a person, if the id is that of a session or run."""
    person = person_of(subject_id)
    if person == subject_id:
        return []
    always = [part for layout in layouts_selected() for part in layout.parts[:1]]
    found = places.found(study_folder, person, lambda folder: any(places.is_dir(folder / part) for part in always))
    return sorted({person for folder in found if person_of(person := identity(folder)) != person})


def require_nothing_better(study_folder: Path, subject_id: str) -> None:
    """Raise InputError if a raw scan would be used although the subject has processed data that are unusable.

    Raises
    ------
    InputError
        Names a folder of the subject that is unreadable, or an unfinished folder of another layout.
    """
    incomplete = next(_incomplete(study_folder, subject_id, beside_scan=True), None)
    if incomplete is not None:
        raise incomplete.hinting(f"{incomplete.hint}; or take the scan alone, with template surfaces: --layout t1w")


def is_unfinished(folder: Path) -> bool:
    """Whether a folder is an unfinished or unreadable folder of a layout."""
    return _reason(folder) is not None


def require_existing(path: Path, study_folder: Path) -> Path:
    """An absolute path from a typed one, relative to the working directory or else to the study folder.

    Raises
    ------
    InputError
        If it does not exist, or is a broken link.
    """
    candidates = [typed(path), typed(study_folder / path)]
    found = next((place for place in candidates if os.path.lexists(place)), None)
    if found is None:
        if (reason := hindrance(candidates[0])) is not None:  # in an unreadable folder, or behind a broken link
            raise reason
        above = next((place.parent for place in candidates if places.is_dir(place.parent)), candidates[0].parent)
        names = [entry.name for entry in (*places.children(above), *places.files(above))]
        near = get_close_matches(path.name, names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else "check the path"
        raise MissingFile(path, hint)
    if not places.is_dir(found) and (reason := hindrance(found)) is not None:
        raise reason
    if places.closed(found):
        raise not_readable(found)
    return found


def not_readable(path: Path) -> InputError:
    """The error for a folder that is unreadable."""
    return InputError(f"{path} may not be read: Permission denied", hint=f"{_MAY_READ} {shlex.quote(str(path))}")


def _incomplete(study_folder: Path, subject_id: str, *, beside_scan: bool = False) -> Iterator[InputError]:
    """The errors for the subject's folders that are unfinished or unreadable."""
    roots = (study_folder, *places.data_sets(study_folder, subject_id))
    yield from (not_readable(root) for root in roots if places.closed(root))
    for folder in _with_steps(home for root in roots for home in places.homes(root, subject_id)):
        if (reason := _reason(folder, scans=not beside_scan)) is not None:
            yield reason


def _reason(folder: Path, *, scans: bool = True) -> InputError | None:
    """The error for a folder that is unfinished or unreadable; with `scans`, also for one of DICOM files."""
    if places.closed(folder):
        return not_readable(folder)
    for part in (part for layout in layouts_selected() for part in layout.parts):
        if places.closed(folder / part):
            return not_readable(folder / part)
        # Asked for a file inside it: this reports a broken link or a file instead of the folder, not an absent folder.
        if (hidden := hindrance(folder / part / "file")) is not None:
            return hidden
    for layout in layouts_selected():
        if found := layout.unfinished(folder):
            return SubjectError(found[0], hint=found[1])
    if scans and any(path.suffix.lower() in {".dcm", ".ima"} for path in places.files(folder)):
        return SubjectError(f"{folder} holds DICOM files", hint="make one NIfTI image of them with dcm2niix")
    return None


def _with_steps(folders: Iterable[Path]) -> Iterator[Path]:
    """Folders, each followed by the program and step folders inside it."""
    for folder in folders:
        yield folder
        yield from (entry for entry in places.children(folder) if is_step(image_stem(entry.name)))
