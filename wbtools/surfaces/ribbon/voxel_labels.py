"""Voxel labels of each hemisphere, and their combination into one volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError


@dataclass(frozen=True, eq=False)
class VoxelLabels:
    """The voxel labels of a hemisphere.

    Parameters
    ----------
    keys : ndarray, (X, Y, Z), int32
        0 where there is no label.
    weights : ndarray, (X, Y, Z), float32
        The share of the voxel inside columns of that label; 0 where there is none.
    """

    keys: NDArray[np.int32]
    weights: NDArray[np.float32]


def join_hemispheres(left: VoxelLabels, right: VoxelLabels) -> tuple[NDArray[np.int32], int]:
    """Combine the labels of both hemispheres; where they overlap the larger weight wins, and the left if equal.

    Returns
    -------
    keys : ndarray, (X, Y, Z), int32
    conflicts : int
        Number of voxels with labels of both.

    Raises
    ------
    InputError
        If the volumes differ in shape.

    Examples
    --------
    >>> left = VoxelLabels(np.array([[[1, 1, 0]]], np.int32), np.array([[[0.6, 0.9, 0]]], np.float32))
    >>> right = VoxelLabels(np.array([[[2, 0, 2]]], np.int32), np.array([[[0.7, 0, 0.5]]], np.float32))
    >>> keys, conflicts = join_hemispheres(left, right)
    >>> keys.tolist(), conflicts
    ([[[2, 1, 2]]], 1)
    """
    if left.keys.shape != right.keys.shape:
        raise InputError(f"label volumes of shapes {left.keys.shape} and {right.keys.shape} cannot be joined")
    conflicts = int(np.count_nonzero((left.keys != 0) & (right.keys != 0)))
    return np.where(right.weights > left.weights, right.keys, left.keys), conflicts
