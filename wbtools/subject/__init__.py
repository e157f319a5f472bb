"""One person's folder, found and checked: `Subject`, and one module per folder layout.

A layout is one module with

- `LOOKED_FOR`, what its folders look like, in a few words;
- `located(study_folder, subject_id)`, the subject's folder if it looks like that;
- `known(study_folder)`, the subjects there are;
- `find(study_folder, subject_id, mesh, registration)`, the `Subject`.

It is added by its name in `LAYOUTS`, which is also the command line's choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, cast

from wbtools.errors import InputError, SubjectError
from wbtools.subject.subject import (
    IMAGES,
    MESHES,
    MeshName,
    Missing,
    Registration,
    Subject,
    SurfaceKind,
    check_meshes,
    meshes_named,
    require_plain_name,
)

__all__ = [
    "AUTO",
    "LAYOUTS",
    "MESHES",
    "MeshName",
    "Missing",
    "Registration",
    "Subject",
    "SurfaceKind",
    "check_meshes",
    "find",
    "meshes_named",
    "placed",
    "prepared",
    "recognised",
    "require_plain_name",
]

_INSIDE = {"anat", "T1w", "MNINonLinear", "surf", "mri", "label"}
"""Folders inside a subject's, which may be given by mistake."""

AUTO = "auto"
"""The word for asking every layout."""

LAYOUTS: dict[str, str] = {
    "hcp": "wbtools.subject.hcp",
    "freesurfer": "wbtools.subject.freesurfer",
    "bids": "wbtools.subject.bids",
    "t1w": "wbtools.subject.t1w",
}
"""The module of each layout, imported when it is asked for."""


class Layout(Protocol):
    """What the module of a layout has."""

    LOOKED_FOR: str

    def located(self, study_folder: Path, subject_id: str) -> Path | None:
        """The subject's folder or file, if it looks like this layout's."""
        ...

    def known(self, study_folder: Path) -> list[str]:
        """Names of the subjects that look like this layout's."""
        ...

    def find(self, study_folder: Path, subject_id: str, mesh: str | None, registration: str | None) -> Subject:
        """The subject, whose folder `located` has found."""
        ...


def find(
    study_folder: Path, subject_id: str, mesh: str | None = None, registration: str | None = None, layout: str = AUTO
) -> Subject:
    """Find one subject's files.

    Parameters
    ----------
    study_folder : Path
        Holds the subject's folder, or is it.
    subject_id : str
        Name of the subject's folder; `sub-` may be left out, and a BIDS session is `sub-X_ses-Y`.
    mesh : str, optional
        A word of `MESHES`. None takes native and 32k where they are complete.
    registration : {"MSMAll", "MSMSulc"}, optional
        None takes the best there is.
    layout : str
        A name in `LAYOUTS`, or `auto`.

    Raises
    ------
    InputError
        If the id, the study folder or an option cannot be used.
    SubjectError
        If the subject is unknown, looks like several layouts, or lacks needed files, all of which are listed.
    """
    name = recognised(study_folder, subject_id, layout)
    return _module(name).find(study_folder, subject_id, mesh, registration)


def recognised(study_folder: Path, subject_id: str, layout: str = AUTO) -> str:
    """The name of the one layout that a subject's folder looks like; one T1w image counts only without any other.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
    layout : str
        Which layouts to ask: one, or `auto` for all.

    Raises
    ------
    InputError
        If the id is no plain name, or the study folder or the layout does not exist.
    SubjectError
        If the folder looks like none of the layouts, or like several.
    """
    if layout not in {AUTO, *LAYOUTS}:
        choices = ", ".join([AUTO, *LAYOUTS])
        raise InputError(f"'{layout}' is no folder layout", mend=f"choose one of: {choices}")
    require_plain_name(subject_id)
    if not study_folder.is_dir():
        raise InputError(f"the study folder {study_folder} does not exist", mend="check --study-folder")
    names = list(LAYOUTS) if layout == AUTO else [layout]
    found = {name: place for name in names if (place := _module(name).located(study_folder, subject_id))}
    if not found:
        raise _unknown(study_folder, subject_id, names)
    if len(found) > 1:
        found.pop("t1w", None)  # a raw scan beside what was made of it
    if len(found) > 1:
        listed = " and ".join(f"{name} ({place})" for name, place in found.items())
        raise SubjectError(
            f"subject {subject_id} in {study_folder} looks like several layouts: {listed}",
            mend="say which one with --layout",
        )
    return next(iter(found))


