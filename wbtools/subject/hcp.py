"""The folder layout of the Human Connectome Project's minimal preprocessing pipeline.

Geometry comes from `T1w/` (the person's own space); `MNINonLinear/` has only the spheres, medial-wall masks and sulcal
depth, which know no position. Its surfaces of the same names are warped to MNI and must never meet the T1w image. The
164k mesh has surfaces only there; in the person's space it is made from the native mesh over its spheres.

Young adults at 3T (S1200) and 7T (1.6 mm, 59k), Development and Aging (`HCD..._V1_MR`) name their files alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.subject.subject import (
    NOTICE,
    MeshName,
    Missing,
    Registration,
    Subject,
    SurfaceKind,
    incomplete,
    meshes_named,
    notice_in,
)
from wbtools.surfaces.standard import SOURCES

__all__ = ["LOOKED_FOR", "NOTICE", "SEGMENTATIONS", "T1W", "Names", "find", "known", "located"]

LOOKED_FOR = "SUBJECT/T1w (HCP)"

T1W = (
    "T1w/T1w_acpc_dc_restore_brain.nii.gz",
    "T1w/T1w_acpc_dc_restore.nii.gz",
    "T1w/T1w_acpc_dc_restore.1.60.nii.gz",
    "T1w/T1w_acpc_dc_restore_1.25.nii.gz",
)
"""The T1w, the best first; downloads of single packages have only the coarser ones."""

SEGMENTATIONS = ("T1w/wmparc.nii.gz", "T1w/aparc+aseg.nii.gz")
_MASKS = ("T1w/brainmask_fs.nii.gz", "T1w/T1w_acpc_brain_mask.nii.gz")
_NEEDED: tuple[SurfaceKind, ...] = ("white", "pial")
_SHOWN: tuple[SurfaceKind, ...] = ("inflated", "very_inflated")
_MEND = "download the rest of the subject (HCP: 'Structural Preprocessed' and its 'Extended'), or choose another --mesh"


@dataclass(frozen=True)
class Names:
    """The relative paths of one subject's files under one registration.

    Parameters
    ----------
    subject : str
        Beginning of the file names.
    registration : {"MSMAll", "MSMSulc"}

    Examples
    --------
    >>> Names("100307", "MSMAll").surface(Hemisphere.LEFT, "pial", "32k_fs_LR")
    'T1w/fsaverage_LR32k/100307.L.pial_MSMAll.32k_fs_LR.surf.gii'
    >>> Names("100610", "MSMAll").surface(Hemisphere.LEFT, "pial", "59k_fs_LR")
    'T1w/fsaverage_LR59k/100610.L.pial_1.6mm_MSMAll.59k_fs_LR.surf.gii'
    """

    subject: str
    registration: Registration

    def surface(self, side: Hemisphere, kind: SurfaceKind, mesh: MeshName) -> str:
        """A surface in the T1w's space."""
        if mesh == "native":
            return f"T1w/Native/{self.subject}.{side.letter}.{kind}.native.surf.gii"
        folder = f"T1w/fsaverage_LR{mesh.partition('_')[0]}"
        return f"{folder}/{self.subject}.{side.letter}.{kind}{self._suffix(mesh)}.{mesh}.surf.gii"

    def sphere(self, side: Hemisphere, mesh: MeshName) -> str:
        """The sphere that is in register with fs_LR."""
        name = f"sphere.{self.registration}" if mesh == "native" else "sphere"
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.{name}.{mesh}.surf.gii"

    def roi(self, side: Hemisphere, mesh: MeshName) -> str:
        """The mask that leaves out the medial wall."""
        name = "roi" if mesh == "native" else "atlasroi"
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.{name}.{mesh}.shape.gii"

    def sulc(self, side: Hemisphere, mesh: MeshName) -> str:
        """The depth of the folds; there is one for both registrations of 7T."""
        suffix = self._suffix(mesh) if mesh == "32k_fs_LR" else ""
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.sulc{suffix}.{mesh}.shape.gii"

    def _suffix(self, mesh: MeshName) -> str:
        if self.registration == "MSMSulc" or mesh == "native":
            return ""
        return "_1.6mm_MSMAll" if mesh == "59k_fs_LR" else "_MSMAll"

    @staticmethod
    def _registered(mesh: MeshName) -> str:
        """The folder of what knows no position."""
        folders = {"native": "/Native", "164k_fs_LR": ""}
        return "MNINonLinear" + folders.get(mesh, f"/fsaverage_LR{mesh.partition('_')[0]}")

    def needed(self, mesh: MeshName) -> Iterator[Missing]:
        """What the mesh cannot do without."""
        label = f"the {mesh.partition('_')[0]} mesh"
        if mesh == "164k_fs_LR":
            yield from (Missing(one.path, label) for one in self.needed("native"))
        for side in Hemisphere:
            if mesh != "164k_fs_LR":
                for kind in _NEEDED:
                    yield Missing(self.surface(side, kind, mesh), label)
            if mesh != "32k_fs_LR":  # its sphere is everybody's
                yield Missing(self.sphere(side, mesh), f"{label} (areas are carried over its sphere)")

    def wished(self, mesh: MeshName) -> Iterator[Missing]:
        """What only some pictures need."""
        for side in Hemisphere:
            for kind in _SHOWN:
                yield Missing(self.surface(side, kind, mesh), f"{kind.replace('_', ' ')} surfaces of the {mesh} mesh")
            yield Missing(self.sulc(side, mesh), f"shading of the {mesh} mesh by sulcal depth")


