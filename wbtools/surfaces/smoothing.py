"""Smoothing along a surface by heat diffusion over the mesh, which keeps the two banks of a sulcus apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.surfaces.mesh import Mesh

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_STEPS = 16
"""Implicit time steps: a single step has a sharper peak and longer tails than a Gaussian."""

_STEEPEST = 20.0  # largest cotangent of a corner; a sliver triangle would otherwise dominate its neighbourhood
_TOLERANCE = 1e-6
_FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


def smooth_along(mesh: Mesh, values: NDArray[np.floating], mask: NDArray[np.bool_], fwhm: float) -> NDArray[np.float32]:
    """Gaussian smoothing by geodesic distance that neither leaks out of a mask nor fades towards its edge.

    The heat equation is solved up to the time at which heat from a point has the wanted width, on the triangles whose
    three corners lie in the mask (linear finite elements, cotangent weights). On a plane this is Gaussian smoothing.

    Parameters
    ----------
    mesh : Mesh
        Anatomical, for example midthickness, mm.
    values : ndarray, (V,)
    mask : ndarray of bool, (V,)
    fwhm : float
        Full width at half maximum, mm.

    Returns
    -------
    ndarray, (V,), float32
        Within the range of the values inside the mask; 0 outside the mask.

    Examples
    --------
    >>> from wbtools.anatomy import Hemisphere
    >>> square = Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]], Hemisphere.LEFT)
    >>> smooth_along(square, np.array([2.0, 2, 2, 9]), np.array([True, True, True, False]), 4.0).round(4).tolist()
    [2.0, 2.0, 2.0, 0.0]
    """
    from scipy.sparse import diags
    from scipy.sparse.linalg import LinearOperator, cg

    result = np.zeros(len(mesh.vertices), np.float32)
    inside = np.flatnonzero(mask)
    if not inside.size:
        return result
    stiffness, areas = _elements(mesh, mask)
    time = (fwhm * _FWHM_TO_SIGMA) ** 2 / 2
    system = (diags(areas) + time / _STEPS * stiffness).tocsr()
    scale = 1 / system.diagonal()
    preconditioner = LinearOperator(system.shape, matvec=lambda vector: scale * vector)
    heat = np.asarray(values, np.float64)[inside]
    low, high = heat.min(), heat.max()
    for _ in range(_STEPS):
        heat, _ = cg(system, areas * heat, x0=heat, rtol=_TOLERANCE, M=preconditioner)
    result[inside] = np.clip(heat, low, high)
    return result


def _elements(mesh: Mesh, mask: NDArray[np.bool_]) -> tuple[csr_matrix, NDArray[np.float64]]:
    """Stiffness matrix and vertex areas (mm2) of the vertices in the mask, renumbered."""
    from scipy.sparse import coo_matrix, csr_matrix, diags

    count = int(mask.sum())
    number = np.cumsum(mask) - 1
    triangles = number[mesh.triangles[mask[mesh.triangles].all(axis=1)]]
    corners = mesh.vertices[mask].astype(np.float64)[triangles]
    forward = np.roll(corners, -1, axis=1) - corners  # from each corner to the next
    backward = -np.roll(forward, 1, axis=1)
    double = np.linalg.norm(np.cross(forward[:, 0], backward[:, 0]), axis=1)
    cotangents = (forward * backward).sum(axis=2) / np.maximum(double, 1e-12)[:, None]
    half = np.clip(cotangents, -_STEEPEST, _STEEPEST).ravel() / 2
    first, second = np.roll(triangles, -1, axis=1).ravel(), np.roll(triangles, -2, axis=1).ravel()
    edges = coo_matrix((half, (first, second)), (count, count)).tocsr()
    edges = edges + edges.T
    areas = np.bincount(triangles.ravel(), np.repeat(double / 6, 3), count)
    isolated = areas <= 0  # in no triangle: exchanges no heat
    stiffness = diags(np.asarray(edges.sum(axis=1)).ravel()) - edges
    return csr_matrix(stiffness), np.where(isolated, 1.0, areas)
