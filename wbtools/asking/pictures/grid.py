"""The picture of a query: the person asked about, and who was found, three slices each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.pictures.thumbnails import as_shown, sides
from wbtools.text import line

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

COLUMNS = 3
_SCALE = 2
_CAPTION = 22  # pixels, of a caption of one line
_LINE = 14  # pixels that every further line takes
_MOST_LINES = 4  # of a caption
_GAP = 8
_EDGE = 3  # pixels between a letter and the edge of its slice
_PAPER, _INK = 255, 0


def grid(pictures: NDArray[np.uint8], captions: Sequence[str], title: str) -> bytes:
    r"""Thumbnails with their captions, the first on a line of its own, as PNG.

    Letters say which way the slices lie: the person's left is on the left, as in all pictures of wbtools. Captions wrap
    at the width of their picture, and the title at that of the sheet, which has all of it.

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
    columns = min(COLUMNS, max(1, len(pictures) - 1))
    ruler = ImageDraw.Draw(Image.new("L", (1, 1)))
    named = [_wrapped(ruler, caption, width)[:_MOST_LINES] for caption in captions]
    below = _wrapped(ruler, title, columns * (width + _GAP) - _GAP)
    caption_height = _CAPTION + _LINE * (max(map(len, named)) - 1)
    cell = (width + _GAP, height + caption_height + _GAP)
    foot = _CAPTION + _LINE * (len(below) - 1)
    sheet = Image.new("L", (columns * cell[0] + _GAP, rows * cell[1] + _GAP + foot), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (picture, lines) in enumerate(zip(as_shown(pictures), named, strict=True)):
        row, column = (0, 0) if place == 0 else (1 + (place - 1) // COLUMNS, (place - 1) % COLUMNS)
        left, top = _GAP + column * cell[0], _GAP + row * cell[1]
        enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        sheet.paste(enlarged, (left, top + caption_height))
        _write(draw, left, top + 4 + caption_height - _CAPTION - _LINE * (len(lines) - 1), lines)
        _name_sides(draw, left, top + caption_height + height // 2)
    _write(draw, _GAP, rows * cell[1] + _GAP, below)
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _name_sides(draw: ImageDraw, left: int, middle: int) -> None:
    """Say which way the three slices of a picture lie, whose left edge is there."""
    for first, last, letters in sides():
        columns = (first * _SCALE + _EDGE, last * _SCALE - _EDGE)
        for letter, column, anchor in zip(letters, columns, ("lm", "rm"), strict=True):
            draw.text((left + column, middle), letter, fill=_PAPER, anchor=anchor, stroke_width=1, stroke_fill=_INK)


def _write(draw: ImageDraw, left: int, top: int, lines: Sequence[str]) -> None:
    for number, text in enumerate(lines):
        draw.text((left, top + number * _LINE), text, fill=_INK)


def _wrapped(draw: ImageDraw, text: str, width: int) -> list[str]:
    """A text in lines of at most so many pixels, one at least; a word that is longer goes on in the next."""
    lines = [""]
    for word in _plain(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if draw.textlength(longer) <= width:
            lines[-1] = longer
            continue
        lines += [""] * bool(lines[-1])
        for letter in word:
            if lines[-1] and draw.textlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _plain(text: str) -> str:
    """A text in letters that every font has."""
    return line(text).replace("\u2026", "...").encode("ascii", "backslashreplace").decode()
