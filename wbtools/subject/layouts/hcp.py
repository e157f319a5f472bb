"""The folder layout of the Human Connectome Project's minimal preprocessing pipeline.

Geometry is read from `T1w/` (native space). From `MNINonLinear/` only spheres, medial-wall masks and sulcal depth are
read, which do not depend on the space: its surfaces, which have the same names, are warped to MNI space and must never
be combined with the T1w image. The 164k mesh has surfaces only there; in native space it is made from the native mesh
over its spheres.

Young adults at 3T (S1200) and 7T (1.6 mm, 59k), Development and Aging (`HCD..._V1_MR`) share the same file names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import get_args

from wbtools.anatomy import Hemisphere
from wbtools.errors import require_choice
from wbtools.subject import places
from wbtools.subject.identity import identity, is_step
from wbtools.subject.layouts import Layout, Signs, having
from wbtools.subject.layouts.hcp_names import CIFTIFY_T1W, FREESURFERS, NEEDED, REG_LR, SEGMENTATIONS, T1W, Names
from wbtools.subject.presence import Missing, incomplete, is_named, missing, usable
from wbtools.subject.subject import (
    NOTICE,
    MeshChoice,
    MeshName,
    Registration,
    Subject,
    SurfaceKind,
    meshes_named,
    notice_in,
)
from wbtools.surfaces.standard import SOURCES

__all__ = ["LAYOUT", "NOTICE", "SEGMENTATIONS", "T1W", "Names", "find", "list_subjects", "locate", "scan_alone"]

_STRIPPED = (T1W[0], CIFTIFY_T1W[0])

_MASKS = ("T1w/brainmask_fs.nii.gz", "T1w/T1w_acpc_brain_mask.nii.gz")
_SHOWN: tuple[SurfaceKind, ...] = ("inflated", "very_inflated")
_ALWAYS: tuple[MeshName, ...] = ("32k_fs_LR", "native")


def locate(study_folder: Path, subject_id: str) -> Path | None:
    """The subject's folder, if there is one in the HCP layout; see `places.found`.

    Raises
    ------
    SubjectError
        If there are several.
    """
    return places.only(places.found(study_folder, subject_id, _is_subject), study_folder, subject_id)


def list_subjects(study_folder: Path) -> list[str]:
    """Names of the folders in the HCP layout, or that contain such folders."""
    return places.people(study_folder, _is_subject)


def unfinished(folder: Path) -> tuple[str, str] | None:
    """Message and hint for an incomplete folder in the HCP layout; None for any other folder."""
    if places.has_folder(folder, "T1w"):
        return None
    if places.has_folder(folder, "MNINonLinear"):
        return (
            f"{folder} has MNINonLinear/ and no T1w/: surfaces of the person's own space are missing",
            "add T1w/ of the same subject (HCP: 'Structural Preprocessed')",
        )
    scans = [scan for place in sorted((folder / "unprocessed").glob("*/T1w*")) for scan in places.files(place)]
    images = [scan for scan in scans if scan.name.endswith((".nii", ".nii.gz"))]
    if not images:
        return None
    return (
        f"{folder} holds the HCP's unprocessed scans only ({images[0].relative_to(folder)})",
        f"download 'Structural Preprocessed' of it, or give the scan alone, for template surfaces: {images[0]}",
    )


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    """Find a subject of an HCP study folder.

    Parameters
    ----------
    study_folder : Path
    subject_id : str
        Name of the subject's folder.
    mesh : str, optional
        None takes native and 32k, whichever are complete, and 59k if neither is.
    registration : {"MSMAll", "MSMSulc"}, optional
        None takes the registration with more of the wanted meshes complete, MSMAll if equal.

    Raises
    ------
    InputError
        If an option is unknown.
    SubjectError
        If the subject lacks required files: all are listed with their consequences.
    """
    wanted = meshes_named(mesh)
    require_choice("registration", registration, get_args(Registration))
    folder = locate(study_folder, subject_id)
    assert folder is not None  # the caller has asked `locate`
    candidates = _candidates(folder, registration)
    if mesh is None and not any(_complete(folder, names, wanted) for names in candidates):
        wanted = (*wanted, "59k_fs_LR")
    if mesh in {None, "all"}:  # most downloads do not have the finer meshes
        wanted = tuple(name for name in wanted if name in _ALWAYS or _begun(folder, name))
    # max keeps the first of equals, so MSMAll wins unless MSMSulc completes more.
    names = max(
        candidates, key=lambda each: (len(_complete(folder, each, wanted)), -len(_lacking(folder, each, wanted)))
    )
    # Areas are resampled to other meshes from the 32k mesh, whose surfaces are used for that if they exist.
    have = _complete(folder, names, dict.fromkeys([*wanted, "32k_fs_LR"]))
    made = _made(folder, names, wanted, have)
    lacking = _lacking(folder, names, [name for name in wanted if name not in made])
    t1w = _first(folder, (*T1W, *(CIFTIFY_T1W if _is_ciftifys(folder) else ())))
    if t1w is None or not have or (mesh and lacking):
        scan = [] if t1w else [Missing(T1W[0], f"everything; {Path(T1W[1]).name} would do")]
        raise incomplete(folder, [*scan, *lacking], _hint(folder, lacking, mesh, registration))
    rejected = _files_of_better_registrations(folder, candidates, names, wanted)
    return _subject(folder, names, have, made, t1w, tuple(lacking) + rejected)


def scan_alone(folder: Path) -> Subject | None:
    """A subject of which nothing but the T1w image and the brain mask is needed; None without an image.

    Parameters
    ----------
    folder : Path
        As `locate` gives it.
    """
    t1w = _first(folder, T1W)
    if t1w is None:
        return None
    segmentation, mask = _first(folder, SEGMENTATIONS), _first(folder, _MASKS)
    return Subject(
        identity(folder),
        "hcp",
        folder,
        t1w,
        {},
        {},
        {},
        segmentation=segmentation,
        brain_mask=mask,
        notice=notice_in(folder),
    )


def _subject(
    folder: Path,
    names: Names,
    meshes: tuple[MeshName, ...],
    made: tuple[MeshName, ...],
    t1w: Path,
    lacking: tuple[Missing, ...],
) -> Subject:
    """The subject with all available files."""
    segmentation = _first(folder, SEGMENTATIONS)
    needed: list[MeshName] = [*meshes, "native"] if made else [*meshes]
    drawn = tuple(name for name in dict.fromkeys(needed) if name != "164k_fs_LR")
    absent = [*lacking, *_unshown(folder, names, drawn)]
    if t1w.name.partition(".nii")[0] not in {Path(name).name.partition(".nii")[0] for name in _STRIPPED}:
        absent.append(Missing(T1W[0], "a skull-stripped scan; the whole head is used"))
    if segmentation is None:
        absent.append(Missing(SEGMENTATIONS[0], "the subcortex; the atlas is cortex only"))
    sides = [(side, mesh) for mesh in (*drawn, *made) for side in Hemisphere]
    # The standard sphere is also needed for other meshes, even without 32k surfaces.
    of_spheres = dict.fromkeys([*sides, *((side, meshes_named("32k")[0]) for side in Hemisphere)])
    kinds: tuple[SurfaceKind, ...] = (*NEEDED, "midthickness", *_SHOWN)
    surfaces = {(side, kind, mesh): folder / names.surface(side, kind, mesh) for side, mesh in sides for kind in kinds}
    return Subject(
        id=identity(folder),
        layout="hcp",
        folder=folder,
        t1w=t1w,
        surfaces={key: path for key, path in surfaces.items() if key[2] in drawn and _fit(key[1])(path)},
        spheres=_present({key: folder / names.sphere(*key) for key in of_spheres}),
        rois=_present({key: folder / names.roi(*key) for key in sides}),
        sulci=_present({key: folder / names.sulc(*key) for key in sides}, usable),
        segmentation=segmentation,
        brain_mask=_first(folder, _MASKS),
        registration=names.source,
        in_scanner_space=True,  # the pipelines move surfaces but leave FreeSurfer's metadata unchanged
        resampled=made,
        derived=tuple(_derived(folder, names, drawn, made)),
        remarks=tuple(_remarks(names, t1w)),
        missing=tuple(absent),
        notice=notice_in(folder),
    )


def _is_subject(folder: Path) -> bool:
    """Whether a folder has a T1w folder that does not just contain FreeSurfer folders, which are of another layout."""
    if not places.has_folder(folder, "T1w"):
        return False
    inside = places.children(folder / "T1w")
    return not any(is_step(entry.name) and places.has_folder(entry, "surf", "mri") for entry in inside)


def _is_ciftifys(folder: Path) -> bool:
    """Whether the scan may have ciftify's name, which the HCP pipelines, absent here, use for another image."""
    aligned = (path.name.startswith("T1w_acpc") for path in places.files(folder / "T1w"))
    return not places.has_folder(folder, "T1w/xfms") and not any(aligned)


