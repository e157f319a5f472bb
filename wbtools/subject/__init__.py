"""One person's folder, found and checked: `Subject`, whatever the layout of the folder.

The layouts are in `wbtools.subject.layouts`, one module and one entry of the registry each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject import places, refusals
from wbtools.subject.identity import IMAGES, identity, is_step, session_of, typed
from wbtools.subject.layouts import AUTO, LAYOUTS, Layout, layout_named, layouts_asked
from wbtools.subject.presence import Missing, hindered, refusal
from wbtools.subject.subject import (
    MESHES,
    MeshChoice,
    MeshName,
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
    "MeshChoice",
    "MeshName",
    "Missing",
    "Registration",
    "Subject",
    "SurfaceKind",
    "Whereabouts",
    "check_meshes",
    "find",
    "identity",
    "located",
    "meshes_named",
    "placed",
    "prepared",
    "recognised",
    "require_plain_name",
]


def find(
    study_folder: Path,
    subject_id: str,
    mesh: MeshChoice | None = None,
    registration: Registration | None = None,
    layout: str = AUTO,
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
    study_folder = _absolute_if_nameless(study_folder)
    name = recognised(study_folder, subject_id, layout)
    found = layout_named(name).find(study_folder, subject_id, mesh, registration)
    if lost := hindered(found.used(found.meshes)):
        raise refusal(found.folder, lost, _otherwise(found, lost))
    require_plain_name(found.id)
    return found


def _otherwise(subject: Subject, lost: Collection[Path]) -> str:
    """Which mesh can be had without the files that cannot, for a hint; empty if none."""
    if {subject.t1w, subject.segmentation, subject.brain_mask} & set(lost):
        return ""
    for word, meshes in MESHES.items():
        files = [path for mesh in meshes for side in Hemisphere for path in subject.files_of(side, mesh)]
        if len(meshes) == 1 and meshes[0] not in subject.resampled and files and not set(files) & set(lost):
            return f"or do without: --mesh {word}"
    return ""


class Whereabouts(NamedTuple):
    """Whom an id of a study folder means.

    Parameters
    ----------
    id : str
        What the person is called in every output.
    layout : str
    folder : Path
        That recorded inputs are relative to.
    """

    id: str
    layout: str
    folder: Path


def located(study_folder: Path, subject_id: str, layout: str = AUTO) -> Whereabouts:
    """Who is meant, as `find` says it, without asking whether the person's files are complete.

    Raises
    ------
    InputError, SubjectError
        As `recognised`.
    """
    study_folder = _absolute_if_nameless(study_folder)
    name = recognised(study_folder, subject_id, layout)
    place = layout_named(name).located(study_folder, subject_id)
    assert place is not None  # `recognised` has asked
    return Whereabouts(identity(place), name, place.parent if place.is_file() else place)


def _absolute_if_nameless(study_folder: Path) -> Path:
    """`.` and `..` by their names: the folder may be the subject's own."""
    return study_folder if study_folder.name not in {"", ".."} else typed(study_folder)


