"""Where slices lie in the world, as Workbench lays them out, and what of a volume lies in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.space.grid import Grid, Volume
from wbtools.workbench.scene.scene import VolumeView

Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""World coordinates as a point (3,) and what each row (R, 3) and each column (C, 3) adds to it, mm."""

Colour = tuple[int, int, int]

_FITTED = 0.98  # of the height of a panel that the field of view fills at zoom 1
_GAP = 2  # pixels between slices
_RED, _GREEN, _BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@dataclass(frozen=True)
class Plane:
    """A way to slice the world.

    Parameters
    ----------
    across : int
        The axis that the slice lies across: 0 for x.
    right, up : int
        The axes that run along its edges.
    mirrored : bool
        Whether the `right` axis runs to the left.
    letters : str
        At the left, right, upper and lower edge.
    sideways, upright : tuple of int, (3,)
        Colours of the letters at the sides, and of those above and below.
    """

    across: int
    right: int
    up: int
    mirrored: bool
    letters: str
    sideways: Colour
    upright: Colour


PLANES = (
    Plane(0, 1, 2, True, "APSI", _BLUE, _GREEN),
    Plane(1, 0, 2, False, "LRSI", _BLUE, _RED),
    Plane(2, 0, 1, False, "LRAP", _GREEN, _RED),
)
"""Sagittal, coronal, axial: from left to right."""


def thirds(width: int) -> list[slice]:
    """The columns that each of three slices takes, of so many.

    Examples
    --------
    >>> thirds(100)
    [slice(0, 32, None), slice(34, 66, None), slice(68, 100, None)]
    """
    each = (width - 2 * _GAP) // 3
    return [slice(start, start + each) for start in (0, each + _GAP, 2 * (each + _GAP))]


@dataclass(frozen=True)
class Cut:
    """How a view cuts volumes.

    Parameters
    ----------
    view : VolumeView
    rows, columns : int
        Pixels of the view.
    """

    view: VolumeView
    rows: int
    columns: int

    def of(self, volume: Volume, field: Grid) -> list[NDArray[np.float32]]:
        """What of a volume lies in the three slices, where the view fits the field of view of a grid."""
        return [nearest(volume, points) for points in self.points(field)]

    def points(self, field: Grid) -> list[Points]:
        """Where the pixels of the three slices lie."""
        corners = field.corners()
        size = np.ptp(corners, axis=0)
        scale = _FITTED * self.rows / max(size[1], size[2]) * self.view.zoom  # pixels per mm
        # Workbench moves the middle of the field of view into the panel's, and then zooms about the world's origin.
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2 / self.view.zoom
        parts = zip(PLANES, thirds(self.columns), strict=True)
        return [self._points(plane, part.stop - part.start, middle, scale) for plane, part in parts]

    def _points(self, plane: Plane, columns: int, middle: NDArray[np.float64], scale: float) -> Points:
        start = np.where(np.arange(3) == plane.across, self.view.centre[plane.across], middle)
        down, along = np.zeros((self.rows, 3)), np.zeros((columns, 3))
        down[:, plane.up] = (self.rows / 2 - np.arange(self.rows) - 0.5) / scale
        along[:, plane.right] = (np.arange(columns) + 0.5 - columns / 2) / scale
        return start, down, -along if plane.mirrored else along


def nearest(volume: Volume, points: Points) -> NDArray[np.float32]:
    """The values of the voxels in which points lie; NaN outside the field of view.

    Parameters
    ----------
    volume : Volume
    points : tuple of ndarray

    Returns
    -------
    ndarray, (R, C), float32

    Examples
    --------
    >>> volume = Volume(np.array([[[3.0, 5.0]]], np.float32), Grid((1, 1, 2), np.eye(4)))
    >>> nearest(volume, (np.zeros(3), np.zeros((1, 3)), np.array([[0, 0, 0.4], [0, 0, 0.6], [0, 0, 2.0]]))).tolist()
    [[3.0, 5.0, nan]]
    """
    to_index = np.linalg.inv(volume.grid.affine)
    start, down, along = points
    first = to_index[:3, :3] @ start + to_index[:3, 3] + 0.5
    index = (first + down @ to_index[:3, :3].T)[:, None] + (along @ to_index[:3, :3].T)[None]
    whole = np.floor(index).astype(np.intp)
    inside = ((whole >= 0) & (whole < volume.grid.shape)).all(axis=-1)
    found = np.full(inside.shape, np.nan, np.float32)
    found[inside] = volume.data[tuple(whole[inside].T)]
    return found
