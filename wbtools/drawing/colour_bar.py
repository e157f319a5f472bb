"""Colour bars: the half of a palette that is drawn, or both, with the numbers at its ends and in the middle above."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.drawing import lettering
from wbtools.drawing.colouring import Scale
from wbtools.drawing.lettering import CENTRE, LEFT, RIGHT, TOP, Box, Words
from wbtools.workbench.scene.elements import ColourBar

if TYPE_CHECKING:
    from PIL.Image import Image

_AIR = 0.12  # of its place that a colour bar leaves empty
_ABOVE = 2.2  # pixels above the numbers


def draw(picture: Image, bar: ColourBar, scale: Scale, box: Box) -> None:
    """Draw a colour bar where its view stands in a picture.

    Parameters
    ----------
    picture : Image
        Changed.
    bar : ColourBar
    scale : Scale
    box : tuple of int, (4,)
        The view.
    """
    from PIL import Image

    left, upper, right, lower = box
    start, end = (left + share / 100 * (right - left) for share in (bar.place.left, bar.place.right))
    top, bottom = (lower - share / 100 * (lower - upper) for share in (bar.place.top, bar.place.bottom))
    size = bar.letters / 100 * (lower - upper)
    edge = min(math.ceil(top + size + _AIR * (bottom - top) + 0.25), round(bottom) - 1)
    strip = colours(scale, round(end) - round(start))
    picture.paste(Image.fromarray(np.repeat(strip[None], round(bottom) - edge, axis=0)), (round(start), edge))
    for number, share in numbers(scale).items():
        place = start + share * (end - start), top + _ABOVE
        lettering.place(picture, Words(number, size), place, (share, TOP))


def colours(scale: Scale, width: int) -> NDArray[np.uint8]:
    """The colours from left to right, black where nothing is drawn, (W, 3)."""
    lowest, below, above, highest = scale.ends
    negative, _, positive = scale.signs
    at = (np.arange(max(1, width)) + 0.5) / max(1, width) * (negative + positive) - negative
    values = np.where(at < 0, below + at * (below - lowest), above + at * (highest - above))
    values = np.where(values == 0, np.copysign(1e-30, at), values)  # what a bar shows at 0 is the colour beside it
    painted = scale.paint(values)
    return np.asarray((painted[:, :3] * painted[:, 3:] + 0.5).astype(np.uint8))


def numbers(scale: Scale) -> dict[str, float]:
    """What stands above a bar, and where: from 0 (left) to 1 (right).

    Examples
    --------
    >>> from wbtools.workbench.palette import PaletteName
    >>> numbers(Scale(PaletteName.ROY_BIG_BL, (-2, 0, 0, 2)))
    {'-2.00': 0.0, '0': 0.5, '2.00': 1.0}
    """
    lowest, below, above, highest = (_number(value, scale) for value in scale.ends)
    negative, _, positive = scale.signs
    if negative and positive:
        middle = f"{below}/{above}" if any(scale.ends[1:3]) else "0"
        return {lowest: LEFT, middle: CENTRE, highest: RIGHT}
    return {above: LEFT, highest: RIGHT} if positive else {lowest: LEFT, below: RIGHT}


def _number(value: float, scale: Scale) -> str:
    if scale.decimal:
        return f"{value:.{scale.digits}f}"
    mantissa, _, power = f"{value:.{scale.digits}e}".partition("e")
    return f"{mantissa}e{int(power)}" if value else "0"
