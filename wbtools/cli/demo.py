"""`wbtools demo-subject`."""

from __future__ import annotations

from pathlib import Path

import click

from wbtools.cli.console import out, set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.errors import InputError
from wbtools.text import line


@click.command("demo-subject")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--id", "subject", help="Name of the subject's folder. [default: 100307, of others made-up-N]")
@click.option(
    "--person",
    type=int,
    default=0,
    show_default=True,
    help="Which made-up person, from 0 on: each differs in shape and marks.",
)
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(folder: str, subject: str | None, person: int, verbose: int, debug: bool) -> None:
    """Write the built-in subject into DIR, as the Human Connectome Project lays subjects out.

    It is group-average anatomy (MNI152 template, HCP S1200 surfaces) under a made-up smooth deformation, not a person,
    whatever its folder is called. Made-up marks in named regions are what the built-in network knows people by.
    """
    from wbtools.subject.demo import usual_id, write_demo_subject

    set_up_logging(verbose)
    subject = usual_id(person) if subject is None else subject
    written = write_demo_subject(_study(folder), subject, person=person)
    out.print(f"Wrote {line(written)}: group-average anatomy, deformed and marked, no person")
    out.print(f"Next:  {out.command('wbtools', 'export-subject', subject, '--study-folder', folder)}")


def _study(folder: str) -> Path:
    """The folder that was given, which may be written and is nobody's input."""
    from wbtools.output.destination import require_writable
    from wbtools.subject.containment import require_outside_inputs

    if not folder:
        raise InputError("DIR '' is no folder", hint="name the folder that the subject's folder is to lie in")
    require_outside_inputs(Path(folder), "DIR")
    require_writable(Path(folder), "DIR")
    return Path(folder)
