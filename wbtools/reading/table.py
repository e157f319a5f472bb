"""The region table of an export: as plain rows, or in pandas; and regions apart from the part outside them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.errors import InputError
from wbtools.regions.ranking import MISSING
from wbtools.text import line

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE = "outside_atlas"
"""What the table calls the part outside the atlas."""

_NEEDED = ("region", "hemisphere", "kind", "key", "voxels", "volume_mm3", "abs_mean", "share", "score", "rank")
_WORDS = ("region", "hemisphere", "kind", "model", "method", "values", "also_method", "also_values")
"""Columns of text; all others are numbers."""
_LARGEST = 1 << 26
"""Bytes; a thousand randomised networks take four million."""
_LOOK = "see whether its files are as recorded: wbtools report EXPORT --check"
_WHOLE = re.compile(r" *[+-]?[0-9]{1,18} *")
_DECIMAL = re.compile(r" *[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf(inity)?) *", re.IGNORECASE)
"""Numbers as tables have them: `float` takes more, as 1_000 and digits of other scripts."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    name : str
        Of the region.
    words : mapping of str to str or None
        Cells of text, by column; None where the table has `n/a`.
    numbers : mapping of str to float
        The other cells; NaN where the table has `n/a`.
    """

    name: str
    words: Mapping[str, str | None]
    numbers: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class RegionTable:
    """A table with a row per region, without pandas, which takes half a second to load.

    Parameters
    ----------
    columns : sequence of str
        In the order of the file, without `region`.
    rows : sequence of Row

    Examples
    --------
    >>> table = RegionTable(["rank"], [Row("V1", {}, {"rank": 2}), Row("V2", {}, {"rank": 1})])
    >>> [row.name for row in table.ordered("rank")], table.known("z")
    (['V2', 'V1'], False)
    """

    columns: Sequence[str]
    rows: Sequence[Row]

    @property
    def inside(self) -> list[Row]:
        """The rows of regions, without that of the part outside the atlas."""
        return [row for row in self.rows if row.name != OUTSIDE]

    def known(self, name: str) -> bool:
        """Whether there is a column in which a region has a value."""
        if name in _WORDS:
            return any(row.words.get(name) is not None for row in self.inside)
        return any(not math.isnan(row.numbers.get(name, math.nan)) for row in self.inside)

    def ordered(self, by: str) -> list[Row]:
        """The rows of regions by a column of numbers, ascending; what is missing stands last."""
        return sorted(self.inside, key=lambda row: (math.isnan(row.numbers[by]), row.numbers[by]))

    def frame(self) -> pd.DataFrame:
        """The table in pandas, indexed by region."""
        import pandas as pd

        index = pd.Index([row.name for row in self.rows], name="region", dtype=str)
        columns = {name: self._series(name, index) for name in self.columns}
        return pd.DataFrame(columns, index=index)

    def _series(self, name: str, index: pd.Index) -> pd.Series:
        import pandas as pd

        if name in _WORDS:
            words = [math.nan if (word := row.words[name]) is None else word for row in self.rows]
            return pd.Series(words, index, str)
        return pd.Series([row.numbers[name] for row in self.rows], index)


def read_rows(path: Path, needed: tuple[str, ...] = _NEEDED) -> RegionTable:
    """Read a table with a row per region.

    Parameters
    ----------
    path : Path
        A `.tsv` file, `n/a` for what is missing.
    needed : tuple of str
        Columns without which it is of no use.

    Returns
    -------
    RegionTable

    Raises
    ------
    InputError
        If it is missing, damaged, or has other columns.
    """
    lines, cells = _cells(path)
    missing = [name for name in needed if name not in cells]
    names = [] if missing else cells.pop("region")
    if not missing and set(names) <= {OUTSIDE}:
        raise InputError(f"{path} has no region", hint="export the subject again")
    if missing:
        raise InputError(f"{path} has no column {missing[0]}", hint="export the subject again with this wbtools")
    known = _named_once(names, lines, path)
    places = [f"{line(region, 60)} (line {number})" for region, number in zip(known, lines, strict=True)]
    words = {name: column for name, column in cells.items() if name in _WORDS}
    numbers = {name: _numbers(name, column, places, path) for name, column in cells.items() if name not in _WORDS}
    rows = [
        Row(
            region,
            {name: column[place] for name, column in words.items()},
            {name: column[place] for name, column in numbers.items()},
        )
        for place, region in enumerate(known)
    ]
    return RegionTable(list(cells), rows)


def read_table(path: Path, needed: tuple[str, ...] = _NEEDED) -> pd.DataFrame:
    """Read a table with a row per region into pandas.

    Parameters
    ----------
    path, needed
        As in `read_rows`.

    Returns
    -------
    DataFrame
        Indexed by region; numbers are NaN where the table has `n/a`.

    Raises
    ------
    InputError
        As `read_rows`.
    """
    return read_rows(path, needed).frame()


def _cells(path: Path) -> tuple[list[int], dict[str, list[str | None]]]:
    """The lines of rows, and the cells by column: None where it says that nothing is there, empty in too short rows."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is too large for a table of regions", hint="export the subject again")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_table(path, line(error, 80)) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from None
    rows = {place: row.split("\t") for place, row in enumerate(text.split("\n"), 1) if row.strip(" ")}
    if not rows:
        raise _no_table(path, "it is empty")
    names = rows.pop(min(rows))
    if len(set(names)) < len(names):
        raise _no_table(path, "its first line names a column twice")
    if long := [place for place, row in rows.items() if len(row) > len(names)]:
        raise _no_table(path, f"line {long[0]} has more cells than the first line")
    found: dict[str, list[str | None]] = {name: [] for name in names}
    for row in rows.values():
        for place, column in enumerate(found.values()):
            cell = row[place] if place < len(row) else ""
            column.append(None if cell == MISSING else cell)
    return list(rows), found


