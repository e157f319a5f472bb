"""Options of the BIDS App: those of `wbtools batch run` and `wbtools group`, as declared there, and a few more."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from wbtools.cli.apps.bids_names import LEVELS
from wbtools.cli.batch.run import run as batch_run
from wbtools.cli.export import command as export_subject
from wbtools.cli.reading.group import command as group

_PATH = click.Path(path_type=Path)
_SAID = {"words", "exports", "out", "study_folder", "naming"}
"""What the arguments say, or BIDS."""
_HELP = {
    "participants": "Table with a row per person, people in participant_id. "
    "[default: participants.tsv in OUTPUT_DIR, else in BIDS_DIR]",
    "overwrite": "Replace an earlier group in OUTPUT_DIR, and nothing else.",
}
"""What the help of options of `wbtools group` says of folders that have other names here."""
_ALIASES = {"work": ("-w", "--work-dir"), "threads": ("--omp-nthreads",)}
"""How BIDS Apps call options."""


def _named(command: click.Command) -> dict[str, click.Parameter]:
    return {param.name: param for param in command.params if param.name and param.name not in _SAID}


BATCH: Mapping[str, click.Parameter] = _named(batch_run)
"""By name, the options of `wbtools batch run` that the app has."""
GROUP: Mapping[str, click.Parameter] = _named(group)
"""The same of `wbtools group`."""

ARGUMENTS: tuple[click.Parameter, ...] = (
    click.Argument(["bids_dir"], type=_PATH),
    click.Argument(["output_dir"], type=_PATH),
    click.Argument(["level"], metavar="LEVEL", type=click.Choice(LEVELS)),
)
_PEOPLE: tuple[click.Parameter, ...] = (
    click.Option(
        ["--participant-label", "labels"],
        metavar="LABEL",
        multiple=True,
        help="Participants, with or without sub-. [default: everybody who has surfaces]",
    ),
    click.Option(
        ["--session-label", "sessions"], metavar="LABEL", multiple=True, help="Sessions, with or without ses-."
    ),
    click.Option(
        ["--derivatives", "-d"],
        metavar="DIR",
        type=_PATH,
        multiple=True,
        help="The derivatives with everybody's surfaces; NAME=DIR will do. [default: those in BIDS_DIR]",
    ),
    click.Option(
        ["--skip-bids-validation"], is_flag=True, help="Taken as other BIDS Apps take it; BIDS_DIR is never validated."
    ),
)
_MACHINE: tuple[click.Parameter, ...] = (
    click.Option(
        ["--n-cpus", "--nprocs"],
        type=click.IntRange(1),
        help="Processors in all; --jobs and --threads follow. [default: all this process may use]",
    ),
)
_PRINTED: tuple[click.Parameter, ...] = (
    click.Option(["--boutiques"], is_flag=True, expose_value=False, help="Print the Boutiques descriptor."),
    click.Option(["--version"], is_flag=True, expose_value=False, help="Print the version."),
)
_BOTH = {*BATCH} & {*GROUP} | {"work", "threads", "no_report"}
"""Options of both levels, and some that do no harm at level group."""


def sections() -> dict[str, list[click.Parameter]]:
    """All options under the titles of the help."""
    exported = {param.name for param in export_subject.params} | {"mapping_engine"}
    said = {"verbose", "debug"}
    what = [name for name in BATCH if name in exported - said - {"threads", "work", "dry_run"}]
    how = [name for name in BATCH if name not in {*what, *said}]
    return {
        "Participants": list(_PEOPLE),
        "Level participant: what is explained, and what is written": [_as_here(BATCH[name]) for name in what],
        "Level participant: where it runs": [*_MACHINE, *(_as_here(BATCH[name]) for name in how)],
        "Level group": [_as_here(GROUP[name]) for name in GROUP if name not in BATCH],
        "Other": [*(BATCH[name] for name in BATCH if name in said), *_PRINTED],
    }


def parameters() -> list[click.Parameter]:
    """Arguments and options."""
    return [*ARGUMENTS, *(param for params in sections().values() for param in params)]


def require_level(level: str) -> None:
    """Refuse options that were given and mean nothing at a level: silence would hide the mistake.

    Raises
    ------
    UsageError
        Naming the first.
    """
    other = {*GROUP} - {*BATCH} if level == "participant" else ({*BATCH} | {"labels", "sessions"}) - _BOTH
    context = click.get_current_context()
    for param in context.command.params:
        if param.name in other and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            why = "; group takes everybody in OUTPUT_DIR" if param.name in {"labels", "sessions"} else ""
            raise click.UsageError(f"{param.opts[0]} means nothing at level {level}{why}")


def _as_here(param: click.Parameter) -> click.Parameter:
    """An option with its further names, and with help on the folders that the app has."""
    known = copy.copy(param)
    known.opts = [*param.opts, *_ALIASES.get(str(param.name), ())]
    if isinstance(known, click.Option):
        known.help = _HELP.get(str(param.name), known.help)
    return known
