"""Axial slices as the hemisphere networks (S2) take them: both halves, one mirrored, each in a black square.

The halves are laid out as `wbtools.model.families.hemispheres` lays out those of a T1w image: the midline is 195/290
from the top of the square, and the half that lay below it has been turned over, so that both look alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets.images.made import Made
from wbtools.datasets.images.pictures import Picture
from wbtools.datasets.images.volumes import ScanImage
from wbtools.datasets.manifest import Kind
from wbtools.errors import InputError
from wbtools.model.card import Card

SIDE = 224
"""Pixels of the square along both axes."""

_MIDLINE = 195 / 290
_LEAST = 0.01
"""Share of a slice that must not be black."""

Point = tuple[float, float]


class Slice(Protocol):
    """A slice that can be read."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""

    def check(self) -> None:
        """Raise InputError if its header already shows that it cannot be read."""

    def plane(self) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """The slice with its midline level and in the middle of the rows, (H, W), and what had to be decided."""


@dataclass(frozen=True)
class AnnotatedSlice:
    """A picture of a slice, and points on its midline.

    Parameters
    ----------
    picture : Picture
    midline : tuple of (float, float)
        Pixels from the left and from the top; two at least.
    """

    picture: Picture
    midline: tuple[Point, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """The picture."""
        return self.picture.files

    def check(self) -> None:
        """Read the header."""
        self.picture.check()

    def plane(self) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """The picture turned and moved so that the midline is level and in the middle."""
        return levelled(self.picture.grey(), self.midline), ()


@dataclass(frozen=True)
class ScanSlice:
    """An axial slice of a person's T1w image, conformed as for a hemisphere network.

    Parameters
    ----------
    scan : ScanImage
    grid : Card
        Of such a network: LAS, intensities from 0 to 255.
    level : int
        Index of the slice, from the feet.
    """

    scan: ScanImage
    grid: Card
    level: int

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the scan."""
        return self.scan.files

    def check(self) -> None:
        """Read the header."""
        self.scan.check()

    def plane(self) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """Rows to the person's left, columns to the front."""
        values, remarks = _conformed(self.scan, self.grid)
        return values[:, :, self.level], remarks


_last: list[tuple[ScanImage, Card, NDArray[np.uint8], tuple[str, ...]]] = []
"""The scan that was conformed last, whose slices are asked for one after the other."""


def _conformed(scan: ScanImage, grid: Card) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """A scan in whole grey values."""
    if not _last or _last[0][:2] != (scan, grid):
        made = scan.conformed(grid)
        _last[:] = [(scan, grid, np.asarray(np.rint(made.array[0]), np.uint8), made.remarks)]
    return _last[0][2:]


def levelled(plane: NDArray[np.uint8], midline: Sequence[Point]) -> NDArray[np.uint8]:
    """A slice (H, W) turned and moved so that its midline is level, in the middle of the rows; black is what is added.

    Examples
    --------
    >>> levelled(np.eye(4, dtype=np.uint8) * 9, [(0, 2), (4, 2)]).diagonal().tolist()
    [9, 9, 9, 9]
    """
    from PIL import Image

    height, width = plane.shape
    (across, down), (x, y) = _line(midline)
    # The place on the midline that is nearest to the middle goes to the middle.
    along = (width / 2 - x) * across + (height / 2 - y) * down
    x, y = x + along * across, y + along * down
    offsets = x - across * width / 2 + down * height / 2, y - down * width / 2 - across * height / 2
    coefficients = (across, -down, offsets[0], down, across, offsets[1])
    turned = Image.fromarray(np.ascontiguousarray(plane)).transform(
        (width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    return np.asarray(turned)


def _line(midline: Sequence[Point]) -> tuple[Point, Point]:
    """Direction (to the right, or down) of the straight line that fits points best, and a place on it."""
    points = np.array(midline, np.float64)
    middle = points.mean(0)
    _, spread, directions = np.linalg.svd(points - middle)
    if spread[0] < 1:
        raise InputError("its midline is no line: the points are less than a pixel apart")
    across, down = directions[0] * (1 if tuple(directions[0]) > (0.0, 0.0) else -1)
    return (float(across), float(down)), (float(middle[0]), float(middle[1]))


def halves(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Both halves of a level slice (H, W) in black squares, (2, S, S): the lower one, turned over, then the upper."""
    rows, columns = plane.shape
    half, side = rows // 2, max(rows, columns)
    above = max(0, round(_MIDLINE * side) - half)
    beside = (side - columns) // 2
    squares = np.zeros((2, side, side), np.uint8)
    squares[0, above : above + half, beside : beside + columns] = plane[rows - half :][::-1]
    squares[1, above : above + half, beside : beside + columns] = plane[:half]
    return squares


@dataclass(frozen=True)
class SlicePreparation:
    """Slices become pairs of squares.

    Parameters
    ----------
    side : int
        Pixels.
    """

    side: int = SIDE

    @property
    def kind(self) -> Kind:
        """Slices."""
        return Kind.SLICES

    @property
    def shape(self) -> tuple[int, ...]:
        """Two halves, height, width."""
        return (2, self.side, self.side)

    @property
    def card(self) -> Mapping[str, Any]:
        """Intensities, which slices have as pictures do."""
        return {"intensity": "uint8"}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The shape, and where the midline is."""
        return {"shape": list(self.shape), "midline": "195/290 from the top", "resampling": "bicubic"}

    def make(self, image: Slice) -> Made:
        """The row of a slice."""
        plane, remarks = image.plane()
        if np.count_nonzero(plane) < _LEAST * plane.size or plane.max() == plane.min():
            raise InputError("it shows nothing")
        return Made(np.stack([self._resized(square) for square in halves(plane)]), remarks)

    def _resized(self, square: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from PIL import Image

        if len(square) == self.side:
            return square
        return np.asarray(Image.fromarray(square).resize((self.side, self.side), Image.Resampling.BICUBIC))
