"""A person's cortex on a mesh: surfaces, spheres, medial wall and sulcal depth.

Missing parts that follow from others are computed here: midthickness or pial from the other and white, standard meshes
from the native one, the medial wall from the standard one. The subject's layout announces them (`Subject.derived`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.atlas import CorticalAtlas
from wbtools.errors import AtlasError, SubjectError
from wbtools.subject import MeshName, Subject, SurfaceKind, check_meshes
from wbtools.surfaces import files, standard
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.resampling import SphereWeights, barycentric
from wbtools.workbench import command

if TYPE_CHECKING:
    from wbtools.workbench.runner import Workbench

STANDARD: MeshName = "32k_fs_LR"
NATIVE: MeshName = "native"

Values = NDArray[np.float32]
Surfaces = dict[tuple[Hemisphere, SurfaceKind], Mesh]

_INFLATION = 0.75  # iterations scale on a 32k mesh, as in the HCP pipelines; finer meshes take more
_THICKEST = 20.0  # mm; CAT12 cuts off at 10
_APART = 20.0  # mm, least distance between the centres of both hemispheres; they are 60 to 70 mm apart


@dataclass(frozen=True, eq=False)
class Cortex:
    """Both hemispheres on a mesh, in native T1w space.

    Parameters
    ----------
    mesh : str
        `32k_fs_LR`, `native`, `59k_fs_LR` or `164k_fs_LR`.
    surfaces : mapping of (Hemisphere, SurfaceKind) to Mesh
        By side and HCP name (white, midthickness, pial, inflated, very_inflated).
    mask : mapping of Hemisphere to ndarray, (V,), bool
        False on the medial wall.
    spheres : mapping of Hemisphere to Mesh
        Registered spheres, over which all meshes of a subject correspond.
    sulc : mapping of Hemisphere to ndarray, (V,), float32
        Sulcal depth, if the subject has it.
    remarks : tuple of str
        A sentence for each surface file with an ambiguity that had to be resolved.
    """

    mesh: MeshName
    surfaces: Mapping[tuple[Hemisphere, SurfaceKind], Mesh]
    mask: Mapping[Hemisphere, NDArray[np.bool_]]
    spheres: Mapping[Hemisphere, Mesh]
    sulc: Mapping[Hemisphere, Values]
    remarks: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[SurfaceKind, ...]:
        """Names of the surfaces that both hemispheres have."""
        left = [kind for side, kind in self.surfaces if side is Hemisphere.LEFT]
        return tuple(kind for kind in left if (Hemisphere.RIGHT, kind) in self.surfaces)


def read(subject: Subject, mesh: MeshName) -> Cortex:
    """Read a mesh from its files, or make it from the native mesh.

    Parameters
    ----------
    subject : Subject
    mesh : str
        One of `subject.meshes`.

    Raises
    ------
    InputError
        If a file is damaged or of the other side.
    SubjectError
        If the files of a mesh differ in their number of vertices, are of the other side, or the sphere is of another
        mesh.
    """
    if mesh in subject.resampled:
        return _resampled(subject, mesh, read(subject, NATIVE))
    read_files = {
        (side, kind): files.read_with_remarks(path, side, kind, placed=subject.in_scanner_space)
        for (side, kind, name), path in subject.surfaces.items()
        if name == mesh
    }
    surfaces: Surfaces = {key: surface for key, (surface, _) in read_files.items()}
    remarks = tuple(remark for _, of_file in read_files.values() for remark in of_file)
    spheres = _spheres(subject, mesh)
    sulc, thickness = (
        {side: files.read_values(path, side) for (side, name), path in table.items() if name == mesh}
        for table in (subject.sulci, subject.thickness)
    )
    sizes = {
        side: len(next(surface.vertices for (where, _), surface in surfaces.items() if where is side))
        for side in Hemisphere
    }
    mask = {side: _mask(subject, mesh, side, sizes[side], spheres[side]) for side in Hemisphere}
    counts = {subject.surfaces[side, kind, mesh]: len(surface.vertices) for (side, kind), surface in surfaces.items()}
    for table, values in ((subject.rois, mask), (subject.sulci, sulc), (subject.thickness, thickness)):
        counts |= {table[side, mesh]: len(value) for side, value in values.items() if (side, mesh) in table}
    counts |= {path: len(spheres[side].vertices) for (side, name), path in subject.spheres.items() if name == mesh}
    check_meshes(subject, counts)
    _add_layers_of(surfaces, thickness)
    _add_missing_layer(surfaces)
    _require_sides(subject, mesh, surfaces)
    _require_matching_spheres(subject, mesh, surfaces, spheres)
    depth = sulc if len(sulc) == len(Hemisphere) else {}
    return _with_display_data(subject, Cortex(mesh, surfaces, mask, spheres, depth, remarks))


def read_standard(subject: Subject) -> Cortex:
    """The parts of the 32k mesh that are needed to resample areas: spheres, and midthickness for vertex areas.

    The midthickness is the subject's if it exists, else that of the S1200 group average: only ratios of its vertex
    areas are used.
    """
    middle: SurfaceKind = "midthickness"
    paths = {side: subject.surfaces.get((side, middle, STANDARD)) or standard.average_32k(side) for side in Hemisphere}
    return Cortex(
        mesh=STANDARD,
        surfaces={(side, middle): meshes.read(path, side, placed=True) for side, path in paths.items()},
        mask={side: standard.cortex_32k(side) for side in Hemisphere},
        spheres=_spheres(subject, STANDARD),
        sulc={},
    )


def inflated(cortex: Cortex, workbench: Workbench, threads: int = 1) -> Cortex:
    """The cortex with inflated surfaces, made by Workbench if missing, with the settings of the HCP pipelines.

    Parameters
    ----------
    cortex : Cortex
    workbench : Workbench
    threads : int

    Raises
    ------
    CommandError
        If Workbench fails.
    """
    if "inflated" in cortex.kinds:
        return cortex
    made: Surfaces = {}
    for side in Hemisphere:
        middle = cortex.surfaces[side, "midthickness"]
        with TemporaryDirectory(prefix="wbtools-") as name:
            path, little, much = (Path(name) / f"{word}.surf.gii" for word in ("middle", "inflated", "very_inflated"))
            meshes.write(path, middle, "midthickness")
            scale = _INFLATION * len(middle.vertices) / standard.VERTICES_32K
            workbench.run(command.surface_generate_inflated(path, little, much, scale), threads=threads)
            made[side, "inflated"] = meshes.read(little, side)
            made[side, "very_inflated"] = meshes.read(much, side)
    return replace(cortex, surfaces={**cortex.surfaces, **made})


def standard_areas(cortex: Cortex, atlas: CorticalAtlas) -> dict[Hemisphere, NDArray[np.int32]]:
    """An atlas's keys on the 32k mesh, (V,) per side.

    Raises
    ------
    AtlasError
        If the mesh does not have 32,492 vertices per side.
    """
    for side in Hemisphere:
        count = len(cortex.mask[side])
        if count != standard.VERTICES_32K:
            raise AtlasError(
                f"the 32k mesh of the {side.name.lower()} hemisphere has {count} vertices, not {standard.VERTICES_32K}",
                hint="use the 32k_fs_LR surfaces of the HCP pipelines",
            )
    return {side: atlas.labels_32k(side) for side in Hemisphere}


# ---------------------------------------------------------------------------------------------------- computed parts


def _resampled(subject: Subject, mesh: MeshName, native: Cortex) -> Cortex:
    """A standard mesh, resampled from the native mesh over the registered spheres."""
    spheres = _spheres(subject, mesh)
    weights = {side: barycentric(native.spheres[side], spheres[side]) for side in Hemisphere}
    surfaces: Surfaces = {
        (side, kind): weights[side].surface(surface, spheres[side]) for (side, kind), surface in native.surfaces.items()
    }
    sizes = {side: len(spheres[side].vertices) for side in Hemisphere}
    mask = {side: _mask(subject, mesh, side, sizes[side], spheres[side]) for side in Hemisphere}
    depth = {side: weights[side].metric(values) for side, values in native.sulc.items()}
    return Cortex(mesh, surfaces, mask, spheres, depth, native.remarks)


def _with_display_data(subject: Subject, cortex: Cortex) -> Cortex:
    """A standard mesh with missing inflated surfaces and sulcal depth, for pictures, resampled from the native mesh."""
    inflated = [(side, "inflated") for side in Hemisphere if (side, "inflated") not in cortex.surfaces]
    native = subject.surfaces.keys() >= {(side, "inflated", NATIVE) for side in Hemisphere}
    if cortex.mesh == NATIVE or NATIVE not in subject.meshes or not ((inflated and native) or not cortex.sulc):
        return cortex
    made = _resampled(subject, cortex.mesh, read(subject, NATIVE))
    added = {key: surface for key, surface in made.surfaces.items() if key in inflated}
    return replace(cortex, surfaces={**cortex.surfaces, **added}, sulc=cortex.sulc or made.sulc)


def _add_layers_of(surfaces: Surfaces, thickness: Mapping[Hemisphere, Values]) -> None:
    """Add white and pial at half the thickness on both sides of midthickness, where the thickness is known."""
    for side, values in thickness.items():
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= _THICKEST):
            raise SubjectError(
                f"the thickness of the {side.name.lower()} cortex goes from {values.min():.4g} to {values.max():.4g}, "
                f"which is none in mm (0 to {_THICKEST:g})",
                hint="take thickness and central surface from one run of CAT12",
            )
        middle = surfaces[side, "midthickness"]
        surfaces[side, "white"], surfaces[side, "pial"] = middle.outward(-values / 2), middle.outward(values / 2)


def _add_missing_layer(surfaces: Surfaces) -> None:
    """Add a missing midthickness or pial surface, assuming that midthickness is the mean of white and pial."""
    for side in Hemisphere:
        white, middle, pial = (surfaces.get((side, kind)) for kind in ("white", "midthickness", "pial"))
        if white and pial and not middle:
            surfaces[side, "midthickness"] = _with_vertices(white, (white.vertices + pial.vertices) / 2)
        elif white and middle and not pial:
            surfaces[side, "pial"] = _with_vertices(white, 2 * middle.vertices - white.vertices)


def _with_vertices(mesh: Mesh, vertices: NDArray[np.floating]) -> Mesh:
    return Mesh(vertices.astype(np.float32), mesh.triangles, mesh.hemisphere)


def _mask(subject: Subject, mesh: MeshName, side: Hemisphere, count: int, sphere: Mesh) -> NDArray[np.bool_]:
    """Cortex without the medial wall: from the subject's file, else the standard one."""
    path = subject.rois.get((side, mesh))
    if path is not None:
        return files.read_mask(path, side, count)
    if mesh == STANDARD:
        return standard.cortex_32k(side)
    standard_sphere = meshes.read(_standard_sphere(subject, mesh, side), side)
    weights: SphereWeights = barycentric(standard_sphere, sphere)
    return weights.labels(standard.cortex_32k(side).astype(np.int32)) > 0