def placed(study_folder: Path, subject: str) -> tuple[Path, str]:
    """Study folder and id of a subject that was named by its path instead of by its id.

    The path may be that of the subject's folder or image, of a folder inside the subject's, or of a folder that holds
    one subject only.

    Parameters
    ----------
    study_folder : Path
    subject : str
        An id, which is passed on, or a path.

    Raises
    ------
    InputError
        If the path is a file that is no image.
    SubjectError
        If it is a folder that holds several subjects.

    Examples
    --------
    >>> placed(Path("study"), "100307")
    (PosixPath('study'), '100307')
    """
    path = Path(subject)
    if path.name == subject or not path.exists():
        return study_folder, subject
    path = path.resolve()
    if path.is_file():
        return _image(path)
    if path.name.startswith("ses-") and path.parent.name.startswith("sub-"):
        return path.parent.parent, f"{path.parent.name}_{path.name}"
    if _located(path.parent, path.name):
        return path.parent, path.name
    if path.name in _INSIDE and path.parent != path:
        return placed(study_folder, str(path.parent))
    return _only_one(path)


def _image(path: Path) -> tuple[Path, str]:
    """Folder and name of an image, if it is one by its name and not empty."""
    if not path.name.endswith(IMAGES):
        raise InputError(
            f"{path} is neither a folder nor a NIfTI or MGZ image",
            mend="give the subject's folder, or its T1w image; DICOM files become one with dcm2niix",
        )
    if not path.stat().st_size:
        raise InputError(f"{path} is empty", mend="copy or download the file again")
    return path.parent, path.name


def _only_one(folder: Path) -> tuple[Path, str]:
    """A folder's only subject; of a folder without any, the folder itself, which is then looked for as a subject."""
    inside = _known(list(LAYOUTS), folder)
    if len(inside) > 1:
        listed = ", ".join(inside[:3]) + (", ..." if len(inside) > 3 else "")
        raise SubjectError(
            f"{folder} is no subject's folder, but holds {len(inside)} subjects ({listed})",
            mend=f"name one: {inside[0]} --study-folder {folder}; for all of them see: wbtools batch run --help",
        )
    return (folder, inside[0]) if inside else (folder.parent, folder.name)


@contextmanager
def prepared(subject: Subject) -> Iterator[Subject]:
    """The subject with everything that has to be made for it first; what was made is removed at the end."""
    if subject.layout != "t1w":
        yield subject
        return
    from wbtools.subject import t1w

    with TemporaryDirectory(prefix="wbtools-") as folder:
        yield t1w.prepare(subject, Path(folder))


def _module(layout: str) -> Layout:
    return cast(Layout, import_module(LAYOUTS[layout]))


def _located(study_folder: Path, name: str) -> bool:
    """Whether a name, which may be no plain one, is a subject's in any layout."""
    return any(_module(layout).located(study_folder, name) for layout in LAYOUTS)


def _known(layouts: list[str], study_folder: Path) -> list[str]:
    """Names of the subjects that look like one of the layouts."""
    return sorted({name for layout in layouts for name in _module(layout).known(study_folder)})


def _unknown(study_folder: Path, subject_id: str, layouts: list[str]) -> SubjectError:
    """The refusal of a subject that no layout knows, with what was looked for and the ids that come closest."""
    from wbtools.subject.t1w import candidates

    modules = [_module(name) for name in layouts]
    looked_for = "; ".join(module.LOOKED_FOR for module in modules)
    known = _known(layouts, study_folder)
    scans = candidates(study_folder, subject_id) if "t1w" in layouts else []
    if scans:
        listed = ", ".join(path.name for path in scans)
        return SubjectError(
            f"subject {subject_id} in {study_folder} has {len(scans)} T1w images and nothing made of them: {listed}",
            mend=f"name the one to take: {scans[0]}",
        )
    if not known:
        return SubjectError(
            f"{study_folder} has no subject {subject_id}, nor any other (looked for: {looked_for})",
            mend="give the folder above the subjects' folders with --study-folder",
        )
    near = get_close_matches(subject_id, known, n=3, cutoff=0.5) or known[:3]
    return SubjectError(
        f"{study_folder} has no subject {subject_id} (looked for: {looked_for})",
        mend=f"did you mean {' or '.join(near)}? ({len(known)} subject{'s' * (len(known) > 1)} there)",
    )
