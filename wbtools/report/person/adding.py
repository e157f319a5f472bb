"""The report of an export that has just been written."""

from __future__ import annotations

from pathlib import Path

from wbtools.reading.finished import open_export


def add(folder: Path, *, static: bool = False) -> Path:
    """Write the report of a finished export into its folder, and list it in the record.

    Parameters
    ----------
    folder : Path
    static : bool
        Without the interactive viewer.

    Returns
    -------
    Path
        The page.
    """
    from wbtools.report.person import composing, writing

    export = open_export(folder)
    return writing.write_into(export, composing.report(export, static=static))