def _candidates(folder: Path, registration: str | None) -> list[Names]:
    """The possible registrations, the best first.

    Raises
    ------
    SubjectError
        If MSM is requested but the pipeline ran without it: surfaces with MSMSulc's names are FreeSurfer's then.
    """
    start = _start(folder)
    without = Names(start, "reg_LR")
    if not _lacking(folder, without, ["native"]) and not _ran_msm(folder):
        if registration is None:
            return [without]
        spheres = (Names(start, "MSMSulc").sphere(side, "native") for side in Hemisphere)
        lacking = [
            Missing(path, f"registration {registration}; FreeSurfer's sphere.reg.reg_LR is there") for path in spheres
        ]
        raise incomplete(folder, lacking, "leave out --surf-reg: this pipeline ran without MSM")
    names: tuple[Registration, ...] = get_args(Registration)
    return [Names(start, name) for name in names if registration in {None, name}]


def _ran_msm(folder: Path) -> bool:
    """Whether there are files from a registration by MSM."""
    spheres = (path.name for path in places.files(folder / "MNINonLinear/Native"))
    surfaces = (path.name for path in places.files(folder / "T1w/fsaverage_LR32k"))
    return any("MSM" in name for name in (*spheres, *surfaces))


def _begun(folder: Path, mesh: MeshName) -> bool:
    """Whether there are any files of a mesh."""
    resolution = mesh.partition("_")[0]
    near = places.files(folder / f"T1w/fsaverage_LR{resolution}")
    spheres = [path for path in places.files(folder / "MNINonLinear") if f".sphere.{mesh}." in path.name]
    return bool(near or spheres)


