"""`wbtools batch status`, `verify`, `retry`, `cancel`, `clean` and `script`: looking after a batch."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from wbtools.batch.engines.launch import worker_command
from wbtools.batch.engines.slurm import rounds, script
from wbtools.batch.engines.slurm.request import Request
from wbtools.batch.state import attempts, cleaning, marks, names
from wbtools.batch.state.attempts import State
from wbtools.batch.state.folder import BatchFiles, write_whole
from wbtools.batch.state.names import PublishedName
from wbtools.batch.state.overview import Overview, cost, inspect, overview, write_reports
from wbtools.batch.state.own_exports import exports_there
from wbtools.batch.state.plan import Plan, list_subjects
from wbtools.batch.state.published import Inspection, Published, is_there, why_foreign
from wbtools.batch.state.trusted import trust_of
from wbtools.cli.batch.display import clock
from wbtools.cli.batch.engines import say_way_out, say_what_hinders
from wbtools.cli.batch.options import next_words
from wbtools.cli.batch.worker import payload_of
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import reports_errors
from wbtools.errors import InputError, TransientError, WbtoolsError
from wbtools.search_path import find_program
from wbtools.text import counted, first_of, line

_SHOWN = 20
_WATCH_EVERY = 60.0
_SLURM_ANSWERS = 15.0
"""Seconds that `status` waits for Slurm: people sit before it."""

_OUT = click.argument("out", type=click.Path(path_type=Path))


def read_batch(out: Path) -> tuple[BatchFiles, Plan, Overview]:
    """A batch and how it stands; of files that are damaged, the rest counts, and that is said."""
    files = BatchFiles.of(out)
    plan, damage = Plan.read_for_show(files)
    if damage:
        click.echo(damage, err=True)
    subjects = list_subjects(files)
    if not damage:
        settle_names(files, plan, subjects, only_unknown=True)
    seen = overview(files, plan, subjects)
    if seen.damaged:
        click.echo(
            f"The attempts of {counted(len(seen.damaged), 'subject')} are damaged and count in part "
            f"({seen.damaged[0]}, for example: {files.attempts(seen.damaged[0])})",
            err=True,
        )
    return files, plan, seen


def _report(files: BatchFiles, seen: Overview) -> None:
    """Write the reports for people and programs; who may only read a batch can look at it all the same."""
    try:
        write_reports(files, seen)
    except OSError as error:
        click.echo(f"{files.failed} and {files.summary.name} are not written: {error.strerror}", err=True)


def settle_names(
    files: BatchFiles, plan: Plan, subjects: Sequence[str], *, only_unknown: bool = False, write: bool = True
) -> dict[str, PublishedName]:
    """Have the study say what subjects are called, whom nothing is published of yet; see `names.settle`.

    Parameters
    ----------
    layout, plan
    subjects : sequence of str
    only_unknown : bool
        Take the names that are known of everybody.
    write : bool
        Keep them on disk.
    """
    ask = payload_of(plan, files.out, 1).name
    return names.settle(
        files, ask, subjects, settled=lambda subject: only_unknown or is_there(files.out, subject), write=write
    )


def conclude(files: BatchFiles, seen: Overview, unit: str) -> int:
    """Print and write how a batch stands; gives the exit code."""
    _report(files, seen)
    counts = seen.counts
    words = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state] or state is State.DONE)
    terminal.print(f"{counted(len(seen.states), unit)}: {words}", markup=False)
    failures = seen.failures()
    for subject, state, reason, log in failures[:_SHOWN]:
        terminal.print("  " + line(f"{subject}: {state.value}: {reason}{_logged(files, log)}"))
    if len(failures) > _SHOWN:
        terminal.print(f"  and {len(failures) - _SHOWN} more, see {files.failed}", markup=False)
    if failures:
        terminal.print(f"Fix what they say, then: {terminal.command('wbtools', 'batch', 'retry', files.out)}")
    troubles = seen.troubles()
    if troubles:
        subject, reason, log = troubles[-1]
        terminal.print(
            line(f"{len(troubles)} will be tried again; {subject}, for example: {reason}{_logged(files, log)}")
        )
    if seen.having(State.TODO) and files.stop.exists():
        terminal.print("Cancelled: nothing more is begun until the batch's own line is run again")
    return seen.exit_code


def _logged(files: BatchFiles, log: str) -> str:
    """Where the log of an attempt is, as a remark; nothing for one that was not begun."""
    return f" ({files.home / log})" if log else ""


def say_exports(files: BatchFiles, seen: Overview) -> None:
    """Of a batch of exports that is over: how many hold maps that failed their checks, and what comes next."""
    done = seen.having(State.DONE)
    if seen.exit_code == TransientError.exit_code or not done:
        return
    known = trust_of(files.out, done)
    failed = [line(subject, 60) for subject, passed in known.items() if not passed]
    if known:
        named = f": {first_of(failed, _SHOWN)}" if failed else ""
        many = f"{len(failed) or 'none'} of {counted(len(known), 'export')}"
        terminal.print(terminal.wrapped(f"Maps that failed their trust checks: in {many}{named}"))
    terminal.print(f"Next: {terminal.command(*next_words('wbtools', 'batch', 'report', files.out))}")


def _say_marked(files: BatchFiles, seen: Overview) -> None:
    """Why published subjects are to be made again."""
    marked = {subject: why for subject in seen.having(State.TODO) if (why := marks.why(files, subject))}
    for subject, why in list(marked.items())[:_SHOWN]:
        terminal.print(f"  {subject}: to be made again: {line(why)}")
    if len(marked) > _SHOWN:
        terminal.print(f"  and {len(marked) - _SHOWN} more to be made again")


def _say_next(plan: Plan, seen: Overview) -> None:
    """What to type where something is left to do and nobody does it."""
    if seen.having(State.TODO) and not seen.having(State.RUNNING) and plan.line:
        terminal.print("To go on, run the batch's own line again:")
        terminal.print("  " + line(plan.line))


@click.command("status")
@_OUT
@click.option("--watch", is_flag=True, help="Look again every minute until nothing is left to do.")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
@reports_errors
def status(out: Path, watch: bool, as_json: bool) -> None:
    """Say how a batch stands: done, running, failed, why, and what Slurm says.

    Exit code 0: all are done; 1: all were tried and some failed; 75: not finished.
    """
    while True:
        files, plan, seen = read_batch(out)
        if as_json:
            code = seen.exit_code
            _report(files, seen)
            click.echo(
                json.dumps({"states": {subject: state.value for subject, state in seen.states.items()}, "code": code})
            )
        else:
            code = conclude(files, seen, plan.unit)
            _say_marked(files, seen)
            _say_cost(files, plan.unit)
            if not _say_queue(files):
                _say_next(plan, seen)
            if plan.work == "export":
                say_exports(files, seen)
        if not watch or code != TransientError.exit_code:
            sys.exit(code)
        time.sleep(_WATCH_EVERY)


def _say_cost(files: BatchFiles, unit: str) -> None:
    """What subjects or pieces took, and what that means for --mem."""
    known = cost(files)
    if known:
        terminal.print(
            f"A {unit} takes {clock(known.median)} min (95 %: {clock(known.high)}) and up to "
            f"{known.memory / 2**30:.1f} GiB, from {counted(known.subjects, unit)}",
            markup=False,
        )


def _say_queue(files: BatchFiles) -> bool:
    """What Slurm says of a batch that was submitted to it; whether jobs of it are there, as far as is known."""
    if not files.submission_files() or find_program("squeue") is None:
        return False
    try:
        jobs = rounds.jobs(files, _SLURM_ANSWERS)
    except WbtoolsError as error:
        terminal.print(str(error), markup=False)
        return True
    states = Counter(job.state.lower() for job in jobs)
    terminal.print(f"Slurm: {', '.join(f'{n} {state}' for state, n in states.items()) or 'no job is left'}")
    say_what_hinders(jobs)
    if any(job.impossible for job in jobs):
        say_way_out(files)
    return bool(jobs)


@click.command("verify")
@_OUT
@click.option("--quick", is_flag=True, help="Compare sizes, not hashes.")
@reports_errors
def verify(out: Path, quick: bool) -> None:
    """Compare every published file with the hash in its subject's record, and the settings with the batch's.

    What is damaged or made from other inputs is marked, and the batch's own line makes it again. Exit code 0:
    everything published is whole; 1: something is not.
    """
    files, plan, seen = read_batch(out)
    before = {
        subject: why
        for subject in sorted(marks.names(files))
        if subject in seen.states and (why := marks.why(files, subject))
    }
    there = [subject for subject in exports_there(files, list(seen.states)) if subject not in before]
    payload = payload_of(plan, files.out, 1)
    inputs = {subject: payload.inputs(subject) for subject in there} if plan.settings_sha256 else {}
    found = inspect(files, plan, there, inputs, deep=not quick)
    wrong = {subject: finding for subject, finding in found.items() if finding.what is not Published.CURRENT}
    terminal.print(
        f"{len(there) - len(wrong)} of {counted(len(seen.states), 'subject')} published and whole", markup=False
    )
    for subject, why in before.items():
        terminal.print(f"  {subject}: found before: {line(why)}", markup=False)
    marked = [subject for subject, finding in wrong.items() if _say_and_mark(files, subject, finding)]
    if marked or before:
        terminal.print("The batch's own line makes again what is marked:", markup=False)
        terminal.print("  " + line(plan.line))
    sys.exit(int(bool(wrong or before)))


def _say_and_mark(files: BatchFiles, subject: str, finding: Inspection) -> bool:
    """Say what is wrong with a published folder, and have it made again if it is wbtools' own; whether it will be."""
    terminal.print(f"  {subject}: {finding.what.value}: {line(finding.why)}", markup=False)
    if finding.what not in {Published.DAMAGED, Published.OUTDATED}:
        return False
    foreign = why_foreign(files.out, subject)
    if foreign:
        terminal.print(f"    left alone, not wbtools' to replace: {foreign}", markup=False)
        return False
    try:
        marks.put(files, subject, finding.why)
        attempts.record(files, subject, "retry")
    except OSError as error:
        terminal.print(f"    could not be marked: {error.strerror}", markup=False)
        return False
    terminal.print("    marked: it is made again", markup=False)
    return True


