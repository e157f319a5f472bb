"""Small pieces of cortex and grids around them, for tests of mapping."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from wbtools.anatomy import Hemisphere
from wbtools.space.grid import Grid
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights

TURN = Rotation.from_euler("xyz", [0.2, 0.3, 0.1]).as_matrix()
Cortex = tuple[Mesh, Mesh]


def sphere_grid(voxel: float = 1.5, reach: float = 26.0) -> Grid:
    """Voxels around the origin, which lies off their centres."""
    count = int(np.ceil(2 * reach / voxel))
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = -reach + np.array([0.31, 0.17, 0.23])
    return Grid((count, count + 1, count + 2), affine)


def folded_cortex(
    seed: int = 0, frequency: int = 8, roughness: float = 0.3, side: Hemisphere = Hemisphere.LEFT
) -> Cortex:
    """A rough, uneven ribbon of 20 mm radius and 1 to 4 mm thickness; columns cross each other from 1 mm roughness."""
    rng = np.random.default_rng(seed)
    ball = icosphere(frequency, 1.0, side, rotation=TURN)
    x, y, z = ball.vertices.T.astype(np.float64)
    radius = 18 + 1.5 * np.sin(9 * x + 3 * y) + 0.2 * rng.normal(size=len(x))
    thickness = 2.5 + 1.2 * np.cos(7 * z)
    white, pial = ball.vertices * radius[:, None], ball.vertices * (radius + thickness)[:, None]
    pial = pial + roughness * rng.normal(size=pial.shape)
    return Mesh(white, ball.triangles, ball.hemisphere), Mesh(pial, ball.triangles, ball.hemisphere)


def noise(grid: Grid, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=grid.shape).astype(np.float32)


def coverage(ribbon: RibbonWeights) -> NDArray[np.floating]:
    """The share of each voxel that is cortex, by the sum of its columns, (X, Y, Z)."""
    columns = 3 if ribbon.columns is Columns.THICK else 1  # that each place of the cortex belongs to
    return np.asarray(ribbon.matrix.sum(axis=0)).reshape(ribbon.grid.shape) / columns


def without_data(ribbon: RibbonWeights) -> NDArray[np.bool_]:
    """Vertices whose column holds no sub-voxel centre, (V,)."""
    return np.asarray(np.diff(ribbon.shares.indptr) == 0)
