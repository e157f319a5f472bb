"""`wbtools make-references`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.text import line

_PATH = click.Path(path_type=Path)


@click.command("make-references")
@click.argument("people", metavar="DIR|LIST", type=_PATH)
@click.option("--model", metavar="FILE", type=_PATH, help="[default: the built-in demonstration network]")
@click.option("--out", required=True, metavar="DIR", type=_PATH, help="Folder that receives the files.")
@click.option(
    "--study-folder",
    metavar="DIR",
    type=_PATH,
    envvar="WBTOOLS_STUDY_FOLDER",
    default=Path(),
    help="Folder of the subjects that a list names by id. [default: $WBTOOLS_STUDY_FOLDER, else .]",
)
@click.option("--components", metavar="K", type=int, help="[default: 16, at most half of the people]")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(
    people: Path, model: Path | None, out: Path, study_folder: Path, components: int | None, verbose: int, debug: bool
) -> None:
    """Write the mean brain of many people and its principal components: references for a network's card.

    Give the people that the network was trained on. No single brain is written, and no more components than half of
    the people; put the files beside the checkpoint, and the lines that are printed into its card.
    """
    set_up_logging(verbose)
    from wbtools import model as models
    from wbtools.exporting.references.making import make

    network = models.load(model) if model else models.built_in()
    mean, *others = make(people, study_folder, network, out, components)
    for path in (mean, *others):
        terminal.print(f"Wrote {line(path)}")
    terminal.print("\nFor the card:")
    terminal.print(f'  "reference": {json.dumps(mean.name)},')
    terminal.print(f'  "reference_components": {json.dumps([path.name for path in others])}')
