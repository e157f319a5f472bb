"""Between voxels and cortex: the ribbon from the white to the pial surface.

The geometry is the same for every map, so it is computed once, as a sparse matrix of vertices by voxels. Definitions
are those of Workbench's `-volume-to-surface-mapping` and `-label-to-volume-mapping` with `-ribbon-constrained`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wbtools.errors import AtlasError, InputError
from wbtools.grid import Array, Grid
from wbtools.surfaces.columns import Columns, divide
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.popularity import most_popular

Number = TypeVar("Number", bound=np.generic)

_HALF = 0.5 - 1e-4  # a voxel exactly half inside counts; sums of float32 shares may miss it by rounding


@dataclass(frozen=True, eq=False)
class VoxelLabels:
    """The labels that one hemisphere puts into a grid.

    Parameters
    ----------
    keys : ndarray, (X, Y, Z), int32
        0 where no label is put.
    weights : ndarray, (X, Y, Z), float32
        The share of the voxel that lies in columns of that label; 0 where none.
    """

    keys: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RibbonWeights:
    """The share of every voxel that lies in every vertex's column of cortex.

    Parameters
    ----------
    matrix : csr_matrix, (V, voxels), float32
        In [0, 1]; voxels ravelled in C order of the grid's shape.
    grid : Grid
    columns : Columns
        With THICK columns a voxel is shared by three vertices at a time, so its weights sum up to three times the part
        of it that is cortex; with THIN ones, to that part.

    Examples
    --------
    >>> from wbtools.surfaces.icosphere import icosphere
    >>> grid = Grid((12, 12, 12), [[2, 0, 0, -11], [0, 2, 0, -11], [0, 0, 2, -11], [0, 0, 0, 1]])
    >>> ribbon = RibbonWeights.between(icosphere(4, 6.0), icosphere(4, 9.0), grid)
    >>> metric = ribbon.to_surface([np.full(grid.shape, 7.0)])
    >>> metric.shape, float(metric.min()), float(metric.max())
    ((1, 162), 7.0, 7.0)
    """

    matrix: sparse.csr_matrix
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
            The two surfaces of one hemisphere, of one mesh, in the grid's world space (mm).
        grid : Grid
            Parts of the surfaces outside it count for nothing.
        columns : Columns
        division : int
            A voxel's share is the share of its division^3 sub-voxel centres.

        Raises
        ------
        InputError
            If the surfaces do not have the same vertices and triangles, or the division is below 1.
        """
        from wbtools.surfaces.rasterising import voxel_shares

        if division < 1:
            raise InputError(f"voxels cannot be divided {division} times", mend="divide them at least once; 3 is usual")
        _require_one_mesh(white, pial)
        cells = divide(columns, grid.to_index(white.vertices), grid.to_index(pial.vertices), white.triangles)
        return cls(voxel_shares(cells, grid.shape, division), grid, columns)

    @cached_property
    def without_data(self) -> NDArray[np.bool_]:
        """Vertices whose column holds no sub-voxel centre, (V,): outside the grid, or without thickness."""
        return np.asarray(np.diff(self.matrix.indptr) == 0)

    @cached_property
    def _used(self) -> tuple[NDArray[np.int64], sparse.csr_matrix]:
        """The voxels that have any weight, ascending, and the matrix of vertices by these alone."""
        touched = np.zeros(self.matrix.shape[1], bool)
        touched[self.matrix.indices] = True
        voxels = np.flatnonzero(touched)
        column = np.searchsorted(voxels, self.matrix.indices).astype(np.int32)
        shape = (self.matrix.shape[0], len(voxels))
        return voxels, sparse.csr_matrix((self.matrix.data, column, self.matrix.indptr), shape=shape)

    def to_surface(self, maps: Sequence[Array] | Array) -> NDArray[np.float32]:
        """Mean of each map over each vertex's column.

        Parameters
        ----------
        maps : ndarray, (M, X, Y, Z), or sequence of M ndarrays (X, Y, Z)
            On the grid; any number of maps costs little more than one.

        Returns
        -------
        ndarray, (M, V), float32
            0 at the vertices `without_data`.

        Raises
        ------
        InputError
            If a map does not have the grid's shape.
        """
        for volume in maps:
            self._require(volume)
        voxels, matrix = self._used
        values = np.ones((len(voxels), len(maps) + 1))
        for number, volume in enumerate(maps):
            values[:, number] = volume.reshape(-1)[voxels]
        sums = matrix @ values
        means = sums[:, :-1] / np.where(self.without_data, 1, sums[:, -1])[:, None]
        return np.ascontiguousarray(means.T, dtype=np.float32)

    def coverage(self) -> NDArray[np.float32]:
        """The share of each voxel that is cortex, in [0, 1], (X, Y, Z), float32."""
        return self._volume(self._used[0], self._cortex())

    def labels_to_volume(self, keys: NDArray[np.integer]) -> VoxelLabels:
        """Put labels of vertices into the voxels that are at least half cortex.

        In each voxel the labels' weights are summed and the largest sum wins; unlabelled vertices (key 0) compete like
        the others, and where they win the voxel stays unlabelled. Of equal sums the smallest key wins.

        Parameters
        ----------
        keys : ndarray, (V,), int32

        Raises
        ------
        AtlasError
            If there is not one key per vertex.
        """
        if len(keys) != self.matrix.shape[0]:
            raise AtlasError(
                f"{len(keys)} labels do not fit a surface of {self.matrix.shape[0]} vertices",
                mend="give labels and surfaces of the same mesh",
            )
        voxels, matrix = self._used
        winner, weight = most_popular(matrix.T.tocsr(), np.asarray(keys, np.int32))
        labelled = (self._cortex() >= _HALF) & (winner != 0)
        put = voxels[labelled]
        return VoxelLabels(self._volume(put, winner[labelled]), self._volume(put, weight[labelled]))

    def _cortex(self) -> NDArray[np.float32]:
        """The share of each used voxel that is cortex."""
        shared = 3 if self.columns is Columns.THICK else 1
        return np.asarray(self._used[1].sum(axis=0), np.float32).ravel() / np.float32(shared)

    def _volume(self, voxels: NDArray[np.int64], values: NDArray[Number]) -> NDArray[Number]:
        """A volume that holds these values and is 0 elsewhere."""
        volume = np.zeros(self.grid.shape, values.dtype)
        volume.reshape(-1)[voxels] = values
        return volume

    def _require(self, volume: Array) -> None:
        if volume.shape != self.grid.shape:
            raise InputError(
                f"a map of shape {volume.shape} does not fit a grid of shape {self.grid.shape}",
                mend="resample it to the grid of the T1w first",
            )


