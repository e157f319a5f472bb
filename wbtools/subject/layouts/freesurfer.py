"""The layout of FreeSurfer's `recon-all`, versions 5 to 8.

Surfaces are in FreeSurfer's own coordinates there and are read in scanner coordinates
(`wbtools.surfaces.freesurfer`). `sphere.reg` is registered to fsaverage, so the areas are resampled from the 32k mesh
on fsaverage's sphere (`wbtools.surfaces.standard`).
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject import places
from wbtools.subject.identity import identity
from wbtools.subject.layouts import Layout, Signs, having
from wbtools.subject.layouts.cat_names import is_made
from wbtools.subject.presence import Missing, absence, incomplete, is_named, missing, usable
from wbtools.subject.subject import MeshChoice, MeshName, Registration, Subject, SurfaceKind, meshes_named, notice_in
from wbtools.surfaces.standard import SOURCES

T1W = ("brain.mgz", "brainmask.mgz", "norm.mgz", "T1.mgz", "orig.mgz")
"""Files of `mri/` that serve as the T1w, skull-stripped ones first."""

SEGMENTATIONS = ("wmparc.mgz", "aparc+aseg.mgz", "aseg.mgz", "aseg.presurf.mgz")

_STRIPPED = 3
_PIALS = ("pial.T2", "pial.FLAIR", "pial.T1")
"""Targets of the link `pial` since version 6; the first two were made with a second scan and are better."""
_SURFACE = b"\xff\xff\xfe"
"""Magic bytes of a triangle file."""
_HINT = "let recon-all finish (recon-all -all), or copy the rest of its folder"
_MESHES: tuple[MeshName, ...] = ("32k_fs_LR", "native")


def locate(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's folder, if there is one in the layout of recon-all; see `places.found`.

    Raises
    ------
    SubjectError
        If there are several.
    """
    return places.only(places.found(study_folder, subject_id, _is_subject), study_folder, subject_id)


def list_subjects(study_folder: Path) -> list[str]:
    """Names of the folders in the layout of recon-all, or that contain such folders."""
    return places.people(study_folder, _is_subject)


def unfinished(folder: Path) -> tuple[str, str] | None:
    """Message and hint for an incomplete recon-all folder; None for any other folder."""
    has_mri = any(path.name.endswith(".mgz") for path in places.files(folder / "mri"))
    surfaces = [path.name for path in places.files(folder / "surf") if path.name.startswith(("lh.", "rh."))]
    if is_made(folder):  # by CAT12, which also calls its folders surf and mri
        return None
    if has_mri and not surfaces:
        without = "an empty surf/" if places.has_folder(folder, "surf") else "no surf/"
        return (
            f"{folder} has mri/ and {without}: surfaces were not made",
            "let recon-all finish (recon-all -all), or run FastSurfer without --seg_only",
        )
    if surfaces and not places.has_folder(folder, "mri"):
        return (f"{folder} has surf/ and no mri/: the scan is missing", "copy mri/ from where surf/ came from")
    return None


def complete(folder: Path) -> bool:
    """Whether a subject's folder has all files that every mesh requires."""
    return any(is_named(folder / "mri" / name) for name in T1W) and not any(_lacking(folder, _surfaces(folder)))


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    """Find a subject of a FreeSurfer SUBJECTS_DIR.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the subject's folder, with or without `sub-`.
    mesh : str, optional
        None and `both` mean the native mesh, and the 32k mesh made from it.
    registration : str, optional
        Must be None; FreeSurfer has only `sphere.reg`.

    Raises
    ------
    InputError
        If a mesh or a registration is requested that FreeSurfer does not have.
    SubjectError
        If required files are missing or empty: all are listed with their consequences.
    """
    wanted = meshes_named(mesh)
    if registration is not None:
        raise InputError(
            f"a FreeSurfer folder has no registration {registration}, only sphere.reg", hint="leave out --surf-reg"
        )
    if not set(wanted) & set(_MESHES):
        raise InputError(f"FreeSurfer's surfaces give no {mesh} mesh", hint="choose --mesh 32k, native or both")
    folder = locate(study_folder, subject_id)
    assert folder is not None  # the caller has asked `locate`
    if (reason := unfinished(folder)) is not None:
        raise SubjectError(reason[0], hint=reason[1])
    surfaces = _surfaces(folder)
    t1w = next((folder / "mri" / name for name in T1W if is_named(folder / "mri" / name)), None)
    lacking = list(_lacking(folder, surfaces))
    if t1w is None:
        lacking.insert(0, Missing(f"mri/{T1W[0]}", f"everything; {' or '.join(T1W[1:])} would do"))
    if lacking:
        raise incomplete(folder, lacking, _HINT)
    assert t1w is not None
    return _subject(folder, surfaces, t1w, tuple(mesh for mesh in _MESHES if mesh in wanted))


