"""The report of an export that has just been written."""

from __future__ import annotations

from pathlib import Path

from wbtools.reading.finished import open_export


def add(folder: Path, *, static: bool = False, viewer: str = "") -> Path:
    """Write the report of a finished export into its folder, and list it in the record.

    Parameters
    ----------
    folder : Path
    static : bool
        Without the interactive viewer.
    viewer : str
        If it is made already, as `viewer_of` would make it of the files.

    Returns
    -------
    Path
        The page.
    """
    from wbtools.report.person import composing, writing

    export = open_export(folder)
    return writing.write_into(export, composing.report(export, static=static, viewer=viewer))
