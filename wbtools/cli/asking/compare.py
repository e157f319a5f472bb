"""`wbtools compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wbtools.cli.asking.options import (
    PATH,
    RESEARCH,
    network_option,
    people_options,
    say_notes,
    saying_options,
)
from wbtools.cli.completion import files
from wbtools.cli.console import Held, live_stage, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import refuse_without, reports_errors
from wbtools.cli.progress import progress
from wbtools.errors import InputError

if TYPE_CHECKING:
    from wbtools.exporting.settings import ExportSettings


@click.command("compare")
@click.argument("first", metavar="A", shell_complete=files)
@click.argument("second", metavar="B", shell_complete=files)
@network_option
@people_options
@click.option("--explain", is_flag=True, help="Export A, compared with B, as well: what made the two alike.")
@click.option("--out", metavar="DIR", type=PATH, help="With --explain: folder that receives the export of A.")
@click.option(
    "--target",
    metavar="pair|distance",
    type=click.Choice(["pair", "distance"]),
    default="pair",
    show_default=True,
    help="With --explain: whether the likeness or the distance is explained.",
)
@click.option(
    "--null",
    "nulls",
    metavar="N",
    type=int,
    help="With --explain: compare with N randomised networks. [default: as wbtools export-subject]",
)
@click.option("--no-render", is_flag=True, help="With --explain: leave the pictures out.")
@click.option("--overwrite", is_flag=True, help="With --explain: replace an earlier export of A.")
@saying_options
@reports_errors
def command(
    first: str,
    second: str,
    network: Path,
    study_folder: Path,
    layout: str,
    *,
    explain: bool,
    out: Path | None,
    target: str,
    nulls: int | None,
    no_render: bool,
    overwrite: bool,
    verbose: int,
    debug: bool,
) -> None:
    """Ask a network how near two people are: distance, verdict, and how often such a verdict was right.

    A and B are each an id in the study folder, a subject's folder, or a T1w image. The verdict is that of the
    checkpoint's threshold; how often it was right on validation data is on the checkpoint's card, if it was trained by
    wbtools train.
    """
    held = Held()
    set_up_logging(verbose, held)
    if not explain:
        refuse_without("--explain", "out", "target", "nulls", "no_render", "overwrite")
    if explain and out is None:
        raise InputError("--explain needs a place for the export", hint="add --out DIR")
    from wbtools import model as models
    from wbtools.asking import people
    from wbtools.asking.comparing import compare
    from wbtools.subject.training_record import said_of
    from wbtools.training.runs.chosen import place_of

    mine, theirs = people.find(study_folder, (first, second), layout)
    checkpoint = place_of(network)
    model = models.load(checkpoint, tried=False)
    with model.asked(), progress("person") as tell:
        pair = compare(mine, theirs, model, tell)
    for sentence in pair.sentences():
        terminal.print(terminal.wrapped(sentence))
    if explain and target == "pair" and pair.pair.verdict not in ("", pair.pair.alike):
        terminal.print(terminal.wrapped("The export shows what is alike in them; --target distance what is not."))
    # The export says it, too.
    learned_from = () if explain else said_of(checkpoint, [person.person for person in pair.people])
    say_notes((*learned_from, *pair.remarks()))
    if explain and out is not None:
        from wbtools.attribution import Target
        from wbtools.exporting.settings import ExportSettings

        settings = ExportSettings(
            models=(checkpoint,), layout=layout, target=Target(target), nulls=nulls, render=not no_render
        )
        _explain(first, second, study_folder, out, settings, overwrite=overwrite)
    else:
        terminal.print(RESEARCH)


def _explain(
    first: str, second: str, study_folder: Path, out: Path, settings: ExportSettings, *, overwrite: bool
) -> None:
    """Export the first person, compared with the second."""
    from wbtools.cli.summary import summarise
    from wbtools.exporting import pipeline
    from wbtools.exporting.settings import ExportJob
    from wbtools.subject import resolve
    from wbtools.subject.selection import Comparison

    folder, subject = resolve(study_folder, first)
    job = ExportJob(subject, folder, out, compared=Comparison(second), overwrite=overwrite)
    terminal.print()
    with live_stage() as listener:
        export = pipeline.export_subject(job, settings, listener)
    summarise(export)
