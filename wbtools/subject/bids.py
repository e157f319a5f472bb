"""BIDS derivatives of fMRIPrep and sMRIPrep: `sub-X/anat/` or `sub-X/ses-Y/anat/`, surfaces as GIFTI.

Names are read as entities, whatever their order: `sub-01_hemi-L_space-fsLR_desc-msmsulc_sphere.surf.gii` is the sphere
with hemi L, space fsLR, desc msmsulc. Entities that only tell scans apart (acq, run, ...) do not count; what has
another space or resolution is never taken for native.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject.subject import (
    MeshName,
    Missing,
    Subject,
    SurfaceKind,
    folders_named,
    incomplete,
    meshes_named,
    notice_in,
    usable,
)
from wbtools.surfaces.standard import SOURCES, SphereSpace

LOOKED_FOR = "sub-SUBJECT/anat or sub-SUBJECT/ses-*/anat with surfaces (BIDS derivatives)"

_SCAN = {"sub", "ses", "acq", "run", "rec", "ce", "part", "echo", "hemi"}
"""Entities that do not change what a file is; `hemi` is asked for by itself."""

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
_SEGMENTATIONS = ("aparcaseg", "aseg")
_FREESURFER = ("sourcedata/freesurfer", "../freesurfer", "../sourcedata/freesurfer")
"""Where fMRIPrep leaves FreeSurfer's folders, from its own; the older ones wrote no spheres."""

_MEND = "run fMRIPrep or sMRIPrep with surfaces (not --fs-no-reconall), or copy the rest of its anat folder"

Sides = dict[Hemisphere, Path]


def located(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's folder (of a session, the session's), if it has an anat folder of derivatives.

    Raises
    ------
    SubjectError
        If several sessions have one and the id names none.
    """
    label, _, session = subject_id.partition("_ses-")
    for root in _roots(study_folder):
        for folder in folders_named(root, label):
            if not folder.name.startswith("sub-"):
                continue
            found = [one for one in _sessions(folder) if session in {"", one.name.removeprefix("ses-")}]
            if len(found) > 1:
                names = ", ".join(f"{folder.name}_{one.name}" for one in found)
                raise SubjectError(
                    f"{folder} has {len(found)} sessions with surfaces", mend=f"name one of them: {names}"
                )
            if found:
                return found[0]
    return None


def known(study_folder: Path) -> list[str]:
    """Names of the subjects that have derivatives."""
    folders = (path for root in _roots(study_folder) if root.is_dir() for path in root.glob("sub-*"))
    return sorted({path.name for path in folders if path.is_dir() and _sessions(path)})


def find(study_folder: Path, subject_id: str, mesh: str | None = None, registration: str | None = None) -> Subject:
    """Find one subject of a derivatives folder.

    Parameters
    ----------
    study_folder : Path
        The derivatives folder, the folder of the raw data above it, or the subject's folder.
    subject_id : str
        `X` or `sub-X`; with several sessions `sub-X_ses-Y`.
    mesh : str, optional
        None and `both` mean native and 32k; 32k is made from the native one where it is not there.
    registration : {"MSMSulc"}, optional
        None takes MSMSulc where it is there, else FreeSurfer's.

    Raises
    ------
    InputError
        If a mesh or registration is asked for that the layout does not have.
    SubjectError
        If needed files are missing: all are listed with what they forbid.
    """
    wanted = meshes_named(mesh)
    if not set(wanted) & {"32k_fs_LR", "native"}:
        raise InputError(f"BIDS derivatives give no {mesh} mesh", mend="choose --mesh 32k, native or both")
    if registration not in {None, "MSMSulc"}:
        raise InputError(
            f"BIDS derivatives have no registration {registration}", mend="leave out --surf-reg, or give MSMSulc"
        )
    folder = located(study_folder, subject_id)
    assert folder is not None  # the caller has asked `located`
    names = _Anat.read(folder)
    native, standard = _native(names), _standard(names)
    t1w, spheres = (names.one("T1w", desc="preproc"), _spheres(names, folder, registration))
    lacking = list(_lacking(names, native, spheres is not None, registration))
    if t1w is None:
        lacking.insert(0, Missing(f"anat/{names.subject}_desc-preproc_T1w.nii.gz", "everything"))
    if lacking:
        raise incomplete(folder, lacking, _MEND)
    assert t1w is not None and spheres is not None
    made: tuple[MeshName, ...] = ("32k_fs_LR",) if "32k_fs_LR" in wanted and not standard else ()
    return _subject(folder, names, t1w, native | standard, spheres, made)


def _subject(
    folder: Path,
    names: _Anat,
    t1w: Path,
    surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    spheres: tuple[Sides, str, SphereSpace],
    resampled: tuple[MeshName, ...],
) -> Subject:
    """The subject, with everything that is there."""
    paths, registration, space = spheres
    segmentation = next((one for d in _SEGMENTATIONS if (one := names.one("dseg", desc=d))), None)
    mask, rois = names.one("mask", desc="brain"), names.sides("mask", desc="cortex")
    missing = []
    if segmentation is None:
        name = f"anat/{names.subject}_desc-aseg_dseg.nii.gz"
        missing.append(Missing(name, "the subcortex; the atlas is cortex only"))
    if mask is None:
        name = f"anat/{names.subject}_desc-brain_mask.nii.gz"
        missing.append(Missing(name, "removing the skull, which some networks need"))
    if not names.sides("sulc"):
        missing.append(Missing(f"anat/{names.subject}_hemi-L_sulc.shape.gii", "shading by sulcal depth"))
    return Subject(
        id=names.subject,
        layout="bids",
        folder=folder,
        t1w=t1w,
        surfaces=surfaces,
        spheres={(side, "native"): path for side, path in paths.items()},
        rois={(side, "native"): path for side, path in rois.items()},
        sulci={(side, "native"): path for side, path in names.sides("sulc").items()},
        segmentation=segmentation,
        brain_mask=mask,
        registration=registration,
        sphere_space=space,
        resampled=resampled,
        derived=tuple(_derived(surfaces, registration, space, bool(resampled), bool(rois))),
        missing=tuple(missing),
        notice=notice_in(folder),
    )


@dataclass(frozen=True)
class _Anat:
    """The files of one anat folder by what their names say.

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
        """Of a subject's or a session's folder."""
        in_session = folder.name.startswith("ses-")
        subject = f"{folder.parent.name}_{folder.name}" if in_session else folder.name
        found = [(*_entities(path.name), path) for path in sorted((folder / "anat").iterdir()) if usable(path)]
        return cls(folder / "anat", subject, tuple(found))

    def one(self, suffix: str, hemisphere: Hemisphere | None = None, **entities: str) -> Path | None:
        """The one file with exactly these entities; None without any."""
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
                f"{self.folder} has {len(found)} files that could be meant: {', '.join(one.name for one in found)}",
                mend="give a folder that holds only one of them, for example of links",
            )
        return found[0] if found else None

    def sides(self, suffix: str, **entities: str) -> Sides:
        """The files of both hemispheres, or none."""
        found = {side: self.one(suffix, side, **entities) for side in Hemisphere}
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


