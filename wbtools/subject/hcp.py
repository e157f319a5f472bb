"""The folder layout of the Human Connectome Project's minimal preprocessing pipeline.

Geometry comes from `T1w/` (the person's own space); `MNINonLinear/` has only the spheres, medial-wall masks and sulcal
depth, which know no position. Its surfaces of the same names are warped to MNI and must never meet the T1w image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject.subject import MeshName, Missing, Registration, Subject, SurfaceKind, require_plain_name

NOTICE = "wbtools-notice.txt"
"""File in the subject's folder whose text every output repeats."""

T1W = ("T1w/T1w_acpc_dc_restore_brain.nii.gz", "T1w/T1w_acpc_dc_restore.nii.gz")
SEGMENTATIONS = ("T1w/wmparc.nii.gz", "T1w/aparc+aseg.nii.gz")
_NEEDED: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")
_SHOWN: tuple[SurfaceKind, ...] = ("inflated", "very_inflated")
_MESHES: dict[str, tuple[MeshName, ...]] = {
    "32k": ("32k_fs_LR",),
    "native": ("native",),
    "both": ("32k_fs_LR", "native"),
}
_MEND = "download the rest of the subject (HCP: 'Structural Preprocessed' and its 'Extended'), or choose another --mesh"


@dataclass(frozen=True)
class Names:
    """The relative paths of one subject's files under one registration.

    Examples
    --------
    >>> Names("100307", "MSMAll").surface(Hemisphere.LEFT, "pial", "32k_fs_LR")
    'T1w/fsaverage_LR32k/100307.L.pial_MSMAll.32k_fs_LR.surf.gii'
    """

    subject: str
    registration: Registration

    def surface(self, side: Hemisphere, kind: SurfaceKind, mesh: MeshName) -> str:
        """A surface in the T1w's space."""
        if mesh == "native":
            return f"T1w/Native/{self.subject}.{side.letter}.{kind}.native.surf.gii"
        return f"T1w/fsaverage_LR32k/{self.subject}.{side.letter}.{kind}{self._suffix}.32k_fs_LR.surf.gii"

    def sphere(self, side: Hemisphere, mesh: MeshName) -> str:
        """The sphere that is in register with fs_LR."""
        name = f"sphere.{self.registration}" if mesh == "native" else "sphere"
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.{name}.{mesh}.surf.gii"

    def roi(self, side: Hemisphere, mesh: MeshName) -> str:
        """The mask that leaves out the medial wall."""
        name = "roi" if mesh == "native" else "atlasroi"
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.{name}.{mesh}.shape.gii"

    def sulc(self, side: Hemisphere, mesh: MeshName) -> str:
        """The depth of the folds."""
        suffix = "" if mesh == "native" else self._suffix
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.sulc{suffix}.{mesh}.shape.gii"

    @property
    def _suffix(self) -> str:
        return "_MSMAll" if self.registration == "MSMAll" else ""

    @staticmethod
    def _registered(mesh: MeshName) -> str:
        return "MNINonLinear/Native" if mesh == "native" else "MNINonLinear/fsaverage_LR32k"

    def needed(self, mesh: MeshName) -> Iterable[Missing]:
        """What the mesh cannot do without."""
        label = "the native mesh" if mesh == "native" else "the 32k mesh"
        for side in Hemisphere:
            for kind in _NEEDED:
                yield Missing(self.surface(side, kind, mesh), label)
            yield Missing(self.roi(side, mesh), f"{label} (medial wall)")
            if mesh == "native":
                yield Missing(self.sphere(side, "native"), f"{label} (areas are carried over its sphere)")
                yield Missing(self.sphere(side, "32k_fs_LR"), f"{label} (areas are carried over from this sphere)")

    def wished(self, mesh: MeshName) -> Iterable[Missing]:
        """What only some pictures need."""
        for side in Hemisphere:
            for kind in _SHOWN:
                yield Missing(self.surface(side, kind, mesh), f"{kind.replace('_', ' ')} surfaces of the {mesh} mesh")
            yield Missing(self.sulc(side, mesh), f"shading of the {mesh} mesh by sulcal depth")


def find(study_folder: Path, subject_id: str, mesh: str | None = None, surf_reg: str | None = None) -> Subject:
    """Find one subject of an HCP study folder.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the subject's folder; also the beginning of its file names.
    mesh : {"32k", "native", "both"}, optional
        None takes every mesh that is complete.
    surf_reg : {"MSMAll", "MSMSulc"}, optional
        None takes the registration under which more of the wanted meshes are complete, MSMAll if both do.

    Raises
    ------
    InputError
        If an option is unknown, the id is no plain folder name, or the study folder does not exist.
    SubjectError
        If the subject is unknown, or lacks needed files: all are listed with what they forbid.
    """
    if mesh is not None and mesh not in _MESHES:
        raise InputError(f"'{mesh}' is no mesh", mend=f"choose one of: {', '.join(_MESHES)}")
    if surf_reg is not None and surf_reg not in get_args(Registration):
        raise InputError(f"'{surf_reg}' is no registration", mend=f"choose one of: {', '.join(get_args(Registration))}")
    folder = _folder(study_folder, subject_id)
    candidates = [Names(subject_id, name) for name in get_args(Registration) if surf_reg in {None, name}]
    wanted = _MESHES[mesh or "both"]
    # max keeps the first of equals, so MSMAll wins unless MSMSulc completes more.
    names = max(candidates, key=lambda one: (len(_complete(folder, one, wanted)), -len(_lacking(folder, one, wanted))))
    # Areas reach a native mesh from the 32k one, whose surfaces serve there if they exist.
    have = _complete(folder, names, _MESHES["both"] if mesh == "native" else wanted)
    lacking = _lacking(folder, names, wanted)
    t1w = _first(folder, T1W)
    if t1w is None or not have or (mesh and lacking):
        scan = [] if t1w else [Missing(T1W[0], f"everything; {Path(T1W[1]).name} would do")]
        raise SubjectError(_sentence(folder, [*scan, *lacking]), mend=_MEND)
    return _subject(folder, names, have, t1w, tuple(lacking) + _passed_over(folder, candidates, names, wanted))


