"""The folder that FreeSurfer's `recon-all` makes of one person, versions 5 to 8.

Surfaces are in FreeSurfer's own coordinates there; reading them brings them to scanner coordinates
(`wbtools.surfaces.freesurfer`). `sphere.reg` is in register with fsaverage, and so the areas come from the 32k mesh on
fsaverage's sphere (`wbtools.surfaces.standard`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
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
from wbtools.surfaces.standard import SOURCES

LOOKED_FOR = "SUBJECT/surf and SUBJECT/mri (FreeSurfer)"

T1W = ("brain.mgz", "brainmask.mgz", "norm.mgz", "T1.mgz", "orig.mgz")
"""Files of `mri/` that serve as the T1w, skull-stripped ones first."""

SEGMENTATIONS = ("wmparc.mgz", "aparc+aseg.mgz", "aseg.mgz", "aseg.presurf.mgz")

_STRIPPED = 3
_IN_BIDS = Path("derivatives", "freesurfer")
_PREFERRED = (Path("derivatives", "fmriprep"), Path("derivatives", "smriprep"))
_PIALS = ("pial", "pial.T1")  # since version 6 pial is a link to pial.T1, pial.T2 or pial.FLAIR, which copying may lose
_MEND = "let recon-all finish (recon-all -all), or copy the rest of its folder"
_MESHES: tuple[MeshName, ...] = ("32k_fs_LR", "native")


def located(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's folder, if there is one that looks like recon-all's; also in `derivatives/freesurfer` of BIDS data.

    What fMRIPrep or sMRIPrep made of the latter is preferred: it is the same cortex, and comes with its T1w.
    """
    places = [study_folder]
    if not any(folder.is_dir() for root in _PREFERRED for folder in folders_named(study_folder / root, subject_id)):
        places.append(study_folder / _IN_BIDS)
    folders = (folder for place in places for folder in folders_named(place, subject_id))
    return next((folder for folder in folders if _is_subject(folder)), None)


def known(study_folder: Path) -> list[str]:
    """Names of the folders that look like recon-all's."""
    places = (place for place in (study_folder, study_folder / _IN_BIDS) if place.is_dir())
    return sorted({path.name for place in places for path in place.iterdir() if _is_subject(path)})


def find(study_folder: Path, subject_id: str, mesh: str | None = None, registration: str | None = None) -> Subject:
    """Find one subject of a FreeSurfer SUBJECTS_DIR.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the subject's folder, with or without `sub-`.
    mesh : str, optional
        None and `both` mean the native mesh, and the 32k mesh made from it.
    registration : str, optional
        None; FreeSurfer has only `sphere.reg`.

    Raises
    ------
    InputError
        If a mesh or a registration is asked for that FreeSurfer does not have.
    SubjectError
        If needed files are missing or empty: all are listed with what they forbid.
    """
    wanted = meshes_named(mesh)
    if registration is not None:
        raise InputError(
            f"a FreeSurfer folder has no registration {registration}, only sphere.reg", mend="leave out --surf-reg"
        )
    if not set(wanted) & set(_MESHES):
        raise InputError(f"FreeSurfer's surfaces give no {mesh} mesh", mend="choose --mesh 32k, native or both")
    folder = located(study_folder, subject_id)
    assert folder is not None  # the caller has asked `located`
    surfaces = _surfaces(folder)
    t1w = next((folder / "mri" / name for name in T1W if usable(folder / "mri" / name)), None)
    lacking = list(_lacking(folder, surfaces))
    if t1w is None:
        lacking.insert(0, Missing(f"mri/{T1W[0]}", f"everything; {' or '.join(T1W[1:])} would do"))
    if lacking:
        raise incomplete(folder, lacking, _MEND)
    assert t1w is not None
    return _subject(folder, surfaces, t1w, tuple(one for one in _MESHES if one in wanted))


