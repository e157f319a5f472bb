"""Tables that people keep of their subjects and files: TSV, CSV, with a heading, in the usual encodings."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError
from wbtools.tables import listfile
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
    """Read a table whose first line is its heading; a column without a name does not count.

    Raises
    ------
    InputError
        As `read_cells` does.
    """
    heading, *rows = read_cells(path)
    named = tuple({name: _value(cell) for name, cell in zip(heading, row, strict=False) if name} for row in rows)
    return Table(path, tuple(filter(None, heading)), named)


def read_cells(path: Path) -> list[list[str]]:
    """Read the cells of a table, its heading first; tabs, commas or semicolons separate them.

    Returns
    -------
    list of list of str
        No row has more cells than the heading; some may have fewer.

    Raises
    ------
    InputError
        If it cannot be read, has two columns of one name, or a row with more cells than the heading.
    """
    lines = listfile.nonempty(listfile.of_file(path, str(path)).text)
    if not lines:
        raise InputError(f"{path} is empty", hint="give a table with a row per person")
    rows = [[line(cell) for cell in row] for row in cells(lines, mark_of(lines[0]), str(path))]
    heading = rows[0]
    if twice := [name for name in heading if name and heading.count(name) > 1]:
        raise InputError(f"{path} has two columns called {line(twice[0], 60)}", hint="rename one of them")
    for number, row in enumerate(rows, 1):
        if len(row) > len(heading):
            raise InputError(
                f"{path}: row {number} has {len(row)} cells, the heading {len(heading)}",
                hint="give every column a name, or remove what is too much",
            )
    return rows


def mark_of(first: str) -> str:
    r"""What separates the cells of a heading.

    Examples
    --------
    >>> mark_of("a\tb,c"), mark_of("a;b"), mark_of("a")
    ('\t', ';', ',')
    """
    return next((mark for mark in "\t,;" if mark in first), ",")


def cells(lines: Sequence[str], mark: str, source: str) -> list[list[str]]:
    r"""The cells of every row.

    Quotation marks are read as CSV has them. In tables with tabs, they may be letters as well: BIDS quotes nothing,
    spreadsheets and R do. There they are read so only if every row then has as many cells as the heading; else each
    line is a row, and a cell that is quoted as a whole loses its marks.

    Parameters
    ----------
    lines : sequence of str
        Without empty ones.
    mark : str
        What separates cells.
    source : str
        What to call the table in an error.

    Raises
    ------
    InputError
        If a quotation mark of a table without tabs has no end.

    Examples
    --------
    >>> cells(['id\tnote', '"sub-01"\t"a ""b"" c"', 'sub-02\t"c'], "\t", "a.tsv")
    [['id', 'note'], ['sub-01', 'a "b" c'], ['sub-02', '"c']]
    """
    try:
        rows = _quoted(lines, mark)
    except csv.Error as error:
        if mark != "\t":
            raise InputError(
                f"{source} is no table that can be read ({error})", hint="look for quotation marks without an end"
            ) from None
        rows = []
    if mark == "\t" and not _even(rows):
        rows = [[_unquoted(cell) for cell in text.split(mark)] for text in lines]
    return rows


def _quoted(lines: Sequence[str], mark: str) -> list[list[str]]:
    """Rows as CSV has them, cells of any length."""
    limit = csv.field_size_limit(sum(map(len, lines)) + len(lines) + 1)
    try:
        return list(csv.reader((f"{text}\n" for text in lines), delimiter=mark, strict=True))
    finally:
        csv.field_size_limit(limit)


def _even(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows have equally many cells, and none has swallowed the end of a row and the beginning of the next."""
    return len({len(row) for row in rows}) == 1 and not any("\n" in c and "\t" in c for row in rows for c in row)


def _unquoted(cell: str) -> str:
    """A cell without the quotation marks around it."""
    word = cell.strip()
    return word[1:-1].replace('""', '"') if len(word) > 1 and word[0] == word[-1] == '"' else word


def _value(cell: str) -> str:
    return "" if cell.lower() in _MISSING else cell