@click.command("retry")
@_OUT
@click.argument("chosen", metavar="[SUBJECT]...", nargs=-1)
@reports_errors
def retry(out: Path, chosen: tuple[str, ...]) -> None:
    """Give subjects that failed new attempts: those named, or all. Then run the batch's own line again."""
    files, plan, seen = read_batch(out)
    given_up = seen.having(State.FAILED, State.EXCLUDED)
    unknown = [subject for subject in chosen if subject not in seen.states]
    if unknown:
        raise InputError(f"{unknown[0]} is not on this batch's list", hint=f"see {files.subjects}")
    again = [subject for subject in given_up if not chosen or subject in chosen]
    for subject in again:
        attempts.record(files, subject, "retry")
    if again:
        terminal.print(f"New attempts: {counted(len(again), 'subject')}. Now run the batch's own line again:")
        terminal.print("  " + line(plan.line))
        return
    terminal.print("Nothing to retry: of these, no subject failed" if chosen else "Nothing to retry: no subject failed")
    _say_next(plan, seen)


@click.command("cancel")
@_OUT
@reports_errors
def cancel(out: Path) -> None:
    """Stop a batch: workers begin nothing more and interrupt what they run. Running its line again goes on."""
    files = BatchFiles.of(out)
    before = files.stop.exists()
    if not before:
        files.stop.touch()  # before all else: what is asked below takes its time
    count = rounds.cancel(files) if files.submission_files() else 0
    files, plan, seen = read_batch(out)
    running = len(seen.having(State.RUNNING))
    if not count and not running and not seen.having(State.TODO):
        if not before:
            files.stop.unlink(missing_ok=True)
        terminal.print("Nothing to cancel: nothing runs, and no subject is left to do")
        return
    jobs = f", with {counted(count, 'Slurm job')}" if count else ""
    stopping = f"{counted(running, 'running subject')} will stop within seconds" if running else "nothing was running"
    terminal.print(f"Cancelled{jobs}; {stopping}")
    if plan.line:
        terminal.print("To go on later, run the batch's own line again:")
        terminal.print("  " + line(plan.line))