def _subject(
    folder: Path, names: Names, meshes: tuple[MeshName, ...], t1w: Path, lacking: tuple[Missing, ...]
) -> Subject:
    """The subject, with everything that is there."""
    segmentation = _first(folder, SEGMENTATIONS)
    missing = [*lacking, *(one for mesh in meshes for one in _absent(folder, names.wished(mesh)))]
    if t1w != folder / T1W[0]:
        missing.append(Missing(T1W[0], "a skull-stripped scan; the whole head is used"))
    if segmentation is None:
        missing.append(Missing(SEGMENTATIONS[0], "the subcortex; the atlas is cortex only"))
    sides = [(side, mesh) for mesh in meshes for side in Hemisphere]
    # The standard sphere also serves a native mesh without its 32k surfaces.
    balls = dict.fromkeys([*sides, *((side, _MESHES["32k"][0]) for side in Hemisphere)])
    surfaces = {
        (side, kind, mesh): folder / names.surface(side, kind, mesh)
        for side, mesh in sides
        for kind in (*_NEEDED, *_SHOWN)
    }
    notice = folder / NOTICE
    return Subject(
        id=names.subject,
        layout="hcp",
        folder=folder,
        t1w=t1w,
        surfaces={key: path for key, path in surfaces.items() if path.is_file()},
        spheres=_present({key: folder / names.sphere(*key) for key in balls}),
        rois=_present({key: folder / names.roi(*key) for key in sides}),
        sulci=_present({key: folder / names.sulc(*key) for key in sides}),
        segmentation=segmentation,
        registration=names.registration,
        missing=tuple(missing),
        notice=notice.read_text(encoding="utf-8").strip() if notice.is_file() else "",
    )


def _folder(study_folder: Path, subject_id: str) -> Path:
    """The subject's folder, if the id is a plain name and such a folder exists."""
    require_plain_name(subject_id)
    if not study_folder.is_dir():
        raise InputError(f"the study folder {study_folder} does not exist", mend="check --study-folder")
    folder = study_folder / subject_id
    if folder.is_dir():
        return folder
    known = sorted(path.name for path in study_folder.iterdir() if (path / "T1w").is_dir())
    if not known:
        raise SubjectError(
            f"{study_folder} has no subject {subject_id}, nor any other HCP subject (a folder that holds T1w/)",
            mend="give the folder above the subjects' folders with --study-folder",
        )
    near = get_close_matches(subject_id, known, n=3, cutoff=0.5) or known[:3]
    raise SubjectError(
        f"{study_folder} has no subject {subject_id}",
        mend=f"did you mean {' or '.join(near)}? ({len(known)} subject{'s' * (len(known) > 1)} there)",
    )


def _present(
    files: dict[tuple[Hemisphere, MeshName], Path],
) -> dict[tuple[Hemisphere, MeshName], Path]:
    """The files that exist."""
    return {key: path for key, path in files.items() if path.is_file()}


def _first(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of several files that exists."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _absent(folder: Path, files: Iterable[Missing]) -> list[Missing]:
    """Those of the files that do not exist."""
    return [one for one in files if not (folder / one.path).is_file()]


def _lacking(folder: Path, names: Names, meshes: Iterable[MeshName]) -> list[Missing]:
    """Needed files of these meshes that do not exist, each named once."""
    absent = [one for mesh in meshes for one in _absent(folder, names.needed(mesh))]
    return list({one.path: one for one in absent}.values())


def _complete(folder: Path, names: Names, meshes: Iterable[MeshName]) -> tuple[MeshName, ...]:
    """The meshes that have all they need."""
    return tuple(mesh for mesh in meshes if not _lacking(folder, names, [mesh]))


def _passed_over(
    folder: Path, candidates: list[Names], taken: Names, meshes: tuple[MeshName, ...]
) -> tuple[Missing, ...]:
    """Why a better registration was not taken: its files that do not exist."""
    better = candidates[: candidates.index(taken)]
    of_taken = {one.path for one in _lacking(folder, taken, meshes)}
    return tuple(
        Missing(one.path, f"registration {names.registration}; {taken.registration} is used")
        for names in better
        for one in _lacking(folder, names, meshes)
        if one.path not in of_taken
    )


def _sentence(folder: Path, missing: list[Missing]) -> str:
    """All that is missing, one file a line."""
    lines = "".join(f"\n  {one.path}  (forbids {one.forbids})" for one in missing)
    return f"subject {folder.name} in {folder.parent} lacks {len(missing)} file{'s' * (len(missing) > 1)}:{lines}"