def _roots(study_folder: Path) -> Iterator[Path]:
    """The folders that may hold `sub-X`."""
    derivatives = study_folder / "derivatives"
    yield from (study_folder, derivatives / "fmriprep", derivatives / "smriprep")
    if study_folder.name.startswith("ses-"):
        yield study_folder.parent


def _sessions(folder: Path) -> list[Path]:
    """The subject's folder, or those of its sessions, that have an anat folder of derivatives."""
    places = [folder, *sorted(folder.glob("ses-*"))]
    return [
        place
        for place in places
        if any((place / "anat").glob("*.surf.gii")) or any((place / "anat").glob("*_desc-preproc_T1w.nii*"))
    ]


def _native(names: _Anat) -> dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]:
    """The native surfaces that exist."""
    found: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path] = {}
    for side in Hemisphere:
        for kind, suffixes in _NATIVE_KINDS.items():
            path = next((one for suffix in suffixes if (one := names.one(suffix, side))), None)
            if path is not None:
                found[side, kind, "native"] = path
    return found


def _standard(names: _Anat) -> dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]:
    """The 32k surfaces, if white and one more are there on both sides."""
    kinds: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial", "inflated")
    there = {kind: names.sides(kind, space="fsLR", den="32k") for kind in kinds}
    if not there["white"] or not (there["pial"] or there["midthickness"]):
        return {}
    return {(side, kind, "32k_fs_LR"): path for kind, sides in there.items() for side, path in sides.items()}


def _spheres(names: _Anat, folder: Path, registration: str | None) -> tuple[Sides, str, SphereSpace] | None:
    """The best registered spheres, what they come from, and the template that they are registered to."""
    for entities, source, space in _SPHERES:
        if registration in {None, source}:
            sides = names.sides("sphere", **entities)
            if sides:
                return sides, source, space
    root = folder.parent.parent if folder.name.startswith("ses-") else folder.parent
    name = names.subject.partition("_ses-")[0]
    for place in _FREESURFER if registration is None else ():
        paths = {side: root / place / name / "surf" / f"{side.letter.lower()}h.sphere.reg" for side in Hemisphere}
        if all(usable(path) for path in paths.values()):
            return (paths, f"FreeSurfer sphere.reg ({place.removeprefix('../')})", "fsaverage")
    return None


def _lacking(
    names: _Anat,
    native: Mapping[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    spheres: bool,
    registration: str | None,
) -> Iterator[Missing]:
    """What no mesh can do without."""
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
    """What is made of the files, a sentence each."""
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