def join_hemispheres(left: VoxelLabels, right: VoxelLabels) -> tuple[NDArray[np.int32], int]:
    """One label volume of both hemispheres; where both claim a voxel the larger weight wins, and the left if equal.

    Returns
    -------
    keys : ndarray, (X, Y, Z), int32
    conflicts : int
        Number of voxels that both claimed.

    Raises
    ------
    InputError
        If the volumes differ in shape.

    Examples
    --------
    >>> one = VoxelLabels(np.array([[[1, 1, 0]]], np.int32), np.array([[[0.6, 0.9, 0]]], np.float32))
    >>> two = VoxelLabels(np.array([[[2, 0, 2]]], np.int32), np.array([[[0.7, 0, 0.5]]], np.float32))
    >>> keys, conflicts = join_hemispheres(one, two)
    >>> keys.tolist(), conflicts
    ([[[2, 1, 2]]], 1)
    """
    if left.keys.shape != right.keys.shape:
        raise InputError(f"label volumes of shapes {left.keys.shape} and {right.keys.shape} cannot be joined")
    conflicts = int(np.count_nonzero((left.keys != 0) & (right.keys != 0)))
    return np.where(right.weights > left.weights, right.keys, left.keys), conflicts


def _require_one_mesh(white: Mesh, pial: Mesh) -> None:
    """Raise InputError unless both surfaces have the same vertices and triangles, on one side."""
    counts = len(white.vertices), len(pial.vertices)
    if counts[0] != counts[1]:
        raise InputError(
            f"the white surface has {counts[0]} vertices but the pial surface {counts[1]}",
            mend="give both surfaces of the same hemisphere and the same mesh",
        )
    if white.hemisphere is not pial.hemisphere or not np.array_equal(white.triangles, pial.triangles):
        raise InputError(
            "the white and the pial surface do not share their triangles",
            mend="give both surfaces of the same hemisphere and the same mesh",
        )
