"""Slices as a volume: the grid on which they lie, and why they are on none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wbtools.dicom.header import Frame
from wbtools.space.grid import Grid
from wbtools.text import counted

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
_PLANES = ("sagittal", "coronal", "axial")

_PARALLEL = 1e-3  # of direction cosines, which headers hold with few digits
_TILT = 0.1  # mm from the first slice to the last; positions are rounded
_UNEVEN = 0.05  # mm between slices
_SAME_PLACE = 0.01  # mm
_FEWEST = 8  # slices; a localizer has fewer
_SQUARE = 0.1  # degrees; less is rounding


class Reason(NamedTuple):
    """Why slices are no volume, as the end of a sentence about a series, and what can be done."""

    says: str
    hint: str = "take another series"


def normal(frame: Frame) -> NDArray[np.float64]:
    """The direction at right angles to a slice, LPS, (3,)."""
    across, down = np.reshape(frame.directions, (2, 3))
    direction: NDArray[np.float64] = np.cross(across, down)
    return direction


def along(frame: Frame) -> float:
    """Where a slice lies on the line at right angles to it, mm."""
    return float(normal(frame) @ frame.position)


def orientation(frame: Frame) -> str:
    """The plane of a slice in words, with its angle to the planes of the scanner.

    Examples
    --------
    >>> orientation(Frame((0, 0, 0), (1, 0, 0, 0, 1, 0), (1, 1)))
    'axial'
    >>> orientation(Frame((0, 0, 0), (0, 1, 0, 0.2588, 0, -0.9659), (1, 1)))
    'sagittal, 15 degrees oblique'
    """
    if not frame.is_placed:
        return "unknown"
    share = np.abs(normal(frame))
    nearest = int(np.argmax(share))
    angle = float(np.degrees(np.arccos(np.clip(share[nearest] / max(np.linalg.norm(share), 1e-9), -1, 1))))
    return _PLANES[nearest] if angle < _SQUARE else f"{_PLANES[nearest]}, {max(angle, 1):.0f} degrees oblique"


def distance(frames: Sequence[Frame]) -> float:
    """The usual distance between slices in their order, mm; 0 if there are not two that are placed."""
    if len(frames) < 2 or not all(frame.is_placed for frame in frames):
        return 0.0
    return float(np.median(np.diff([along(frame) for frame in frames])))


def unfit(frames: Sequence[Frame]) -> Reason | None:
    """Why slices are no volume; None if they are.

    Parameters
    ----------
    frames : sequence of Frame
        In any order.

    Examples
    --------
    >>> slices = [Frame((0, 0, z), (1, 0, 0, 0, 1, 0), (1, 1)) for z in range(9)]
    >>> unfit(slices) is None, unfit(slices[:4] + slices[5:]).says
    (True, 'lacks 1 of 9 slices')
    """
    if not frames or not all(frame.is_placed for frame in frames):
        return Reason("does not say where its slices lie")
    turned = np.array([frame.directions for frame in frames])
    if np.abs(turned - turned[0]).max() > _PARALLEL:
        return Reason("has slices in several planes, as a localizer has")
    if len({frame.spacing for frame in frames}) > 1:
        return Reason("has slices of different voxel sizes")
    if not _is_frame(turned[0]):
        return Reason("does not say where its slices lie")
    if len(frames) < _FEWEST:
        return Reason(f"has {counted(len(frames), 'slice')}, too few for a head")
    return _uneven(sorted(frames, key=along))


def _is_frame(directions: NDArray[np.float64]) -> bool:
    """Whether the directions of row and column are of length 1 and at right angles."""
    pair = directions.reshape(2, 3)
    return bool(np.abs(pair @ pair.T - np.eye(2)).max() < _PARALLEL)


def _uneven(frames: Sequence[Frame]) -> Reason | None:
    """Why parallel slices, in their order, are not at equal distances."""
    places = np.array([frame.position for frame in frames])
    steps = np.diff([along(frame) for frame in frames])
    if steps.min() < _SAME_PLACE:
        return _repeated(frames, int((steps < _SAME_PLACE).sum()))
    usual = distance(frames)
    missing = np.rint(steps / usual).astype(int) - 1
    if np.abs(steps - usual * (missing + 1)).max() > _UNEVEN:
        return Reason("has slices at unequal distances", "resample it to equal distances, or take another series")
    if missing.any():
        whole = len(frames) + int(missing.sum())
        return Reason(f"lacks {missing.sum()} of {whole} slices", "copy the missing slices from the scanner again")
    shift = places[-1] - places[0]
    if np.linalg.norm(shift - normal(frames[0]) * (normal(frames[0]) @ shift)) > _TILT:
        return Reason(
            "has slices that are shifted against one another, as those of a tilted gantry",
            "resample it to a straight grid, or take another series",
        )
    return None


def _repeated(frames: Sequence[Frame], count: int) -> Reason:
    """Why there are several slices in a place."""
    if len({frame.echo for frame in frames}) > 1:
        return Reason("holds several echoes", "take the series that combines them, or split it by echo")
    return Reason(
        f"has {counted(count, 'slice')} where another slice is (repetitions, phases, or copies)",
        "take a series of one volume, or split it with dcm2niix",
    )


def grid(frames: Sequence[Frame], size: tuple[int, int]) -> Grid:
    """The grid of slices that are a volume (PS3.3 C.7.6.2.1.1).

    Parameters
    ----------
    frames : sequence of Frame
        In the order of slices.
    size : tuple of int, (2,)
        Columns and rows.

    Returns
    -------
    Grid
        World millimetres (RAS+), indexed by column, row and slice.

    Examples
    --------
    >>> slices = [Frame((-90, -126, 2.0 * z), (1, 0, 0, 0, 1, 0), (1.5, 1)) for z in range(9)]
    >>> made = grid(slices, (4, 5))
    >>> made.shape, made.orientation, made.voxel_sizes
    ((4, 5, 9), 'LPS', array([1. , 1.5, 2. ]))
    """
    across, down = np.reshape(frames[0].directions, (2, 3))
    rows_apart, columns_apart = frames[0].spacing
    first, last = np.array(frames[0].position), np.array(frames[-1].position)
    step = (last - first) / (len(frames) - 1)
    affine = np.eye(4)
    affine[:3] = LPS_TO_RAS @ np.column_stack([across * columns_apart, down * rows_apart, step, first])
    return Grid((*size, len(frames)), affine)
