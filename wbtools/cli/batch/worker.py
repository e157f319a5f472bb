"""`wbtools batch worker` and its like: what engines start; not for people."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from pathlib import Path

import click

from wbtools.batch import subjects
from wbtools.batch.child import die_with, hold_back, redirect
from wbtools.batch.engines import first
from wbtools.batch.engines.slurm import rounds, script, task
from wbtools.batch.payload import Payload
from wbtools.batch.resources import threads, variables, whole_number
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan
from wbtools.batch.worker import Result, Worker, count
from wbtools.cli.batch.payload import ExportPayload
from wbtools.cli.batch.piece import JOBS, PiecePayload
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.errors import InputError, TransientError
from wbtools.text import counted

logger = logging.getLogger("wbtools.batch")

_PATH = click.Path(path_type=Path)


@click.command("worker", hidden=True)
@click.argument("out", type=_PATH)
@click.option("--list", "listed", required=True, help="File of subjects, or -.")
@click.option("--pack", type=click.IntRange(1), help="Subjects per shard.")
@click.option("--shard", help="Number of the pack to take, or auto.")
@click.option("--jobs", type=click.IntRange(1), default=1)
@click.option("--threads", "asked", type=click.IntRange(1))
@click.option("--gpus", default="")
@click.option("--expect", type=float, default=0.0, help="Seconds that a subject usually takes.")
@click.option("--attached", type=int, help="End when the process of this number does.")
@reports_errors
def worker(
    out: Path,
    listed: str,
    pack: int | None,
    shard: str | None,
    jobs: int,
    asked: int | None,
    gpus: str,
    expect: float,
    attached: int | None,
) -> None:
    """Work through subjects of a batch."""
    hold_back()
    if attached is not None:
        die_with(attached)
    set_up_logging(0)
    files = BatchFiles.of(out)
    plan = Plan.read(files)
    each = threads(asked or plan.threads, jobs, os.environ)
    # Before any library is loaded that reads them. The worker itself must have no threads: a child forked from a
    # process that has used OpenMP hangs in its first parallel loop. Children set their own number.
    os.environ.update(variables(1))
    chosen = _shard(subjects.read_plain(listed, sys.stdin), pack, shard)
    logger.info("%s, %d at once, %s each", counted(len(chosen), plan.unit), jobs, counted(each, "thread"))
    working = Worker(
        files,
        plan,
        payload_of(plan, files.out, each),
        jobs,
        each,
        [card for card in gpus.split(",") if card],
        task.deadline(os.environ),
        longest=expect,
    )
    results = count(working.run(chosen))
    logger.info("%s", ", ".join(f"{number} {result.value}" for result, number in results.items()) or "nothing to do")
    if results[Result.LEFT]:
        if shard is not None and not files.stop.exists():
            task.come_back(os.environ)
        sys.exit(TransientError.exit_code)
    sys.exit(int(results[Result.FAILED] > 0))


def payload_of(plan: Plan, out: Path, each: int) -> Payload:
    """What the plan does to a subject, or how it makes a piece."""
    if plan.work in JOBS:
        return PiecePayload(plan.work, plan.options, out)
    return ExportPayload(plan.options, out, each)


def _shard(chosen: list[str], pack: int | None, shard: str | None) -> list[str]:
    """The part of a list that an array task takes."""
    if pack is None or shard is None:
        return chosen
    number = script.shard_number(os.environ) if shard == "auto" else whole_number(shard)
    if number is None or number < 0:
        raise InputError(f"--shard {shard} names no array task that wbtools knows", hint="give --shard NUMBER")
    return chosen[number * pack : (number + 1) * pack]


@click.command(first.COMMAND, hidden=True)
@click.option("--connection", "number", type=int, required=True, help="Number of the socket to who asks.")
@click.option("--attached", "asker", type=int, required=True, help="End when the process of this number does.")
@reports_errors
def first_worker(number: int, asker: int) -> None:
    """Check the options of a batch, and say its settings' hash; then go on as a worker, if one is wanted.

    A process of its own, so that the one that waits for the batch does not hold torch in memory.
    """
    die_with(asker, signal.SIGKILL)  # until it works, there is nothing to tidy up
    with socket.socket(fileno=number) as found:
        found.set_inheritable(False)
        connection = first.Connection(found)
        try:
            identity = ExportPayload(connection.asked()["options"], Path(), 1).identity()
        except BaseException:
            connection.tell(refused=True)
            raise
        connection.tell(settings_sha256=identity)
        wanted = connection.asked()
    if wanted:
        redirect(Path(wanted["log"]))
        worker.main(wanted["words"], prog_name="wbtools batch worker")


@click.command("next-round", hidden=True)
@click.argument("out", type=_PATH)
@click.option("--number", type=int, required=True)
@reports_errors
def next_round(out: Path, number: int) -> None:
    """Submit what the last round left."""
    set_up_logging(0)
    submitted = rounds.following(BatchFiles.of(out), number)
    logger.info("submitted: %s", submitted) if submitted else logger.info("nothing is left to submit")


COMMANDS: tuple[click.Command, ...] = (worker, first_worker, next_round)
"""Hidden commands."""