def _named_once(names: Sequence[str | None], lines: Sequence[int], path: Path) -> list[str]:
    """The names of regions, which every row has, and no two the same."""
    seen: dict[str, int] = {}
    for name, number in zip(names, lines, strict=True):
        if not name or name.isspace():
            raise InputError(f"{path} names no region in line {number}", hint=_LOOK)
        if name in seen:
            raise InputError(f"{path} names {line(name, 60)} twice, in lines {seen[name]} and {number}", hint=_LOOK)
        seen[name] = number
    return list(seen)


def _no_table(path: Path, why: str) -> InputError:
    return InputError(f"{path} is not a table: {why}", hint="export the subject again")


def _numbers(name: str, column: Sequence[str | None], places: Sequence[str], path: Path) -> list[float]:
    """A column as numbers; names the first row that has none."""
    for place, word in zip(places, column, strict=True):
        if word is not None and not _DECIMAL.fullmatch(word):
            where = f"{line(name, 40)} of {place}"
            raise InputError(
                f"{path} holds a word instead of a number: {where} is {line(word, 40)!r}",
                hint=_LOOK,
            )
    if all(word is not None and _WHOLE.fullmatch(word) for word in column):
        return [int(word) for word in column if word is not None]
    return [math.nan if word is None else float(word) for word in column]


def regions_of(table: RegionTable, colours: dict[int, tuple[float, float, float]]) -> tuple[Region, ...]:
    """The regions of a table in the order of their keys; grey without a colour.

    Parameters
    ----------
    table : RegionTable
        As `read_rows` gives it.
    colours : dict of int to tuple of float
        Red, green, blue in [0, 1] by key.

    Raises
    ------
    InputError
        If a key is no number, or a kind or hemisphere is unknown.
    """
    try:
        return tuple(_region(row, colours) for row in table.ordered("key"))
    except (ValueError, OverflowError) as error:
        raise InputError(f"the region table is damaged: {line(error, 80)}", hint="export the subject again") from None


def _region(row: Row, colours: dict[int, tuple[float, float, float]]) -> Region:
    key, side = int(row.numbers["key"]), row.words["hemisphere"]
    colour = (*colours.get(key, (0.5, 0.5, 0.5)), 1.0)
    return Region(key, row.name, None if side is None else Hemisphere.parse(side), Kind(row.words["kind"]), colour)


def read_colours(path: Path) -> dict[int, tuple[float, float, float]]:
    """Colours by key from a lookup table in FSLeyes' format; lines that are something else are passed over."""
    found = {}
    for row in path.read_text(encoding="utf-8", errors="replace").splitlines():
        cells = row.split()
        try:
            red, green, blue = (float(cell) for cell in cells[1:4])
            found[int(cells[0])] = (red, green, blue)
        except (ValueError, IndexError):
            continue
    return found
