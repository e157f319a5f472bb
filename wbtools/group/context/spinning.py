"""Random rotations of a map on the sphere: its spatial autocorrelation stays, its alignment with other maps goes.

Both hemispheres turn together, the right one by the mirrored rotation (Alexander-Bloch et al. 2018, NeuroImage
178:540-551). The vertices of an area then lie on others: the rotated value of the area is their mean (Cornblath et al.
2020, Commun Biol 3:261). Vertices that come to lie on the medial wall, or on an area without a value, are left out, and
an area that has no other vertex gets none, as in neuromaps.

Of the published ways to assign areas, this one keeps its false-positive rate: `benchmarks/spin_test.py`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import OutOfRange
from wbtools.surfaces import mesh
from wbtools.surfaces.standard import sphere_32k

_CELLS = 400  # per edge of the cube; a cell is 0.3 to 0.5 mm wide on a sphere of 100 mm, vertices are 2 mm apart
_MIRROR = np.array([-1.0, 1.0, 1.0])


def random_rotations(count: int = 10_000, seed: int = 0) -> NDArray[np.float64]:
    """Rotations drawn uniformly from SO(3), as normalised quaternions of normal numbers.

    Parameters
    ----------
    count, seed : int

    Returns
    -------
    ndarray, (count, 3, 3)

    Examples
    --------
    >>> turn = random_rotations(5, seed=1)[4]
    >>> np.allclose(turn @ turn.T, np.eye(3)), round(float(np.linalg.det(turn)), 6)
    (True, 1.0)
    """
    from scipy.spatial.transform import Rotation

    if count < 1:
        raise OutOfRange("rotations", count, of="rotations")
    quaternions = np.random.default_rng(seed).normal(size=(count, 4))
    return np.asarray(Rotation.from_quat(quaternions).as_matrix(), np.float64)


def spun(values: NDArray[np.floating], rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map of the cortex under rotations.

    Parameters
    ----------
    values : ndarray, (360,)
        In the order of `wbtools.atlas.mmp.regions`; NaN where there is none.
    rotations : ndarray, (n, 3, 3)
        Where the points of the left sphere go; those of the right one go to the mirrored place.

    Returns
    -------
    ndarray, (n, 360)
        NaN for areas that come to lie on the medial wall or on areas without a value.

    Examples
    --------
    >>> values = np.arange(360.0)
    >>> bool(np.abs(spun(values, np.eye(3)[None])[0] - values).max() < 5)
    True
    """
    from wbtools.group.context import turning

    turned = np.empty((len(rotations), values.size))
    for side in Hemisphere:
        points, areas, table = _sphere(side)
        mirror = np.ones(3) if side is Hemisphere.LEFT else _MIRROR
        matrices = rotations * mirror[:, None] * mirror
        turned[:, _rows(side)] = turning.means(
            (points, areas, table), np.asarray(values[_rows(side)], np.float64), matrices
        )
    return turned


def _rows(side: Hemisphere) -> slice:
    """The areas of a hemisphere in a map of 360 values: the official keys have the right ones first."""
    first = 0 if side is Hemisphere.RIGHT else mmp.AREAS_PER_SIDE
    return slice(first, first + mmp.AREAS_PER_SIDE)


@cache
def _sphere(side: Hemisphere) -> tuple[NDArray[np.float64], NDArray[np.int16], NDArray[np.int16]]:
    """Directions (V, 3) and areas (V,) of the cortical vertices, and the area of the nearest vertex in any direction.

    The last is (6, cells, cells), for the faces of a cube around the sphere: x > 0, x < 0, y > 0, ...; -1 is wall.
    """
    from scipy.spatial import KDTree

    points = mesh.read(sphere_32k(side), side, placed=True).vertices.astype(np.float64)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    keys = mmp.labels_32k(side)
    areas = np.where(keys > 0, keys - 1 - _rows(side).start, -1).astype(np.int16)
    steps = (np.arange(_CELLS) + 0.5) * 2 / _CELLS - 1
    u, v = np.meshgrid(steps, steps, indexing="ij")
    faces = [np.stack([sign * np.ones_like(u), u, v], axis=-1) for sign in (1, -1)]
    orders = ([0, 1, 2], [1, 0, 2], [1, 2, 0])  # where x, y and z of a direction stand in (outward, u, v)
    directions = np.stack([face[..., order] for order in orders for face in faces])
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    nearest = KDTree(points).query(directions.reshape(-1, 3))[1].reshape(directions.shape[:-1])
    inside = areas >= 0
    return points[inside], areas[inside], areas[nearest]
