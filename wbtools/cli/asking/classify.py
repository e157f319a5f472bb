"""`wbtools classify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from wbtools.cli.console import Held, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import refuse_without, reports_errors
from wbtools.cli.progress import progress
from wbtools.errors import InputError
from wbtools.text import line, tsv

if TYPE_CHECKING:
    from wbtools.asking.index import Index
    from wbtools.asking.people import ShownPerson
    from wbtools.model import Model
    from wbtools.subject.selection import FoundPerson


@click.command("classify")
@click.argument("people", metavar="SUBJECT|FILE...", nargs=-1, required=True, shell_complete=files)
@network_option
@people_options
@click.option(
    "--examples",
    metavar="DATA|INDEX",
    type=PATH,
    help="Labelled examples, for networks with an embedding: a data set of wbtools prepare, or its wbtools index.",
)
@click.option("--label", metavar="NAME", help="Column of the label. [default: the only one]")
@click.option("--top", metavar="N", type=int, default=9, show_default=True, help="How many examples vote, at most.")
@click.option("--tsv", "table", metavar="FILE", type=PATH, help="Write the table there, too; a new file.")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="For the examples: auto, cpu, cuda.")
@saying_options
@reports_errors
def command(
    people: tuple[str, ...],
    network: Path,
    study_folder: Path,
    layout: str,
    examples: Path | None,
    label: str | None,
    top: int,
    table: Path | None,
    device: str,
    *,
    verbose: int,
    debug: bool,
) -> None:
    """Ask a network which class people are of.

    Each is an id in the study folder, a subject's folder, or a T1w image. Of a network with classes, the answer is a
    class with its probability. Of a network with an embedding or a hash code, it is the class of most of the nearest
    labelled examples; images of the person asked about are never among those.
    """
    set_up_logging(verbose, Held())
    if examples is None:
        refuse_without("--examples", "label", "top", "device")
    from wbtools import model as models
    from wbtools.asking import people as asking
    from wbtools.asking.neighbours import require_count
    from wbtools.asking.writing import require_new_file, write_new_file
    from wbtools.subject.identity import person_of
    from wbtools.subject.training_record import said_of
    from wbtools.training.runs.chosen import place_of

    require_count(top)
    if table is not None:
        require_new_file(table, "--tsv")
    found = asking.find(study_folder, people, layout)
    checkpoint = place_of(network)
    model = models.load(checkpoint, tried=False)
    with model.asked():
        told = (
            _by_answer(found, model)
            if examples is None
            else _by_examples(found, model, _examples(examples, model, device), label, top)
        )
    if len(found) == 1 or not told.columns:
        for sentence in told.sentences:
            terminal.print(terminal.wrapped(sentence))
    else:
        say_table([row[: told.columns] for row in told.rows], told.rows[0][:2])
    for sentence in told.right:
        terminal.print(terminal.wrapped(sentence))
    say_notes((*said_of(checkpoint, tuple(person_of(person.name) for person in found)), *told.notes))
    if table is not None:
        write_new_file(table, tsv(told.rows))
        terminal.print(f"Wrote {line(table)}")
    terminal.print(RESEARCH)


@dataclass(frozen=True)
class _Told:
    """What is printed: sentences of single people; a table of several, the first columns of it; 0 means sentences."""

    sentences: list[str]
    rows: list[list[str]]
    columns: int
    notes: list[str]
    right: tuple[str, ...] = ()  # how often such answers were


def _by_answer(found: Sequence[FoundPerson], model: Model) -> _Told:
    """The classes that the network answers with."""
    from wbtools.asking.classifying import HEADING_CLASSES, class_rows, classify, require_classes
    from wbtools.asking.reliability import said_of_classes

    require_classes(model)
    shown = _shown(found, model)
    answers = [classify(person, model) for person in shown]
    sentences = [f"{line(answer.person)}: {line(answer.sentence())}" for answer in answers]
    many = answers[0].apart and len(answers[0].names) > 1
    columns = 0 if many else len(HEADING_CLASSES)
    return _Told(sentences, class_rows(answers), columns, _notes(shown, model), said_of_classes(model.card))


def _by_examples(found: Sequence[FoundPerson], model: Model, examples: Index, label: str | None, top: int) -> _Told:
    """The classes of the nearest labelled examples."""
    from wbtools.asking.classifying import HEADING_VOTES, label_of, vote, vote_rows
    from wbtools.asking.neighbours import said_of_images

    column = label_of(examples, label)
    shown = _shown(found, model)
    votes = [vote(person, model, examples, column, top) for person in shown]
    sentences = [f"{line(found.person)}: {found.sentence()}" for found in votes]
    left_out = [(found.person, found.near.left_out()) for found in votes]
    notes = [f"{person}: {said}" for person, said in left_out if said]
    notes += [f"{line(found.person)}: {said}." for found in votes if (said := found.said_of_everybody())]
    notes += [*_notes(shown, model), *said_of_images(examples)]
    return _Told(sentences, vote_rows(votes), len(HEADING_VOTES), notes)


def _shown(found: Sequence[FoundPerson], model: Model) -> list[ShownPerson]:
    """What the network is shown of people; a bar on a terminal counts them."""
    from wbtools.asking import people

    with progress("person") as tell:
        shown = []
        tell(0, len(found))
        for done, person in enumerate(found, 1):
            shown.append(people.shown(person, model))
            tell(done, len(found))
    return shown


def _notes(shown: Sequence[ShownPerson], model: Model) -> list[str]:
    from wbtools.asking.comparing import notices

    return [*(said for person in shown for said in person.said()), *notices(model)]


def _examples(place: Path, model: Model, device: str) -> Index:
    """Labelled examples, embedded now or before."""
    from wbtools.asking import index, indexing
    from wbtools.asking.embedding import kind_of
    from wbtools.asking.neighbours import require_same_model
    from wbtools.datasets import open_data
    from wbtools.training.runs.starting import device_named

    try:
        kind_of(model)
    except InputError as error:
        raise error.about("--examples are for networks with an embedding", hint="leave out --examples") from None
    if not place.is_dir():
        found = index.read(place)
        require_same_model(found, model)
        return found
    work = indexing.Work(open_data(place), model, pictures=False)
    with progress() as tell:
        return indexing.in_memory(work, device_named(device), tell)
