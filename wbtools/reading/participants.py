"""The table of participants: BIDS's `participants.tsv`, or any table whose first column names people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import InputError, MissingFile
from wbtools.tables import tabular
from wbtools.text import line

if TYPE_CHECKING:
    import pandas as pd

FILE = "participants.tsv"
_ID = "participant_id"


def read_participants(path: Path) -> pd.DataFrame:
    """Read a table of people.

    Parameters
    ----------
    path : Path
        Cells separated by tabs, commas or semicolons; people stand in `participant_id`, else in the first column.

    Returns
    -------
    DataFrame
        Indexed by id as it is written; columns of numbers are numbers, those without a name are left out.

    Raises
    ------
    InputError
        If it is missing, no table, or names somebody twice.
    """
    import pandas as pd

    if not path.is_file():
        raise MissingFile(path, hint="give a table with a row per person")
    heading, *rows = tabular.read_cells(path)
    values = ([math.nan if tabular.is_missing(cell) else cell for cell in row] for row in rows)
    padded = [[*row, *[math.nan] * (len(heading) - len(row))] for row in values]
    ids = heading.index(_ID) if _ID in heading else 0
    key = heading[ids]
    named = [place for place, name in enumerate(heading) if name or place == ids]
    table = pd.DataFrame(padded, columns=heading, dtype=object).iloc[:, named]
    if table[key].isna().any() or table[key].duplicated().any():
        twice = table[key][table[key].duplicated()].dropna()
        why = (
            f"names {line(twice.iloc[0], 60)!r} twice"
            if len(twice)
            else f"has a row without {line(key, 60) or 'an id'}"
        )
        raise InputError(f"{path} {why}", hint="give one row per person")
    return table.set_index(key).apply(_as_numbers)


def joined(people: Sequence[str], table: pd.DataFrame) -> pd.DataFrame:
    """The rows of people, in their order; NaN for people without one.

    An id of the table is somebody's if both are the same, or differ by `sub-` alone. A session's row is that of the
    session, else that of its person.

    Parameters
    ----------
    people : sequence of str
    table : DataFrame
        As `read_participants` gives it.

    Raises
    ------
    InputError
        If two rows are one person's, with and without `sub-`.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [30, 40]}, index=["sub-01", "02"])
    >>> joined(["01", "sub-02_ses-a", "03"], table)["age"].tolist()
    [30.0, 40.0, nan]
    """
    known: dict[str, str] = {}
    for name in table.index:
        if (other := known.setdefault(bare_id(str(name)), name)) != name:
            raise InputError(
                f"the table of participants names one person as {line(other, 60)} and as {line(name, 60)}",
                hint="give one row per person",
            )
    rows = [known.get(bare_id(person), known.get(bare_id(person).partition("_ses-")[0])) for person in people]
    found = table.reindex([row if row is not None else _Nobody() for row in rows])
    return found.set_axis(list(people), axis="index")


class _Nobody:
    """What no row of a table is called."""


def bare_id(person: str) -> str:
    """An id without `sub-`, which tables and folders may have or not."""
    return person.removeprefix("sub-")


def _as_numbers(column: pd.Series) -> pd.Series:
    import pandas as pd

    try:
        return pd.to_numeric(column)
    except (ValueError, TypeError):
        return column
