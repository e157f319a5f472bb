"""BIDS derivatives of fMRIPrep and sMRIPrep: `sub-X/anat/` or `sub-X/ses-Y/anat/`, surfaces as GIFTI.

Names are parsed as entities in any order: `sub-01_hemi-L_space-fsLR_desc-msmsulc_sphere.surf.gii` is the sphere with
hemi L, space fsLR, desc msmsulc. Entities that only distinguish scans (acq, run, ...) are ignored; files with another
space or resolution are never taken for native ones.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject import places
from wbtools.subject.identity import identity
from wbtools.subject.layouts import Layout, Signs, having
from wbtools.subject.presence import Missing, incomplete, is_named, missing, usable
from wbtools.subject.subject import MeshChoice, MeshName, Registration, Subject, SurfaceKind, meshes_named, notice_in
from wbtools.surfaces.standard import SOURCES, SphereSpace

_SCAN = {"sub", "ses", "acq", "run", "rec", "ce", "part", "echo", "hemi"}
"""Entities that do not change the meaning of a file; `hemi` is compared separately."""

_NATIVE_KINDS: dict[SurfaceKind, tuple[str, ...]] = {
    "white": ("white", "smoothwm"),  # fMRIPrep before 22.1 had only smoothwm
    "midthickness": ("midthickness",),
    "pial": ("pial",),
    "inflated": ("inflated",),
}
_SPHERES: tuple[tuple[dict[str, str], str, SphereSpace], ...] = (
    ({"space": "fsLR", "desc": "msmsulc"}, "MSMSulc", "fs_LR"),
    ({"desc": "msmsulc"}, "MSMSulc", "fs_LR"),
    ({"space": "fsLR", "desc": "reg"}, "FreeSurfer sphere.reg, carried to fs_LR by sMRIPrep", "fs_LR"),
    ({"desc": "reg"}, "FreeSurfer sphere.reg", "fsaverage"),
    ({"space": "fsaverage", "desc": "reg"}, "FreeSurfer sphere.reg", "fsaverage"),
)
_PREPROCESSED = re.compile(r"_desc-preproc_T1w\.nii")
_SEGMENTATIONS = ("aparcaseg", "aseg")
_FREESURFER = ("sourcedata/freesurfer", "../freesurfer", "../sourcedata/freesurfer")
"""FreeSurfer's folders, relative to fMRIPrep's, of which older versions wrote no spheres."""

_HINT = "run fMRIPrep or sMRIPrep with surfaces (not --fs-no-reconall), or copy the rest of its anat folder"

Sides = dict[Hemisphere, Path]


def locate(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's (or session's) folder, if it has an anat folder of derivatives; see `places.found`.

    If several data sets have the subject, the one with complete surfaces is taken.

    Raises
    ------
    SubjectError
        If there are several sessions and the id names none, or several complete data sets.
    """
    there = places.found(study_folder, subject_id, _is_subject)
    if len({identity(folder) for folder in there}) < len(there):
        there = [folder for folder in there if complete(folder)] or there
    return places.only(there, study_folder, subject_id)


def list_subjects(study_folder: Path) -> list[str]:
    """Names of the subjects that have derivatives."""
    return places.people(study_folder, _is_subject)


def complete(folder: Path) -> bool:
    """Whether a subject's folder has all files that every mesh requires."""
    try:
        names = _Anat.read(folder)
        native, spheres = _native(names), _spheres(names, folder, None)
        return names.only("T1w", desc="preproc") is not None and not any(
            _lacking(names, native, spheres is not None, None)
        )
    except SubjectError:
        return False


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    """Find a subject of a derivatives folder.

    Parameters
    ----------
    study_folder : Path
        The derivatives folder, the folder of the raw data above it, or the subject's folder.
    subject_id : str
        `X` or `sub-X`; with several sessions `sub-X_ses-Y`.
    mesh : str, optional
        None and `both` mean native and 32k; 32k is made from the native mesh if it is missing.
    registration : {"MSMSulc"}, optional
        None takes MSMSulc if available, else FreeSurfer's.

    Raises
    ------
    InputError
        If a mesh or registration is requested that the layout does not have.
    SubjectError
        If required files are missing: all are listed with their consequences.
    """
    wanted = meshes_named(mesh)
    if not set(wanted) & {"32k_fs_LR", "native"}:
        raise InputError(f"BIDS derivatives give no {mesh} mesh", hint="choose --mesh 32k, native or both")
    if registration not in {None, "MSMSulc"}:
        raise InputError(
            f"BIDS derivatives have no registration {registration}", hint="leave out --surf-reg, or give MSMSulc"
        )
    folder = locate(study_folder, subject_id)
    assert folder is not None  # the caller has asked `locate`
    names = _Anat.read(folder)
    native, standard = _native(names), _standard(names)
    t1w, spheres = (names.only("T1w", desc="preproc"), _spheres(names, folder, registration))
    lacking = list(_lacking(names, native, spheres is not None, registration))
    if t1w is None:
        lacking.insert(0, Missing(f"anat/{names.subject}_desc-preproc_T1w.nii.gz", "everything"))
    if lacking:
        raise incomplete(folder, lacking, _HINT if native or t1w is None else _without_surfaces(t1w))
    assert t1w is not None and spheres is not None
    made: tuple[MeshName, ...] = ("32k_fs_LR",) if "32k_fs_LR" in wanted and not standard else ()
    return _subject(folder, names, t1w, native | standard, spheres, made)


