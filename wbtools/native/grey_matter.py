"""Areas on a person's own grey matter, where cortical surfaces are a template's and only roughly in place.

Warped surfaces lie within a few mm of this person's cortex, but not in it. Each voxel of cortical grey matter takes the
area of the point of the warped cortex (white, middle or pial) that is nearest on a way through tissue: across a sulcus,
which is filled with liquid, there is none. Hemispheres stay apart, and areas are made smooth over neighbouring voxels.
Maps on the surfaces are means over the same voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.atlas import CorticalAtlas
from wbtools.native.cortex import Cortex, Values
from wbtools.native.projection import Areas, Maps, Projection, on_both_sides
from wbtools.space.foreground import bounding_box
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.subject import SurfaceKind
from wbtools.surfaces.mesh import Mesh

CORTEX = {Hemisphere.LEFT: 3, Hemisphere.RIGHT: 42}
WHITE = {Hemisphere.LEFT: 2, Hemisphere.RIGHT: 41}
"""FreeSurfer's labels of a hemisphere's cortex and white matter (aseg)."""

_REACH = 8.0
"""How far cortex may lie from the warped surfaces, mm: .86 of a real person's cortex is found, .82 within 4 mm."""

_ROUNDS = 2
"""In which areas are made smooth; more change nothing."""

_LAYERS: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")
_PASSES = 20
"""How far values spread over vertices without voxels, in edges."""


@dataclass(frozen=True, eq=False)
class GreyMatterProjection:
    """Projection by a person's own grey matter.

    Parameters
    ----------
    surfaces : Projection
        Carries labels between meshes.
    tissue : Volume
        FreeSurfer labels with the cortex (3, 42) and white matter (2, 41) of this person, on the T1w grid.
    threads : int
    """

    surfaces: Projection
    tissue: Volume
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", WeakKeyDictionary())

    @property
    def atlas(self) -> CorticalAtlas:
        """See `Projection`."""
        return self.surfaces.atlas

    def areas(self, standard: Cortex, keys: Areas, target: Cortex) -> Areas:
        """See `Projection`."""
        return self.surfaces.areas(standard, keys, target)

    def volume(self, cortex: Cortex, keys: Areas, grid: Grid) -> tuple[Volume, int]:
        """See `Projection`; no voxel is claimed by both sides.

        An area without grey matter, as H may be inside the hippocampus, has the voxels between the surfaces.
        """
        from wbtools.space.paths_through import smooth_labels

        found = self._vertices(cortex)

        def side_labels(side: Hemisphere) -> NDArray[np.int32]:
            box = bounding_box(found[side] >= 0)
            inside, labels = found[side][box], np.zeros(grid.shape, np.int32)
            areas = np.where(inside >= 0, keys[side][inside], 0).astype(np.int32)
            labels[box] = smooth_labels(areas, grid, _ROUNDS)
            return labels

        sides = on_both_sides(side_labels, self.threads)
        labels = sides[Hemisphere.LEFT] + sides[Hemisphere.RIGHT]
        if missing := {*np.unique(np.concatenate([*keys.values()])).tolist()} - {*np.unique(labels).tolist()}:
            ribbon = self.surfaces.volume(cortex, keys, grid)[0].data
            labels = np.where(np.isin(ribbon, list(missing)), ribbon, labels)
        return Volume(labels, grid, Unit.LABEL), 0

    def metrics(self, cortex: Cortex, volumes: Sequence[Volume]) -> Maps:
        """See `Projection`; a vertex without voxels takes the mean of its neighbours' values."""
        found = self._vertices(cortex)

        def side_maps(side: Hemisphere) -> Values:
            vertices = found[side]
            there = vertices >= 0
            count = len(cortex.mask[side])
            voxels = np.bincount(vertices[there], minlength=count)
            sums = [np.bincount(vertices[there], volume.data[there], minlength=count) for volume in volumes]
            means = np.stack(sums) / np.maximum(voxels, 1)
            return spread(cortex.surfaces[side, "white"], means, (voxels > 0) & cortex.mask[side]) * cortex.mask[side]

        return on_both_sides(side_maps, self.threads)

    def _vertices(self, cortex: Cortex) -> dict[Hemisphere, NDArray[np.int32]]:
        """By side the vertex of each voxel of cortex, -1 elsewhere, (X, Y, Z); found once for a cortex."""
        known: WeakKeyDictionary[Cortex, dict[Hemisphere, NDArray[np.int32]]] = self._known  # type: ignore[attr-defined]
        if cortex not in known:
            known[cortex] = on_both_sides(lambda side: nearest_vertices(cortex, side, self.tissue), self.threads)
        return known[cortex]


def nearest_vertices(cortex: Cortex, side: Hemisphere, tissue: Volume) -> NDArray[np.int32]:
    """The vertex whose column is nearest to each voxel of a side's grey matter, on a way through its tissue.

    Parameters
    ----------
    cortex : Cortex
    side : Hemisphere
    tissue : Volume
        FreeSurfer labels.

    Returns
    -------
    ndarray, (X, Y, Z), int32
        -1 where there is no cortex of this side, or none within 8 mm, or where the medial wall is nearest.
    """
    from scipy.spatial import cKDTree

    from wbtools.space.paths_through import NONE, nearest_through

    found = np.full(tissue.grid.shape, NONE, np.int32)
    whole = np.isin(tissue.data, (CORTEX[side], WHITE[side]))
    if not whole.any():
        return found
    box = bounding_box(whole)
    part = tissue.within(box)
    inside = whole[box]
    voxels = np.argwhere(inside)
    points = np.concatenate([cortex.surfaces[side, layer].vertices for layer in _LAYERS])
    distances, nearest = cKDTree(part.grid.to_world(voxels.astype(float))).query(points, distance_upper_bound=_REACH)
    near = np.flatnonzero(np.isfinite(distances))
    starts = nearest_through(inside, part.grid, voxels[nearest[near]], distances[near], _REACH)
    count = len(cortex.mask[side])
    vertices = np.where(starts >= 0, (near % count)[starts], NONE) if near.size else starts
    grey = (part.data == CORTEX[side]) & (vertices >= 0)
    found[box] = np.where(grey & cortex.mask[side][vertices], vertices, NONE)
    return found


def spread(mesh: Mesh, values: NDArray[np.floating], known: NDArray[np.bool_]) -> Values:
    """Values (M, V) that some vertices have, spread to the others: the mean of neighbours that have them, and so on.

    Examples
    --------
    >>> mesh = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]), Hemisphere.LEFT)
    >>> spread(mesh, np.array([[2.0, 4.0, 0.0]]), np.array([True, True, False])).tolist()
    [[2.0, 4.0, 3.0]]
    """
    from scipy import sparse

    first, second = (mesh.triangles[:, [0, 1, 2]].ravel(), mesh.triangles[:, [1, 2, 0]].ravel())
    count = len(mesh.vertices)
    edges = sparse.csr_matrix((np.ones(len(first), np.float32), (first, second)), shape=(count, count))
    neighbours = ((edges + edges.T) > 0).astype(np.float32)
    found, there = np.where(known, values, 0).astype(np.float32), known.copy()
    for _ in range(_PASSES):
        around = neighbours @ there.astype(np.float32)
        new = ~there & (around > 0)
        if not new.any():
            break
        found[:, new] = (neighbours @ found.T).T[:, new] / around[new]
        there |= new
    return found
