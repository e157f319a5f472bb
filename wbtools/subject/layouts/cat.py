"""The layout of CAT12 and T1Prep: surfaces of a person without FreeSurfer.

Surfaces are GIFTI files in the coordinates of the scan. `sphere.reg` is registered to fsaverage, as FreeSurfer's is
(both programs take `templates_surfaces_32k` of CAT12: fsaverage's anatomy on fsaverage's sphere), so areas are carried
over as for `freesurfer`. There are no labels like FreeSurfer's, hence no subcortex.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.subject import places
from wbtools.subject.identity import identity, is_step, person_of
from wbtools.subject.layouts import Layout, Signs
from wbtools.subject.layouts.cat_names import CatScan, is_made, scans_in
from wbtools.subject.presence import Missing, incomplete, is_named, missing, usable
from wbtools.subject.subject import MeshChoice, MeshName, Registration, Subject, SurfaceKind, meshes_named, notice_in
from wbtools.surfaces.standard import SOURCES

_NAMES: dict[SurfaceKind, str] = {"white": "white", "midthickness": "central", "pial": "pial", "inflated": "inflated"}
_SEGMENTATIONS = ("wmparc_", "aparc+aseg_", "aseg_")
"""Beginnings of names of images with FreeSurfer's labels, which a user may put into `mri/`."""
_DEPTHS = ("sulc", "depth")
_MESHES: tuple[MeshName, ...] = ("32k_fs_LR", "native")
_HINT = "run CAT12 with surface and thickness estimation, or T1Prep without --no-surf and --fast, or copy the rest"

Surfaces = dict[tuple[Hemisphere, SurfaceKind, MeshName], Path]
Values = dict[tuple[Hemisphere, MeshName], Path]