def _without_surfaces(t1w: Path) -> str:
    """A hint for processed anatomy without surfaces."""
    return (
        "fMRIPrep or sMRIPrep made no surfaces here (--fs-no-reconall): run it with FreeSurfer; with template surfaces "
        f"instead of this person's: wbtools export-subject {shlex.quote(str(t1w))}"
    )


def _subject(
    folder: Path,
    names: _Anat,
    t1w: Path,
    surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    spheres: tuple[Sides, str, SphereSpace],
    resampled: tuple[MeshName, ...],
) -> Subject:
    """The subject with all available files."""
    paths, registration, space = spheres
    segmentation = next((file for d in _SEGMENTATIONS if (file := names.only("dseg", desc=d))), None)
    mask, rois = names.only("mask", desc="brain"), names.sides("mask", desc="cortex")
    sulci = {side: path for side, path in names.sides("sulc").items() if usable(path)}
    unshown = [key for key, path in surfaces.items() if key[1] == "inflated" and not usable(path)]
    absent = [missing(names.folder, surfaces[key].name, "inflated surfaces of fMRIPrep") for key in unshown]
    if segmentation is None:
        name = f"anat/{names.subject}_desc-aseg_dseg.nii.gz"
        absent.append(Missing(name, "the subcortex; the atlas is cortex only"))
    if mask is None:
        name = f"anat/{names.subject}_desc-brain_mask.nii.gz"
        absent.append(Missing(name, "removing the skull, which some networks need"))
    if len(sulci) < len(Hemisphere):
        side = next(hemisphere for hemisphere in Hemisphere if hemisphere not in sulci)
        name = f"anat/{names.subject}_hemi-{side.letter}_sulc.shape.gii"
        absent.append(missing(folder, name, "shading by sulcal depth"))
    return Subject(
        id=identity(folder),
        layout="bids",
        folder=folder,
        t1w=t1w,
        surfaces={key: path for key, path in surfaces.items() if key not in unshown},
        spheres={(side, "native"): path for side, path in paths.items()},
        rois={(side, "native"): path for side, path in rois.items()},
        sulci={(side, "native"): path for side, path in sulci.items()},
        segmentation=segmentation,
        brain_mask=mask,
        registration=registration,
        sphere_space=space,
        resampled=resampled,
        derived=tuple(_derived(surfaces, registration, space, bool(resampled), bool(rois))),
        missing=tuple(absent),
        notice=notice_in(folder),
    )


@dataclass(frozen=True)
class _Anat:
    """The files of an anat folder, with the entities in their names.

    Parameters
    ----------
    folder : Path
    subject : str
        `sub-X` or `sub-X_ses-Y`.
    files : tuple of (dict, str, Path)
        Entities, suffix and path of each file.
    """

    folder: Path
    subject: str
    files: tuple[tuple[Mapping[str, str], str, Path], ...]

    @classmethod
    def read(cls, folder: Path) -> _Anat:
        """List the anat folder of a subject's or a session's folder."""
        in_session = folder.name.startswith("ses-")
        subject = f"{folder.parent.name}_{folder.name}" if in_session else folder.name
        found = [(*_entities(path.name), path) for path in places.entries(folder / "anat")]
        return cls(folder / "anat", subject, tuple(found))

    def only(self, suffix: str, hemisphere: Hemisphere | None = None, **entities: str) -> Path | None:
        """The only file with exactly these entities; None if there is none."""
        side = hemisphere.letter if hemisphere else None
        found = [
            path
            for have, name, path in self.files
            if name == suffix
            and path.name.endswith((".nii", ".nii.gz", ".gii"))
            and have.get("hemi") == side
            and {key: value for key, value in have.items() if key not in _SCAN} == entities
        ]
        if len(found) > 1:
            raise SubjectError(
                f"{self.folder} has {len(found)} files that could be meant: {', '.join(path.name for path in found)}",
                hint="give a folder that holds only one of them, for example of links",
            )
        return found[0] if found else None

    def sides(self, suffix: str, **entities: str) -> Sides:
        """The files of both hemispheres; empty if either is missing."""
        found = {side: self.only(suffix, side, **entities) for side in Hemisphere}
        there = {side: path for side, path in found.items() if path is not None}
        return there if len(there) == len(Hemisphere) else {}