def _hint(folder: Path, lacking: list[Missing], mesh: str | None, registration: str | None) -> str:
    """A hint for the missing files."""
    surfaces = any(
        path.name.endswith(".surf.gii") for inner in places.children(folder / "T1w") for path in places.files(inner)
    )
    if not surfaces and not places.has_folder(folder, "MNINonLinear"):
        return (
            "this T1w/ has no surfaces: let the HCP pipelines finish, or give the image itself, for template surfaces"
        )
    if not lacking:
        return "add the scan of the same subject (HCP: 'Structural Preprocessed')"
    packages = "'Structural Preprocessed' and its 'Extended'"
    choices = [f"leave out --surf-reg {registration}"] if registration else []
    choices += [f"choose another --mesh than {mesh}"] if mesh else []
    return ", or ".join([*choices, f"download the rest of the subject (HCP: {packages})"])


def _unshown(folder: Path, names: Names, drawn: Iterable[MeshName]) -> Iterator[Missing]:
    """Missing files that only pictures need and that are not made from the native mesh either."""
    for mesh in drawn:
        made = mesh != "native" and "native" in drawn
        for kind in _SHOWN:
            absent = _absent_of(folder, names, kind, mesh)
            if kind == "inflated" and made and not _absent_of(folder, names, kind, "native"):
                continue
            by_workbench = ", unless wb_command makes them" if _absent_of(folder, names, "inflated", mesh) else ""
            for path in absent:
                yield missing(folder, path, f"{kind.replace('_', ' ')} surfaces of the {mesh} mesh{by_workbench}")
        of_native = [Missing(names.sulc(side, "native"), "") for side in Hemisphere]
        if not (made and not _absent(folder, of_native, usable)):
            forbids = f"shading of the {mesh} mesh by sulcal depth"
            yield from _absent(folder, (Missing(names.sulc(side, mesh), forbids) for side in Hemisphere), usable)


def _absent_of(folder: Path, names: Names, kind: SurfaceKind, mesh: MeshName) -> list[str]:
    """The missing surfaces of a kind."""
    files = (Missing(names.surface(side, kind, mesh), "") for side in Hemisphere)
    return [file.path for file in _absent(folder, files, _fit(kind))]


def _start(folder: Path) -> str:
    """The prefix of the subject's file names: the folder's name, or another prefix that all surfaces share."""
    starts = {path.name.partition(".L.white")[0] for path in folder.glob("T1w/*/*.L.white*.surf.gii")}
    return starts.pop() if len(starts) == 1 and folder.name not in starts else folder.name


def _made(folder: Path, names: Names, wanted: Iterable[MeshName], have: tuple[MeshName, ...]) -> tuple[MeshName, ...]:
    """Wanted standard meshes without native-space surfaces, to which the native mesh can be resampled."""
    if _lacking(folder, names, ["native"]):
        return ()
    return tuple(
        mesh for mesh in wanted if (mesh == "32k_fs_LR" and mesh not in have) or (mesh == "164k_fs_LR" and mesh in have)
    )


