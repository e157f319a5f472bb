"""`wbtools batch`: many subjects on one machine, a Slurm cluster or a Dask scheduler."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from wbtools.batch import subjects
from wbtools.batch.engines.first import Identified, StartWorker, identified
from wbtools.batch.engines.launch import start_worker
from wbtools.batch.state import names
from wbtools.batch.state.attempts import State
from wbtools.batch.state.export import BatchExport, as_json
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.overview import Overview, overview, to_do
from wbtools.batch.state.plan import Plan, add_subjects
from wbtools.batch.state.published import is_there, place
from wbtools.cli.batch import maintenance, report, worker
from wbtools.cli.batch.display import display
from wbtools.cli.batch.engines import BATCH_ENGINES, BatchEngine, Work
from wbtools.cli.batch.options import BatchRun, engine_options, export_asked, plan_asked, subject_options
from wbtools.cli.completion import files
from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.cli.listing import Listing
from wbtools.errors import InputError, TransientError
from wbtools.errors.system import writing
from wbtools.exporting.references.choice import OPTION
from wbtools.exporting.references.place import PeoplePlace, require_apart
from wbtools.output.destination import require_writable
from wbtools.subject.containment import require_not_around, require_place
from wbtools.subject.identity import person_key, person_of
from wbtools.subject.lists import Known
from wbtools.text import counted, first_of, line

logger = logging.getLogger(__name__)

_AT_ONCE = 16
"""Threads that look for subjects: on a network file system, asking takes long and costs nothing."""
_OF_NOBODY = 5
"""Ids of nobody that a warning names."""
_SHOWN = 20
"""Subjects of each kind that a dry run names."""


@click.group("batch", cls=Listing)
def command() -> None:
    """Export many subjects: here, on a Slurm cluster, or through a Dask scheduler.

    The same line again goes on where it stopped. A subject that is visible in OUT is whole.
    """


for _one in (*maintenance.COMMANDS, *report.COMMANDS, *worker.COMMANDS):
    command.add_command(_one)


@dataclass(frozen=True)
class _Batch:
    """A batch as the command line describes it."""

    files: BatchFiles
    plan: Plan
    subjects: list[str]
    start: StartWorker = start_worker

    def settle_names(self, *, write: bool = True) -> None:
        """Ask what everybody is called.

        Raises
        ------
        InputError
            If two of the list are one person, or would be published in one folder.
        """
        found = maintenance.settle_names(self.files, self.plan, self.subjects, write=write)
        names.require_distinct(found, names.earlier_names(self.files.out))

    def require_apart(self, study: Path) -> None:
        """Refuse a folder of exports in which somebody's results would be, or hold, what is read.

        Raises
        ------
        InputError
            Naming the first.
        """
        payload = worker.payload_of(self.plan, self.files.out, 1)
        for subject in self.subjects:
            target = place(self.files.out, subject)
            if target.exists() and not is_there(self.files.out, subject):
                require_not_around(target, [study, payload.inputs(subject) or study], study)

    @property
    def work(self) -> Work:
        """What its engine is given."""
        return Work(self.files, self.plan, self.todo, self.start)

    def look(self) -> Overview:
        """How this line's subjects stand."""
        return overview(self.files, self.plan, self.subjects)

    def described(self, chosen: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
        """As what subjects were found, and why others cannot be exported, in words."""
        payload = worker.payload_of(self.plan, self.files.out, 1)
        found, refused = {}, {}

        def describe(subject: str) -> None:
            try:
                found[subject] = f"{payload.described(subject)}, into {place(self.files.out, subject)}"
            except InputError as error:
                refused[subject] = line(f"{error}. Hint: {error.hint}" if error.hint else error)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(describe, chosen))
        ordered = [{subject: words[subject] for subject in chosen if subject in words} for words in (found, refused)]
        return ordered[0], ordered[1]

    def todo(self) -> list[str]:
        """The subjects to do: those without a record, and those whose folder is not what the record says.

        Raises
        ------
        InputError
            If some were published with other settings.
        """
        payload = worker.payload_of(self.plan, self.files.out, 1)
        return to_do(self.files, self.plan, self.subjects, payload.inputs)


@command.command("run", cls=BatchRun)
@click.argument("words", metavar="LIST", nargs=-1, required=True, shell_complete=files)
@click.option("--out", required=True, metavar="OUT", type=click.Path(path_type=Path), help="Folder of all exports.")
@engine_options
@subject_options
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def run(words: tuple[str, ...], out: Path, verbose: int, debug: bool, **options: Any) -> None:
    """Export the subjects of LIST: a text or TSV file, - for standard input, or ids.

    The same line again goes on where it stopped: what is published is skipped. Exit code 0: all are done; 1: all were
    tried and some failed; 75: not finished, run it again.
    """
    set_up_logging(verbose)
    export, engine = export_asked(options), BATCH_ENGINES[options["engine"]]
    chosen = _chosen(words, options)
    _require_place(BatchFiles(out.resolve()), export, chosen)
    with identified(as_json(export)) as found:  # reads the network: a bad one is refused before anything is begun
        batch = _Batch(BatchFiles(out.resolve()), _plan(export, found, options), chosen, found.start)
        _prepare(batch, engine, export.study_folder, dry=options["dry_run"])
        if engine.here:
            sys.exit(_compute(batch, engine, options))
    sys.exit(_compute(batch, engine, options))


