"""Geodesic spheres of any resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.surfaces.mesh import Mesh

_GOLDEN = (1 + 5**0.5) / 2
_CORNERS = np.array(
    [
        (-1, _GOLDEN, 0), (1, _GOLDEN, 0), (-1, -_GOLDEN, 0), (1, -_GOLDEN, 0),
        (0, -1, _GOLDEN), (0, 1, _GOLDEN), (0, -1, -_GOLDEN), (0, 1, -_GOLDEN),
        (_GOLDEN, 0, -1), (_GOLDEN, 0, 1), (-_GOLDEN, 0, -1), (-_GOLDEN, 0, 1),
    ]
)  # fmt: skip
_FACES = np.array(
    [
        (0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
        (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10),
        (8, 6, 7), (9, 8, 1),
    ]
)  # fmt: skip


def icosphere(
    frequency: int,
    radius: float = 100.0,
    hemisphere: Hemisphere = Hemisphere.LEFT,
    rotation: NDArray[np.float64] | None = None,
) -> Mesh:
    """A geodesic sphere: every edge of an icosahedron is divided into `frequency` parts and projected to the sphere.

    Parameters
    ----------
    frequency : int
        Parts per edge; the sphere has 10 frequency^2 + 2 vertices and 20 frequency^2 triangles. The fs_LR meshes
        of 32k and 164k have as many vertices as those of frequency 57 and 128.
    radius : float
        mm.
    hemisphere : Hemisphere
    rotation : ndarray, (3, 3), optional
        Applied to the vertices, for example so that they do not coincide with those of another sphere.

    Returns
    -------
    Mesh
        Centred on the origin, triangles counter-clockwise seen from outside.

    Raises
    ------
    InputError
        If the frequency is below 1 or the radius is not positive.

    Examples
    --------
    >>> sphere = icosphere(57)
    >>> sphere.vertices.shape, sphere.triangles.shape
    ((32492, 3), (64980, 3))
    """
    if frequency < 1 or radius <= 0:
        raise InputError(
            f"an icosphere needs a frequency of at least 1 and a radius above 0, not {frequency}, {radius}"
        )
    steps, small = _subdivided(frequency)
    # A point is an integer combination of corners, so that both faces of an edge give exactly the same point.
    mixtures = np.zeros((len(_FACES), len(steps), len(_CORNERS)), np.int16)
    np.put_along_axis(mixtures, np.broadcast_to(_FACES[:, None], (*mixtures.shape[:2], 3)), steps[None], axis=2)
    unique, index = np.unique(mixtures.reshape(-1, len(_CORNERS)), axis=0, return_inverse=True)
    points = unique @ _CORNERS
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    if rotation is not None:
        points = points @ np.asarray(rotation, np.float64).T
    triangles = index.reshape(len(_FACES), -1)[:, small].reshape(-1, 3)
    return Mesh(points.astype(np.float32), triangles.astype(np.int32), hemisphere)


def _subdivided(frequency: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """A triangle divided into frequency^2: steps towards its three corners (P, 3), and the small triangles (T, 3)."""
    row = np.repeat(np.arange(frequency + 1), np.arange(frequency + 1) + 1)
    place = np.arange(len(row)) - row * (row + 1) // 2
    steps = np.stack([frequency - row, row - place, place], axis=1).astype(np.int16)
    top = np.flatnonzero(row < frequency)
    below = top + row[top] + 1
    upward = np.stack([top, below, below + 1], axis=1)
    inner = place[top] < row[top]
    downward = np.stack([top, below + 1, top + 1], axis=1)[inner]
    return steps, np.concatenate([upward, downward])
