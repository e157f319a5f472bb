"""Values for vertices that have none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wbtools.errors import InputError
from wbtools.surfaces.mesh import Mesh


def fill_nearest(values: NDArray[np.floating], missing: NDArray[np.bool_], surface: Mesh) -> NDArray[np.floating]:
    """Give each vertex without data the value of the vertex with data that is closest along the mesh's edges.

    Parameters
    ----------
    values : ndarray, (..., V)
    missing : ndarray, (V,), bool
        Vertices to fill.
    surface : Mesh
        Distances are measured along its edges, mm.

    Returns
    -------
    ndarray, (..., V)
        A copy; vertices that no edge joins to data keep what they had.

    Raises
    ------
    InputError
        If values, missing and surface differ in their number of vertices.

    Examples
    --------
    >>> from wbtools.anatomy import Hemisphere
    >>> strip = Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [3, 1, 0]], [[0, 1, 2], [1, 3, 2]], Hemisphere.LEFT)
    >>> fill_nearest(np.array([7.0, 5.0, 6.0, np.nan]), np.array([False, False, False, True]), strip).tolist()
    [7.0, 5.0, 6.0, 6.0]
    """
    from scipy.sparse.csgraph import dijkstra

    count = len(surface.vertices)
    if values.shape[-1] != count or missing.shape != (count,):
        raise InputError(
            f"{values.shape[-1]} values and {len(missing)} flags do not fit a surface of {count} vertices",
            hint="give values and surface of the same mesh",
        )
    filled = values.copy()
    if missing.any() and not missing.all():
        # A path to data ends at the first vertex that has some, so only edges at vertices without data matter.
        start, end = surface.triangles.ravel(), np.roll(surface.triangles, -1, axis=1).ravel()
        chosen = missing[start] | missing[end]
        start, end = start[chosen], end[chosen]
        points = surface.vertices.astype(np.float64)
        # Of parallel edges the shortest counts; a length of 0 would be no edge.
        length = np.maximum(np.linalg.norm(points[start] - points[end], axis=1), 1e-9)
        edges = sparse.csr_matrix((length, (start, end)), shape=(count, count)).maximum(
            sparse.csr_matrix((length, (end, start)), shape=(count, count))
        )
        *_, source = dijkstra(
            edges, directed=False, indices=np.flatnonzero(~missing), return_predecessors=True, min_only=True
        )
        reached = missing & (source >= 0)
        filled[..., reached] = values[..., source[reached]]
    return filled