def _subject(
    folder: Path,
    surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    t1w: Path,
    meshes: tuple[MeshName, ...],
) -> Subject:
    """The subject with all available files."""
    segmentation = next((folder / "mri" / name for name in SEGMENTATIONS if is_named(folder / "mri" / name)), None)
    mask = folder / "mri" / "brainmask.mgz"
    rois = _per_side(folder, "label/{side}.cortex.label", is_named)
    lacking = list(_optional(folder, surfaces))
    if t1w.name not in T1W[:_STRIPPED]:
        lacking.append(Missing(f"mri/{T1W[0]}", "a skull-stripped scan; the whole head is used"))
    if segmentation is None:
        lacking.append(Missing(f"mri/{SEGMENTATIONS[1]}", "the subcortex; the atlas is cortex only"))
    return Subject(
        id=identity(folder),
        layout="freesurfer",
        folder=folder,
        t1w=t1w,
        surfaces=surfaces,
        spheres=_per_side(folder, "surf/{side}.sphere.reg", is_named),
        rois=rois,
        sulci=_per_side(folder, "surf/{side}.sulc", usable),
        segmentation=segmentation,
        brain_mask=mask if is_named(mask) else None,
        registration="FreeSurfer sphere.reg",
        sphere_space="fsaverage",
        resampled=tuple(mesh for mesh in meshes if mesh != "native"),
        derived=tuple(_derived(surfaces, rois)),
        remarks=tuple(_remarks(folder, surfaces)),
        missing=tuple(lacking),
        notice=notice_in(folder),
    )


def _is_subject(folder: Path) -> bool:
    return places.has_folder(folder, "surf", "mri") and not is_made(folder)


def _side(hemisphere: Hemisphere) -> str:
    """`lh` or `rh`."""
    return f"{hemisphere.letter.lower()}h"


def _per_side(folder: Path, name: str, fit: Callable[[Path], bool]) -> dict[tuple[Hemisphere, MeshName], Path]:
    """Files of the native mesh that meet a condition, by a name in which `{side}` stands for lh or rh."""
    paths = {(side, _MESHES[1]): folder / name.format(side=_side(side)) for side in Hemisphere}
    return {key: path for key, path in paths.items() if fit(path)}


def _surfaces(folder: Path) -> dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]:
    """The native surfaces that exist."""
    pial = _pial(folder)
    names: dict[SurfaceKind, str] = {"white": "white", "pial": pial, "inflated": "inflated"}
    found = {
        (side, kind, _MESHES[1]): folder / "surf" / f"{_side(side)}.{name}"
        for side in Hemisphere
        for kind, name in names.items()
    }
    return {key: path for key, path in found.items() if usable(path)}


def _pial(folder: Path) -> str:
    """The name of the pial surfaces, for both sides; if copying lost one, the name of the file that `pial` linked to.

    An intact side shows which file that was; otherwise the best one is taken. Faults that copying does not cause, such
    as a folder or an unreadable file of this name, are left to the user.
    """
    files = {side: folder / "surf" / f"{_side(side)}.pial" for side in Hemisphere}
    if all(_is_surface(path) for path in files.values()) or not all(_may_be_lost(path) for path in files.values()):
        return "pial"
    others = [
        name for name in _PIALS if all(_is_surface(path.with_name(f"{path.name[:3]}{name}")) for path in files.values())
    ]
    whole = next((path for path in files.values() if _is_surface(path)), None)
    if whole is not None:
        others.sort(key=lambda name: not filecmp.cmp(whole, whole.with_name(f"{whole.name[:3]}{name}"), shallow=False))
    return others[0] if others else "pial"


