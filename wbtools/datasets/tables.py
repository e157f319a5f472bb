"""Tables that people keep of their subjects and files: TSV, CSV, with a heading, in the usual encodings."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError
from wbtools.subject import listfile
from wbtools.text import line

_MISSING = frozenset(["n/a", "na", "nan", "none", "null", ""])
"""How tables say that a value is not there, in lower case."""


@dataclass(frozen=True)
class Table:
    """A table with a heading.

    Parameters
    ----------
    path : Path
    names : tuple of str
        The heading.
    rows : tuple of mapping of str to str
        Cells by column; empty where missing.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]

    def column(self, *wanted: str) -> str:
        """The heading that is one of the wanted ones, in their order, capitals apart; empty without.

        Examples
        --------
        >>> Table(Path("a.csv"), ("Subject", "Gender"), ()).column("sex", "gender")
        'Gender'
        """
        lower = {name.lower(): name for name in reversed(self.names)}
        return next((lower[name] for name in wanted if name in lower), "")


def read(path: Path) -> Table:
    """Read a table whose first line is its heading; tabs, commas or semicolons separate cells.

    Raises
    ------
    InputError
        If it cannot be read, has two columns of one name, or a row with more cells than the heading.
    """
    lines = [
        text for text in listfile.of_file(path, str(path)).text.removeprefix("\ufeff").splitlines() if text.strip()
    ]
    if not lines:
        raise InputError(f"{path} is empty")
    heading, *rows = _cells(path, lines)
    if twice := [name for name in heading if name and heading.count(name) > 1]:
        raise InputError(f"{path} has two columns called {twice[0]}", hint="rename one of them")
    for number, row in enumerate(rows, 2):
        if len(row) > len(heading):
            raise InputError(f"{path}: row {number} has {len(row)} cells, the heading {len(heading)}")
    named = tuple({name: _value(cell) for name, cell in zip(heading, row, strict=False) if name} for row in rows)
    return Table(path, tuple(filter(None, heading)), named)


def mark_of(first: str) -> str:
    r"""What separates the cells of a heading.

    Examples
    --------
    >>> mark_of("a\tb,c"), mark_of("a;b"), mark_of("a")
    ('\t', ';', ',')
    """
    return next((mark for mark in "\t,;" if mark in first), ",")


def _cells(path: Path, lines: Sequence[str]) -> list[list[str]]:
    """Cells by line, stripped; quotation marks join cells in CSV only, as BIDS has it."""
    mark = mark_of(lines[0])
    if mark == "\t":
        return [[line(cell) for cell in text.split(mark)] for text in lines]
    try:
        return [[line(cell) for cell in row] for row in csv.reader(lines, delimiter=mark, strict=True)]
    except csv.Error as error:
        raise InputError(
            f"{path} is no table that can be read ({error})", hint="look for quotation marks without an end"
        ) from None


def _value(cell: str) -> str:
    return "" if cell.lower() in _MISSING else cell
