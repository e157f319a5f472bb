"""The lines that open what was written in other programs: scenes in Workbench, and `--print-viewers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbtools.cli.console import out
from wbtools.search_path import find_program
from wbtools.text import line

if TYPE_CHECKING:
    from pathlib import Path

    from wbtools.reading import Export

_WORKBENCH = "wb_view"
_INSTALL = "sudo apt install connectome-workbench"


def print_opening(scene: Path) -> None:
    """Print the line that opens a scene file; where there is no wb_view, what to install for it.

    Parameters
    ----------
    scene : Path
    """
    if find_program(_WORKBENCH):
        out.print(f"Open:  {out.command(_WORKBENCH, '-no-splash', '-scene-load', scene, 1)}")
    else:
        out.print(f"Open:  {line(scene)}, once {_WORKBENCH} is installed (not on PATH; {_INSTALL})")


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
        said = out.command(*found.words) if found.words else f"no line, since {line(found.problem)}"
        out.print(f"{found.title}{network}: {said}")