def _remarks(names: Names, t1w: Path) -> Iterator[str]:
    """A sentence for each file that is used instead of the usual one."""
    if f"T1w/{t1w.name}" in {spelt for name in CIFTIFY_T1W for spelt in (name, name.removesuffix(".gz"))}:
        yield f"The T1w is {t1w.name}, as ciftify calls it."
    if names.registration == REG_LR:
        yield f"The registration is {FREESURFERS}: there is no sphere of MSM."


def _derived(folder: Path, names: Names, drawn: Iterable[MeshName], made: tuple[MeshName, ...]) -> Iterator[str]:
    """A sentence for each part that is computed instead of read."""
    for mesh in drawn:
        if _absent_of(folder, names, "midthickness", mesh):
            yield f"midthickness, {mesh}: mean of white and pial"
        from_native = mesh != "native" and "native" in drawn and not _absent_of(folder, names, "inflated", "native")
        if from_native and _absent_of(folder, names, "inflated", mesh):
            yield f"inflated, {mesh}: the native surfaces, resampled over the spheres"
    for mesh in made:
        yield f"{mesh} mesh: the native surfaces, resampled over the {names.registration} spheres (barycentric)"
    if any(_absent(folder, (Missing(names.sphere(side, "32k_fs_LR"), "") for side in Hemisphere))):
        yield f"standard sphere: {SOURCES['fs_LR']}"
    for mesh in (*drawn, *made):
        if any(_absent(folder, (Missing(names.roi(side, mesh), "") for side in Hemisphere))):
            yield f"medial wall, {mesh}: the standard one of the 32k mesh"


def _fit(kind: SurfaceKind) -> Callable[[Path], bool]:
    """The condition for choosing a surface: unusable ones are omitted if only pictures need them, else reported."""
    return usable if kind in _SHOWN else is_named


def _present(
    files: dict[tuple[Hemisphere, MeshName], Path], fit: Callable[[Path], bool] = is_named
) -> dict[tuple[Hemisphere, MeshName], Path]:
    """The files that exist, or meet another condition."""
    return {key: path for key, path in files.items() if fit(path)}


def _first(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of several files that exists, compressed or not."""
    paths = (folder / spelt for name in names for spelt in (name, name.removesuffix(".gz")))
    return next((path for path in paths if is_named(path)), None)


def _absent(folder: Path, files: Iterable[Missing], fit: Callable[[Path], bool] = is_named) -> list[Missing]:
    """The files that do not exist, or do not meet another condition."""
    return [missing(folder, *file) for file in files if not fit(folder / file.path)]


def _lacking(folder: Path, names: Names, meshes: Iterable[MeshName]) -> list[Missing]:
    """Missing files that these meshes require, each once."""
    absent = [file for mesh in meshes for file in _absent(folder, names.needed(mesh))]
    return list({file.path: file for file in absent}.values())


def _complete(folder: Path, names: Names, meshes: Iterable[MeshName]) -> tuple[MeshName, ...]:
    """The meshes with all required files."""
    return tuple(mesh for mesh in meshes if not _lacking(folder, names, [mesh]))


def _files_of_better_registrations(
    folder: Path, candidates: list[Names], taken: Names, meshes: tuple[MeshName, ...]
) -> tuple[Missing, ...]:
    """The missing files because of which a better registration was not taken."""
    better = candidates[: candidates.index(taken)]
    of_taken = {file.path for file in _lacking(folder, taken, meshes)}
    return tuple(
        Missing(file.path, f"registration {names.registration}; {taken.registration} is used")
        for names in better
        for file in _lacking(folder, names, meshes)
        if file.path not in of_taken
    )


_ONLY_INPUTS = (("T1w/T1w_acpc_dc_restore.nii.gz",), ("T1w/T1w_acpc_dc.nii.gz",), ("MNINonLinear",))
_PROCESSED = (("T1w/Native",), ("T1w/fsaverage_LR32k",), ("T1w/T1w_acpc_dc_restore_brain.nii.gz",))

LAYOUT = Layout(
    "hcp",
    "SUBJECT/T1w (HCP)",
    locate,
    list_subjects,
    find,
    # Exports have a T1w folder with surfaces and the masked scan, too.
    Signs(having(*_PROCESSED, *_ONLY_INPUTS), in_study=having(("T1w",)), beside_export=having(*_ONLY_INPUTS)),
    parts=("T1w", "MNINonLinear"),
    steps=frozenset(["mnilinear", "native", "unprocessed", "3t", "7t", "fsaveragelr32k", "lr32k"]),
    unfinished=unfinished,
)
