"""Palettes: how Workbench turns the numbers of a map into colours.

One `<PaletteColorMapping>` element serves everywhere: as map metadata in GIFTI and CIFTI, inside the NIfTI extension
30, and in a scene, where it leaves the data file untouched.

Workbench 1.5 reads any number, but writes six decimals: a scale of 1e-7 that it saves again has become zero. Maps that
people will handle in wb_view are better stored in a unit in which their numbers exceed 0.001.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.workbench import xml

_TINY = 1e-2  # below this, three decimals do not show two digits of a number
_LARGE = 1e5


class PaletteName(Enum):
    """Palettes that Workbench has built in, as it spells them (an unknown name is accepted and shows nothing)."""

    MAGMA = "magma"
    ROY_BIG_BL = "ROY-BIG-BL"
    ROY_BIG = "ROY-BIG"
    GRAY_INTERP = "Gray_Interp"
    GRAY_INTERP_POSITIVE = "Gray_Interp_Positive"

    @property
    def coloured(self) -> bool:
        """Whether it shows anything but shades of grey."""
        return self not in {PaletteName.GRAY_INTERP, PaletteName.GRAY_INTERP_POSITIVE}


@dataclass(frozen=True)
class Palette:
    """A palette, its scale, and what is left transparent.

    Parameters
    ----------
    name : PaletteName
    low, high : float
        The numbers at both ends of the palette's positive half, `0 <= low < high`; its negative half mirrors them.
        For `GRAY_INTERP`, which has no halves, the scale is `-high .. high`.
    threshold : float or None
        Numbers nearer to zero than this are transparent.
    negative : bool
        Whether numbers below zero are drawn.

    Raises
    ------
    InputError
        If a number is not finite, or `low < high` does not hold.

    Examples
    --------
    >>> magma = Palette(PaletteName.MAGMA, 0.0, 3e-7, threshold=2e-8)
    >>> "<NumericFormatMode>SCIENTIFIC</NumericFormatMode>" in magma.xml()
    True
    """

    name: PaletteName = PaletteName.MAGMA
    low: float = 0.0
    high: float = 1.0
    threshold: float | None = None
    negative: bool = False

    def __post_init__(self) -> None:
        scale = (self.low, self.high, self.threshold or 0.0)
        if not np.isfinite(scale).all() or not 0 <= self.low < self.high or scale[2] < 0:
            raise InputError(
                f"a palette cannot run from {self.low} to {self.high} with threshold {self.threshold}",
                hint="give finite numbers, the lower one first",
            )

    def xml(self) -> str:
        """The `<PaletteColorMapping Version="1">` element, one line."""
        decimal = _TINY <= self.high < _LARGE
        limit = xml.number(self.threshold or 0.0)
        tags = {
            "ScaleMode": "MODE_USER_SCALE",
            "UserScaleValues": " ".join(map(xml.number, (-self.high, -self.low, self.low, self.high))),
            "PaletteName": self.name.value,
            "InterpolatePalette": "true",
            "DisplayPositiveData": "true",
            "DisplayZeroData": "false",
            "DisplayNegativeData": "true" if self.negative else "false",
            "ThresholdTest": "THRESHOLD_TEST_SHOW_OUTSIDE",
            "ThresholdType": "THRESHOLD_TYPE_OFF" if self.threshold is None else "THRESHOLD_TYPE_NORMAL",
            "ThresholdNormalValues": f"-{limit} {limit}",
            "NumericFormatMode": "DECIMAL" if decimal else "SCIENTIFIC",
            "PrecisionDigits": str(self._digits(decimal)),
        }
        root = ET.Element("PaletteColorMapping", Version="1")
        for tag, text in tags.items():
            xml.child(root, tag, text)
        return xml.as_text(root)

    def shows(self, values: NDArray[np.floating] | float) -> NDArray[np.bool_]:
        """Which numbers are drawn; 0 never is.

        Examples
        --------
        >>> Palette(threshold=0.5).shows(np.array([-1.0, 0.0, 0.2, 0.7])).tolist()
        [False, False, False, True]
        """
        seen = np.abs(values) if self.negative else values
        return np.asarray((seen > 0) & (seen >= (self.threshold or 0.0)))

    def _digits(self, decimal: bool) -> int:
        """How many digits behind the point show two of the top of the scale."""
        if not decimal:
            return 1
        return 0 if self.high >= 100 else 2 if self.high >= 1 else 3


def _top(values: NDArray[np.floating]) -> float:
    """The 98th percentile of the positive numbers, in two digits as a colour bar shows it; 1 if there are none."""
    used = values[values > 0]
    used = used[np.isfinite(used)]
    return float(f"{np.percentile(used, 98):.1e}") if used.size else 1.0


def positive(values: NDArray[np.floating], threshold: float = 0.07) -> Palette:
    """Magma over the positive numbers: transparent under `threshold`, a share of the top, which is the 98th percentile.

    Examples
    --------
    >>> positive(np.linspace(-1, 1, 1001)).high
    0.98
    """
    high = _top(values)
    return Palette(PaletteName.MAGMA, 0.0, high, threshold * high)


def signed(values: NDArray[np.floating], threshold: float = 0.07) -> Palette:
    """Blue below zero, yellow above, the same scale on both sides (98th percentile of the absolute values).

    Examples
    --------
    >>> signed(np.array([-2.0, -2.0, 1.0])).high
    2.0
    """
    high = _top(np.abs(values))
    return Palette(PaletteName.ROY_BIG_BL, 0.0, high, threshold * high, negative=True)


def anatomy(values: NDArray[np.floating]) -> Palette:
    """Grey for a T1w image: black at zero, white a fifth above the 98th percentile, so that white matter is not white.

    Examples
    --------
    >>> anatomy(np.linspace(0, 1000, 1001)).name.value
    'Gray_Interp_Positive'
    """
    return Palette(PaletteName.GRAY_INTERP_POSITIVE, 0.0, 1.2 * _top(values))


def folding(values: NDArray[np.floating]) -> Palette:
    """Grey for sulcal depth: dark in the sulci, light on the gyri."""
    return Palette(PaletteName.GRAY_INTERP, 0.0, 1.3 * _top(np.abs(values)), negative=True)


REGION_SCORES = Palette(PaletteName.MAGMA, 0.0, 1.0, threshold=0.05)
"""For maps that paint each region with its score in [0, 1]: one scale for every person; below .05 anatomy shows."""
