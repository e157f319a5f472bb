"""Commands that make one large result: its pieces are made by an engine, as the exports of a batch are."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbtools.batch import pieces
from wbtools.batch.state.folder import BatchFiles, write_whole
from wbtools.batch.state.overview import Overview, overview, to_do
from wbtools.batch.state.plan import Plan
from wbtools.cli.batch import maintenance
from wbtools.cli.batch.display import display
from wbtools.cli.batch.engines import BATCH_ENGINES, Work
from wbtools.cli.batch.options import plan_asked
from wbtools.cli.console import out as terminal
from wbtools.errors import InputError, TransientError
from wbtools.errors.system import writing
from wbtools.text import counted

UNIT = "piece"
_THREADS = 1  # sums are then the same, whatever the machine


@dataclass(frozen=True)
class Pieces:
    """What a command wants made.

    Parameters
    ----------
    home : Path
        Folder of the pieces and of the batch's own files; whoever computes has to see it under this path.
    kind : str
        Of work, a key of `wbtools.cli.batch.piece.JOBS`.
    kept : mapping
        What the job is made of, as JSON values.
    settings : mapping
        Of the job.
    """

    home: Path
    kind: str
    kept: Mapping[str, object]
    settings: Mapping[str, object]

    @property
    def files(self) -> BatchFiles:
        """The batch's own files."""
        return BatchFiles(self.home.resolve())

    def plan(self, options: Mapping[str, Any]) -> Plan:
        """The plan of the batch; refuses a folder with pieces of something else."""
        bare = Plan(pieces.identity(self.settings), self.kept, threads=_THREADS, work=self.kind, unit=UNIT)
        found = plan_asked(options, bare)
        try:
            found.require_same(self.files)
        except InputError:
            raise InputError(
                f"{self.home} holds pieces made of other images, with other settings or by another version",
                hint="remove that folder, and run the same line again",
            ) from None
        return found


def show(asked: Pieces, units: Sequence[range], options: Mapping[str, Any]) -> None:
    """The answer to --dry-run: how many pieces an engine would make, and what it would submit."""
    engine = BATCH_ENGINES[options["engine"]]
    engine.require(asked.files)
    plan, names = asked.plan(options), [pieces.name_of(each) for each in units]
    terminal.print(f"engine: {options['engine']}, {counted(len(names), UNIT)}")
    for text in engine.scripts(Work(asked.files, plan, lambda: names), names):
        terminal.print(text, markup=False)


def compute(asked: Pieces, units: Sequence[range], options: Mapping[str, Any]) -> None:
    """Have an engine make pieces; ends the program with the exit code of a batch unless all are there.

    Raises
    ------
    InputError
        If the engine cannot be used, or the folder holds something else.
    """
    files, engine = asked.files, BATCH_ENGINES[options["engine"]]
    engine.require(files)
    plan, names = asked.plan(options), [pieces.name_of(each) for each in units]
    with writing(files.out, begun=False):
        plan.write(files)
        write_whole(files.subjects, "".join(f"{name}\n" for name in names))
        files.stop.unlink(missing_ok=True)

    def todo() -> list[str]:
        return to_do(files, plan, names, lambda name: None)

    def look() -> Overview:
        return overview(files, plan, names)

    if todo():
        try:
            running = engine.run(Work(files, plan, todo), {**options, "threads": _THREADS})
            with closing(running) as steps, display(look) as tick:
                for _ in steps:
                    tick()
        except KeyboardInterrupt:
            terminal.print("Interrupted: pieces that are made stay; the same line goes on from here")
            maintenance.conclude(files, look(), UNIT)
            sys.exit(TransientError.exit_code)
    seen = look()
    if seen.exit_code:
        maintenance.conclude(files, seen, UNIT)
        terminal.print("Once all pieces are there, the same line puts them together. How they stand:")
        terminal.print(f"  {terminal.command('wbtools', 'batch', 'status', files.out)}")
        sys.exit(seen.exit_code)
