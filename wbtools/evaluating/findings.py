"""What an evaluation finds, as values: words, tables and figures in sections, and numbers for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wbtools.evaluating.bootstrap import Estimate, Resampling
from wbtools.text import cell, tsv

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_MOST_COMPARED = 4
"""Checkpoints whose differences still fit on a page."""
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]\d+)?( \[[-+.,\d ]+\]| \(no interval\))?")
"""A number, with its interval or without."""


FOLDS = "all folds"
"""What figures of a whole cross-validation are called."""


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Parameters
    ----------
    name : str
        Of its file.
    title : str
    header : tuple of str
    rows : tuple of tuple of str
        The first cell of each is its heading.
    note : str
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def tsv(self) -> str:
        """As a file for spreadsheets."""
        return tsv([[_cell(text) for text in row] for row in (self.header, *self.rows)])


def _cell(text: str) -> str:
    """A number as it is, any other text as no spreadsheet computes it."""
    return text if _NUMBER.fullmatch(text) else cell(text)


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing.

    Parameters
    ----------
    name : str
        Of its files.
    title : str
    alt : str
        What it shows, for those who cannot see it.
    drawing : matplotlib Figure
    """

    name: str
    title: str
    alt: str
    drawing: Drawing


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page.

    Parameters
    ----------
    title : str
    words : tuple of str
        Paragraphs.
    tables : tuple of Table
    figures : tuple of Figure
    """

    title: str
    words: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found.

    Parameters
    ----------
    headline : tuple of str
        The most important figures in a sentence for each checkpoint.
    sections : tuple of Section
    estimates : mapping of str to mapping of str to Estimate
        By checkpoint and name.
    more : mapping
        Other numbers, JSON values.
    """

    headline: tuple[str, ...]
    sections: tuple[Section, ...]
    estimates: Mapping[str, Mapping[str, Estimate]]
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of them."""
        return tuple(table for section in self.sections for table in section.tables)

    def joined(self, other: Findings) -> Findings:
        """With what else was found, of the same checkpoints."""
        names = dict.fromkeys((*self.estimates, *other.estimates))
        return Findings(
            (*self.headline, *other.headline),
            (*self.sections, *other.sections),
            {name: {**self.estimates.get(name, {}), **other.estimates.get(name, {})} for name in names},
            {**self.more, **other.more},
        )

    def metrics(self) -> Table:
        """All figures, a line for each, as numbers; `n/a` for what there is not."""
        rows = [
            (name, figure, *(shown(number, 7, "g") for number in (each.value, each.low, each.high)))
            for name, found in self.estimates.items()
            for figure, each in found.items()
        ]
        return Table("metrics", "", ("checkpoint", "figure", "value", "low", "high"), tuple(rows))

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All of them."""
        return tuple(figure for section in self.sections for figure in section.figures)


def side_by_side(
    found: Mapping[str, Mapping[str, Estimate]], words: Mapping[str, str], how: Resampling, note: Sequence[str]
) -> Table:
    """A table of figures with intervals, a column for each checkpoint, and their differences from the first.

    Parameters
    ----------
    found : mapping of str to mapping of str to Estimate
    words : mapping of str to str
        The figures that are shown, and what to call them.
    how : Resampling
    note : sequence of str
        What figures are of, and what intervals are over.
    """
    names = list(found)
    first = found[names[0]]
    compared = names[1:] if len(names) <= _MOST_COMPARED else []
    rows = []
    for figure, said in words.items():
        row = [said, *(str(found[name][figure]) for name in names)]
        row += [_difference(found[name][figure], first[figure], how) for name in compared]
        rows.append(tuple(row))
    header = ("figure", *names, *(f"{name} less {names[0]}" for name in compared))
    some = any(each[figure].sure for each in found.values() for figure in words)
    notes = [*(note if some else note[:1]), *(["Differences are between the same people."] if compared else [])]
    notes += ["One whose interval holds 0 may be chance."] if compared and some else []
    title = f"Figures with {how.level:.0%} intervals" if some else "Figures"
    return Table("side-by-side", title, header, tuple(rows), " ".join(notes))


def _difference(mine: Estimate, first: Estimate, how: Resampling) -> str:
    found = mine.less(first, how)
    return str(found) if str(found) == "n/a" else found.said()


def shown(value: float, digits: int = 3, form: str = "f") -> str:
    """A number for a table; `n/a` for none.

    Examples
    --------
    >>> shown(0.25), shown(float("nan"))
    ('0.250', 'n/a')
    """
    return f"{value:.{digits}{form}}" if value == value and abs(value) != float("inf") else "n/a"


def mean_and_sd(values: Sequence[float]) -> str:
    """A mean with its standard deviation, for a table.

    Examples
    --------
    >>> mean_and_sd((0.95, 0.01))
    '0.950 (SD 0.010)'
    """
    return f"{values[0]:.3f} (SD {values[1]:.3f})"
