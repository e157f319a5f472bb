"""From the numbers of a map to its colours, as the map's palette or table of labels says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Colour
from wbtools.drawing import ramps
from wbtools.errors import InputError
from wbtools.text import line
from wbtools.workbench.palette import PaletteName

LabelTable = Mapping[int, tuple[str, Colour]]
"""Name and colour by key."""

Values = NDArray[np.float32]
Colours = NDArray[np.float32]
"""Red, green, blue (0 to 255) and whether anything is drawn (0 or 1), (..., 4)."""

_LEAST = 1e-5  # of a palette's half: where numbers nearer to zero than its lower end stand
_PERCENT = (98.0, 2.0, 2.0, 98.0)  # of the numbers below zero, and above: Workbench's scale where a file gives none


@dataclass(frozen=True)
class Scale:
    """How a palette is laid over the numbers of a map.

    Parameters
    ----------
    name : PaletteName
    ends : tuple of float, (4,)
        The numbers at -1, just below 0, just above 0, and at 1 of the palette.
    hidden : tuple of float, (2,), or None
        Numbers between these are not drawn.
    inside : bool
        Whether it is the numbers outside that are not drawn.
    signs : tuple of bool, (3,)
        Whether negative numbers, zero and positive numbers are drawn.
    decimal : bool
        Whether a colour bar gives its numbers without powers of ten.
    digits : int
        Behind the point, in a colour bar.
    """

    name: PaletteName
    ends: tuple[float, float, float, float]
    hidden: tuple[float, float] | None = None
    inside: bool = False
    signs: tuple[bool, bool, bool] = (True, False, True)
    decimal: bool = True
    digits: int = 2

    def places(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where numbers stand on the palette, -1 to 1.

        Examples
        --------
        >>> Scale(PaletteName.MAGMA, (-2, 0, 0, 2)).places(np.array([-1.0, 0.0, 1.0, 3.0])).tolist()
        [-0.5, 0.0, 0.5, 1.0]
        """
        lowest, below, above, highest = self.ends
        with np.errstate(invalid="ignore", divide="ignore"):
            up = np.clip((values - above) / (highest - above), _LEAST, 1.0)
            down = np.clip((values - below) / (below - lowest), -1.0, -_LEAST)
        return np.asarray(np.where(values > 0, up, np.where(values < 0, down, 0.0)), np.float64)

    def drawn(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which numbers are drawn; what is no number never is."""
        negative, zero, positive = self.signs
        seen = ((values < 0) & negative) | ((values == 0) & zero) | ((values > 0) & positive)
        if self.hidden:
            low, high = self.hidden
            passed = (values >= low) & (values <= high) if self.inside else (values <= low) | (values >= high)
            seen &= passed
        return np.asarray(seen)

    def paint(self, values: NDArray[np.floating]) -> Colours:
        """The colours of numbers."""
        return np.concatenate(
            [ramps.colours(self.name, self.places(values)), self.drawn(values)[..., None]], axis=-1, dtype=np.float32
        )


def scale(xml: str, values: NDArray[np.floating], name: str) -> Scale:
    """The scale that a `PaletteColorMapping` element describes; Workbench's own where it is empty.

    Parameters
    ----------
    xml : str
    values : ndarray
        All numbers of the map, for scales in percent of them.
    name : str
        Of the file, for messages.

    Raises
    ------
    InputError
        If the element is damaged, or names a palette that is not known here.

    Examples
    --------
    >>> from wbtools.workbench.palette import Palette
    >>> scale(Palette(high=3.0, threshold=1.0).xml(), np.zeros(2), "x").ends
    (-3.0, -0.0, 0.0, 3.0)
    """
    try:
        tags = {node.tag: node.text or "" for node in ET.fromstring(xml or "<PaletteColorMapping/>")}
        threshold = _numbers(tags.get("ThresholdNormalValues", "-1 1"), 2)
        return Scale(
            PaletteName(tags.get("PaletteName", "ROY-BIG-BL")),
            _ends(tags, values),
            (threshold[0], threshold[1]) if tags.get("ThresholdType") == "THRESHOLD_TYPE_NORMAL" else None,
            tags.get("ThresholdTest", "").endswith("INSIDE"),
            (_shown(tags, "Negative", True), _shown(tags, "Zero", False), _shown(tags, "Positive", True)),
            tags.get("NumericFormatMode") != "SCIENTIFIC",
            int(tags.get("PrecisionDigits", 2)),
        )
    except (ET.ParseError, ValueError) as error:
        raise InputError(
            f"{name} has a palette that is not known here: {line(str(error), 80)}",
            hint=f"set one of {', '.join(each.value for each in PaletteName)} in wb_view and save the file",
        ) from None


def _shown(tags: Mapping[str, str], sign: str, default: bool) -> bool:
    return tags.get(f"Display{sign}Data", str(default)).strip().lower() == "true"


def _numbers(text: str, count: int) -> list[float]:
    numbers = [float(word) for word in text.split()]
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"'{text}' where {count} numbers are wanted")
    return numbers


def _ends(tags: Mapping[str, str], values: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """The scale a user has set, else percentiles of the numbers on both sides of zero."""
    if tags.get("ScaleMode") == "MODE_USER_SCALE":
        lowest, below, above, highest = _numbers(tags["UserScaleValues"], 4)
        return lowest, below, above, highest
    shares = _numbers(tags.get("AutoScalePercentageValues", " ".join(map(str, _PERCENT))), 4)
    sides = [-values[values < 0], values[values > 0]]
    far, near, low, high = (
        float(np.percentile(side, share)) if side.size else 0.0
        for side, share in zip((sides[0], sides[0], sides[1], sides[1]), shares, strict=True)
    )
    return -far, -near, low, high


def paint_labels(keys: NDArray[np.floating], table: LabelTable) -> Colours:
    """The colours of labels; those that the table lacks are not drawn.

    Examples
    --------
    >>> paint_labels(np.array([1, 2]), {1: ("V1", (1.0, 0.0, 0.0, 1.0))}).tolist()
    [[255.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    """
    known, place = np.unique(keys, return_inverse=True)
    rows = [table.get(int(key), ("", (0.0, 0.0, 0.0, 0.0)))[1] if np.isfinite(key) else (0.0,) * 4 for key in known]
    colours = np.array(rows, np.float32).reshape(-1, 4) * np.array([255, 255, 255, 1], np.float32)
    colours[:, 3] = colours[:, 3] > 0
    return np.asarray(colours[place.reshape(keys.shape)])