def _subject(
    folder: Path,
    surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    t1w: Path,
    meshes: tuple[MeshName, ...],
) -> Subject:
    """The subject, with everything that is there."""
    segmentation = next((folder / "mri" / name for name in SEGMENTATIONS if usable(folder / "mri" / name)), None)
    mask = folder / "mri" / "brainmask.mgz"
    rois = _per_side(folder, "label/{side}.cortex.label")
    missing = list(_wished(folder, surfaces))
    if t1w.name not in T1W[:_STRIPPED]:
        missing.append(Missing(f"mri/{T1W[0]}", "a skull-stripped scan; the whole head is used"))
    if segmentation is None:
        missing.append(Missing(f"mri/{SEGMENTATIONS[1]}", "the subcortex; the atlas is cortex only"))
    return Subject(
        id=folder.name,
        layout="freesurfer",
        folder=folder,
        t1w=t1w,
        surfaces=surfaces,
        spheres=_per_side(folder, "surf/{side}.sphere.reg"),
        rois=rois,
        sulci=_per_side(folder, "surf/{side}.sulc"),
        segmentation=segmentation,
        brain_mask=mask if usable(mask) else None,
        registration="FreeSurfer sphere.reg",
        sphere_space="fsaverage",
        resampled=tuple(mesh for mesh in meshes if mesh != "native"),
        derived=tuple(_derived(surfaces, rois)),
        missing=tuple(missing),
        notice=notice_in(folder),
    )


def _is_subject(folder: Path) -> bool:
    return (folder / "surf").is_dir() and (folder / "mri").is_dir()


def _side(hemisphere: Hemisphere) -> str:
    """`lh` or `rh`."""
    return f"{hemisphere.letter.lower()}h"


def _per_side(folder: Path, name: str) -> dict[tuple[Hemisphere, MeshName], Path]:
    """Files of the native mesh that exist, by a name in which `{side}` stands for lh or rh."""
    paths = {(side, _MESHES[1]): folder / name.format(side=_side(side)) for side in Hemisphere}
    return {key: path for key, path in paths.items() if usable(path)}


def _surfaces(folder: Path) -> dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]:
    """The native surfaces that exist."""
    names: dict[SurfaceKind, tuple[str, ...]] = {"white": ("white",), "pial": _PIALS, "inflated": ("inflated",)}
    found: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path] = {}
    for side in Hemisphere:
        for kind, candidates in names.items():
            paths = (folder / "surf" / f"{_side(side)}.{name}" for name in candidates)
            path = next((path for path in paths if usable(path)), None)
            if path is not None:
                found[side, kind, "native"] = path
    return found


def _lacking(folder: Path, surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]) -> Iterator[Missing]:
    """What no mesh can do without."""
    kinds: tuple[SurfaceKind, ...] = ("white", "pial")
    for side in Hemisphere:
        for kind in kinds:
            if (side, kind, "native") not in surfaces:
                yield _missing(folder, f"surf/{_side(side)}.{kind}", "every mesh")
        name = f"surf/{_side(side)}.sphere.reg"
        if not usable(folder / name):
            yield _missing(folder, name, "every mesh (areas are carried over this sphere)")


def _wished(folder: Path, surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]) -> Iterator[Missing]:
    """What only some pictures need."""
    for side in Hemisphere:
        if (side, "inflated", "native") not in surfaces:
            yield _missing(folder, f"surf/{_side(side)}.inflated", "inflated surfaces from FreeSurfer")
        if not usable(folder / f"surf/{_side(side)}.sulc"):
            yield _missing(folder, f"surf/{_side(side)}.sulc", "shading by sulcal depth")


def _missing(folder: Path, name: str, forbids: str) -> Missing:
    """A missing file, with a word on one that is there and empty or a link to nowhere."""
    path = folder / name
    if path.is_symlink() and not path.exists():
        return Missing(name, f"{forbids}; it is a link to nowhere")
    return Missing(name, f"{forbids}; it is empty" if path.is_file() else forbids)


def _derived(
    surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path], rois: dict[tuple[Hemisphere, MeshName], Path]
) -> Iterator[str]:
    """What is made of the files, a sentence each."""
    yield "surfaces: from FreeSurfer's coordinates to the scanner's, by the volume geometry in each file"
    for side in Hemisphere:
        if surfaces[side, "pial", "native"].name.endswith(_PIALS[1]):
            yield f"pial surface, {side.name.lower()}: {surfaces[side, 'pial', 'native'].name}"
    yield "midthickness: mean of white and pial"
    yield f"registration to fs_LR: sphere.reg, with the {SOURCES['fsaverage']}"
    yield "32k mesh: the native surfaces, resampled over these spheres (barycentric)"
    if len(rois) < len(Hemisphere):
        yield "medial wall: that of the 32k mesh, carried over these spheres"
