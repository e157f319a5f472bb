"""`--print-viewers`: the lines that open a finished export in other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbtools.cli.console import out
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.reading import Export


def print_viewers(export: Export) -> None:
    """Print a line for each viewer and network, to be copied into a shell.

    Parameters
    ----------
    export : Export
        In a folder.
    """
    from wbtools.sharing import viewers

    for found in viewers.lines(export):
        network = f", {line(found.network)}" if len(export.networks) > 1 else ""
        said = out.command(*found.words) if found.words else f"not here: {line(found.problem)}"
        out.print(f"{found.title}{network}: {said}")
