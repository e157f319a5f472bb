"""Options of `wbtools batch run`, and those of `export-subject` as values that a batch can keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from wbtools.batch.resources import seconds, whole_number
from wbtools.cli.export import export_options
from wbtools.errors import InputError
from wbtools.text import line

Command = Callable[..., Any]

ENGINES = ("local", "slurm", "dask")

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


_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option("--engine", type=click.Choice(ENGINES), default="local", show_default=True, help="Who computes."),
    click.option("--jobs", type=click.IntRange(1), help="local: subjects at once. [default: half the processors]"),
    click.option("--gpus", metavar="0,1", help="local: graphics cards to hand out, one per subject."),
    click.option("--partition", help="slurm: where to queue."),
    click.option("--time", metavar="H:M:S", help="slurm: most a task may take; 2h and 90m do, too."),
    click.option("--mem", "memory", help="slurm: memory of a task. [default: what subjects took, else 8G]"),
    click.option("--cpus", type=click.IntRange(1), default=1, show_default=True, help="slurm: processors of a task."),
    click.option("--gres", help="slurm: for example gpu:1."),
    click.option(
        "--pack",
        metavar="auto|N",
        callback=_number_or_auto,
        default="auto",
        show_default=True,
        help="slurm: subjects per task.",
    ),
    click.option("--max-parallel", type=click.IntRange(1), help="slurm: tasks at once."),
    click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="slurm: times to submit rest."),
    click.option("--sbatch-arg", "sbatch", metavar="ARG", multiple=True, help="slurm: more, e.g. --account=me."),
    click.option("--wait", is_flag=True, help="slurm: stay until all rounds are over."),
    click.option("--scheduler", metavar="ADDRESS", help="dask: for example tcp://host:8786."),
    click.option("--scheduler-file", type=_FILE, help="dask: what the scheduler wrote."),
    click.option("--max-attempts", type=click.IntRange(1), default=3, show_default=True, help="Tries per subject."),
    click.option(
        "--timeout",
        metavar="TIME",
        callback=_seconds,
        default="1h",
        show_default=True,
        help="Most one subject may take.",
    ),
    click.option("--grace", metavar="TIME", callback=_seconds, default="10s", hidden=True),
    click.option("--exclude", type=_FILE, help="A list of subjects to leave out."),
    click.option("--only", type=_FILE, help="A list of subjects; all others are left out."),
    click.option("--scratch", type=_FOLDER, help="Temporary data. [default: $SLURM_TMPDIR, $TMPDIR or /tmp]"),
    click.option("--dry-run", is_flag=True, help="Say what would be done, show the script, and do nothing."),
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
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def subject_options(command: Command) -> Command:
    """The options of `export-subject`; its `--engine` is called `--mapping-engine` here."""
    return export_options(command, engine="--mapping-engine")


def _exported() -> list[click.Parameter]:
    """The parameters that `subject_options` gives a command, in the order of the help."""

    @click.command("export-subject")
    @subject_options
    def holder() -> None: ...

    return holder.params


def as_json(values: Mapping[str, Any]) -> dict[str, object]:
    """Those values that came from `subject_options`, as a batch keeps them: JSON, paths absolute.

    Workers may run elsewhere, and later.
    """
    return {str(one.name): _plain(values[str(one.name)], "FILE" in (one.metavar or "")) for one in _exported()}


def _plain(value: Any, may_be_file: bool) -> object:
    from wbtools.subject.identity import typed

    if isinstance(value, tuple):
        return [_plain(one, may_be_file) for one in value]
    if isinstance(value, Path):
        return str(typed(value)) if value.exists() else str(value)
    if isinstance(value, str) and may_be_file and (Path(value).is_file() or ("/" in value and Path(value).exists())):
        return str(typed(Path(value)))
    return value


def from_json(kept: Mapping[str, object]) -> dict[str, Any]:
    """The values that `export_options` would have given, from what a batch kept."""
    context = click.Command("export-subject", params=[*_exported()]).make_context("export-subject", [])
    found = dict(context.params)  # a batch of an earlier version knows fewer options
    for option in _exported():
        if (name := str(option.name)) in kept:
            found[name] = _typed(context, option, kept[name])
    found["engine"] = found.pop("mapping_engine")
    return found


def _typed(context: click.Context, option: click.Parameter, kept: object) -> Any:
    """One value as the command line would have given it."""
    try:
        return option.type_cast_value(context, kept)
    except (click.UsageError, TypeError, ValueError, AttributeError):
        raise InputError(
            f"the batch's record of its options is damaged: {line(repr(kept), 80)} is no {option.opts[0]}",
            hint="run the batch's own line again to write it anew",
        ) from None