def recognised(study_folder: Path, subject_id: str, layout: str = AUTO) -> str:
    """The name of the one layout that a subject's folder looks like.

    One T1w image counts only without any other, also unfinished, and FreeSurfer's folder among a BIDS data set's
    derivatives only without complete ones of fMRIPrep, which hold the same cortex and its T1w. The study folder's own
    folders come before those of data sets made of it.

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
    asked = layouts_asked(layout)
    require_plain_name(subject_id)
    if not places.is_dir(study_folder):
        raise InputError(f"the study folder {study_folder} does not exist", hint="check --study-folder")
    found = {kind: place for kind in asked if (place := kind.located(study_folder, subject_id))}
    if not found:
        raise refusals.unknown(study_folder, subject_id, asked)
    made = {kind: place for kind, place in found.items() if not kind.is_raw}
    if made:
        found = _preferred(made, study_folder)
    elif layout == AUTO:
        refusals.require_nothing_better(study_folder, subject_id)
    if len(found) > 1:
        listed = " and ".join(f"{kind.name} ({place})" for kind, place in found.items())
        raise SubjectError(
            f"subject {subject_id} in {study_folder} looks like several layouts: {listed}",
            hint="say which one with --layout, or give the folder to take by its path",
        )
    return next(iter(found)).name


def _preferred(found: Mapping[Layout, Path], study_folder: Path) -> dict[Layout, Path]:
    """Without a folder whose cortex another layout has as well, and without those of derivatives beside own ones."""
    kept = {layout.name: layout for layout in found}
    for layout in found:
        other = kept.get(layout.yields_to)
        if other and len(kept) == 2 and places.is_derived(found[layout], study_folder):
            alone = layout.complete(found[layout]) and not other.complete(found[other])
            del kept[(other if alone else layout).name]
    own = [layout for layout in kept.values() if not places.is_derived(found[layout], study_folder)]
    return {layout: found[layout] for layout in own or kept.values()}


def placed(study_folder: Path, subject: str) -> tuple[Path, str]:
    """Study folder and id of a subject that was named by its path instead of by its id.

    The path may be that of the subject's folder or image, of a folder inside the subject's, or of a folder that holds
    one subject only; from the working directory or from the study folder. Links are not followed.

    Parameters
    ----------
    study_folder : Path
    subject : str
        An id, which is passed on, or a path. A plain name that the study folder does not have and the working directory
        does is a path.

    Raises
    ------
    InputError
        If the path leads nowhere, or to a file that is no image.
    SubjectError
        If it is a folder that holds several subjects.

    Examples
    --------
    >>> placed(Path("study"), "100307")
    (PosixPath('study'), '100307')
    """
    path = Path(subject)
    is_plain = path.name == subject and subject != ".."
    if not subject or (
        is_plain and (not (places.is_dir(path) or places.is_file(path)) or _located(study_folder, subject))
    ):
        return study_folder, subject
    path = refusals.existing(path, study_folder)
    if places.is_file(path):
        return _image(path)
    return _folder(path)


def _folder(path: Path) -> tuple[Path, str]:
    """Study folder and id of a subject's folder, of one in it, or of one that holds one subject only."""
    of_cortex = [layout for layout in layouts_asked() if not layout.is_raw]
    if _located(path.parent, path.name, of_cortex):
        return path.parent, path.name
    around = path.parent
    if is_step(path.name) and (_located(around.parent, around.name, of_cortex) or refusals.is_unfinished(around)):
        return around.parent, around.name
    if _located(path.parent, path.name):
        return path.parent, path.name
    session = session_of(path.name)
    if session is not None:
        study, named = path.parent.parent, f"{path.parent.name}_ses-{session}"
        return (study, named) if _located(study, named) or not _known(path) else _only_one(path)
    if refusals.is_unfinished(path):
        return path.parent, path.name
    if is_step(path.name) and path.parent != path and not _known(path):
        return _folder(path.parent)
    return _only_one(path)


def _image(path: Path) -> tuple[Path, str]:
    """Folder and name of an image, if it is one by its name."""
    if not path.name.endswith(IMAGES):
        raise InputError(
            f"{path} is neither a folder nor a NIfTI or MGZ image",
            hint="give the subject's folder, or its T1w image; DICOM files become one with dcm2niix",
        )
    return path.parent, path.name


def _only_one(folder: Path) -> tuple[Path, str]:
    """A folder's only subject; of a folder without any, the folder itself, which is then looked for as a subject."""
    inside = _known(folder)
    if len(inside) > 1:
        listed = ", ".join(inside[:3]) + (", ..." if len(inside) > 3 else "")
        raise SubjectError(
            f"{folder} is no subject's folder, but holds {len(inside)} subjects ({listed})",
            hint=f"name one: {inside[0]} --study-folder {folder}; for all of them see: wbtools batch run --help",
        )
    return (folder, inside[0]) if inside else (folder.parent, folder.name)


@contextmanager
def prepared(subject: Subject) -> Iterator[Subject]:
    """The subject with everything that has to be made for it first; what was made is removed at the end."""
    prepare = layout_named(subject.layout).prepare
    if prepare is None:
        yield subject
        return
    with TemporaryDirectory(prefix="wbtools-") as folder:
        yield prepare(subject, Path(folder))


def _located(study_folder: Path, name: str, layouts: Iterable[Layout] | None = None) -> bool:
    """Whether a name, which may be no plain one, is a subject's in any of the layouts, of all unless told."""
    asked = layouts_asked() if layouts is None else layouts
    try:
        return any(layout.located(study_folder, name) for layout in asked)
    except SubjectError:  # there is more than one, which whoever looks for it says
        return True


def _known(study_folder: Path) -> list[str]:
    """Names of the subjects that look like one of the layouts."""
    return refusals.known(study_folder, layouts_asked())
