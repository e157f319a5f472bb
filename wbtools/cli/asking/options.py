"""What the commands have in common that ask a network about people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from wbtools.cli.console import out as terminal
from wbtools.text import line

PATH = click.Path(path_type=Path)
RESEARCH = "Research use only. Not for diagnosis."
LONGEST = 40  # letters of a cell on the terminal

Command = Callable[..., Any]


def network_option(command: Command) -> Command:
    """`--model`."""
    option: Callable[[Command], Command] = click.option(
        "--model",
        "network",
        metavar="RUN|FILE|MODULE:BUILD",
        type=PATH,
        required=True,
        help="A run of wbtools train, a checkpoint, a .pt2 file, a Python function that builds a network, or demo, the "
        "built-in demonstration network.",
    )
    return option(command)


def people_options(command: Command) -> Command:
    """`--study-folder` and `--layout`."""
    study: Callable[[Command], Command] = click.option(
        "--study-folder",
        metavar="DIR",
        type=PATH,
        envvar="WBTOOLS_STUDY_FOLDER",
        default=Path(),
        help="Folder that holds the subjects' folders. [default: $WBTOOLS_STUDY_FOLDER, else .]",
    )
    layout: Callable[[Command], Command] = click.option(
        "--layout", metavar="NAME", default="auto", show_default=True, help="How the subjects' folders are laid out."
    )
    return study(layout(command))


def saying_options(command: Command) -> Command:
    """`--verbose` and `--debug`."""
    verbose: Callable[[Command], Command] = click.option("-v", "--verbose", count=True, help="Say more.")
    debug: Callable[[Command], Command] = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    return verbose(debug(command))


def say_notes(notes: Iterable[str]) -> None:
    """Print what has to be known, each sentence once."""
    for note in dict.fromkeys(notes):
        terminal.print(terminal.wrapped(f"Note: {line(note)}"))


def say_table(rows: Sequence[Sequence[str]], words: Sequence[str] = ()) -> None:
    """Print a table, heading first; columns of words stand at the left."""
    from wbtools.cli.summary import Column, table

    heading, *cells = rows
    columns = [
        Column(line(name, LONGEST), tuple(line(row[place], LONGEST) for row in cells), words=name in words)
        for place, name in enumerate(heading)
    ]
    for text in table(columns, terminal.width):
        terminal.print(text)
