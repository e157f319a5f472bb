"""`wbtools query`."""

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
    say_table,
    saying_options,
)
from wbtools.cli.completion import files
from wbtools.cli.console import Held, live_stage, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import refuse_without, reports_errors
from wbtools.cli.progress import progress
from wbtools.errors import InputError
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.asking.querying import Answer


@click.command("query")
@click.argument("person", metavar="SUBJECT|FILE", shell_complete=files)
@click.option("--index", "place", required=True, metavar="FILE", type=PATH, help="As wbtools index made it.")
@network_option
@people_options
@click.option(
    "--id", "given_id", metavar="NAME", help="Whose image it is, by the ids of the index. [default: by its name]"
)
@click.option("--top", metavar="N", type=int, default=9, show_default=True, help="How many are shown, at most.")
@click.option("--out", metavar="DIR", type=PATH, help="Folder for table, record and a grid of pictures.")
@click.option("--explain", is_flag=True, help="Of hash codes: also show which regions decide each bit, in --out.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier query of this person in --out, and nothing else.")
@saying_options
@reports_errors
def command(
    person: str,
    place: Path,
    network: Path,
    study_folder: Path,
    layout: str,
    given_id: str | None,
    top: int,
    out: Path | None,
    *,
    explain: bool,
    overwrite: bool,
    verbose: int,
    debug: bool,
) -> None:
    """Find who of an index is nearest to a person.

    The person is an id in the study folder, a subject's folder, or a T1w image. Codes are compared by the bits that
    differ, embeddings by cosine distance; at equal distances the order is that of the index. The person's own images
    are left out of the result.
    """
    set_up_logging(verbose, Held())
    from dataclasses import replace

    from wbtools import model as models
    from wbtools.asking import bits, index, people, querying
    from wbtools.asking.neighbours import require_count, require_same_model
    from wbtools.exporting.settings import ExportSettings
    from wbtools.subject import resolve
    from wbtools.subject.selection import FileChoice
    from wbtools.subject.training_record import said_of
    from wbtools.training.runs.chosen import place_of

    if out is None:
        refuse_without("--out", "overwrite")
    if explain and out is None:
        raise InputError("--explain writes a table and a picture", hint="add --out DIR")
    require_count(top)
    (found,) = people.find(study_folder, (person,), layout)
    name = given_id or found.name
    target = querying.Place(out, study_folder, overwrite) if out is not None else None
    if target is not None:
        target.require(name)
    checkpoint = place_of(network)
    known, model = index.read(place), models.load(checkpoint, tried=False)
    require_same_model(known, model)
    if explain:
        bits.require_codes(model)
    with model.asked(), live_stage() as listener:
        listener("comparing")
        shown = replace(people.shown(found, model), name=name)
        answer = querying.query(shown, known, model, top)
    if explain:
        subject = FileChoice(layout).subject(*resolve(study_folder, person))
        with progress("bit") as tell:
            tell(0, known.header.length)
            answer = replace(answer, bits=bits.explained(subject, model, ExportSettings(layout=layout), tell))
    _say(answer)
    say_notes(said_of(checkpoint, (answer.person.person,)))
    if target is not None:
        written = querying.write(answer, target)
        for file in written:
            terminal.print(f"Wrote {line(target.out / file)}")
        if Path(querying.GRID) not in written:
            terminal.print("The index has no pictures, and so there is no grid.")
    terminal.print(RESEARCH)


def _say(answer: Answer) -> None:
    """The result as a table, and what has to be known of it."""
    near = answer.near
    rows = answer.rows()
    images = "image" if near.searched == 1 else "images"
    network = f"{line(near.header.model)} ({near.header.unit})"
    terminal.print(f"{line(near.person)}: the nearest of {near.searched:,} {images} by {network}")
    hidden = [rows[0].index("source"), *([] if any(row[2] for row in rows[1:]) else [2])]
    kept = [[text for place, text in enumerate(row) if place not in hidden] for row in rows]
    distance = near.header.unit.replace(" ", "_")
    say_table(kept, [name for name in kept[0] if name not in ("rank", distance)])
    if said := near.left_out():
        terminal.print(terminal.wrapped(said))
    say_notes(answer.notices)