def _entities(name: str) -> tuple[dict[str, str], str]:
    """Entities and suffix of a file name.

    Examples
    --------
    >>> _entities("sub-01_hemi-L_space-fsLR_desc-reg_sphere.surf.gii")
    ({'sub': '01', 'hemi': 'L', 'space': 'fsLR', 'desc': 'reg'}, 'sphere')
    """
    *words, last = name.split("_")
    return dict(word.split("-", 1) for word in words if "-" in word), last.split(".", 1)[0]


def _is_subject(folder: Path) -> bool:
    """Whether a folder of a subject or a session has an anat folder of derivatives."""
    if not folder.name.startswith(("sub-", "ses-")):
        return False
    names = (path.name for path in places.files(folder / "anat"))
    return any(name.endswith(".surf.gii") or _PREPROCESSED.search(name) for name in names)


def _native(names: _Anat) -> dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]:
    """The native surfaces that exist."""
    found: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path] = {}
    for side in Hemisphere:
        for kind, suffixes in _NATIVE_KINDS.items():
            path = next((file for suffix in suffixes if (file := names.only(suffix, side))), None)
            if path is not None:
                found[side, kind, "native"] = path
    return found


def _standard(names: _Anat) -> dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]:
    """The 32k surfaces, if white and pial or midthickness of both sides exist."""
    kinds: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial", "inflated")
    there = {kind: names.sides(kind, space="fsLR", den="32k") for kind in kinds}
    if not there["white"] or not (there["pial"] or there["midthickness"]):
        return {}
    return {(side, kind, "32k_fs_LR"): path for kind, sides in there.items() for side, path in sides.items()}


def _spheres(names: _Anat, folder: Path, registration: str | None) -> tuple[Sides, str, SphereSpace] | None:
    """The best registered spheres, their source, and the template that they are registered to."""
    for entities, source, space in _SPHERES:
        if registration in {None, source}:
            sides = names.sides("sphere", **entities)
            if sides:
                return sides, source, space
    root = folder.parent.parent if folder.name.startswith("ses-") else folder.parent
    name = names.subject.partition("_ses-")[0]
    for place in _FREESURFER if registration is None else ():
        paths = {side: root / place / name / "surf" / f"{side.letter.lower()}h.sphere.reg" for side in Hemisphere}
        if all(is_named(path) for path in paths.values()):
            return (paths, f"FreeSurfer sphere.reg ({place.removeprefix('../')})", "fsaverage")
    return None


def _lacking(
    names: _Anat,
    native: Mapping[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    spheres: bool,
    registration: str | None,
) -> Iterator[Missing]:
    """Missing files that every mesh requires."""
    for side in Hemisphere:
        start = f"anat/{names.subject}_hemi-{side.letter}"
        if (side, "white", "native") not in native:
            yield Missing(f"{start}_white.surf.gii", "every mesh")
        if not {(side, "pial", "native"), (side, "midthickness", "native")} & set(native):
            yield Missing(f"{start}_pial.surf.gii", "every mesh; midthickness would do")
        if not spheres:
            desc = "msmsulc" if registration else "reg"
            others = "" if registration else ", and FreeSurfer's sphere.reg is not in sourcedata/freesurfer either"
            yield Missing(
                f"{start}_space-fsLR_desc-{desc}_sphere.surf.gii",
                f"every mesh (areas are carried over this sphere{others})",
            )


def _derived(
    surfaces: Mapping[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    registration: str,
    space: SphereSpace,
    resampled: bool,
    masked: bool,
) -> Iterator[str]:
    """A sentence for each part that is computed instead of read."""
    for mesh in {name: None for _, _, name in surfaces}:
        if (Hemisphere.LEFT, "pial", mesh) not in surfaces:
            yield f"pial, {mesh}: as far outside midthickness as white is inside, not measured"
        if (Hemisphere.LEFT, "midthickness", mesh) not in surfaces:
            yield f"midthickness, {mesh}: mean of white and pial"
    if "smoothwm" in surfaces[Hemisphere.LEFT, "white", "native"].name:
        yield "white, native: FreeSurfer's smoothwm, which fMRIPrep wrote before 22.1"
    yield f"registration to fs_LR: {registration}, with the {SOURCES[space]}"
    if resampled:
        yield "32k mesh: the native surfaces, resampled over these spheres (barycentric)"
    if not masked:
        yield "medial wall: that of the 32k mesh, carried over these spheres"


def _has_scans(folder: Path) -> bool:
    """Whether a folder is a subject's by its name, with scans or sessions, raw or derived."""
    return folder.name.startswith("sub-") and ((folder / "anat").is_dir() or any(folder.glob("ses-*")))


LAYOUT = Layout(
    "bids",
    "sub-SUBJECT/anat or sub-SUBJECT/ses-*/anat with surfaces (BIDS derivatives)",
    locate,
    list_subjects,
    find,
    Signs(_has_scans, in_study=having(("anat",))),
    parts=("anat",),
    naming="bids",
    complete=complete,
)
