"""The picture of a query: the person asked about, and who was found, three slices each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from wbtools.text import line, shortened

COLUMNS = 3
_SCALE = 2
_CAPTION = 22  # pixels
_GAP = 8
_LETTERS = 48
_PAPER, _INK = 255, 0


def grid(pictures: NDArray[np.uint8], captions: Sequence[str], title: str) -> bytes:
    r"""Small pictures with their captions, the first on a line of its own, as PNG.

    Parameters
    ----------
    pictures : ndarray, (K, H, W)
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
    for place, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        row, column = (0, 0) if place == 0 else (1 + (place - 1) // COLUMNS, (place - 1) % COLUMNS)
        left, top = _GAP + column * cell[0], _GAP + row * cell[1]
        enlarged = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        sheet.paste(enlarged, (left, top + _CAPTION))
        draw.text((left, top + 4), _plain(caption), fill=_INK)
    draw.text((_GAP, rows * cell[1] + _GAP), _plain(title, 3 * _LETTERS), fill=_INK)
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _plain(text: str, longest: int = _LETTERS) -> str:
    """A text in letters that every font has."""
    return shortened(line(text).encode("ascii", "backslashreplace").decode(), longest).replace("\u2026", "...")
