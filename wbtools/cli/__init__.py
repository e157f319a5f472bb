"""The command line. Commands are imported when they are called, so that `--help` stays quick."""

# Before anything else is imported: a click.py in a folder of data must not be.
from wbtools.search_path import leave_working_directory

leave_working_directory()

import atexit  # noqa: E402
import gc  # noqa: E402
import importlib  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import click  # noqa: E402

from wbtools.cli.streams import lasting  # noqa: E402
from wbtools.version import __version__  # noqa: E402

_COMMANDS = {
    "export-subject": ("export", "Export one subject as a finished Workbench session."),
    "batch": ("batch.run", "Export many subjects: here, on a Slurm cluster, or through Dask."),
    "group": ("reading.group", "Say what many people's maps have in common, or how groups of people differ."),
    "report": ("reading.report", "Write the page of a finished export: decision, regions, trust, placement, viewer."),
    "pack": ("sharing.pack", "Pack a finished export as one checked zip file, with or without the T1w."),
    "prepare": ("learning.prepare", "Make a data set that networks learn from, of images and what is known of them."),
    "train": ("learning.train", "Train a network on a data set, as one of the published systems does."),
    "evaluate": ("learning.evaluate", "Say how good trained networks are: figures with intervals, drawings, a page."),
    "compare": ("asking.compare", "Ask a network how near two people are, and how often such a verdict was right."),
    "classify": ("asking.classify", "Ask a network which class people are of."),
    "index": ("asking.index", "Embed all images of a data set in one file, to be searched."),
    "query": ("asking.query", "Find who of an index is nearest to a person."),
    "dicom": ("scans.dicom", "List the series of a scanner's DICOM files, and say which of them can be exported."),
    "reconstruct": ("scans.reconstruct", "Make a person's own surfaces from a T1w image, by a program installed here."),
    "models": ("models", "List network families, or say what a checkpoint is."),
    "make-references": ("make_references", "Make the references of a network's card from many people's brains."),
    "demo-subject": ("demo", "Write the built-in subject in HCP layout."),
    "doctor": ("doctor", "Say what is installed, what is missing, and how to fix it."),
}

_SHORT_STEPS = {"export-subject", "batch", "report"}
_SELDOM = 20_000, 20, 50
"""When Python looks for cycles of objects: torch makes half a million that last, and looking took half a second."""

atexit.register(gc.freeze)  # Python's last search for cycles, among torch's half a million objects, took two seconds


def without_impossible_date() -> None:
    """Take away what is no time in SOURCE_DATE_EPOCH, which numpy reads as a part of it is imported, and fails."""
    try:
        time.asctime(time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", "0"))))
    except (ValueError, OverflowError, OSError):
        del os.environ["SOURCE_DATE_EPOCH"]


def spare_processors() -> None:
    """Keep threads of libraries from waiting actively; before numpy and torch are imported, which read this then.

    An export is many short steps. Between them, threads that spin for the next one took a third of its processor time,
    and several times as much where somebody else uses the machine. What the user has set stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products of matrices are small: a second one only waits
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's; it waits asleep
    gc.set_threshold(*_SELDOM)


class _LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps, and imports a command when it is used."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As in click, with streams that outlive their readers (`wbtools --help | head -1`)."""
        with lasting():
            return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        without_impossible_date()
        if cmd_name in _SHORT_STEPS:
            spare_processors()
        from wbtools.cli.failures import reports_errors

        # It takes up to a second, in which Ctrl-C means the same as later.
        imported = reports_errors(importlib.import_module)
        command: click.Command = imported(f"wbtools.cli.{_COMMANDS[cmd_name][0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As in click, which looks for names alike only among commands that are imported."""
        name = args[0]
        if name in _COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        begun = [command for command in _COMMANDS if name and command.startswith(name)]
        near = begun or get_close_matches(name, _COMMANDS, n=1)
        ctx.fail(f"No such command {name!r}." + (f" Did you mean {' or '.join(map(repr, near))}?" if near else ""))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="wbtools")
def main() -> None:
    """See in one person's brain what a trained network looked at.

    One T1w scan with its cortical surfaces and one network give maps, rankings and scenes in the person's own space,
    named by the HCP-MMP 1.0 atlas and ready to open in wb_view. Research use only, not for diagnosis.
    """
