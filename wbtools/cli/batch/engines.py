"""The engines that compute a batch, by their names on the command line: this machine, a Slurm cluster, Dask."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wbtools.batch.engines import dask, local
from wbtools.batch.engines.first import StartWorker
from wbtools.batch.engines.launch import start_worker
from wbtools.batch.engines.slurm import rounds, script
from wbtools.batch.engines.slurm.queue import Job
from wbtools.batch.resources import threads
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan
from wbtools.cli.console import out as terminal
from wbtools.text import counted

_POLL = 2.0

Steps = Generator[None, None, None]
"""An engine at work; what it started is ended or let go when this is closed."""

Options = Mapping[str, Any]
"""The values of `engine_options`."""


@dataclass(frozen=True)
class Work:
    """What an engine is given.

    Parameters
    ----------
    files : BatchFiles
    plan : Plan
    todo : callable
        Gives the subjects to do, as they stand when it is called.
    start : callable
        Begins a worker on this machine.
    """

    files: BatchFiles
    plan: Plan
    todo: Callable[[], list[str]]
    start: StartWorker = start_worker


def _nothing_required(files: BatchFiles) -> None:
    """An engine that can work in every folder."""


def _no_scripts(work: Work, todo: Sequence[str]) -> list[str]:
    """An engine that needs no scripts."""
    return []


@dataclass(frozen=True)
class BatchEngine:
    """A way to compute a batch.

    Parameters
    ----------
    run : callable
        Does the work, a step at a time.
    require : callable
        Raises InputError for a folder that it cannot work in, before all else.
    scripts : callable
        What it would submit for these subjects, for a dry run to show.
    here : bool
        Whether it is this machine: a command that makes one file or folder then writes into it, without pieces.
    """

    run: Callable[[Work, Options], Steps]
    require: Callable[[BatchFiles], object] = _nothing_required
    scripts: Callable[[Work, Sequence[str]], list[str]] = _no_scripts
    here: bool = False


def _run_here(work: Work, options: Options) -> Steps:
    processors = len(os.sched_getaffinity(0))
    jobs = options["jobs"] or max(1, processors // (options["threads"] or 2))
    gpus = [card for card in (options["gpus"] or "").split(",") if card]
    each = threads(options["threads"], jobs, {})
    return local.run(work.files, work.todo, work.start, jobs=jobs, threads=each, gpus=gpus)


def _run_on_dask(work: Work, options: Options) -> Steps:
    return dask.run(
        work.files,
        work.todo,
        scheduler=options["scheduler"],
        file=options["scheduler_file"],
        threads=options["threads"],
    )


def _run_on_slurm(work: Work, options: Options) -> Steps:
    """Submit, unless jobs of this batch are queued already; with `--wait`, wait until none is left."""
    queued = rounds.jobs(work.files)
    if queued:
        terminal.print(f"Queued or running already: {counted(len(queued), 'job')} of this batch; nothing is submitted")
        say_what_hinders(queued)
        say_way_out(work.files)
    else:
        made = rounds.submit(work.files, work.plan, work.todo())
        terminal.print(
            f"Submitted {counted(made.subjects, work.plan.unit)} as {counted(made.tasks, 'task')} "
            f"of up to {made.pack}: job {', '.join(made.arrays)}"
        )
        if made.trouble:
            terminal.print(f"The job that would submit what these leave was not taken: {made.trouble}", markup=False)
            terminal.print("When they are over, run the same line again")
        if made.left:
            terminal.print("Slurm takes no more jobs now; the rest is submitted when these are over")
    while options["wait"] and rounds.jobs(work.files):
        yield
        time.sleep(_POLL)


def say_what_hinders(jobs: Sequence[Job]) -> None:
    """Which jobs cannot start, and which wait for somebody, by Slurm's own reasons."""
    for reason, number in Counter(job.reason for job in jobs if job.impossible).items():
        terminal.print(f"  {number} cannot start with the options submitted: {reason}", markup=False)
    for reason, number in Counter(job.reason for job in jobs if job.stuck).items():
        terminal.print(
            f"  {number} wait{'s' * (number == 1)} for somebody: {reason}. Held jobs: scontrol release JOB; drained or "
            "down nodes are the administrator's",
            markup=False,
        )


def say_way_out(files: BatchFiles) -> None:
    """How jobs that are in the queue are submitted otherwise."""
    command = terminal.command("wbtools", "batch", "cancel", files.out)
    terminal.print(f"They have the options that they were submitted with; to submit with others: {command}")


def _require_nameable(files: BatchFiles) -> None:
    """A folder that no script can name is refused."""
    script.log_pattern(files.slurm, "")


def _slurm_scripts(work: Work, todo: Sequence[str]) -> list[str]:
    return list(rounds.scripts(work.files, work.plan, todo, "dry-run"))


BATCH_ENGINES: Mapping[str, BatchEngine] = {
    "local": BatchEngine(_run_here, here=True),
    "slurm": BatchEngine(_run_on_slurm, _require_nameable, _slurm_scripts),
    "dask": BatchEngine(_run_on_dask),
}
"""The engines by name, the choices of `--engine`; the first is the one that is taken unless told."""
