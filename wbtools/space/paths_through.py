"""Shortest ways through some of a grid's voxels, and labels made smooth among their neighbours.

A way goes from voxel to voxel, to any of the 26 around, and is as long as its steps in mm. Sweeps over the grid, forth
and back, carry distances on until nothing changes: with a reach of a few mm that takes a handful of them.

numba compiles these functions at their first call ever and keeps them on disk. Import this module only where it is
needed, because importing numba is slow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.space.compiled import compiled
from wbtools.space.grid import Grid

NONE = -1
"""What is nearest where nothing is within reach."""


def nearest_through(
    inside: NDArray[np.bool_],
    grid: Grid,
    starts: NDArray[np.integer],
    distances: NDArray[np.floating],
    reach: float,
) -> NDArray[np.int32]:
    """Which of some starts is nearest to each voxel, on ways through voxels inside only.

    Parameters
    ----------
    inside : ndarray of bool, (X, Y, Z)
        Where ways may go.
    grid : Grid
    starts : ndarray of int, (N, 3)
        Voxels; those that are not inside start no way.
    distances : ndarray, (N,)
        How long a way is when it starts, mm.
    reach : float
        No way is longer, mm.

    Returns
    -------
    ndarray, (X, Y, Z), int32
        Numbers of starts; -1 where none is within reach.

    Examples
    --------
    >>> inside = np.array([[[True, True, False, True, True]]])
    >>> starts = np.array([[0, 0, 0], [0, 0, 4]])
    >>> nearest_through(inside, Grid((1, 1, 5), np.eye(4)), starts, np.zeros(2), 9.0).ravel()
    array([ 0,  0, -1,  1,  1], dtype=int32)
    """
    lengths = np.full(inside.shape, np.inf, np.float32)
    found = np.full(inside.shape, NONE, np.int32)
    order = np.argsort(-np.asarray(distances), kind="stable")  # of several in one voxel the nearest is set last
    usable = order[inside[tuple(np.asarray(starts)[order].T)] & (np.asarray(distances)[order] <= reach)]
    places = tuple(np.asarray(starts)[usable].T)
    lengths[places], found[places] = np.asarray(distances)[usable], usable
    steps = np.array([step for step in np.ndindex(3, 3, 3) if step < (1, 1, 1)]) - 1
    sizes = np.linalg.norm(steps @ grid.affine[:3, :3].T, axis=1).astype(np.float32)
    while _sweep(inside, lengths, found, steps, sizes, np.float32(reach)):
        pass
    return found


def smooth_labels(labels: NDArray[np.int32], grid: Grid, rounds: int) -> NDArray[np.int32]:
    """Labels that most of the neighbours share, nearer ones counting more; 0 stays 0, and counts for nothing.

    Parameters
    ----------
    labels : ndarray, (X, Y, Z), int32
    grid : Grid
        With voxels of these sizes.
    rounds : int

    Returns
    -------
    ndarray, (X, Y, Z), int32

    Examples
    --------
    >>> labels = np.ones((3, 3, 3), np.int32)
    >>> labels[1, 1, 1], labels[0, 0, 0] = 5, 0
    >>> smooth_labels(labels, Grid((3, 3, 3), np.eye(4)), 1)[[1, 0], [1, 0], [1, 0]]
    array([1, 0], dtype=int32)
    """
    steps = np.array([step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)]) - 1
    lengths = np.linalg.norm(steps @ grid.affine[:3, :3].T, axis=1)
    weights = (lengths.min() / lengths).round(4).astype(np.float32)  # rounded: equal ones stay equal on any grid
    for _ in range(rounds):
        labels = _majority(labels, steps, weights)
    return labels


@compiled
def _sweep(
    inside: NDArray[np.bool_],
    lengths: NDArray[np.float32],
    found: NDArray[np.int32],
    steps: NDArray[np.int64],
    sizes: NDArray[np.float32],
    reach: np.float32,
) -> bool:
    """Carry distances on, once in the order of voxels and once against it; whether anything changed."""
    nx, ny, nz = inside.shape
    changed = False
    for turn in range(2):
        sign = 1 if turn == 0 else -1
        for a in range(nx):
            i = a if turn == 0 else nx - 1 - a
            for b in range(ny):
                j = b if turn == 0 else ny - 1 - b
                for c in range(nz):
                    k = c if turn == 0 else nz - 1 - c
                    if not inside[i, j, k]:
                        continue
                    for s in range(len(steps)):
                        x, y, z = i + sign * steps[s, 0], j + sign * steps[s, 1], k + sign * steps[s, 2]
                        if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz or found[x, y, z] < 0:
                            continue
                        longer = lengths[x, y, z] + sizes[s]
                        if longer <= reach and longer < lengths[i, j, k]:
                            lengths[i, j, k], found[i, j, k] = longer, found[x, y, z]
                            changed = True
    return changed


@compiled
def _majority(labels: NDArray[np.int32], steps: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.int32]:
    """One round of `smooth_labels`; of labels with equal weight a voxel's own stays, else the first found."""
    nx, ny, nz = labels.shape
    result = labels.copy()
    keys, sums = np.empty(27, np.int32), np.empty(27, np.float32)
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                own = labels[i, j, k]
                if own == 0:
                    continue
                keys[0], sums[0], count = own, 1.0, 1
                for s in range(len(steps)):
                    x, y, z = i + steps[s, 0], j + steps[s, 1], k + steps[s, 2]
                    if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz or labels[x, y, z] == 0:
                        continue
                    place = 0
                    while place < count and keys[place] != labels[x, y, z]:
                        place += 1
                    if place == count:
                        keys[count], sums[count] = labels[x, y, z], 0.0
                        count += 1
                    sums[place] += weights[s]
                result[i, j, k] = keys[np.argmax(sums[:count])]
    return result
