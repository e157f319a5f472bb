"""Subjects that are named by a path instead of by an id."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wbtools.dicom.header import is_dicom
from wbtools.dicom.series import DIRECTORY
from wbtools.errors import InputError, SubjectError
from wbtools.subject import not_found, places
from wbtools.subject.identity import IMAGES, is_step, session_of
from wbtools.subject.layouts import Layout, layouts_selected


def resolve(study_folder: Path, subject: str) -> tuple[Path, str]:
    """Study folder and id of a subject given by id or by path.

    The path may be that of the subject's folder or image, of a folder inside the subject's folder, or of a folder with
    a single subject; relative to the working directory or to the study folder. Links are not followed.

    Parameters
    ----------
    study_folder : Path
    subject : str
        An id, which is returned unchanged, or a path. A plain name is a path if it exists in the working directory and
        is not a subject of the study folder.

    Raises
    ------
    InputError
        If the path does not exist, or is a file other than an image.
    SubjectError
        If it is a folder with several subjects.

    Examples
    --------
    >>> resolve(Path("study"), "100307")
    (PosixPath('study'), '100307')
    """
    path = Path(subject)
    is_plain = path.name == subject and subject != ".."
    if not subject or (
        is_plain and (not (places.is_dir(path) or places.is_file(path)) or _is_subject(study_folder, subject))
    ):
        return study_folder, subject
    path = not_found.require_existing(path, study_folder)
    if places.is_file(path):
        return _image(path)
    return _folder(path)


def _folder(path: Path) -> tuple[Path, str]:
    """Study folder and id of a subject's folder, of a folder inside it, or of a folder with a single subject."""
    processed = [layout for layout in layouts_selected() if not layout.is_raw]
    if _is_subject(path.parent, path.name, processed):
        return path.parent, path.name
    above = path.parent
    if is_step(path.name) and (_is_subject(above.parent, above.name, processed) or not_found.is_unfinished(above)):
        return above.parent, above.name
    if _is_subject(path.parent, path.name, [layout for layout in layouts_selected() if layout.of_series is None]):
        return path.parent, path.name
    if _is_subject(path.parent, path.name) and not _subjects(path):  # files of a scanner, anywhere below
        return path.parent, path.name
    session = session_of(path.name)
    if session is not None:
        study, named = path.parent.parent, f"{path.parent.name}_ses-{session}"
        return (study, named) if _is_subject(study, named) or not _subjects(path) else _only_one(path)
    if not_found.is_unfinished(path):
        return path.parent, path.name
    if is_step(path.name) and path.parent != path and not _subjects(path):
        return _folder(path.parent)
    return _only_one(path)


def _image(path: Path) -> tuple[Path, str]:
    """Folder and name of an image; InputError if it is none by its name, nor a DICOM file."""
    if path.name.upper() == DIRECTORY and is_dicom(path):
        return _folder(path.parent)
    if not path.name.endswith(IMAGES) and not is_dicom(path):
        raise InputError(
            f"{path} is neither a folder nor a NIfTI, MGZ or DICOM image",
            hint="give the subject's folder, or its T1w image; DICOM files become one with dcm2niix",
        )
    return path.parent, path.name


def _only_one(folder: Path) -> tuple[Path, str]:
    """Study folder and id of the only subject in a folder; if there is none, of the folder itself."""
    inside = _subjects(folder)
    if len(inside) > 1:
        listed = ", ".join(inside[:3]) + (", ..." if len(inside) > 3 else "")
        raise SubjectError(
            f"{folder} is not a subject's folder, but holds {len(inside)} subjects ({listed})",
            hint=f"name one: {inside[0]} --study-folder {folder}; for all of them see: wbtools batch run --help",
        )
    return (folder, inside[0]) if inside else (folder.parent, folder.name)


def _is_subject(study_folder: Path, name: str, layouts: Iterable[Layout] | None = None) -> bool:
    """Whether any of the layouts (default: all) has a subject of this name, which need not be a plain name."""
    candidates = layouts_selected() if layouts is None else layouts
    try:
        return any(layout.locate(study_folder, name) for layout in candidates)
    except SubjectError:  # it is ambiguous; `find` will report that
        return True


def _subjects(study_folder: Path) -> list[str]:
    """Names of the subjects in a study folder, in any layout."""
    return not_found.list_subjects(study_folder, layouts_selected())
