"""The intensities that a network was trained on: from a scanner's numbers to those that the network is given.

A T1w image has no unit. Networks were trained on the numbers as they are in the file, on images brought to a fixed
range, or on images standardised over the brain; shown anything else, most answer nearly the same for everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckpointError, InputError

KINDS = {
    "raw": "as in the file",
    "minmax": "the lowest value to 0, the highest to 1",
    "uint8": "the lowest value to 0, the highest to 255",
    "zscore": "over the brain mean 0 and standard deviation 1, 0 outside",
    "percentile": "two percentiles of the brain to 0 and 1, cut there",
}
"""What a card may ask for, in words."""

_OLD = {"min-max to [0, 1]": "minmax"}
"""How cards said it before there was a choice."""

_PERCENTILES = re.compile(r"percentile:(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True)
class Intensity:
    """A convention.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    low, high : float
        The percentiles, of `percentile`.

    Raises
    ------
    CheckpointError
        If there is no such convention.

    Examples
    --------
    >>> str(Intensity.parse("percentile:1,99.5")), str(Intensity.parse("min-max to [0, 1]"))
    ('percentile:1,99.5', 'minmax')
    """

    kind: str = "minmax"
    low: float = 0.0
    high: float = 100.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise _unknown(self.kind)
        if not 0 <= self.low < self.high <= 100:
            raise CheckpointError(
                f"the card's intensity names the percentiles {self.low:g} and {self.high:g}",
                hint="write percentile:LO,HI with 0 <= LO < HI <= 100",
            )

    @classmethod
    def parse(cls, text: str) -> Intensity:
        """Read a card's field."""
        text = _OLD.get(text, text)
        if found := _PERCENTILES.fullmatch(text):
            return cls("percentile", float(found[1]), float(found[2]))
        if text not in KINDS or text == "percentile":
            raise _unknown(text)
        return cls(text)

    def __str__(self) -> str:
        return f"percentile:{self.low:g},{self.high:g}" if self.kind == "percentile" else self.kind

    @property
    def words(self) -> str:
        """For people."""
        named = f"{self.low:g} and {self.high:g}" if self.kind == "percentile" else ""
        return KINDS[self.kind].replace("two percentiles", f"the percentiles {named}") if named else KINDS[self.kind]

    def scale(self, values: NDArray[np.floating], brain: NDArray[np.bool_]) -> Scale:
        """How an image has to be changed.

        Parameters
        ----------
        values : ndarray, (X, Y, Z)
            The image.
        brain : ndarray, (X, Y, Z), bool
            Where it shows something.

        Raises
        ------
        InputError
            If the brain has no contrast that could be scaled.
        """
        low, high = float(values.min()), float(values.max())
        if self.kind == "raw":
            return Scale(0.0, 1.0)
        if self.kind in ("minmax", "uint8"):
            return Scale(low, (high - low) / (255 if self.kind == "uint8" else 1))
        shown = values[brain].astype(np.float64)
        if self.kind == "zscore":
            centre, width = float(shown.mean()), float(shown.std())
        else:
            centre, highest = (float(value) for value in np.percentile(shown, (self.low, self.high)))
            width = highest - centre
        if width <= 1e-6 * max(abs(low), abs(high)):  # the rounding of the means
            raise InputError(f"the brain in the T1w image has no contrast to be scaled by '{self}'")
        return Scale(centre, width, cut=self.kind == "percentile", empty=0.0)


def _unknown(text: str) -> CheckpointError:
    return CheckpointError(
        f"the card asks for the intensity '{text}'", hint="write raw, minmax, uint8, zscore or percentile:LO,HI"
    )


@dataclass(frozen=True)
class Scale:
    """A change of intensities: less `centre`, over `width`.

    Parameters
    ----------
    centre, width : float
    cut : bool
        Whether the result is cut at 0 and 1.
    empty : float or None
        What is put where there is no brain; None where it is changed like everything else.
    """

    centre: float
    width: float
    cut: bool = False
    empty: float | None = None

    def __call__(self, values: NDArray[np.floating], brain: NDArray[np.bool_]) -> NDArray[np.float32]:
        """An image (X, Y, Z) as the network takes it.

        Examples
        --------
        >>> image = np.array([0.0, 2.0, 4.0])
        >>> Scale(2, 2, empty=0)(image, image > 0).tolist()
        [0.0, 0.0, 1.0]
        """
        changed = (values.astype(np.float64) - self.centre) / self.width
        if self.cut:
            changed = changed.clip(0, 1)
        if self.empty is not None:
            changed = np.where(brain, changed, self.empty)
        return changed.astype(np.float32)


UNSCALED = Scale(0.0, 1.0)
"""What changes nothing."""
