"""The tree of a map's clusters at all heights, by union-find: compiled, so import this only where it is used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.space.compiled import compiled


@compiled
def _root(parent: NDArray[np.int64], offset: NDArray[np.float64], vertex: int) -> int:
    """The vertex that stands for a cluster; paths are halved on the way there, and offsets added up."""
    while parent[vertex] != vertex:
        above = parent[vertex]
        if parent[above] != above:
            offset[vertex] += offset[above]
            parent[vertex] = parent[above]
        vertex = parent[vertex]
    return vertex


@compiled
def integrated(
    order: NDArray[np.int64],
    heights: NDArray[np.float64],
    surroundings: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]],
    powers: tuple[float, float],
) -> NDArray[np.float64]:
    """The integral of extent**E * height**H over the heights up to each vertex's own, (V,).

    Parameters
    ----------
    order : ndarray, (P,)
        Vertices with a positive height, the highest first.
    heights : ndarray, (V,)
    surroundings : ndarrays, (V + 1,), (M,) and (V,)
        Where each vertex's neighbours start among the neighbours of all, these, and each vertex's area.
    powers : floats
        E and H.
    """
    starts, members, areas = surroundings
    extent_power, height_power = powers[0], powers[1] + 1
    parent = np.full(len(heights), -1)
    size, extent, top = np.ones(len(heights), np.int64), areas.copy(), heights.copy()
    # What a cluster has collected is kept with its root; what a vertex has is the sum on its path, its root's included.
    offset = np.zeros(len(heights))
    for vertex in order:
        parent[vertex] = vertex
        height = heights[vertex]
        for neighbour in members[starts[vertex] : starts[vertex + 1]]:
            if parent[neighbour] < 0:
                continue
            first, second = _root(parent, offset, vertex), _root(parent, offset, neighbour)
            if first == second:
                continue
            for root in (first, second):
                slab = (top[root] ** height_power - height**height_power) / height_power
                offset[root] += extent[root] ** extent_power * slab
                top[root] = height
            if size[first] < size[second]:
                first, second = second, first
            parent[second] = first
            offset[second] -= offset[first]
            size[first] += size[second]
            extent[first] += extent[second]
    for vertex in order:
        if parent[vertex] == vertex:
            offset[vertex] += extent[vertex] ** extent_power * top[vertex] ** height_power / height_power
    found = np.zeros(len(heights))
    for vertex in order:
        place = vertex
        found[vertex] = offset[place]
        while parent[place] != place:
            place = parent[place]
            found[vertex] += offset[place]
    return found
