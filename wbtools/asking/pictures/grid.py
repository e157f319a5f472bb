"""The picture of a query: the person asked about, and who was found, three slices each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.pictures.thumbnails import as_shown, sides
from wbtools.text import line, shortened

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

COLUMNS = 3
_SCALE = 2
_CAPTION = 22  # pixels
_GAP = 8
_EDGE = 3  # pixels between a letter and the edge of its slice
_LETTERS = 48
_PAPER, _INK = 255, 0


def grid(pictures: NDArray[np.uint8], captions: Sequence[str], title: str) -> bytes:
    r"""Thumbnails with their captions, the first on a line of its own, as PNG.

    Letters say which way the slices lie: the person's left is on the left, as in all pictures of wbtools.

    Parameters
    ----------
    pictures : ndarray, (K, HEIGHT, WIDTH)
        As `thumbnail` makes them and an index keeps them.
    captions : sequence of str
        One for each; untrusted text.
    title : str
        Below all.

    Examples
    --------
    >>> grid(np.zeros((2, 64, 170), np.uint8), ["asked", "found"], "net")[:4]
    b'\x89PNG'
    """
    from PIL import Image, ImageDraw

    height, width = (side * _SCALE for side in pictures.shape[1:])
    rows = 1 + math.ceil((len(pictures) - 1) / COLUMNS)
    cell = (width + _GAP, height + _CAPTION + _GAP)
    sheet = Image.new("L", (COLUMNS * cell[0] + _GAP, rows * cell[1] + _GAP + _CAPTION), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (picture, caption) in enumerate(zip(as_shown(pictures), captions, strict=True)):
        row, column = (0, 0) if place == 0 else (1 + (place - 1) // COLUMNS, (place - 1) % COLUMNS)
        left, top = _GAP + column * cell[0], _GAP + row * cell[1]
        enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        sheet.paste(enlarged, (left, top + _CAPTION))
        draw.text((left, top + 4), _plain(caption), fill=_INK)
        _name_sides(draw, left, top + _CAPTION + height // 2)
    draw.text((_GAP, rows * cell[1] + _GAP), _plain(title, 3 * _LETTERS), fill=_INK)
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _name_sides(draw: ImageDraw, left: int, middle: int) -> None:
    """Say which way the three slices of a picture lie, whose left edge is there."""
    for first, last, letters in sides():
        columns = (first * _SCALE + _EDGE, last * _SCALE - _EDGE)
        for letter, column, anchor in zip(letters, columns, ("lm", "rm"), strict=True):
            draw.text((left + column, middle), letter, fill=_PAPER, anchor=anchor, stroke_width=1, stroke_fill=_INK)


def _plain(text: str, longest: int = _LETTERS) -> str:
    """A text in letters that every font has."""
    return shortened(line(text).encode("ascii", "backslashreplace").decode(), longest).replace("\u2026", "...")