def located(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's folder, if there is one that looks like the HCP's."""
    places = [study_folder / subject_id, *([study_folder] if study_folder.name == subject_id else [])]
    return next((folder for folder in places if _is_subject(folder)), None)


def known(study_folder: Path) -> list[str]:
    """Names of the folders that look like the HCP's."""
    return sorted(path.name for path in study_folder.iterdir() if _is_subject(path))


def find(study_folder: Path, subject_id: str, mesh: str | None = None, registration: str | None = None) -> Subject:
    """Find one subject of an HCP study folder.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the subject's folder.
    mesh : str, optional
        None takes native and 32k, whichever are complete, and 59k if neither is.
    registration : {"MSMAll", "MSMSulc"}, optional
        None takes the registration under which more of the wanted meshes are complete, MSMAll if both do.

    Raises
    ------
    InputError
        If an option is unknown.
    SubjectError
        If the subject lacks needed files: all are listed with what they forbid.
    """
    wanted = meshes_named(mesh)
    if registration is not None and registration not in get_args(Registration):
        choices = ", ".join(get_args(Registration))
        raise InputError(f"'{registration}' is no registration", mend=f"choose one of: {choices}")
    folder = located(study_folder, subject_id)
    assert folder is not None  # the caller has asked `located`
    start = _start(folder)
    candidates = [Names(start, name) for name in get_args(Registration) if registration in {None, name}]
    if mesh is None and not any(_complete(folder, one, wanted) for one in candidates):
        wanted = (*wanted, "59k_fs_LR")
    # max keeps the first of equals, so MSMAll wins unless MSMSulc completes more.
    names = max(candidates, key=lambda one: (len(_complete(folder, one, wanted)), -len(_lacking(folder, one, wanted))))
    # Areas reach other meshes from the 32k one, whose surfaces serve there if they exist.
    have = _complete(folder, names, dict.fromkeys([*wanted, "32k_fs_LR"]))
    made = _made(folder, names, wanted, have)
    lacking = _lacking(folder, names, [one for one in wanted if one not in made])
    t1w = _first(folder, T1W)
    if t1w is None or not have or (mesh and lacking):
        scan = [] if t1w else [Missing(T1W[0], f"everything; {Path(T1W[1]).name} would do")]
        raise incomplete(folder, [*scan, *lacking], _MEND)
    passed = _passed_over(folder, candidates, names, wanted)
    return _subject(folder, names, have, made, t1w, tuple(lacking) + passed)


def _subject(
    folder: Path,
    names: Names,
    meshes: tuple[MeshName, ...],
    made: tuple[MeshName, ...],
    t1w: Path,
    lacking: tuple[Missing, ...],
) -> Subject:
    """The subject, with everything that is there."""
    segmentation = _first(folder, SEGMENTATIONS)
    shown: list[MeshName] = [*meshes, "native"] if made else [*meshes]
    drawn = tuple(one for one in dict.fromkeys(shown) if one != "164k_fs_LR")
    missing = [*lacking, *(one for mesh in drawn for one in _absent(folder, names.wished(mesh)))]
    if t1w not in {folder / T1W[0], folder / T1W[0].removesuffix(".gz")}:
        missing.append(Missing(T1W[0], "a skull-stripped scan; the whole head is used"))
    if segmentation is None:
        missing.append(Missing(SEGMENTATIONS[0], "the subcortex; the atlas is cortex only"))
    sides = [(side, mesh) for mesh in (*drawn, *made) for side in Hemisphere]
    # The standard sphere also serves other meshes without its 32k surfaces.
    balls = dict.fromkeys([*sides, *((side, meshes_named("32k")[0]) for side in Hemisphere)])
    kinds: tuple[SurfaceKind, ...] = (*_NEEDED, "midthickness", *_SHOWN)
    surfaces = {(side, kind, mesh): folder / names.surface(side, kind, mesh) for side, mesh in sides for kind in kinds}
    return Subject(
        id=folder.name,
        layout="hcp",
        folder=folder,
        t1w=t1w,
        surfaces={key: path for key, path in surfaces.items() if path.is_file() and key[2] in drawn},
        spheres=_present({key: folder / names.sphere(*key) for key in balls}),
        rois=_present({key: folder / names.roi(*key) for key in sides}),
        sulci=_present({key: folder / names.sulc(*key) for key in sides}),
        segmentation=segmentation,
        brain_mask=_first(folder, _MASKS),
        registration=names.registration,
        resampled=made,
        derived=tuple(_derived(folder, names, drawn, made)),
        missing=tuple(missing),
        notice=notice_in(folder),
    )


def _is_subject(folder: Path) -> bool:
    return (folder / "T1w").is_dir()


def _start(folder: Path) -> str:
    """What the subject's file names begin with: the folder's name, or one other start that all surfaces share."""
    starts = {path.name.partition(".L.white")[0] for path in folder.glob("T1w/*/*.L.white*.surf.gii")}
    return starts.pop() if len(starts) == 1 and folder.name not in starts else folder.name


def _made(folder: Path, names: Names, wanted: Iterable[MeshName], have: tuple[MeshName, ...]) -> tuple[MeshName, ...]:
    """Wanted standard meshes without surfaces of their own that the native mesh can be resampled to."""
    if _lacking(folder, names, ["native"]):
        return ()
    return tuple(
        mesh for mesh in wanted if (mesh == "32k_fs_LR" and mesh not in have) or (mesh == "164k_fs_LR" and mesh in have)
    )


def _derived(folder: Path, names: Names, drawn: Iterable[MeshName], made: tuple[MeshName, ...]) -> Iterator[str]:
    """What is made of the files, a sentence each."""
    for mesh in drawn:
        if any(_absent(folder, (Missing(names.surface(side, "midthickness", mesh), "") for side in Hemisphere))):
            yield f"midthickness, {mesh}: mean of white and pial"
    for mesh in made:
        yield f"{mesh} mesh: the native surfaces, resampled over the {names.registration} spheres (barycentric)"
    if any(_absent(folder, (Missing(names.sphere(side, "32k_fs_LR"), "") for side in Hemisphere))):
        yield f"standard sphere: {SOURCES['fs_LR']}"
    for mesh in (*drawn, *made):
        if any(_absent(folder, (Missing(names.roi(side, mesh), "") for side in Hemisphere))):
            yield f"medial wall, {mesh}: the standard one of the 32k mesh"


def _present(files: dict[tuple[Hemisphere, MeshName], Path]) -> dict[tuple[Hemisphere, MeshName], Path]:
    """The files that exist."""
    return {key: path for key, path in files.items() if path.is_file()}


def _first(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of several files that exists, packed or, where somebody unpacked it, not."""
    spelt = (folder / one for name in names for one in (name, name.removesuffix(".gz")))
    return next((path for path in spelt if path.is_file()), None)


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
