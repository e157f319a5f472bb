"""The labels of hemispheres in a voxel grid, and one volume of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError


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