def locate(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's folder, or the left central surface of the subject's scan in a folder of several people.

    Raises
    ------
    SubjectError
        If there are several.
    """
    there = {(os.path.realpath(path.parent), path.name): path for path in _found(study_folder, subject_id)}
    return places.only(list(there.values()), study_folder, subject_id)


def list_subjects(study_folder: Path) -> list[str]:
    """Names of people's folders with central surfaces, and of the scans in folders of several people."""
    homes = [name for name in places.people(study_folder, _holds) if not is_step(name)]
    own = {name for name in homes if _found(study_folder, name)}
    return sorted(own | {scan.id for pool in _pools(study_folder) for scan in scans_in(pool)})


def unfinished(folder: Path) -> tuple[str, str] | None:
    """Message and hint for a folder in which surfaces were begun; None for any other folder."""
    if places.has_folder(folder, "surf", "mri") and is_made(folder) and not scans_in(folder):
        return (f"{folder} has images of CAT12 and no central surfaces: surfaces were not finished", _HINT)
    return None


def complete(place: Path) -> bool:
    """Whether a located subject has all files that every mesh requires."""
    return not any(_lacking(_scan_at(place)))


def folder_of(place: Path) -> Path:
    """The folder of the subject at a located place."""
    return _scan_at(place).folder


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    """Find a subject of CAT12 or T1Prep.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the subject's folder or of the scan, with or without `sub-`.
    mesh : str, optional
        None and `both` mean the native mesh, and the 32k mesh made from it.
    registration : str, optional
        Must be None; there is only `sphere.reg`.

    Raises
    ------
    InputError
        If a mesh or a registration is requested that CAT12 does not have.
    SubjectError
        If required files are missing or empty: all are listed with their consequences.
    """
    wanted = meshes_named(mesh)
    if registration is not None:
        raise InputError(
            f"a CAT12 folder has no registration {registration}, only sphere.reg", hint="leave out --surf-reg"
        )
    if not set(wanted) & set(_MESHES):
        raise InputError(f"CAT12's surfaces give no {mesh} mesh", hint="choose --mesh 32k, native or both")
    place = locate(study_folder, subject_id)
    assert place is not None  # the caller has asked `locate`
    scan = _scan_at(place)
    if lacking := list(_lacking(scan)):
        raise incomplete(scan.folder, lacking, _HINT)
    return _subject(identity(place), scan, tuple(mesh for mesh in _MESHES if mesh in wanted))


def _subject(name: str, scan: CatScan, meshes: tuple[MeshName, ...]) -> Subject:
    """The subject with all available files."""
    corrected = scan.image("m")
    t1w = corrected or scan.original()
    assert t1w is not None  # `_lacking` has asked
    mask = scan.image("mask") or scan.image("p0")
    segmentation = next(filter(None, map(scan.image, _SEGMENTATIONS)), None)
    surfaces, rois = _surfaces(scan), _values(scan, "mask", is_named)
    thickness = {} if _has_layers(surfaces) else _values(scan, "thickness", usable)
    if thickness:
        surfaces = {key: path for key, path in surfaces.items() if key[1] not in ("white", "pial")}
    sulci = next(filter(None, (_values(scan, what, usable) for what in _DEPTHS)), {})
    return Subject(
        id=name,
        layout="cat",
        folder=scan.folder,
        t1w=t1w,
        surfaces=surfaces,
        spheres={(side, "native"): scan.surface(side, "sphere.reg") for side in Hemisphere},
        rois=rois,
        sulci=sulci,
        thickness=thickness,
        segmentation=segmentation,
        brain_mask=mask,
        registration="CAT sphere.reg",
        sphere_space="fsaverage",
        in_scanner_space=True,
        resampled=tuple(mesh for mesh in meshes if mesh != "native"),
        derived=tuple(_derived(surfaces, bool(thickness), bool(rois))),
        remarks=tuple(_remarks(scan, corrected, segmentation)),
        missing=tuple(_optional(scan, segmentation, mask, sulci)),
        notice=notice_in(scan.folder),
    )


def _found(study_folder: Path, subject_id: str) -> list[Path]:
    """Folders of a subject with a single scan, or scans in folders of several."""
    folders = places.found(study_folder, subject_id, _holds)
    more = folders or places.found(study_folder, person_of(subject_id), _holds)
    alone = [folder for folder in folders if len(scans_in(folder)) == 1]
    if alone:
        return alone
    pooled = (scan for pool in _pools(study_folder) for scan in scans_in(pool))
    scans = [*(scan for folder in more for scan in scans_in(folder)), *pooled]
    named = [scan for scan in scans if scan.is_called(subject_id)]
    chosen = named or [scan for scan in scans if scan.is_of(subject_id)]
    return [scan.surface(Hemisphere.LEFT, "central") for scan in chosen]


def _pools(study_folder: Path) -> list[Path]:
    """Folders that hold the files of several people: the study folder itself, and those of programs in it."""
    return [study_folder, *_programs(study_folder), *places.children(study_folder / "derivatives")]


def _programs(study_folder: Path) -> tuple[Path, ...]:
    """The folders of programs in a study folder."""
    try:
        return _programs_listed(study_folder, study_folder.stat().st_mtime_ns)
    except OSError:
        return ()


@lru_cache(maxsize=64)
def _programs_listed(study_folder: Path, changed: int) -> tuple[Path, ...]:
    """The same; cached while the folder is unchanged, since a batch asks for every subject."""
    return tuple(child for child in places.children(study_folder) if is_step(child.name))


def _holds(folder: Path) -> bool:
    """Whether a folder holds central surfaces."""
    return bool(scans_in(folder))


def _scan_at(place: Path) -> CatScan:
    """The scan at a located place: the only one of a folder, or that of a central surface."""
    return scans_in(place)[0] if places.is_dir(place) else CatScan.of(place)


def _surfaces(scan: CatScan) -> Surfaces:
    """The native surfaces that exist."""
    named: Surfaces = {
        (side, kind, _MESHES[1]): scan.surface(side, name) for side in Hemisphere for kind, name in _NAMES.items()
    }
    return {key: path for key, path in named.items() if usable(path)}


def _values(scan: CatScan, what: str, fit: Callable[[Path], bool]) -> Values:
    """Values per vertex of both sides that meet a condition; empty if either is missing."""
    paths: Values = {(side, _MESHES[1]): scan.values(side, what) for side in Hemisphere}
    return paths if all(map(fit, paths.values())) else {}


def _has_layers(surfaces: Surfaces) -> bool:
    """Whether white exists, and with it pial or central, on both sides."""
    return all(
        (side, "white", "native") in surfaces
        and {(side, "pial", "native"), (side, "midthickness", "native")} & surfaces.keys()
        for side in Hemisphere
    )


def _lacking(scan: CatScan) -> Iterator[Missing]:
    """Missing files that every mesh requires."""
    folder, surfaces = scan.folder, _surfaces(scan)
    if scan.image("m") is None and scan.original() is None:
        name = scan.within("mri", f"m{scan.name}.nii").relative_to(folder).as_posix()
        yield Missing(name, f"everything; the scan itself, {scan.name}.nii, beside it would do")
    layered = _has_layers(surfaces)
    for side in Hemisphere:
        needed = {"sphere.reg": "every mesh (areas are carried over this sphere)"}
        if not layered and not _values(scan, "thickness", usable):
            needed["white"] = "every mesh; thickness of both sides beside central would do"
        if (side, "midthickness", "native") not in surfaces and not layered:
            needed["central"] = "every mesh"
        for kind, forbids in needed.items():
            path = scan.surface(side, kind)
            if not usable(path):
                yield missing(folder, path.relative_to(folder).as_posix(), forbids)


def _optional(scan: CatScan, segmentation: Path | None, mask: Path | None, sulci: Values) -> Iterator[Missing]:
    """Missing files that are not required."""
    mri = "" if scan.is_flat else "mri/"
    if segmentation is None:
        forbids = "the subcortex, which CAT12 does not label; --subcortex brings others, else the atlas is cortex only"
        yield Missing(f"{mri}aseg_{scan.name}.nii.gz", forbids)
    if mask is None:
        yield Missing(f"{mri}p0{scan.name}.nii", "a brain mask from CAT12")
    if not sulci:
        path = scan.values(Hemisphere.LEFT, _DEPTHS[0])
        yield missing(scan.folder, path.relative_to(scan.folder).as_posix(), "shading by sulcal depth")


def _remarks(scan: CatScan, corrected: Path | None, segmentation: Path | None) -> Iterator[str]:
    """What every reader of an output must know of the files."""
    if corrected is None:
        yield f"The T1w is the scan itself: there is no bias-corrected m{scan.name}."
    if segmentation is None:
        yield (
            "There is no segmentation of this person with FreeSurfer's labels, which CAT12 and T1Prep do not make: "
            "regions below the cortex are those that --subcortex names, else there are none."
        )


def _derived(surfaces: Surfaces, by_thickness: bool, masked: bool) -> Iterator[str]:
    """A sentence for each part that is computed instead of read."""
    if by_thickness:
        yield "white and pial: half the thickness inside and outside of central, along its normals"
    elif (Hemisphere.LEFT, "midthickness", "native") not in surfaces:
        yield "midthickness: mean of white and pial"
    elif (Hemisphere.LEFT, "pial", "native") not in surfaces:
        yield "pial: as far outside central as white is inside, not measured"
    yield f"registration to fs_LR: sphere.reg, with the {SOURCES['fsaverage']}"
    yield "32k mesh: the native surfaces, resampled over these spheres (barycentric)"
    if not masked:
        yield "medial wall: that of the 32k mesh, carried over these spheres"


LAYOUT = Layout(
    "cat",
    "SUBJECT/surf/lh.central.NAME.gii and SUBJECT/mri (CAT12, T1Prep), or all files of a BIDS anat folder in one",
    locate,
    list_subjects,
    find,
    Signs(is_made, beside_export=is_made),
    parts=("surf", "mri"),
    steps=frozenset(["label", "report", "err", "t1prep", "t1prepamap"]),
    unfinished=unfinished,
    complete=complete,
    folder_of=folder_of,
)
