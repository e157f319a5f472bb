"""Threshold-free cluster enhancement of maps on cortical surfaces (Smith and Nichols 2009).

The enhanced value of a vertex is the integral, over the heights h up to its own, of e(h)**E * h**H, where e(h) is the
area in mm2 of the cluster around it of vertices at least as high. Between the heights of vertices clusters do not
change, so the integral is computed exactly, from the tree of all clusters, without a step between heights that would
have to be chosen. (`nilearn` has the sum over 100 heights, of volumes only.) Negative values are enhanced like
positive ones and stay negative.

E = .5 and H = 2 are the powers of Smith and Nichols, for volumes; PALM takes E = 1 on surfaces.

Reference: Smith and Nichols 2009, doi:10.1016/j.neuroimage.2008.03.061.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What lies next to what on a mesh, how large vertices are, and how much extent and height count.

    Parameters
    ----------
    starts : ndarray, (V + 1,)
        Where the neighbours of each vertex start among `members`.
    members : ndarray, (M,)
        The neighbours of all vertices.
    areas : ndarray, (V,)
        Of each vertex, mm2.
    extent, height : float
        The powers E and H.

    Examples
    --------
    >>> pair = Surroundings.of(np.array([[0, 1]]), np.ones(2))
    >>> [round(value, 3) for value in pair.enhanced(np.array([1.0, 2.0])).tolist()]
    [0.471, 2.805]
    """

    starts: NDArray[np.int64]
    members: NDArray[np.int64]
    areas: Array
    extent: float = 0.5
    height: float = 2.0

    @classmethod
    def of(cls, faces: NDArray[np.integer], areas: Array, extent: float = 0.5, height: float = 2.0) -> Surroundings:
        """From the edges (M, 2) or triangles (T, 3) of a mesh, by vertex numbers, and the areas of its vertices (V,).

        Those of two hemispheres make one mesh if the number of left vertices is added to the right ones' numbers.

        Raises
        ------
        InputError
            If a vertex is named that does not exist, an area is not a number from 0, or a power is not positive.
        """
        from scipy.sparse import coo_array

        count = len(areas)
        if faces.size and not 0 <= int(faces.min()) <= int(faces.max()) < count:
            raise InputError("the mesh names vertices that do not exist")
        if not (np.isfinite(areas).all() and (areas >= 0).all() and extent > 0 and height > 0):
            raise InputError("areas of vertices, or the powers of extent and height, are not usable")
        ends = np.vstack([faces[:, [i, j]] for i in range(faces.shape[1]) for j in range(faces.shape[1]) if i != j])
        joined = coo_array((np.ones(len(ends), np.int8), tuple(ends.T)), shape=(count, count)).tocsr()
        return cls(
            joined.indptr.astype(np.int64), joined.indices.astype(np.int64), areas.astype(np.float64), extent, height
        )

    def enhanced(self, values: Array) -> Array:
        """The enhanced map, (V,); NaN where values are NaN, and nothing is joined across that.

        Parameters
        ----------
        values : ndarray, (V,)
            t, for instance.

        Raises
        ------
        InputError
            If the map has not as many values as the mesh has vertices.
        """
        if values.shape != self.areas.shape:
            raise InputError(f"a map of {len(values)} values does not fit a mesh of {len(self.areas)} vertices")
        found = self._integral(values) - self._integral(-values)
        return np.where(np.isnan(values), np.nan, found)

    def _integral(self, values: Array) -> Array:
        """The enhancement of what is positive."""
        from wbtools.group.statistics.component_tree import integrated

        heights = np.where(values > 0, values, 0.0)
        positive = np.flatnonzero(heights)
        order = positive[np.argsort(-heights[positive], kind="stable")]
        surroundings = (self.starts, self.members, self.areas)
        return np.asarray(integrated(order, heights, surroundings, (self.extent, self.height)), np.float64)