def _prepare(batch: _Batch, engine: BatchEngine, study: Path, *, dry: bool) -> None:
    """Put a batch on record, after all that can be wrong with it was found out; ends the program if it is a dry run."""
    engine.require(batch.files)
    batch.settle_names(write=False)
    batch.require_apart(study)
    if dry:
        batch.plan.require_same(batch.files)
        require_writable(batch.files.home, "--out")
        sys.exit(_say_what_would_be_done(batch, engine))
    with writing(batch.files.out, begun=False):
        batch.plan.write(batch.files)
        batch.settle_names()
        add_subjects(batch.files, batch.subjects)
        batch.files.stop.unlink(missing_ok=True)


def _compute(batch: _Batch, engine: BatchEngine, options: dict[str, Any]) -> int:
    """Have an engine do what is not done; gives the exit code."""
    if batch.todo():
        try:
            with closing(engine.run(batch.work, options)) as steps, display(batch.look) as tick:
                for _ in steps:
                    tick()
        except KeyboardInterrupt:
            terminal.print("Interrupted: what is published stays; the same line goes on from here")
            maintenance.conclude(batch.files, batch.look(), batch.plan.unit)
            return TransientError.exit_code
    seen = batch.look()
    code = maintenance.conclude(batch.files, seen, batch.plan.unit)
    maintenance.say_exports(batch.files, seen)
    return code


def _chosen(words: tuple[str, ...], options: dict[str, Any]) -> list[str]:
    """The subjects of the list, without those left out."""
    known = _known(options["study_folder"])
    chosen = subjects.read(words, sys.stdin, known)
    if options["only"]:
        wanted = _named(options["only"], "--only", chosen, known)
        chosen = [subject for subject in chosen if subject in wanted]
    if options["exclude"]:
        unwanted = _named(options["exclude"], "--exclude", chosen, known)
        chosen = [subject for subject in chosen if subject not in unwanted]
    if not chosen:
        raise InputError("--only and --exclude leave no subject", hint="check the lists")
    return chosen


def _named(path: Path, option: str, chosen: Sequence[str], known: Known) -> set[str]:
    """Those of the chosen whom a list names: by their ids, or as people, whose sessions and runs they are."""
    by_name: dict[str, set[str]] = {}
    for subject in chosen:
        for name in (subject, person_of(subject)):
            by_name.setdefault(person_key(name), set()).add(subject)
    listed = subjects.read_file(path, known)
    if nobody := [word for word in listed if person_key(word) not in by_name]:
        shown = first_of(nobody, _OF_NOBODY)
        logger.warning("%s has %s that nobody in the list has: %s", option, counted(len(nobody), "id"), shown)
    return {subject for word in listed for subject in by_name.get(person_key(word), ())}


def _require_place(files: BatchFiles, export: BatchExport, chosen: Sequence[str]) -> None:
    """Refuse a folder in which exports or the batch's own files would lie in somebody's inputs, or are not its own."""
    study, work, references = export.study_folder, export.settings.work, export.settings.references.place
    require_place(files.out, study, chosen, work)
    if work is not None:
        require_writable(work, "--work")
    if references is not None:
        require_apart(PeoplePlace(references, OPTION), files.out, "--out")
    files.require_own()
    if files.home.is_symlink():
        require_place(files.home, study, chosen)


def _known(study: Path) -> Known:
    """Whether the study has a folder of a subject."""

    def known(word: str) -> bool:
        try:
            return subjects.is_id(word) and any((study / name).is_dir() for name in (word, f"sub-{word}"))
        except OSError:
            return False

    return known


def _plan(export: BatchExport, found: Identified, options: dict[str, Any]) -> Plan:
    """What the options ask for."""
    return plan_asked(options, Plan(found.settings_sha256, as_json(export), threads=export.settings.threads))


def _say_what_would_be_done(batch: _Batch, engine: BatchEngine) -> int:
    """The answer to --dry-run; 1 if some of those to do are not there, or lack files."""
    todo = batch.todo()
    given_up = len(batch.look().having(State.FAILED, State.EXCLUDED))
    done = len(batch.subjects) - len(todo) - given_up
    found, refused = batch.described(todo)
    words = f" ({len(refused)} of them not found, or not whole)" if refused else ""
    words += f", {given_up} given up (wbtools batch status says why)" if given_up else ""
    terminal.print(f"{counted(len(batch.subjects), 'subject')}: {done} done already, {len(todo)} to do{words}")
    for who, shown in (("found", found), ("not found, or not whole", refused)):
        if shown:
            terminal.print(f"{who}: {len(shown)}")
        for subject, words in list(shown.items())[:_SHOWN]:
            terminal.print(f"  {subject}: {words}")
        if len(shown) > _SHOWN:
            terminal.print(f"  and {len(shown) - _SHOWN} more")
    for text in engine.scripts(batch.work, todo) if todo else ():
        terminal.print(text, markup=False)
    return int(bool(refused))
