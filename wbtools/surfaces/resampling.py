"""Resampling of metrics, labels and surfaces from one mesh to another over registered spheres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wbtools.errors import AtlasError, InputError
from wbtools.surfaces.majority_label import majority_label
from wbtools.surfaces.mesh import Mesh

_ROUNDNESS = 0.05  # spheres of FreeSurfer and HCP are round to 1e-5; SUMA's may be off-centre by far more than this
_FIRST_CANDIDATES = 6
_NONE = 1e-12  # below this a weight or a triangle's normal is rounding


@dataclass(frozen=True, eq=False)
class SphereWeights:
    """Weights of the current mesh's vertices at each vertex of the new mesh.

    Parameters
    ----------
    matrix : csr_matrix, (new vertices, current vertices), float64
        Non-negative; every row sums to 1.

    Examples
    --------
    >>> from wbtools.surfaces.icosphere import icosphere
    >>> weights = barycentric(icosphere(4), icosphere(9))
    >>> metric = weights.metric(np.full((1, 162), 3.0, np.float32))
    >>> metric.shape, round(float(metric.min()), 5)
    ((1, 812), 3.0)
    """

    matrix: sparse.csr_matrix

    def metric(self, maps: NDArray[np.floating]) -> NDArray[np.float32]:
        """Weighted means: (M, current vertices) or (current vertices,) to the same with the new vertices, float32."""
        maps = np.asarray(maps)
        self._require(maps.shape[-1])
        return np.ascontiguousarray((self.matrix @ maps.T).T, dtype=np.float32)

    def labels(self, keys: NDArray[np.integer]) -> NDArray[np.int32]:
        """The label with the largest summed weight: keys (current vertices,) to (new vertices,), int32."""
        self._require(len(keys))
        return majority_label(self.matrix, np.asarray(keys, np.int32))[0]

    def largest(self) -> SphereWeights:
        """Weights of 1 for the current vertex of largest weight at each new vertex; the first of equal ones."""
        matrix = self.matrix.sorted_indices()
        # Every row sums to 1, so none is empty.
        largest = np.maximum.reduceat(matrix.data, matrix.indptr[:-1])
        leading = np.flatnonzero(matrix.data >= np.repeat(largest, np.diff(matrix.indptr)))
        first = leading[np.searchsorted(leading, matrix.indptr[:-1])]
        rows = np.arange(matrix.shape[0] + 1)
        return SphereWeights(sparse.csr_matrix((np.ones(len(first)), matrix.indices[first], rows), shape=matrix.shape))

    def surface(self, mesh: Mesh, sphere: Mesh) -> Mesh:
        """A surface on the current mesh, resampled to the vertices and triangles of the new `sphere`."""
        self._require(len(mesh.vertices))
        return Mesh(self.metric(mesh.vertices.T).T, sphere.triangles, mesh.hemisphere)

    def _require(self, count: int) -> None:
        if count != self.matrix.shape[1]:
            raise AtlasError(
                f"{count} values do not fit a sphere of {self.matrix.shape[1]} vertices",
                hint="give data and sphere of the same mesh",
            )


def barycentric(current: Mesh, new: Mesh) -> SphereWeights:
    """Barycentric weights of the triangle of `current` on which each vertex of `new` lies; Workbench's BARYCENTRIC.

    Parameters
    ----------
    current, new : Mesh
        Registered spheres, centred on the origin, of any radius.

    Raises
    ------
    InputError
        If either is not a sphere around the origin, or they belong to different hemispheres.
    """
    if current.hemisphere is not new.hemisphere:
        raise InputError("the two spheres belong to different hemispheres", hint="give two spheres of one side")
    triangle, shares = _locate(_directions(current), current.triangles, _directions(new))
    count = len(new.vertices)
    rows = np.repeat(np.arange(count), 3)
    columns = current.triangles[triangle].ravel()
    matrix = sparse.csr_matrix((shares.ravel(), (rows, columns)), shape=(count, len(current.vertices)))
    matrix.eliminate_zeros()
    return SphereWeights(matrix)


def adaptive_barycentric_area(current: Mesh, new: Mesh, current_area: Mesh, new_area: Mesh) -> SphereWeights:
    """Barycentric weights that use all data even if the new mesh is coarser; Workbench's ADAP_BARY_AREA.

    A new vertex takes its values from the triangle it lies on, unless current vertices outside that triangle lie on the
    triangles around the new vertex: then it takes them from these. The weights are then corrected so that every current
    vertex distributes exactly its own area over the new ones.

    Parameters
    ----------
    current, new : Mesh
        Registered spheres, centred on the origin.
    current_area, new_area : Mesh
        Anatomical surfaces (midthickness) on the vertices of `current` and `new`; only their vertex areas are used.

    Raises
    ------
    InputError
        As `barycentric`, or if an anatomical surface does not have its sphere's vertices.

    References
    ----------
    Help text of `wb_command -metric-resample`; verified against the weights of wb_command 1.5.0.
    """
    for sphere, surface in ((current, current_area), (new, new_area)):
        if len(sphere.vertices) != len(surface.vertices):
            raise InputError(
                f"a sphere of {len(sphere.vertices)} vertices came with a surface of {len(surface.vertices)}",
                hint="give the sphere and the midthickness surface of the same mesh",
            )
    forward = barycentric(current, new).matrix
    reverse = barycentric(new, current).matrix.T.tocsr()
    beyond = (reverse > reverse.multiply(forward.astype(bool))).sum(axis=1)
    reversed_rows = np.asarray(beyond).ravel() > 0
    chosen = sparse.diags(1.0 * ~reversed_rows) @ forward + sparse.diags(1.0 * reversed_rows) @ reverse
    spread = sparse.diags(new_area.vertex_areas()) @ chosen
    total = np.asarray(spread.sum(axis=0)).ravel()
    corrected = spread @ sparse.diags(_ratio(current_area.vertex_areas(), total))
    rows = np.asarray(corrected.sum(axis=1)).ravel()
    matrix = (sparse.diags(_ratio(np.ones(len(rows)), rows)) @ corrected).tocsr()
    matrix.eliminate_zeros()
    return SphereWeights(matrix)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise quotient, 0 where the denominator is 0."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _directions(sphere: Mesh) -> NDArray[np.float64]:
    """Unit vectors from the origin to the vertices; InputError if the mesh is not a sphere around the origin."""
    points = sphere.vertices.astype(np.float64)
    radius = np.linalg.norm(points, axis=1)
    if not len(radius) or not len(sphere.triangles) or radius.max() - radius.min() > _ROUNDNESS * radius.max():
        raise InputError(
            "a surface given as a sphere is not a sphere around the origin",
            hint="give the registration sphere (sphere.reg or sphere.MSMAll), centred on 0",
        )
    return np.asarray(points / radius[:, None])


def _locate(
    vertices: NDArray[np.float64], triangles: NDArray[np.int32], points: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The closest triangle to each point, (P,), and the barycentric weights of the closest point on it, (P, 3).

    The search begins with the triangles of closest centroids. For a point that projects into none of them, it is
    widened until no other triangle can be closer: spheres of real subjects have slivers and folds.
    """
    from scipy.spatial import cKDTree

    corners = vertices[triangles]
    centroids = corners.mean(axis=1)
    reach = float(np.linalg.norm(corners - centroids[:, None], axis=2).max())
    tree = cKDTree(centroids)
    best = np.zeros(len(points), np.int64)
    weights = np.zeros((len(points), 3))
    open_points = np.arange(len(points))
    count = _FIRST_CANDIDATES
    while open_points.size:
        count = min(count, len(triangles))
        far, candidates = tree.query(points[open_points], k=np.arange(1, count + 1))
        places, distance, above = _closest(corners[candidates], points[open_points])
        nearest = np.argmin(distance, axis=1)
        row = np.arange(len(open_points))
        best[open_points] = candidates[row, nearest]
        weights[open_points] = places[row, nearest]
        settled = above[row, nearest] | (distance[row, nearest] + reach < far[:, -1])
        open_points = open_points[~settled] if count < len(triangles) else open_points[:0]
        count *= 4
    return best, weights


