"""What the levels of the BIDS App do: they call the commands of `wbtools` with the same settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wbtools.cli.apps.bids_names import NAME
from wbtools.cli.apps.bids_options import BATCH, GROUP, require_level
from wbtools.cli.apps.bids_people import Wanted, find_people
from wbtools.cli.batch.options import NEXT, PROGRAM
from wbtools.cli.batch.report import report as batch_report
from wbtools.cli.batch.run import run as batch_run
from wbtools.cli.console import err
from wbtools.cli.failures import SPELLINGS
from wbtools.cli.reading.group import command as group
from wbtools.cli.reading.group import prepare
from wbtools.errors import InputError, missing_folder
from wbtools.group.group_folder import FOLDER
from wbtools.reading.export_folders import export_folders
from wbtools.reading.participants import FILE

_DERIVATIVES = "derivatives"
_THREADS = 2
"""Of each subject, unless told."""
_SPELLINGS = {
    "--out": "OUTPUT_DIR",
    "with --out": "as OUTPUT_DIR",
    "--study-folder": "--derivatives",
    "--naming hcp": "--naming hcp with wbtools batch run",
}
"""Options that errors of `wbtools batch run` and `wbtools group` name, and the app does not have."""
_ELSEWHERE = {", or choose another --out": "", "choose another --out, or move": "move"}
"""Advice of `wbtools group` and `wbtools batch report` that does not help: another OUTPUT_DIR holds no exports."""


@dataclass(frozen=True)
class Asked:
    """The folders of the command line."""

    bids_dir: Path
    output_dir: Path

    def require_place(self) -> None:
        """Raise InputError for an output in the dataset that is not among its derivatives: it is only read."""
        data, out = self.bids_dir.resolve(), self.output_dir.resolve()
        if data not in (out, *out.parents):
            return
        inside = out.relative_to(data).parts
        if inside[:1] != (_DERIVATIVES,) or len(inside) != 2:
            home = data.parent if data.parent.name == _DERIVATIVES else data / _DERIVATIVES
            raise InputError(
                f"OUTPUT_DIR {self.output_dir} lies in {self.bids_dir}, and is no folder of its derivatives",
                hint=f"choose another one, for example {home / 'wbtools'}",
            )

    @property
    def participants(self) -> Path | None:
        """The dataset's table of people, unless the output has its own."""
        table = self.bids_dir / FILE
        return table if table.is_file() and not (self.output_dir / FILE).is_file() else None


def run(asked: Asked, level: str, options: Mapping[str, Any]) -> None:
    """Do what a level is for.

    Raises
    ------
    InputError
        If a folder or a label cannot be meant.
    UsageError
        If an option means nothing at this level.
    SystemExit
        With the exit code of the command that was called.
    """
    require_level(level)
    asked.require_place()
    following = (NAME, asked.bids_dir, asked.output_dir, "group")
    spellings = _SPELLINGS | (_ELSEWHERE if level == "group" else {})
    click.get_current_context().meta.update({PROGRAM: NAME, SPELLINGS: spellings, NEXT: following})
    if options["skip_bids_validation"]:
        _note("nothing is validated, with or without --skip-bids-validation")
    {"participant": _participant, "group": _group}[level](asked, options)


def _participant(asked: Asked, options: Mapping[str, Any]) -> None:
    """`wbtools batch run` of the chosen people."""
    labels = [word.removeprefix("sub-") for word in options["labels"]]
    sessions = [word.removeprefix("ses-") for word in options["sessions"]]
    wanted = Wanted(labels, sessions, options["layout"])
    people = find_people(asked.bids_dir, options["derivatives"], wanted)
    for sentence in people.left_out(wanted):
        _note(sentence)
    given = {name: options[name] for name in BATCH} | _shared_out(options)
    where = {"out": asked.output_dir, "study_folder": people.study, "naming": "bids"}
    _call(batch_run, words=people.ids, **where, **given)


def _group(asked: Asked, options: Mapping[str, Any]) -> None:
    """`wbtools batch report` and `wbtools group` of what the output holds."""
    out, table = asked.output_dir, options["participants"] or asked.participants
    if not out.is_dir():
        raise missing_folder(out, hint="run level participant first, or give its OUTPUT_DIR")
    if not any(True for _ in export_folders(out)):  # a page without anybody would only hide that
        from wbtools.reading.batch import no_exports

        raise no_exports(out, hint="run level participant first, to its end")
    jobs = options["jobs"] or options["n_cpus"] or GROUP["jobs"].default
    given = {**{name: options[name] for name in GROUP}, "participants": table, "jobs": jobs}
    where = {"exports": out, "out": out / FOLDER}
    _within(group, _require_group, **where, **given)  # before the pages, which then are all that is there
    if not options["no_report"]:
        network = options["networks"][0] if len(options["networks"]) == 1 else None
        _call(batch_report, exports=out, out=None, participants=table, network=network)
    _call(group, **where, **given)


def _require_group(**values: Any) -> None:
    """Refuse what `wbtools group` would refuse, as far as it is told without reading tables."""
    from wbtools.group.prospects import require_possible

    batch, settings, _, _ = prepare(**values)
    require_possible(batch, settings)


def _shared_out(options: Mapping[str, Any]) -> dict[str, int]:
    """Subjects at once and threads of each, for a number of processors; nothing where an engine shares them out."""
    if not options["n_cpus"] or options["engine"] != "local":
        return {}
    each = options["threads"] or min(_THREADS, options["n_cpus"])
    return {"threads": each, "jobs": options["jobs"] or max(1, options["n_cpus"] // each)}


def _call(command: click.Command, **values: Any) -> None:
    """Call a command's function in a context of its own, which knows what was typed."""
    assert command.callback is not None
    _within(command, command.callback, **values)


def _within(command: click.Command, function: Callable[..., Any], **values: Any) -> None:
    """Call a function in a context of a command, which knows what was typed."""
    above = click.get_current_context()
    context = click.Context(command, info_name=command.name, parent=above)
    for name in values:
        if source := above.get_parameter_source(name):
            context.set_parameter_source(name, source)
    with context:
        function(**values)


def _note(sentence: str) -> None:
    err.print(err.wrapped(f"Note: {sentence}"))
