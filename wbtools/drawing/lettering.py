"""Words on a picture: DejaVu Sans, whose Latin letters are those of Workbench (Bitstream Vera)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbtools.drawing.fonts import font_of
from wbtools.drawing.slicing import PLANES, thirds
from wbtools.text import line
from wbtools.workbench.scene.elements import Align, Text

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
"""A part of a picture: left, upper, right, lower, pixels."""

RGB = tuple[int, int, int]

LEFT, CENTRE, RIGHT = 0.0, 0.5, 1.0
TOP, MIDDLE, BOTTOM = 0.0, 0.5, 1.0

_ALIGNED = {Align.LEFT: LEFT, Align.CENTER: CENTRE, Align.RIGHT: RIGHT}
_LETTERS, _EDGE = 0.05, 0.01  # of a slice: letters that say which way it lies, and how far from its edge they stand
_SIDES = ((LEFT, MIDDLE), (RIGHT, MIDDLE), (CENTRE, TOP), (CENTRE, BOTTOM))
_FINE = 4  # letters are drawn so many times as large, so that they can stand between pixels


def write(picture: Image, text: Text, box: Box) -> None:
    """Write a text where its view stands in a picture.

    Parameters
    ----------
    picture : Image
        Changed.
    text : Text
    box : tuple of int, (4,)
        The view.
    """
    left, upper, right, lower = box
    point = left + text.x / 100 * (right - left), lower - text.y / 100 * (lower - upper)
    place(picture, Words(text.text, text.height / 100 * (lower - upper)), point, (_ALIGNED[text.align], MIDDLE))


def name_sides(picture: Image, box: Box) -> None:
    """Say which way the slices of a view lie, at their four sides, on black."""
    left, upper, right, lower = box
    high = lower - upper
    for plane, columns in zip(PLANES, thirds(right - left), strict=True):
        wide = columns.stop - columns.start
        for letter, (across, down) in zip(plane.letters, _SIDES, strict=True):
            words = Words(letter, _LETTERS * high, plane.sideways if down == MIDDLE else plane.upright, bold=True)
            x = left + columns.start + (_EDGE + (1 - 2 * _EDGE) * across) * wide
            place(picture, words, (x, upper + (_EDGE + (1 - 2 * _EDGE) * down) * high), (across, down))


@dataclass(frozen=True)
class Words:
    """A line of letters.

    Parameters
    ----------
    text : str
    size : float
        Of the letters, pixels.
    colour : tuple of int, (3,)
    bold : bool
        Bold letters stand on black. There are only those that name the sides of a slice.
    """

    text: str
    size: float
    colour: RGB = (255, 255, 255)
    bold: bool = False

    def mask(self) -> Image:
        """The letters alone, `_FINE` times as large, without any margin."""
        from PIL import Image, ImageDraw

        shown = line(self.text)
        font = font_of(shown, self.size * _FINE, self.bold)
        left, top, right, bottom = (round(edge) for edge in font.getbbox(shown, anchor="ls"))
        mask = Image.new("L", (max(0, right - left) + 2 * _FINE, max(0, bottom - top) + 2 * _FINE))
        ImageDraw.Draw(mask).text((_FINE - left, _FINE - top), shown, 255, font, "ls")
        return mask.crop(mask.getbbox() or (0, 0, 0, 0))


def place(picture: Image, words: Words, point: tuple[float, float], aligned: tuple[float, float]) -> None:
    """Write words.

    Parameters
    ----------
    picture : Image
        Changed.
    words : Words
    point : tuple of float, (2,)
        Pixels from the left and from the top.
    aligned : tuple of float, (2,)
        Which part of the words is at the point: 0 is their left or upper edge, 1 the right or lower edge.
    """
    from PIL import Image

    mask = words.mask()
    if 0 in mask.size:
        return
    starts = [_FINE * at - share * size for at, share, size in zip(point, aligned, mask.size, strict=True)]
    corner = [math.floor(start / _FINE) for start in starts]
    moved = [round(start - _FINE * whole) for start, whole in zip(starts, corner, strict=True)]
    size = [_FINE * math.ceil((move + length) / _FINE) for move, length in zip(moved, mask.size, strict=True)]
    fine = Image.new("L", (size[0], size[1]))
    fine.paste(mask, (moved[0], moved[1]))
    small = fine.reduce(_FINE)
    if words.bold:
        picture.paste(
            (0, 0, 0), (corner[0] - 1, corner[1] - 1, corner[0] + small.width + 1, corner[1] + small.height + 1)
        )
    picture.paste(words.colour, (corner[0], corner[1]), small)