def _is_surface(path: Path) -> bool:
    """Whether a file begins like a surface; a link that was turned into text does not."""
    try:
        if not path.is_file():  # reading a pipe would block
            return False
        with path.open("rb") as stream:
            return stream.read(len(_SURFACE)) == _SURFACE
    except OSError:
        return False


def _may_be_lost(path: Path) -> bool:
    """Whether a file is intact, missing, a broken link, or a link that copying turned into text."""
    if not is_named(path) or _is_surface(path):
        return True
    try:
        return stat.S_ISREG(path.stat().st_mode) and os.access(path, os.R_OK)
    except FileNotFoundError:  # a broken link
        return True
    except OSError:  # a circular link, or an unreadable folder
        return False


def _lacking(folder: Path, surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]) -> Iterator[Missing]:
    """Missing files that every mesh requires."""
    kinds: tuple[SurfaceKind, ...] = ("white", "pial")
    for side in Hemisphere:
        for kind in kinds:
            if (side, kind, "native") not in surfaces:
                yield missing(folder, f"surf/{_side(side)}.{kind}", "every mesh")
        name = f"surf/{_side(side)}.sphere.reg"
        if not usable(folder / name):
            yield missing(folder, name, "every mesh (areas are carried over this sphere)")


def _optional(folder: Path, surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]) -> Iterator[Missing]:
    """Missing files that only pictures need."""
    for side in Hemisphere:
        if (side, "inflated", "native") not in surfaces:
            yield missing(folder, f"surf/{_side(side)}.inflated", "inflated surfaces from FreeSurfer")
        if not usable(folder / f"surf/{_side(side)}.sulc"):
            yield missing(folder, f"surf/{_side(side)}.sulc", "shading by sulcal depth")


def _derived(
    surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path],
    rois: dict[tuple[Hemisphere, MeshName], Path],
) -> Iterator[str]:
    """A sentence for each part that is computed instead of read."""
    yield "surfaces: from FreeSurfer's coordinates to the scanner's, by the volume geometry in each file"
    for side in Hemisphere:
        if not surfaces[side, "pial", "native"].name.endswith(".pial"):
            yield f"pial surface, {side.name.lower()}: {surfaces[side, 'pial', 'native'].name}"
    yield "midthickness: mean of white and pial"
    yield f"registration to fs_LR: sphere.reg, with the {SOURCES['fsaverage']}"
    yield "32k mesh: the native surfaces, resampled over these spheres (barycentric)"
    if len(rois) < len(Hemisphere):
        yield "medial wall: that of the 32k mesh, carried over these spheres"


def _remarks(folder: Path, surfaces: dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]) -> Iterator[str]:
    """A sentence for each file that is used instead of the usual one, with the reason."""
    for side in Hemisphere:
        used, usual = surfaces[side, "pial", "native"], folder / "surf" / f"{_side(side)}.pial"
        if used != usual:
            yield f"{used.name} is read in place of {usual.name}: {_why_not(usual)}."


def _why_not(pial: Path) -> str:
    """The reason for not reading `pial` itself."""
    if _is_surface(pial):
        return "the other side's is lost, and both are to be of one kind"
    if not pial.is_symlink() and not pial.exists():
        return "it is not there"
    return absence(pial) or "it is no surface; copying may have turned a link into text"


LAYOUT = Layout(
    "freesurfer",
    "SUBJECT/surf and SUBJECT/mri (FreeSurfer)",
    locate,
    list_subjects,
    find,
    Signs(having(("surf", "mri")), in_study=having(("surf",), ("mri",)), beside_export=having(("surf", "mri"))),
    parts=("surf", "mri"),
    steps=frozenset(["label", "stats", "touch", "scripts", "orig", "norm", "nu", "rawavg"]),
    unfinished=unfinished,
    complete=complete,
    yields_to="bids",
)
