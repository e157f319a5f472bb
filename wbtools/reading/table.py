"""The region table of an export, read into pandas: as it was written, and regions apart from the part outside them."""

from __future__ import annotations

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


def read_table(path: Path, needed: tuple[str, ...] = _NEEDED) -> pd.DataFrame:
    """Read a table with a row per region.

    Parameters
    ----------
    path : Path
        A `.tsv` file, `n/a` for what is missing.
    needed : tuple of str
        Columns without which it is of no use.

    Returns
    -------
    DataFrame
        Indexed by region; numbers are NaN where the table has `n/a`.

    Raises
    ------
    InputError
        If it is missing, damaged, or has other columns.
    """
    import pandas as pd

    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is too large for a table of regions", hint="export the subject again")
        words = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_values=[MISSING], quoting=3)
        if not isinstance(words.index, pd.RangeIndex):  # pandas would take the first cells for names of rows
            raise pd.errors.ParserError("rows have more cells than the first line")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a table: {line(error, 80)}", hint="export the subject again") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from None
    missing = [name for name in needed if name not in words]
    if not missing and words["region"].isin([OUTSIDE]).all():
        raise InputError(f"{path} has no region", hint="export the subject again")
    if missing or words["region"].isna().any() or words["region"].duplicated().any():
        why = f"has no column {missing[0]}" if missing else "does not name every region once"
        raise InputError(f"{path} {why}", hint="export the subject again with this wbtools")
    told = words.set_index("region")
    return told.assign(**{name: _numbers(told[name], path) for name in told if name not in _WORDS})


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    """A column as numbers; names the first row that has none."""
    import pandas as pd

    found = pd.to_numeric(column, errors="coerce")
    wrong = column[found.isna() & column.notna()]
    if len(wrong):
        where = f"{line(column.name, 40)} of {line(wrong.index[0], 60)}"
        raise InputError(
            f"{path} holds a word instead of a number: {where} is {line(wrong.iloc[0], 40)!r}",
            hint="see whether its files are as recorded: wbtools report EXPORT --check",
        )
    return found


def regions_of(table: pd.DataFrame, colours: dict[int, tuple[float, float, float]]) -> tuple[Region, ...]:
    """The regions of a table in the order of their keys; grey without a colour.

    Parameters
    ----------
    table : DataFrame
        As `read_table` gives it.
    colours : dict of int to tuple of float
        Red, green, blue in [0, 1] by key.

    Raises
    ------
    InputError
        If a key is no number, or a kind or hemisphere is unknown.
    """
    rows = table.drop(index=OUTSIDE, errors="ignore").sort_values("key")
    found = zip(rows.index, rows["hemisphere"], rows["kind"], rows["key"], strict=True)
    try:
        return tuple(
            Region(
                int(key),
                str(name),
                Hemisphere.parse(side) if isinstance(side, str) else None,
                Kind(kind),
                (*colours.get(int(key), (0.5, 0.5, 0.5)), 1.0),
            )
            for name, side, kind, key in found
        )
    except (ValueError, OverflowError) as error:
        raise InputError(f"the region table is damaged: {line(error, 80)}", hint="export the subject again") from None


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
