"""`wbtools make-references`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.text import counted, lengths, line

if TYPE_CHECKING:
    from wbtools.exporting.references.making import Plan

_PATH = click.Path(path_type=Path)


@click.command("make-references")
@click.argument("people", metavar="DIR|LIST", type=_PATH)
@click.option("--model", metavar="RUN|FILE", type=_PATH, help="[default: demo, the built-in demonstration network]")
@click.option("--out", required=True, metavar="DIR", type=_PATH, help="Folder that receives the files.")
@click.option(
    "--study-folder",
    metavar="DIR",
    type=_PATH,
    envvar="WBTOOLS_STUDY_FOLDER",
    default=Path(),
    help="Folder of the subjects that a list names by id. [default: $WBTOOLS_STUDY_FOLDER, else .]",
)
@click.option(
    "--components",
    metavar="K",
    type=int,
    help="Fewer than half as many as people. [default: 16, or as many as so few people allow]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be read and written, and write nothing.")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(
    people: Path,
    model: Path | None,
    out: Path,
    study_folder: Path,
    components: int | None,
    *,
    dry_run: bool,
    verbose: int,
    debug: bool,
) -> None:
    """Write the mean brain of many people and its principal components: references for a network's card.

    DIR is a study folder or a folder of images; LIST a text file with one id or path per line, or a table with a column
    of ids. Give the people that the network was trained on, 3 at least. No single brain is written, and fewer than half
    as many components as there are people. Put the files beside the checkpoint, and the lines that are printed into its
    card.
    """
    set_up_logging(verbose)
    from wbtools.exporting.references import making

    asked = making.Asked(people, study_folder, out, components)
    found = making.find(asked)
    from wbtools import model as models
    from wbtools.training.runs.chosen import BUILT_IN, place_of

    plan = making.plan(asked, found, models.load(place_of(model or BUILT_IN)))
    if dry_run:
        _say_plan(plan)
        return
    made = making.make(plan)
    for remark in made.remarks:
        terminal.print(terminal.wrapped(f"Note: {line(remark)}"))
    for path in (made.mean, *made.components):
        terminal.print(f"Wrote {line(path)}")
    terminal.print("\nFor the card:")
    terminal.print(f'  "reference": {json.dumps(made.mean.name)},')
    terminal.print(f'  "reference_components": {json.dumps([path.name for path in made.components])}')


def _say_plan(plan: Plan) -> None:
    """The answer to --dry-run."""
    network, count = plan.network, plan.components
    grid = lengths(plan.grid.shape)
    terminal.print(f"network: {line(network.name)} (grid {grid} {network.card.orientation})")
    terminal.print(f"people: {len(plan.found.people)}")
    for remark in plan.found.remarks:
        terminal.print(f"note: {line(remark)}")
    for person in plan.found.people:
        terminal.print(f"  {line(person.t1w)}")
    terminal.print(f"will make: the mean and {counted(count, 'component')}")
    for path in plan.paths(count):
        terminal.print(f"would write: {line(path)}")
