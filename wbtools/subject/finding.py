"""Finding a subject in a study folder: its layout, identity and files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from wbtools.anatomy import Hemisphere
from wbtools.dicom.series import SeriesChoice
from wbtools.errors import InputError, SubjectError
from wbtools.placement.options import USUAL, PlacementOptions
from wbtools.subject import not_found, places
from wbtools.subject.identity import identity, typed
from wbtools.subject.layouts import AUTO, Find, Layout, layout_named, layouts_selected
from wbtools.subject.presence import refusal, unusable_files
from wbtools.subject.subject import MESHES, MeshChoice, Registration, Subject, require_plain_name


def find(
    study_folder: Path,
    subject_id: str,
    mesh: MeshChoice | None = None,
    registration: Registration | None = None,
    layout: str = AUTO,
    series: SeriesChoice | None = None,
) -> Subject:
    """Find a subject's files.

    Parameters
    ----------
    study_folder : Path
        Contains the subject's folder, or is the subject's folder.
    subject_id : str
        Name of the subject's folder; `sub-` may be left out, and a BIDS session is `sub-X_ses-Y`.
    mesh : str, optional
        A key of `MESHES`. None takes native and 32k where they are complete.
    registration : {"MSMAll", "MSMSulc"}, optional
        None takes the best available.
    layout : str
        A name in `LAYOUTS`, or `auto`.
    series : SeriesChoice, optional
        Which of a scanner's series is taken; without, DICOM files are refused.

    Raises
    ------
    InputError
        If the id, the study folder or an option is invalid.
    SubjectError
        If the subject is unknown, matches several layouts, or lacks required files, all of which are listed.
    """
    study_folder = _with_name(study_folder)
    entry = layout_named(recognise(study_folder, subject_id, layout))
    subject = _taking(entry, series)(study_folder, subject_id, mesh, registration)
    if unusable := unusable_files(subject.used(subject.meshes)):
        raise refusal(subject.folder, unusable, _alternative(subject, unusable))
    require_plain_name(subject.id)
    return subject


def _taking(layout: Layout, series: SeriesChoice | None) -> Find:
    """How a layout finds a subject, of whom a scanner's series may have been chosen."""
    if layout.of_series is None:
        if series is not None and not series.is_usual:
            raise InputError(
                f"{' and '.join(series.options)} can be given for DICOM files only, and this is not a DICOM series "
                f"(layout: {layout.name})",
                hint=f"leave out {' and '.join(series.options)}, or give the folder of the DICOM files by its path",
            )
        return layout.find
    if series is None:
        raise InputError(
            "DICOM files are read for the subject of export-subject alone, since their folders are called after people",
            hint="make one NIfTI image of the series with dcm2niix, and give that",
        )
    return layout.of_series(series)


def _alternative(subject: Subject, unusable: Collection[Path]) -> str:
    """A mesh that does not need the unusable files, as part of a hint; empty if there is none."""
    if {subject.t1w, subject.segmentation, subject.brain_mask} & set(unusable):
        return ""
    for word, meshes in MESHES.items():
        files = [path for mesh in meshes for side in Hemisphere for path in subject.files_of(side, mesh)]
        if len(meshes) == 1 and meshes[0] not in subject.resampled and files and not set(files) & set(unusable):
            return f"or do without: --mesh {word}"
    return ""


class Location(NamedTuple):
    """Identity, layout and folder of a subject.

    Parameters
    ----------
    id : str
        The id in every output.
    layout : str
    folder : Path
        Recorded paths of inputs are relative to it.
    """

    id: str
    layout: str
    folder: Path


def locate(study_folder: Path, subject_id: str, layout: str = AUTO) -> Location:
    """Locate a subject as `find` does, without checking that its files are complete.

    Raises
    ------
    InputError, SubjectError
        As `recognise`, and for DICOM files: their subject's id is none of a path.
    """
    study_folder = _with_name(study_folder)
    name = recognise(study_folder, subject_id, layout)
    _taking(layout_named(name), None)
    path = layout_named(name).locate(study_folder, subject_id)
    assert path is not None  # `recognise` has located it
    return Location(identity(path), name, layout_named(name).folder_of(path))


def recognise(study_folder: Path, subject_id: str, layout: str = AUTO) -> str:
    """Recognise the layout of a subject's folder.

    A lone T1w image counts only if no other layout is found, complete or not, and DICOM files only without an image. A
    FreeSurfer folder among the derivatives of a BIDS data set counts only if fMRIPrep's, which have the same cortex and
    its T1w, are incomplete. The study folder's own folders take precedence over those of derived data sets.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
    layout : str
        The name of a layout, or `auto` to try all.

    Returns
    -------
    str
        The name of the layout.

    Raises
    ------
    InputError
        If the id is not a plain name, or the study folder or the layout does not exist.
    SubjectError
        If the folder matches none of the layouts, or several.
    """
    candidates = layouts_selected(layout)
    require_plain_name(subject_id)
    if not places.is_dir(study_folder):
        raise InputError(f"the study folder {study_folder} does not exist", hint="check --study-folder")
    found = {entry: path for entry in candidates if (path := entry.locate(study_folder, subject_id))}
    if not found:
        raise not_found.unknown(study_folder, subject_id, candidates)
    processed = {entry: path for entry, path in found.items() if not entry.is_raw}
    if processed:
        found = _preferred(processed, study_folder)
    else:
        found = dict([next(iter(found.items()))])
        if layout == AUTO:
            not_found.require_nothing_better(study_folder, subject_id)
    if len(found) > 1:
        listed = " and ".join(f"{entry.name} ({path})" for entry, path in found.items())
        raise SubjectError(
            f"subject {subject_id} in {study_folder} looks like several layouts: {listed}",
            hint="say which one with --layout, or give the folder to take by its path",
        )
    return next(iter(found)).name


def _preferred(found: Mapping[Layout, Path], study_folder: Path) -> dict[Layout, Path]:
    """The layouts without one that yields to another, and without derived folders if there are others."""
    kept = {layout.name: layout for layout in found}
    for layout in found:
        other = kept.get(layout.yields_to)
        if other and len(kept) == 2 and places.is_derived(found[layout], study_folder):
            alone = layout.complete(found[layout]) and not other.complete(found[other])
            del kept[(other if alone else layout).name]
    direct = [layout for layout in kept.values() if not places.is_derived(found[layout], study_folder)]
    return {layout: found[layout] for layout in direct or kept.values()}


@contextmanager
def prepared(subject: Subject, placing: PlacementOptions = USUAL) -> Iterator[Subject]:
    """The subject with the files that have to be made for it first, in a temporary folder that is removed at exit."""
    prepare = layout_named(subject.layout).prepare
    if prepare is None:
        yield subject
        return
    with TemporaryDirectory(prefix="wbtools-") as folder:
        yield prepare(subject, Path(folder), placing)


def _with_name(study_folder: Path) -> Path:
    """The study folder with `.` and `..` resolved, since it may be the subject's own folder and give the id."""
    return study_folder if study_folder.name not in {"", ".."} else typed(study_folder)
