"""`wbtools batch report`: everybody of a batch on pages of thumbnails and in tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wbtools.batch.state import marks
from wbtools.batch.state.attempts import State
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.overview import Overview
from wbtools.batch.state.published import place
from wbtools.cli.batch.maintenance import read_batch
from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.cli.progress import progress
from wbtools.errors import InputError, MissingFile, missing_folder
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.report.wall.standing import Standing

_PATH = click.Path(path_type=Path)


@click.command("report")
@click.argument("exports", metavar="OUT", type=_PATH)
@click.option("--out", metavar="FOLDER", type=_PATH, help="Folder of the pages. [default: OUT/wbtools-report]")
@click.option("--participants", metavar="TSV", type=_PATH, help="Table of people. [default: OUT/participants.tsv]")
@click.option("--network", metavar="NAME", help="Network to show, as in file names. [default: that of most exports]")
@reports_errors
def report(exports: Path, out: Path | None, participants: Path | None, network: str | None) -> None:
    """Make pages of everybody in OUT: thumbnails, decisions, trust, self-checks, outliers, failures.

    OUT is what `wbtools batch run` filled, or any folder of exports. The same line again replaces the pages. No volume
    is opened.
    """
    from wbtools.report import wall

    set_up_logging(0)
    root = exports.resolve()
    if not root.is_dir():
        raise missing_folder(exports, hint="give the folder of exports")
    if participants is not None and not participants.is_file():
        raise MissingFile(participants, hint="give a table with a row per person")
    standings = _standings(root)
    site = wall.Site(root / wall.FOLDER if out is None else out, root, participants)
    site.require(standings)
    with progress("export") as tell:
        found = wall.gather(root, standings, network, tell)
    names = wall.publish(found, site)
    terminal.print(found.sentence)
    for sentence in found.mixed:
        terminal.print(line(sentence))
    terminal.print(f"Read:  {line(site.folder / names[0])}")


def _standings(root: Path) -> tuple[Standing, ...]:
    """How a batch's subjects stand; none where no batch was run."""
    if not BatchFiles(root).plan.is_file():
        return ()
    files, plan, seen = read_batch(root)
    if plan.work != "export":
        raise InputError(f"{root} holds a batch of {line(plan.work, 60)}, not of exports", hint="wbtools batch status")
    return tuple(_standing(files, seen, subject, state) for subject, state in seen.states.items())


def _standing(files: BatchFiles, seen: Overview, subject: str, state: State) -> Standing:
    from wbtools.report.wall.standing import Standing

    history = seen.histories.get(subject)
    marked = marks.why(files, subject) if state is State.TODO else ""
    reason = marked or (history.reason if history and state is not State.RUNNING else "")
    log = files.logs / Path(history.log).name if history and history.log else None
    return Standing(subject, state.value, place(files.out, subject), line(reason), log)


COMMANDS: tuple[click.Command, ...] = (report,)
"""What looks at finished exports."""
