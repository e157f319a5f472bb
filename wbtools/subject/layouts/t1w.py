"""A T1w image alone, with surfaces and segmentation of group averages laid over it (`template_in_head`).

By SyN, areas lie on the grey matter that the image shows. By an affine registration, the result is the average's
folding in this person's pose and size. Either way, areas are where they are in most people, and no folding is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images.installed import installed_file
from wbtools.subject import places
from wbtools.subject.identity import IMAGES, identity, image_stem, is_step, person_of, session_of
from wbtools.subject.layouts import Layout, Signs
from wbtools.subject.layouts.template_in_head import MESH, place
from wbtools.subject.presence import Missing, hindrance, is_named, refusal, unusable_files, usable
from wbtools.subject.subject import MeshChoice, Registration, Subject, SurfaceKind, meshes_named
from wbtools.surfaces.standard import average_32k

_DERIVED = ("desc", "space", "res", "label")
"""Entities of BIDS names that raw scans do not have."""
_IMPOSSIBLE = (
    Missing("surfaces of this person", "the native mesh, this person's folds and thickness"),
    Missing("a segmentation of this person", "the true outlines and volumes of subcortical structures"),
)


def locate(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's T1w image: a file with this name, or the only raw T1w in the subject's folder."""
    found = next((file for file in _files_named(study_folder, subject_id) if usable(file)), None)
    if found is not None:
        return found
    scans = candidates(study_folder, subject_id)
    return scans[0] if len(scans) == 1 else None


def candidates(study_folder: Path, subject_id: str, fit: Callable[[Path], bool] = usable) -> list[Path]:
    """The raw T1w images in the subject's folder; `locate` does not choose between several.

    These are the images in the folder itself and its `anat/`, else those of its sessions; in the study folder, or in
    `rawdata/`.
    """
    roots = (study_folder, study_folder / "rawdata")
    for home in (home for root in roots for home in places.homes(root, subject_id)):
        sessions = [session for session in places.children(home) if session_of(session.name) is not None]
        scans = _scans(home, fit) or [scan for session in sessions for scan in _scans(session, fit)]
        if subject_id not in {person_of(subject_id), home.name}:
            scans = [scan for scan in scans if _is_of(scan, subject_id)]
        if scans:
            return scans
    return []


def unfetched(study_folder: Path, subject_id: str) -> list[Path]:
    """Images of the subject that are broken links, pointers or empty."""

    def fit(path: Path) -> bool:
        return hindrance(path) is not None

    return [*filter(fit, _files_named(study_folder, subject_id)), *candidates(study_folder, subject_id, fit)]


def list_subjects(study_folder: Path) -> list[str]:
    """Names of the T1w images, and of the folders with a single T1w image."""
    files = (identity(path) for path in places.files(study_folder) if _is_scan(path) and usable(path))
    folders = (home for root in (study_folder, study_folder / "rawdata") for home in places.children(root))
    return sorted({*files, *(inner.name for inner in folders if not is_step(inner.name) and len(_scans(inner)) == 1)})


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    """Find a T1w image; its surfaces and segmentation are still in template space, until `prepare`.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the image, with or without its suffix, or of a folder with a single image.
    mesh : str, optional
        Any choice that includes the 32k mesh.
    registration : str, optional
        Must be None, since the registration is affine.

    Raises
    ------
    InputError
        If a mesh or a registration is requested that a T1w image cannot give.
    """
    t1w = locate(study_folder, subject_id)
    assert t1w is not None  # the caller has asked `locate`
    subject = of_image(t1w, identity(t1w), mesh, registration)
    if unusable := unusable_files(_alternatives(study_folder, subject_id, t1w)):
        raise refusal(t1w.parent, unusable, f"or give the image to take by its path: {t1w}")
    return subject


def of_image(t1w: Path, name: str, mesh: MeshChoice | None = None, registration: Registration | None = None) -> Subject:
    """The subject of an image, called as is said; its surfaces and segmentation are still in template space.

    Raises
    ------
    InputError
        As `find`.
    """
    if registration is not None:
        raise InputError(f"one T1w image has no registration {registration}", hint="leave out --surf-reg")
    if MESH not in meshes_named(mesh):
        raise InputError(
            f"one T1w image gives no {mesh} mesh: template surfaces have only 32k",
            hint="choose --mesh 32k, or run FreeSurfer and give its folder",
        )
    kinds = get_args(SurfaceKind)
    return Subject(
        id=name,
        layout="t1w",
        from_template=True,
        folder=t1w.parent,
        t1w=t1w,
        surfaces={(side, kind, MESH): average_32k(side, f"{kind}_MSMAll") for side in Hemisphere for kind in kinds},
        spheres={},
        rois={},
        segmentation=installed_file("wbtools", "data", "Avgwmparc.nii.gz"),
        registration="of a template to the T1w",
        derived=(
            "surfaces, 32k: the HCP S1200 group average's, laid over the image",
            "segmentation: HCP's average wmparc, laid over the image",
        ),
        missing=_IMPOSSIBLE,
    )


def _files_named(study_folder: Path, subject_id: str) -> list[Path]:
    """The image names that an id may stand for in a folder of images."""
    names = [subject_id, *(f"{subject_id}{end}{suffix}" for end in ("", "_T1w", "_T1") for suffix in IMAGES)]
    return [study_folder / name for name in names if name.endswith(IMAGES)]


def _alternatives(study_folder: Path, subject_id: str, t1w: Path) -> list[Path]:
    """The images that would have been found instead, or would have been ambiguous, if they were usable."""
    named = _files_named(study_folder, subject_id)
    return named[: named.index(t1w)] if t1w in named else candidates(study_folder, subject_id, is_named)


def _is_of(scan: Path, subject_id: str) -> bool:
    """Whether a scan belongs to a subject, session or run."""
    wanted, found = (name.removeprefix("sub-") for name in (subject_id, identity(scan)))
    return found == wanted or found.startswith(f"{wanted}_")


def _scans(folder: Path, fit: Callable[[Path], bool] = usable) -> list[Path]:
    """Raw T1w images in a subject's or session's folder."""
    return sorted(
        path for place in (folder, folder / "anat") for path in places.entries(place) if _is_scan(path) and fit(path)
    )


def _is_scan(path: Path) -> bool:
    """Whether a file has the name of a raw T1w image."""
    name = image_stem(path.name)
    if name == path.name:
        return False
    *entities, last = name.split("_")
    return last in {"T1w", "T1"} and not any(
        entity.partition("-")[0] in _DERIVED for entity in entities if "-" in entity
    )


LAYOUT = Layout(
    "t1w",
    "SUBJECT.nii.gz, SUBJECT_T1w.nii.gz or SUBJECT/anat/*_T1w.nii.gz (one T1w image)",
    locate,
    list_subjects,
    find,
    Signs(),  # a scan in a folder of any kind
    is_raw=True,
    prepare=place,
    candidates=candidates,
    unfetched=unfetched,
)
