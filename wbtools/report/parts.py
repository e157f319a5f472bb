"""What pages are made of: tables, pictures, and figures as bars against their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.reading import inline
from wbtools.regions.ranking import MISSING
from wbtools.text import line


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
    number : bool
        Whether its cells are numbers.
    about : str
        What it means, shown where the pointer rests.
    """

    name: str
    number: bool = False
    about: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    shown : str
    value : str
        What it is sorted by: the whole number, where `shown` is rounded.
    link : str
        Where it leads, relative to the page.
    """

    shown: str
    value: str
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted.

    Parameters
    ----------
    title : str
    columns : sequence of Column
    rows : sequence of sequence of Cell
    note : str
        Stands below.
    printed : int
        How many rows are printed on paper; 0 prints all.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    printed: int = 0


@dataclass(frozen=True)
class Picture:
    """A picture inside a page.

    Parameters
    ----------
    address : str
        A data address; empty where there is no picture, and `alt` says why.
    width, height : int
        Pixels.
    alt : str
        What it shows, for those who do not see it.
    caption : str
    """

    address: str
    width: int
    height: int
    alt: str
    caption: str = ""

    @classmethod
    def read(cls, path: Path, width: int, alt: str, caption: str = "") -> Picture:
        """A picture file, made smaller where it is wider than `width` pixels."""
        small = inline.read(path, width)
        return cls(inline.webp(small), small.width, small.height, alt, caption)


@dataclass(frozen=True)
class Bar:
    """A figure as a bar against its limits.

    Parameters
    ----------
    key : str
        Where the record has the figure, its keys joined by dots.
    name : str
    number : float
    says : str
        What the figure means, in a sentence.
    low, high : float or None
        The figure has to be at least, and at most; drawn as marks. None if there is no such limit.
    most : float
        The figure at the right end of the bar.
    """

    key: str
    name: str
    number: float
    says: str
    low: float | None = None
    high: float | None = None
    most: float = 1.0

    @property
    def value(self) -> str:
        """As the record has it."""
        return repr(self.number)

    @property
    def shown(self) -> str:
        """Rounded."""
        return f"{self.number:.3g}"

    @property
    def limits(self) -> str:
        """The limits in words."""
        low = "" if self.low is None else f"at least {self.low:.3g}"
        high = "" if self.high is None else f"at most {self.high:.3g}"
        return ", ".join(filter(None, (low, high)))

    @property
    def passed(self) -> bool | None:
        """Whether the limits are kept; None without any."""
        if self.low is None and self.high is None:
            return None
        return (self.low is None or self.number >= self.low) and (self.high is None or self.number <= self.high)

    @property
    def percent(self) -> float:
        """Length of the bar, percent."""
        return self._place(self.number)

    @property
    def marks(self) -> tuple[float, ...]:
        """Places of the limits, percent."""
        return tuple(self._place(limit) for limit in (self.low, self.high) if limit is not None)

    def _place(self, number: float) -> float:
        return round(100 * min(max(number / self.most, 0.0), 1.0), 1)


def words(text: object, link: str = "") -> Cell:
    """A cell of text; what is missing is `n/a`.

    Examples
    --------
    >>> words("V1").shown, words(float("nan")).shown
    ('V1', 'n/a')
    """
    shown = MISSING if text is None or (isinstance(text, float) and math.isnan(text)) else line(text, 200)
    return Cell(shown, shown, link)


def number(value: float | None, form: str = ".3g") -> Cell:
    """A cell of a number, rounded for the eye; sorted by six digits, as tables are written.

    Examples
    --------
    >>> number(0.123456), number(None).shown
    (Cell(shown='0.123', value='0.123456', link=''), 'n/a')
    """
    if value is None or math.isnan(value):
        return Cell(MISSING, MISSING)
    return Cell(format(value, form), f"{value:.6g}")
