"""Voxel labels of each hemisphere, and their combination into one volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import compact


@dataclass(frozen=True, eq=False)
class VoxelLabels:
    """The labelled voxels of a hemisphere, which are few of its grid.

    Parameters
    ----------
    shape : tuple of int
        Of the grid, (X, Y, Z).
    voxels : ndarray, (N,), int
        Those with a label, each once, ravelled in C order of the shape.
    keys : ndarray, (N,), int32
        Their labels, none 0.
    weights : ndarray, (N,), float32
        The share of each voxel inside columns of its label.

    Examples
    --------
    >>> labels = VoxelLabels((1, 1, 3), np.array([2]), np.array([7], np.int32), np.array([0.9], np.float32))
    >>> labels.volume().tolist()
    [[[0, 0, 7]]]
    """

    shape: tuple[int, int, int]
    voxels: NDArray[np.integer]
    keys: NDArray[np.int32]
    weights: NDArray[np.float32]

    def volume(self) -> NDArray[np.integer]:
        """The keys of all voxels, (X, Y, Z), int16 if they fit, else int32; 0 where there is no label."""
        keys = compact(self.keys)
        volume = np.zeros(self.shape, keys.dtype)
        volume.reshape(-1)[self.voxels] = keys
        return volume


def join_hemispheres(left: VoxelLabels, right: VoxelLabels) -> tuple[NDArray[np.integer], int]:
    """Combine the labels of both hemispheres; where they overlap the larger weight wins, and the left if equal.

    Returns
    -------
    keys : ndarray, (X, Y, Z), int16 or int32
    conflicts : int
        Number of voxels with labels of both.

    Raises
    ------
    InputError
        If the volumes differ in shape.

    Examples
    --------
    >>> left = VoxelLabels((1, 1, 3), np.array([0, 1]), np.int32([1, 1]), np.float32([0.6, 0.9]))
    >>> right = VoxelLabels((1, 1, 3), np.array([0, 2]), np.int32([2, 2]), np.float32([0.7, 0.5]))
    >>> keys, conflicts = join_hemispheres(left, right)
    >>> keys.tolist(), conflicts
    ([[[2, 1, 2]]], 1)
    """
    if left.shape != right.shape:
        raise InputError(f"label volumes of shapes {left.shape} and {right.shape} cannot be joined")
    _, here, there = np.intersect1d(left.voxels, right.voxels, assume_unique=True, return_indices=True)
    won = right.weights[there] > left.weights[here]
    kept = np.delete(np.arange(len(left.voxels)), here[won]), np.delete(np.arange(len(right.voxels)), there[~won])
    voxels, keys, weights = (
        np.concatenate([part[some] for part, some in zip(parts, kept, strict=True)])
        for parts in ((left.voxels, right.voxels), (left.keys, right.keys), (left.weights, right.weights))
    )
    return VoxelLabels(left.shape, voxels, keys, weights).volume(), len(here)
