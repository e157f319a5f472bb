"""Tables that people keep of their subjects and files: TSV, CSV, with a heading, in the usual encodings."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError
from wbtools.tables import listfile
from wbtools.text import line

_MISSING = frozenset(["n/a", "na", "nan", "null", "#n/a", "<na>", ""])
"""How BIDS, R, Python, pandas and spreadsheets say that a value is not there, in lower case."""
_NONE = "None"
"""The same in Python; in small letters, it is a word such as that of a drug nobody takes."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


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

    Where semicolons do, numbers may have decimal commas, which become points.

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
    mark = mark_of(lines[0])
    rows = [[line(cell) for cell in row] for row in cells(lines, mark, str(path))]
    heading = rows[0]
    if twice := [name for name in heading if name and heading.count(name) > 1]:
        raise InputError(f"{path} has two columns called {line(twice[0], 60)}", hint="rename one of them")
    for number, row in enumerate(rows, 1):
        if len(row) > len(heading):
            raise too_many_cells(str(path), number, row, heading)
    return [heading, *([_with_point(cell) for cell in row] if mark == ";" else row for row in rows[1:])]


def too_many_cells(source: str, number: int, row: Sequence[str], heading: Sequence[str]) -> InputError:
    """The error for a row with more cells than the heading: row names, as R writes them, would move all cells."""
    return InputError(
        f"{source}: row {number} has {len(row)} cells, the heading {len(heading)}",
        hint="give every column a name (R: row.names = FALSE), or remove what is too much",
    )


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value.

    Examples
    --------
    >>> [is_missing(cell) for cell in ("n/a", "NULL", "", "None", "none", "0")]
    [True, True, True, True, False, False]
    """
    return cell.lower() in _MISSING or cell == _NONE


def mark_of(first: str) -> str:
    r"""What separates the cells of a heading; marks within quotation marks are letters.

    Examples
    --------
    >>> mark_of("a\tb,c"), mark_of("a;b, years;c"), mark_of('a,"b;c;d"'), mark_of("a")
    ('\t', ';', ',', ',')
    """
    bare = re.sub('"[^"]*"', "", first)
    if "\t" in bare:
        return "\t"
    return ";" if bare.count(";") >= max(1, bare.count(",")) else ","


def cells(lines: Sequence[str], mark: str, source: str) -> list[list[str]]:
    r"""The cells of every row.

    Quotation marks are read as CSV has them. In tables with tabs, they may be letters as well: BIDS quotes nothing,
    spreadsheets and R do. There each line is a row if all lines have as many cells as the heading, and a cell that is
    quoted as a whole loses its marks; else they are read as CSV has them, unless that makes one row of several, some of
    which lack cells: nobody can tell then.

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
        If a quotation mark of a table without tabs has no end, or those of one with tabs can be read in two ways.

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
    if mark != "\t":
        return rows
    single = [[_unquoted(cell) for cell in text.split(mark)] for text in lines]
    if not rows or _even(single):
        return single
    if len(rows) < len(lines) and not _even(rows):
        raise InputError(
            f"{source} has quotation marks that can be read in two ways: cells of several lines, or letters",
            hint="give every row as many cells as the heading has",
        )
    return rows


def _quoted(lines: Sequence[str], mark: str) -> list[list[str]]:
    """Rows as CSV has them, cells of any length."""
    limit = csv.field_size_limit(sum(map(len, lines)) + len(lines) + 1)
    try:
        return list(csv.reader((f"{text}\n" for text in lines), delimiter=mark, strict=True))
    finally:
        csv.field_size_limit(limit)


def _even(rows: Sequence[Sequence[str]]) -> bool:
    """Whether rows have equally many cells."""
    return len({len(row) for row in rows}) == 1


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell


def _unquoted(cell: str) -> str:
    """A cell without the quotation marks around it."""
    word = cell.strip()
    return word[1:-1].replace('""', '"') if len(word) > 1 and word[0] == word[-1] == '"' else word


def _value(cell: str) -> str:
    return "" if is_missing(cell) else cell