def _closest(
    corners: NDArray[np.float64], points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Closest points on triangles (P, K, 3, 3) to points (P, 3): weights (P, K, 3), distances, and whether inside.

    A point outside a triangle gets its closest point on the edge opposite its most negative weight. This is the true
    closest point unless the triangle is very obtuse there; a neighbouring triangle is closer then.
    """
    a, b, c = corners[:, :, 0], corners[:, :, 1], corners[:, :, 2]
    u, v, w = b - a, c - a, points[:, None] - a
    uu, uv, vv = (np.einsum("pkx,pkx->pk", *pair) for pair in ((u, u), (u, v), (v, v)))
    wu, wv = np.einsum("pkx,pkx->pk", w, u), np.einsum("pkx,pkx->pk", w, v)
    square = uu * vv - uv * uv
    flat = square <= _NONE * uu * vv
    square = np.where(flat, 1.0, square)
    second, third = (vv * wu - uv * wv) / square, (uu * wv - uv * wu) / square
    weights = np.stack([1 - second - third, second, third], axis=2)
    inside = (weights.min(axis=2) >= 0) & ~flat
    p, k = np.nonzero(~inside)
    weights[p, k] = _on_edge(corners[p, k], points[p], np.argmin(weights[p, k], axis=1))
    offset = np.einsum("pkc,pkcx->pkx", weights, corners) - points[:, None]
    distance = np.where(flat, np.inf, np.linalg.norm(offset, axis=2))
    return weights, distance, inside


def _on_edge(
    corners: NDArray[np.float64], points: NDArray[np.float64], across: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Weights (N, 3) of the closest point on the edge opposite a corner of each triangle."""
    row = np.arange(len(points))
    start, end = (across + 1) % 3, (across + 2) % 3
    edge = corners[row, end] - corners[row, start]
    length = np.maximum(np.einsum("nx,nx->n", edge, edge), _NONE**2)
    along = np.clip(np.einsum("nx,nx->n", points - corners[row, start], edge) / length, 0, 1)
    weights = np.zeros((len(points), 3))
    weights[row, start], weights[row, end] = 1 - along, along
    return weights
