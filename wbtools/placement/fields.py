"""Displacement fields: smooth maps of world space known at the voxels of a grid, linear in between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import FloatArray, Grid

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """A displacement of world space.

    Parameters
    ----------
    shifts : ndarray, (X, Y, Z, 3), float32
        At the voxel centres of the grid, mm.
    grid : Grid

    Raises
    ------
    InputError
        If shifts and grid differ in shape.

    Examples
    --------
    >>> field = Field(np.full((2, 2, 2, 3), 1.5, np.float32), Grid((2, 2, 2), np.eye(4)))
    >>> field.push(np.array([[0.5, 0, 1], [9, 0, 0]])).tolist()
    [[2.0, 1.5, 2.5], [10.5, 1.5, 1.5]]
    """

    shifts: NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        if self.shifts.shape != (*self.grid.shape, 3):
            raise InputError(f"displacements of shape {self.shifts.shape} on a grid of shape {self.grid.shape}")

    def push(self, points: FloatArray) -> Points:
        """World points (N, 3) moved, mm, (N, 3); outside the grid as at its edge."""
        from scipy.ndimage import map_coordinates

        index = self.grid.to_index(points).T
        moved = [map_coordinates(part, index, order=1, mode="nearest") for part in np.moveaxis(self.shifts, -1, 0)]
        return np.asarray(points + np.stack(moved, axis=-1), np.float64)

    def volume_change(self) -> NDArray[np.float32]:
        """By what factor each voxel's volume changes: the determinant of the Jacobian, (X, Y, Z); at most 0 at a fold.

        Examples
        --------
        >>> places = np.moveaxis(np.indices((3, 3, 3), np.float32), 0, -1)
        >>> bool(np.allclose(Field(places, Grid((3, 3, 3), np.eye(4))).volume_change(), 8))
        True
        """
        slopes = np.stack(np.gradient(self.shifts, axis=(0, 1, 2)), axis=-1)  # mm per voxel step, (X, Y, Z, 3, 3)
        per_mm = slopes @ np.linalg.inv(self.grid.affine[:3, :3])
        return np.asarray(np.linalg.det(np.eye(3) + per_mm), np.float32)

    def coarser(self, factor: int) -> Field:
        """The same at every `factor`-th voxel: smooth fields lose nothing that matters."""
        every = (slice(None, None, factor),) * 3
        shifts = np.ascontiguousarray(self.shifts[every])
        x, y, z, _ = shifts.shape
        return Field(shifts, Grid((x, y, z), self.grid.affine @ np.diag([factor, factor, factor, 1.0])))
