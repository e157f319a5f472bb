"""Ribbon weights: mapping between voxels and the cortex between white and pial surface.

The geometry is the same for all maps, so it is computed once, as a sparse matrix of vertices by voxels. Definitions
are those of Workbench's `-volume-to-surface-mapping`, `-label-to-volume-mapping` and `-metric-to-volume-mapping` with
`-ribbon-constrained`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wbtools.errors import AtlasError, InputError
from wbtools.space.grid import Array, Grid
from wbtools.surfaces.majority_label import majority_label
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.ribbon.columns import Columns, divide
from wbtools.surfaces.ribbon.sparse_product import product
from wbtools.surfaces.ribbon.voxel_labels import VoxelLabels

_HALF = 0.5 - 1e-4  # a voxel exactly half inside counts; sums of float32 shares may miss it by rounding


@dataclass(frozen=True, eq=False)
class RibbonWeights:
    """The share of each voxel inside each vertex's column of cortex.

    Parameters
    ----------
    shares : csr_matrix, (V, U), float32
        In (0, 1]; the matrix columns are the voxels that intersect any column of cortex.
    voxels : ndarray, (U,), int
        These voxels, ascending, ravelled in C order of the grid's shape.
    grid : Grid
    columns : Columns
        THICK columns overlap three-fold, so the weights of a voxel sum to three times the part of it that is cortex;
        those of THIN columns, to that part.

    Examples
    --------
    >>> from wbtools.surfaces.icosphere import icosphere
    >>> grid = Grid((12, 12, 12), [[2, 0, 0, -11], [0, 2, 0, -11], [0, 0, 2, -11], [0, 0, 0, 1]])
    >>> ribbon = RibbonWeights.between(icosphere(4, 6.0), icosphere(4, 9.0), grid)
    >>> metric = ribbon.to_surface([np.full(grid.shape, 7.0)])
    >>> metric.shape, float(metric.min()), float(metric.max())
    ((1, 162), 7.0, 7.0)
    """

    shares: sparse.csr_matrix
    voxels: NDArray[np.integer]
    grid: Grid
    columns: Columns

    @classmethod
    def between(
        cls, white: Mesh, pial: Mesh, grid: Grid, columns: Columns = Columns.THICK, division: int = 3
    ) -> RibbonWeights:
        """Compute the weights.

        Parameters
        ----------
        white, pial : Mesh
            The two surfaces of one hemisphere and mesh, in the grid's world space (mm). They may list their triangles
            in different order.
        grid : Grid
            Parts of the surfaces outside it are ignored.
        columns : Columns
        division : int
            The share of a voxel is estimated by division^3 sub-voxel centres; 1 to 63.

        Raises
        ------
        InputError
            If the surfaces do not have the same vertices and triangles, or the division is out of range.
        """
        from wbtools.surfaces.ribbon.rasterising import MOST, voxel_shares

        if not 1 <= division <= MOST:
            raise InputError(f"voxels cannot be divided {division} times", hint=f"1 to {MOST} times; 3 is usual")
        require_one_mesh(white, pial)
        cells = divide(columns, grid.to_index(white.vertices), grid.to_index(pial.vertices), white.triangles)
        return cls(*_reached(voxel_shares(cells, grid.shape, division)), grid, columns)

    def within(self, roi: Array) -> RibbonWeights:
        """The weights restricted to the voxels where a region of interest is positive.

        Parameters
        ----------
        roi : ndarray, (X, Y, Z)

        Raises
        ------
        InputError
            If it does not have the grid's shape.
        """
        self._require(roi)
        kept = np.flatnonzero(roi.reshape(-1)[self.voxels] > 0)
        return RibbonWeights(self.shares[:, kept], self.voxels[kept], self.grid, self.columns)

    @cached_property
    def matrix(self) -> sparse.csr_matrix:
        """The shares of all voxels of the grid, (V, voxels), float32."""
        parts = self.shares.data, self.voxels[self.shares.indices], self.shares.indptr
        return sparse.csr_matrix(parts, shape=(self.shares.shape[0], math.prod(self.grid.shape)))

    def to_surface(self, maps: Sequence[Array] | Array) -> NDArray[np.float32]:
        """Mean of each map over each vertex's column; as in Workbench, 0 where a column contains no voxels.

        Parameters
        ----------
        maps : ndarray, (M, X, Y, Z), or sequence of M ndarrays (X, Y, Z)
            On the grid; many maps cost little more than a single one.

        Returns
        -------
        ndarray, (M, V), float32

        Raises
        ------
        InputError
            If a map does not have the grid's shape.
        """
        return _means(product(self.shares, self._stacked(maps)))

    def labels_to_volume(self, keys: NDArray[np.integer]) -> VoxelLabels:
        """Map labels of vertices to the voxels that are at least half cortex.

        In each voxel the weights of each label are summed and the largest sum wins; unlabelled vertices (key 0) count
        like a label, and where they win the voxel stays unlabelled. For equal sums the smallest key wins.

        Parameters
        ----------
        keys : ndarray, (V,), int32

        Raises
        ------
        AtlasError
            If there is not one key per vertex.
        """
        self._require_one_key_per_vertex(keys)
        winner, weight = majority_label(self.shares.T.tocsr(), np.asarray(keys, np.int32))
        labelled = (winner != 0) & (self._cortex() >= _HALF)
        return VoxelLabels(self.grid.shape, self.voxels[labelled], winner[labelled], weight[labelled])

    @property
    def _multiplicity(self) -> int:
        """Number of columns that each point of the cortex belongs to."""
        return 3 if self.columns is Columns.THICK else 1

    def _cortex(self) -> NDArray[np.float32]:
        """The share of each voxel in `voxels` that is cortex."""
        return np.asarray(self.shares.sum(axis=0), np.float32).ravel() / np.float32(self._multiplicity)

    def _stacked(self, maps: Sequence[Array] | Array) -> NDArray[np.float64]:
        """The values of the maps in `voxels`, (U, M + 1), with a last map of ones."""
        values = np.ones((len(self.voxels), len(maps) + 1))
        for number, volume in enumerate(maps):
            self._require(volume)
            values[:, number] = volume.reshape(-1)[self.voxels]
        return values

    def _require(self, volume: Array) -> None:
        if volume.shape != self.grid.shape:
            raise InputError(
                f"a map of shape {volume.shape} does not fit a grid of shape {self.grid.shape}",
                hint="resample it to the grid of the T1w first",
            )

    def _require_one_key_per_vertex(self, keys: Array) -> None:
        if len(keys) != self.shares.shape[0]:
            raise AtlasError(
                f"{len(keys)} labels do not fit a surface of {self.shares.shape[0]} vertices",
                hint="give labels and surfaces of the same mesh",
            )


def _reached(matrix: sparse.csr_matrix) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """The matrix without its empty columns, and the indices of the remaining ones; it is changed."""
    from wbtools.surfaces.ribbon.rasterising import mark, renumber

    first = int(matrix.indices.min()) if matrix.nnz else 0
    touched = np.zeros(int(matrix.indices.max(initial=-1)) + 1 - first, bool)  # a hemisphere lies in half of the head
    mark(matrix.indices, first, touched)
    voxels = np.flatnonzero(touched)
    number = np.empty(len(touched), matrix.indices.dtype)
    number[voxels] = np.arange(len(voxels))
    renumber(matrix.indices, first, number)
    parts = matrix.data, matrix.indices, matrix.indptr
    return sparse.csr_matrix(parts, shape=(matrix.shape[0], len(voxels))), voxels + first


def _means(sums: NDArray[np.float64]) -> NDArray[np.float32]:
    """Means (M, N) from weighted sums (N, M + 1), whose last column is the sum of weights; 0 without weight."""
    weight = sums[:, -1:]
    means = np.divide(sums[:, :-1], weight, out=np.zeros_like(sums[:, :-1]), where=weight > 0)
    return np.ascontiguousarray(means.T, dtype=np.float32)


def require_one_mesh(white: Mesh, pial: Mesh) -> None:
    """Raise InputError unless both surfaces have the same number of vertices, triangles and hemisphere."""
    counts = len(white.vertices), len(pial.vertices)
    if counts[0] != counts[1]:
        raise InputError(
            f"the white surface has {counts[0]} vertices but the pial surface {counts[1]}",
            hint="give both surfaces of the same hemisphere and the same mesh",
        )
    if white.hemisphere is not pial.hemisphere or not _same_triangles(white, pial):
        raise InputError(
            "the white and the pial surface do not share their triangles",
            hint="give both surfaces of the same hemisphere and the same mesh",
        )


def _same_triangles(first: Mesh, other: Mesh) -> bool:
    """Whether two meshes have the same triangles, in any order."""
    if np.array_equal(first.triangles, other.triangles):
        return True
    rows, others = (np.sort(mesh.triangles, axis=1) for mesh in (first, other))
    return np.array_equal(rows[np.lexsort(rows.T)], others[np.lexsort(others.T)])
