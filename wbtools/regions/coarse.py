"""Means over an atlas's regions of maps on another grid, without carrying the maps to the atlas's.

Maps that are only compared with each other stay on the network's own grid: a region's mean is that of the values at its
voxels, each of which takes the value of the coarse voxel that its centre lies in. As one sparse matrix for all maps,
this costs a tenth of a second for a person, where carrying a map to the T1w grid costs twice that for every map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas
from wbtools.errors import InputError
from wbtools.space.grid import Grid

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class RegionMeans:
    """Means over regions of maps on one grid.

    Parameters
    ----------
    weights : sparse array, (R, voxels of the grid), float32
        The share of each region's voxels, in the order of the regions' keys, that lies in each voxel of the grid. Rows
        sum to 1, or less for regions that are partly outside it.
    present : ndarray, (R,), bool
        Which regions have voxels.
    """

    weights: csr_array
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, atlas: Atlas, grid: Grid) -> RegionMeans:
        """For maps on `grid`, in any pose to the atlas's."""
        from scipy.sparse import csr_array

        keys = np.sort([region.key for region in atlas.regions])
        labels = atlas.volume.data.ravel()
        labelled = np.flatnonzero(np.isin(labels, keys))
        rows = np.searchsorted(keys, labels[labelled])
        counts = np.bincount(rows, minlength=len(keys))
        voxels, inside = _voxels(labelled, atlas.volume.grid, grid)
        shares = (1 / counts[rows[inside]]).astype(np.float32)
        shape = (len(keys), int(np.prod(grid.shape)))
        return cls(csr_array((shares, (rows[inside], voxels)), shape=shape), counts > 0)

    def __call__(self, maps: NDArray[np.floating]) -> NDArray[np.float64]:
        """Means of the magnitudes of maps (K, X, Y, Z), as (K, R); NaN for regions without voxels.

        Raises
        ------
        InputError
            If the maps do not have the grid's number of voxels.
        """
        flat = np.abs(maps).reshape(len(maps), -1)
        if flat.shape[1] != self.weights.shape[1]:
            raise InputError(f"maps of {flat.shape[1]} voxels, not of the grid's {self.weights.shape[1]}")
        means = np.array([self.weights @ values for values in flat], np.float64).reshape(len(maps), -1)
        return np.where(self.present, means, np.nan)

    def root_mean_squares(self, maps: NDArray[np.floating]) -> NDArray[np.float64]:
        """Roots of the means of squares, as `__call__` gives means."""
        peaks = np.abs(maps).max((1, 2, 3), keepdims=True, initial=np.finfo(np.float32).tiny)
        roots = np.sqrt(self((maps / peaks) ** 2))  # relative to the peak, no square vanishes
        return np.asarray(roots * peaks[:, :, 0, 0])


def _voxels(chosen: NDArray[np.intp], source: Grid, target: Grid) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Flat indices of the target's voxels around the centres of the source's; and which centres are in the target."""
    matrix = np.linalg.inv(target.affine) @ source.affine
    places = np.array(np.unravel_index(chosen, source.shape), np.float32)
    index = np.rint(matrix[:3, :3].astype(np.float32) @ places + matrix[:3, 3:].astype(np.float32)).astype(np.intp)
    inside = np.all((index >= 0) & (index < np.array(target.shape)[:, None]), axis=0)
    return np.ravel_multi_index(tuple(index[:, inside]), target.shape), inside