def _spheres(subject: Subject, mesh: MeshName) -> dict[Hemisphere, Mesh]:
    """The registered spheres; missing 32k spheres, which are the same for all subjects, are read from a package."""
    paths = {side: subject.spheres.get((side, mesh)) or _standard_sphere(subject, mesh, side) for side in Hemisphere}
    return {side: files.read_sphere(path, side) for side, path in paths.items()}


def _standard_sphere(subject: Subject, mesh: MeshName, side: Hemisphere) -> Path:
    """The 32k sphere registered to this mesh's; only native meshes are ever registered to fsaverage."""
    path = subject.spheres.get((side, STANDARD))
    if path is not None:
        return path
    return standard.sphere_32k(side, subject.sphere_space if mesh in (NATIVE, STANDARD) else "fs_LR")


# ------------------------------------------------------------------------------------------------------ consistency


def _require_sides(subject: Subject, mesh: MeshName, surfaces: Surfaces) -> None:
    """Raise SubjectError unless the left hemisphere is to the left of the right one."""
    left, right = (float(surfaces[side, "white"].vertices[:, 0].mean()) for side in Hemisphere)
    if right - left < _APART:
        names = [
            subject.surfaces.get((side, "white", mesh), subject.surfaces.get((side, "pial", mesh), subject.folder))
            for side in Hemisphere
        ]
        raise SubjectError(
            f"subject {subject.id}: the middle of {names[0].name} is at x = {left:.0f} mm, that of {names[1].name} at "
            f"x = {right:.0f} mm, so the left hemisphere does not lie to the left of the right one",
            hint="look for files of one side under the other side's name, and give each its own name back",
        )


def _require_matching_spheres(
    subject: Subject, mesh: MeshName, surfaces: Surfaces, spheres: Mapping[Hemisphere, Mesh]
) -> None:
    """Raise SubjectError if a FreeSurfer sphere does not have the triangles of the white surface."""
    for side in Hemisphere:
        path = subject.spheres.get((side, mesh))
        if path is None or files.is_gifti(path):
            continue
        if not np.array_equal(spheres[side].triangles, surfaces[side, "white"].triangles):
            raise SubjectError(
                f"{path} is the sphere of another mesh than {side.letter.lower()}h.white",
                hint="take surf/ from one run of recon-all, and each side's files for that side",
            )