@click.command("clean")
@_OUT
@click.option("--now", is_flag=True, help="Also what is recent: only while nothing runs.")
@click.option("--all", "forget", is_flag=True, help="Also the batch's own files; published subjects stay.")
@reports_errors
def clean(out: Path, now: bool, forget: bool) -> None:
    """Remove what crashes left: unfinished folders older than twice --timeout, and damaged exports set aside."""
    files, plan, seen = read_batch(out)
    done = cleaning.clean(files, seen.states, 0 if now or forget else 2 * plan.timeout, forget=forget)
    terminal.print(f"Removed {counted(done.removed, 'folder')}")
    for name in done.restored:
        terminal.print(f"Put back: {files.out / name}, which an interrupted replacement had hidden", markup=False)
    for path in done.ignored[:_SHOWN]:
        terminal.print(f"Left alone, not wbtools' to remove: {path}", markup=False)
    if len(done.ignored) > _SHOWN:
        terminal.print(f"  and {len(done.ignored) - _SHOWN} more", markup=False)


@click.command("script")
@_OUT
@click.option(
    "--scheduler", "system", type=click.Choice(["slurm", *script.TEMPLATES]), default="slurm", show_default=True
)
@click.option("--pack", type=click.IntRange(1), help="Subjects per task. [default: 45 minutes' worth]")
@reports_errors
def show_script(out: Path, system: str, pack: int | None) -> None:
    """Print the script of an array job for what is left to do, to be submitted by hand.

    Templates for SGE, PBS and LSF were never tried: expect to adapt them.
    """
    files, plan, seen = read_batch(out)
    left = seen.having(State.TODO, State.RUNNING)
    if not left:
        raise InputError("nothing is left to do", hint="")
    name = uuid.uuid4().hex[:8]
    write_whole(files.round(name), "".join(f"{subject}\n" for subject in left))
    if system == "slurm":
        for text in rounds.scripts(files, plan, left, name):
            terminal.print(text, markup=False)
        return
    each = pack or Request.from_record(plan.engine).pack_of(len(left), cost(files))
    command = worker_command(files.out, ["--list", str(files.round(name)), "--pack", str(each)], attached=False)
    tasks = -(-len(left) // each)
    text = script.template(system, f"wb-{name}", tasks, command, logs=files.slurm, threads=plan.threads or 1)
    terminal.print(text, markup=False)


COMMANDS: tuple[click.Command, ...] = (status, verify, retry, cancel, clean, show_script)
"""What `wbtools batch` offers beside `run`."""
