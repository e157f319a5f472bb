"""Options of `wbtools batch run` and of commands that work in pieces: where and how often."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.batch.engines.slurm.request import Request
from wbtools.batch.resources import seconds, whole_number
from wbtools.batch.state.plan import Plan
from wbtools.cli.batch.engines import BATCH_ENGINES
from wbtools.output.destination import require_writable

if TYPE_CHECKING:
    from wbtools.batch.state.export import BatchExport

Command = Callable[..., Any]

PROGRAM = "wbtools.program"
"""Where the context of a program that calls these commands has its name, for the line that is to be repeated."""

NEXT = "wbtools.next"
"""Where it has the words of its own command that comes after a batch."""

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


def _seconds(context: click.Context, option: click.Parameter, value: str) -> float:
    """A time such as `90m` or `1:30:00`, as seconds."""
    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no time; write for example 90m or 1:30:00")
    return found


def _number_or_auto(context: click.Context, option: click.Parameter, value: str) -> int | None:
    """A number of subjects, or `auto` as None."""
    if value == "auto":
        return None
    if not (number := whole_number(value)):
        raise click.BadParameter(f"{value!r} is neither a number of subjects nor auto")
    return number


Option = Callable[[Command], Command]

_ENGINE: Option = click.option(
    "--engine",
    type=click.Choice(list(BATCH_ENGINES)),
    default=next(iter(BATCH_ENGINES)),
    show_default=True,
    help="Who computes.",
)
_LOCAL: tuple[Option, ...] = (
    click.option(
        "--jobs",
        type=click.IntRange(1),
        help="local: subjects at once. [default: one for every --threads processors, else for every 2]",
    ),
    click.option("--gpus", metavar="0,1", help="local: graphics cards to hand out, one per subject."),
)
_LISTS: tuple[Option, ...] = (
    click.option("--exclude", type=_FILE, help="A list of subjects to leave out."),
    click.option("--only", type=_FILE, help="A list of subjects; all others are left out."),
)
_DRY_RUN: Option = click.option(
    "--dry-run", is_flag=True, help="Say what would be done, show the script, and do nothing."
)


def _clusters(unit: str) -> tuple[Option, ...]:
    """What is asked of Slurm and Dask."""
    return (
        click.option("--partition", help="slurm: where to queue."),
        click.option("--time", metavar="H:M:S", help="slurm: most a task may take; 2h and 90m do, too."),
        click.option("--mem", "memory", help=f"slurm: memory of a task. [default: what {unit}s took, else 8G]"),
        click.option(
            "--cpus", type=click.IntRange(1), default=1, show_default=True, help="slurm: processors of a task."
        ),
        click.option("--gres", help="slurm: for example gpu:1."),
        click.option(
            "--pack",
            metavar="auto|N",
            callback=_number_or_auto,
            default="auto",
            show_default=True,
            help=f"slurm: {unit}s per task.",
        ),
        click.option("--max-parallel", type=click.IntRange(1), help="slurm: tasks at once."),
        click.option(
            "--rounds", type=click.IntRange(1), default=3, show_default=True, help="slurm: times to submit rest."
        ),
        click.option("--sbatch-arg", "sbatch", metavar="ARG", multiple=True, help="slurm: more, e.g. --account=me."),
        click.option("--wait", is_flag=True, help="slurm: stay until all rounds are over."),
        click.option("--scheduler", metavar="ADDRESS", help="dask: for example tcp://host:8786."),
        click.option("--scheduler-file", type=_FILE, help="dask: what the scheduler wrote."),
    )


def _limits(unit: str, engines: str = "") -> tuple[Option, ...]:
    """How often, how long and where one of the list may be worked on."""
    return (
        click.option(
            "--max-attempts", type=click.IntRange(1), default=3, show_default=True, help=f"{engines}Tries per {unit}."
        ),
        click.option(
            "--timeout",
            metavar="TIME",
            callback=_seconds,
            default="1h",
            show_default=True,
            help=f"{engines}Most one {unit} may take.",
        ),
        click.option("--grace", metavar="TIME", callback=_seconds, default="10s", hidden=True),
        click.option(
            "--scratch",
            type=_FOLDER,
            help=f"{engines}Temporary data. [default: $SLURM_TMPDIR, $TMPDIR or /tmp]",
        ),
    )


_ELSEWHERE = {
    "--id": "A batch calls subjects by their folders or files; export-subject takes --id.",
    "--overwrite": "What is published is kept. To make a subject again, remove its folder in OUT; what is damaged or "
    "made from other inputs is found by `wbtools batch verify OUT`, and made again. Other settings need another --out.",
}
"""Options of `export-subject` that a batch has not, and what to do instead."""


class BatchRun(click.Command):
    """A command that knows why an option of `export-subject` is none of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As in click; similar names are no help for an option that exists elsewhere."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in _ELSEWHERE:
                raise
            raise click.UsageError(
                f"No such option: {error.option_name}. {_ELSEWHERE[error.option_name]}", ctx
            ) from None


def engine_options(command: Command) -> Command:
    """The options that say where and how often, not what."""
    return _with(command, (_ENGINE, *_LOCAL, *_clusters("subject"), *_limits("subject"), *_LISTS, _DRY_RUN))


def piece_options(command: Command) -> Command:
    """The same of commands that make one large result, of which engines make pieces."""
    size: Option = click.option(
        "--piece", metavar="N", type=click.IntRange(1), help="slurm, dask: images per piece. [default: by their size]"
    )
    return _with(command, (_ENGINE, *_clusters("piece"), *_limits("piece", "slurm, dask: "), size, _DRY_RUN))


def _with(command: Command, options: Sequence[Option]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def subject_options(command: Command) -> Command:
    """The options of `export-subject`; its `--engine` is called `--mapping-engine` here."""
    from wbtools.cli.export import export_options

    return export_options(command, engine="--mapping-engine", several=True)


def plan_asked(options: Mapping[str, Any], what: Plan) -> Plan:
    """A plan with what the options say of where and how often.

    Raises
    ------
    InputError
        If a value cannot be meant, or temporary data cannot be written where it is to go on this machine.
    """
    if options["scratch"] and BATCH_ENGINES[options["engine"]].here:
        require_writable(options["scratch"], "--scratch")
    return replace(
        what,
        max_attempts=options["max_attempts"],
        timeout=options["timeout"],
        grace=options["grace"],
        scratch=str(options["scratch"].resolve()) if options["scratch"] else None,
        engine=asdict(Request(**{field.name: options[field.name] for field in fields(Request)})),
        line=shlex.join([_program(), *sys.argv[1:]]),
    )


def _program() -> str:
    """The program that was called."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get(PROGRAM, "wbtools")) if context else "wbtools"


def next_words(*usual: object) -> tuple[object, ...]:
    """The words of the command that comes after a batch: the usual ones, unless another program has its own."""
    context = click.get_current_context(silent=True)
    return tuple(context.meta.get(NEXT, usual)) if context else usual


def export_asked(options: Mapping[str, Any]) -> BatchExport:
    """What the options of a batch ask for of every subject.

    Raises
    ------
    InputError
        If a value cannot be meant.
    """
    from wbtools.batch.state.export import BatchExport
    from wbtools.cli.export import comparison, settings

    return BatchExport(options["study_folder"], comparison(options), settings(options))
