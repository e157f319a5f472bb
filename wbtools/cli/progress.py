"""How far a long step is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from wbtools.cli.batch.display import Pace, clock
from wbtools.cli.console import err
from wbtools.text import counted

if TYPE_CHECKING:
    from rich.progress import Progress

_LINE_EVERY = 30.0

Tell = Callable[[int, int], None]
"""To be told how many are done, and of how many."""


@contextmanager
def progress(noun: str = "image") -> Iterator[Tell]:
    """Show how many are done and how long the others take.

    Parameters
    ----------
    noun : str
        What is counted.

    Yields
    ------
    callable
        To be told numbers of them, done and in all.
    """
    with several(noun) as (tell,):
        yield tell


@contextmanager
def several(*nouns: str) -> Iterator[tuple[Tell, ...]]:
    """The same of steps that follow each other; a step is shown from when it is first told of.

    Parameters
    ----------
    nouns : str
        What each step counts.

    Yields
    ------
    tuple of callable
        One for each step.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    bar = Progress(BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), console=err, transient=True)
    steps = tuple(_Step(bar, noun) for noun in nouns)
    if err.is_terminal:
        with bar:
            yield tuple(step.tell for step in steps)
    else:
        yield tuple(step.tell for step in steps)


class _Step:
    """A step of which numbers are told.

    Parameters
    ----------
    bar : Progress
    noun : str
        What is counted.
    """

    def __init__(self, bar: Progress, noun: str) -> None:
        self._bar, self._noun = bar, noun
        self._task = bar.add_task("", total=None, visible=False)
        self._pace: Pace | None = None
        self._next_line = 0.0

    def tell(self, done: int, total: int) -> None:
        """Show that so many are done."""
        now = time.monotonic()
        if self._pace is None:
            self._pace, self._next_line = Pace(done, now), now + _LINE_EVERY
        self._pace.look(done, now)
        left = self._pace.left(total, now)
        text = f"{done} of {counted(total, self._noun)}" + (f", {clock(left)} left" if left is not None else "")
        self._bar.update(self._task, completed=done, total=total, description=text, visible=True)
        if not err.is_terminal and now >= self._next_line:
            self._next_line = now + _LINE_EVERY
            click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)
