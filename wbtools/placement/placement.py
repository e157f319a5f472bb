"""A template's anatomy in a person's head: points and labels carried over, and how well it lies there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wbtools.placement.fields import Field, Points
from wbtools.space.foreground import bounding_box
from wbtools.space.grid import FloatArray, Grid, Unit, Volume
from wbtools.space.resampling import resample_labels

_AT_ONCE = 1 << 20  # voxels carried together: 100 MB


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a template lies in a person's head.

    Parameters
    ----------
    affine : ndarray, (4, 4)
        From the template's world to the person's, mm.
    to_person : Field or None
        What the affine map leaves over, in the person's world: moves points that it has carried there. None: nothing.
    to_template : Field or None
        Its inverse, in the person's world: moves points before the affine map carries them back.
    facts : dict
        How it was found and how well it lies, as JSON values.

    Examples
    --------
    >>> shift = np.eye(4)
    >>> shift[0, 3] = 5
    >>> placement = Placement(shift)
    >>> placement.points(np.zeros((1, 3))).tolist()
    [[5.0, 0.0, 0.0]]
    >>> labels = Volume(np.full((1, 1, 1), 7, np.int32), Grid((1, 1, 1), np.eye(4)), Unit.LABEL)
    >>> placement.labels(labels, Grid((1, 1, 1), shift)).data.ravel().tolist()
    [7]
    """

    affine: NDArray[np.float64]
    to_person: Field | None = None
    to_template: Field | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def points(self, points: FloatArray) -> Points:
        """Points (N, 3) of the template's world, mm, in the person's."""
        carried = np.asarray(points, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return self.to_person.push(carried) if self.to_person else carried

    def back(self, points: FloatArray) -> Points:
        """Points (N, 3) of the person's world, mm, in the template's."""
        back = np.linalg.inv(self.affine)
        moved = self.to_template.push(points) if self.to_template else np.asarray(points, np.float64)
        return np.asarray(moved @ back[:3, :3].T + back[:3, 3], np.float64)

    def labels(self, labels: Volume, grid: Grid) -> Volume:
        """Labels in the template's world, on a grid of the person's: each voxel takes that at its centre."""
        if self.to_template is None:
            carried = Grid(labels.grid.shape, self.affine @ labels.grid.affine)
            return resample_labels(Volume(labels.data, carried, Unit.LABEL), grid)
        found = np.zeros(grid.shape, labels.data.dtype)
        voxels = self._near(labels, grid)
        shape = np.array(labels.grid.shape)
        for start in range(0, len(voxels), _AT_ONCE):
            some = voxels[start : start + _AT_ONCE]
            index = np.rint(labels.grid.to_index(self.back(grid.to_world(some.astype(float))))).astype(int)
            inside = ((index >= 0) & (index < shape)).all(axis=1)
            found[tuple(some[inside].T)] = labels.data[tuple(index[inside].T)]
        return Volume(found, grid, Unit.LABEL)

    def _near(self, labels: Volume, grid: Grid) -> NDArray[np.int64]:
        """The voxels of a grid in the box around labels that were carried there, (N, 3)."""
        box = bounding_box(labels.data > 0)
        corners = np.array(np.meshgrid(*((part.start - 1, part.stop) for part in box))).reshape(3, -1).T
        assert self.to_person is not None
        carried = labels.grid.to_world(corners) @ self.affine[:3, :3].T + self.affine[:3, 3]
        index = grid.to_index(carried)
        # As much around as anything moves, whichever way the grid lies.
        reach = float(np.abs(self.to_person.shifts).max(initial=0))
        around = reach * np.abs(np.linalg.inv(grid.affine[:3, :3])).sum(axis=1)
        low = np.clip(np.floor(index.min(axis=0) - around), 0, grid.shape).astype(int)
        high = np.clip(np.ceil(index.max(axis=0) + around) + 1, 0, grid.shape).astype(int)
        return np.asarray(np.indices(tuple(high - low)).reshape(3, -1).T + low, np.int64)
