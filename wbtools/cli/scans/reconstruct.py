"""`wbtools reconstruct`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from wbtools.cli.batch.display import clock
from wbtools.cli.console import err, out
from wbtools.cli.failures import reports_errors
from wbtools.errors import CommandMissing
from wbtools.reconstructing.installed import TOOLS, Installed, Tool
from wbtools.reconstructing.long_process import Tell
from wbtools.text import line

_LINE_EVERY = 300.0  # s


@click.command("reconstruct")
@click.argument("t1w", metavar="T1W", type=click.Path(path_type=Path))
@click.option("--with", "tool", type=click.Choice([*TOOLS]), required=True, help="The program that makes the surfaces.")
@click.option(
    "--out",
    "place",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Receives a folder of the person's name. [default: derivatives/PROGRAM of the study]",
)
@click.option("--id", "name", metavar="NAME", help="The person's name. [default: from the path]")
@click.option("--program", metavar="PATH", type=click.Path(path_type=Path), help="The program, if it is not on PATH.")
@click.option("--threads", type=click.IntRange(1), help="Threads, where the program can be told. [default: all cores]")
@click.option("--dry-run", is_flag=True, help="Print the command, and run nothing.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(
    t1w: Path,
    tool: str,
    place: Path | None,
    name: str | None,
    program: Path | None,
    threads: int | None,
    dry_run: bool,
    debug: bool,
) -> None:
    """Make a person's own surfaces from T1W by a program that is installed here, for export-subject.

    The program's folder appears whole or not at all, and is never written over. Nothing is written beside T1W in a
    subject's folder.
    """
    from wbtools.reconstructing import reconstruction
    from wbtools.reconstructing.installed import find_installed, tool_named
    from wbtools.subject.not_found import require_existing

    image, chosen = require_existing(t1w, Path()), tool_named(tool)
    reconstruction.require_image(image, chosen)
    installed = (_expected if dry_run else find_installed)(chosen, program)
    cores = threads or len(os.sched_getaffinity(0))
    where, person = place or reconstruction.default_out(image, chosen), reconstruction.name_of(image, name)
    job = reconstruction.Reconstruction(image, chosen, installed, where, person, cores)
    if dry_run:
        reconstruction.require(job)
        out.print(out.command(*job.planned))
        return
    err.print(err.wrapped(f"{chosen.title} takes {chosen.takes}"))
    with _shown(chosen) as tell:
        folder = reconstruction.reconstruct(job, tell)
    out.print(f"Wrote {line(folder)}")
    out.print(f"Next:  {out.command('wbtools', 'export-subject', folder)}")


def _expected(tool: Tool, program: Path | None) -> Installed:
    """The program; where it is missing, that is said, and its name stands for it."""
    from wbtools.reconstructing.installed import expected, find_installed

    try:
        return find_installed(tool, program)
    except CommandMissing as error:
        err.print(err.wrapped(f"Note: {line(error)}; to have it: {error.hint}"))
        return expected(tool, program)


@contextmanager
def _shown(tool: Tool) -> Iterator[Tell]:
    """How long a program has run, and what it says: a live line on a terminal, a line now and then elsewhere."""
    if err.is_terminal:
        with err.status(f"{tool.title} begins") as status:
            yield lambda seconds, said: status.update(err.fit(f"{tool.title}, {clock(seconds)}: {said}"))
        return
    due = _LINE_EVERY

    def tell(seconds: float, said: str) -> None:
        nonlocal due
        if seconds >= due:
            due = seconds + _LINE_EVERY
            click.echo(f"{time.strftime('%H:%M:%S')} {tool.title}, {clock(seconds)}: {said}", err=True)

    yield tell
