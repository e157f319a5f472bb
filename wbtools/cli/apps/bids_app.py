"""`wbtools-bids`: `wbtools batch run`, `group` and `batch report` under the command line of BIDS Apps.

Help and descriptor are printed from a file, for the options themselves are those of other commands, whose import takes
longer than anybody wants to wait for help.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import click

from wbtools.cli import spare_processors, without_impossible_date
from wbtools.cli.apps.bids_names import LEVELS, NAME, SECTIONS
from wbtools.cli.failures import reports_errors
from wbtools.cli.streams import lasting
from wbtools.version import __version__

_HELP = ("-h", "--help")


class BidsApp(click.Command):
    """A command whose options are loaded when they are needed, and take several values one after the other."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As in click, with streams that outlive their readers."""
        with lasting():
            return super().main(*args, **kwargs)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """As in click; the first call imports what others declare."""
        if not self.params:
            without_impossible_date()
            spare_processors()
            from wbtools.cli.apps.bids_options import parameters

            self.params = parameters()
        return super().get_params(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As in click, after `--option a b` was written as `--option a --option b`, as BIDS Apps take it."""
        if asked := _asked(args):
            printed = {"--version": f"{NAME}, version {__version__}", "--boutiques": _descriptor()}
            click.echo(printed[asked] if asked in printed else self.get_help(ctx))
            ctx.exit()
        repeated = {name for param in self.get_params(ctx) if getattr(param, "multiple", False) for name in param.opts}
        return super().parse_args(ctx, list(_spelled_out(args, repeated)))

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Nothing: the tables of the options have them, too."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The tables that the descriptor keeps."""
        for title, rows in json.loads(_descriptor())["custom"][SECTIONS].items():
            with formatter.section(title):
                formatter.write_dl([(left, right) for left, right in rows])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The arguments first, as BIDS Apps take them."""
        return ["BIDS_DIR", "OUTPUT_DIR", "|".join(LEVELS), "[OPTIONS]"]


def _asked(args: Iterable[str]) -> str:
    """What is only to be printed; empty if the program is to run."""
    for word in args:
        if word == "--":
            break
        if word in _HELP or word in {"--version", "--boutiques"}:
            return word
    return ""


def _descriptor() -> str:
    """The Boutiques descriptor as it is kept; a test compares it with what `boutiques.descriptor` makes."""
    return (resources.files("wbtools") / "data" / "boutiques.json").read_text(encoding="utf-8").rstrip("\n")


def _spelled_out(args: Iterable[str], repeated: set[str]) -> Iterator[str]:
    """The words with each value of a repeated option behind an option of its own.

    Values go on until the next option; three words that end in a level are the arguments, wherever they stand.

    Examples
    --------
    >>> list(_spelled_out("D O participant --participant_label 01 02".split(), {"--participant-label"}))
    ['D', 'O', 'participant', '--participant-label', '01', '--participant-label', '02']
    >>> list(_spelled_out("--participant-label 01 D O group".split(), {"--participant-label"}))
    ['--participant-label', '01', 'D', 'O', 'group']
    """
    words = list(args)
    while words:
        word = words.pop(0)
        name = _dashed(word)
        if word == "--":
            yield from (word, *words)
            return
        count = _values(words) if name in repeated else 0
        if not count:
            yield word
        for value in words[:count]:
            yield from (name, value)
        words = words[count:]


def _values(words: Sequence[str]) -> int:
    """How many words behind a repeated option are its values."""
    count = next((place for place, word in enumerate(words) if word[:1] == "-" and word != "-"), len(words))
    return next((place - 2 for place, word in enumerate(words[:count]) if place > 2 and word in LEVELS), count)


def _dashed(word: str) -> str:
    """An option as it is spelled here: older BIDS Apps write `--participant_label`."""
    return word.replace("_", "-") if word.startswith("--") and "=" not in word else word


@click.command(
    NAME,
    cls=BidsApp,
    context_settings={"help_option_names": list(_HELP), "token_normalize_func": lambda name: name.replace("_", "-")},
)
@reports_errors
def main(bids_dir: Path, output_dir: Path, level: str, **options: Any) -> None:
    """Explain what a network saw in everybody of BIDS_DIR, as a BIDS App.

    At level participant, everybody is exported as by wbtools batch run, under names of BIDS; the same line again goes
    on where it stopped. At level group, wbtools batch report and wbtools group read what that wrote. Surfaces are those
    of fMRIPrep, sMRIPrep, FreeSurfer, CAT12 or T1Prep. Options that may be repeated also take several values at once.

    Exit code 0: all are done; 1: some failed; 2: the line is wrong; 3: an input is; 75: not finished, run it again.
    Research use only, not for diagnosis.
    """
    from wbtools.cli.apps import bids_levels

    bids_levels.run(bids_levels.Asked(bids_dir, output_dir), level, options)
