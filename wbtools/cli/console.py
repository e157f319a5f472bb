"""What a person sees while wbtools works: a live line on a terminal, one line per stage in a log, tables at the end."""

from __future__ import annotations

import logging
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from wbtools.provenance import NOTICE
from wbtools.text import line, printable, shell


class Terminal(Console):
    """A console that prints texts as they are: no markup, no emoji codes, no control characters but line breaks."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def print(self, *objects: Any, **options: Any) -> None:
        """As in `Console`, with every text made safe."""
        super().print(*(self.fit(shown) if isinstance(shown, str) else shown for shown in objects), **options)

    def fit(self, text: str) -> str:
        """The text as this terminal can show it."""
        shown = printable(text)
        return shown if self.encoding.startswith("utf") else shown.replace("\u2026", "...")

    def wrapped(self, text: str, indent: int = 2) -> str:
        """A sentence as lines no longer than a person's terminal is wide; in a file or a pipe it stays one line.

        Parameters
        ----------
        text : str
        indent : int
            Blanks before all lines but the first.
        """
        if not self.file.isatty():  # programs that start others often leave COLUMNS behind, for their pipes as well
            return text
        first = text[: len(text) - len(text.lstrip())]
        return textwrap.fill(
            text.lstrip(), self.width, initial_indent=first, subsequent_indent=" " * indent,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip

    def command(self, *words: object) -> str:
        """A command line that can be copied from this terminal into a shell."""
        return shell(*words, encoding=self.encoding)


out = Terminal()
err = Terminal(stderr=True)


class Held(logging.Filter):
    """Keeps notices from the log of a command that shows them at its end, so that each is said once.

    Parameters
    ----------
    sentences : list of str
        Those that were kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass but notices."""
        if not getattr(record, NOTICE, False):
            return True
        self.sentences.append(record.getMessage())
        return False


def set_up_logging(verbose: int, held: Held | None = None) -> None:
    """Send wbtools' log to the terminal's error stream: stages and warnings, with `-v` also details.

    Notices go to `held`, if it is given, for the command to show them.
    """
    handler: logging.Handler
    if err.is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(console=err, show_time=False, show_path=False, markup=False)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    if held:
        handler.addFilter(held)
    handler.addFilter(_one_line)
    logger = logging.getLogger("wbtools")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    # nibabel comments on every HCP header it meets; the comments are about headers we repair anyway.
    logging.getLogger("nibabel.global").setLevel(logging.ERROR)


@contextmanager
def live_stage() -> Iterator[Callable[[str], None]]:
    """Show the running stage with a spinner on a terminal; elsewhere the log's lines are enough.

    Yields
    ------
    callable
        To be told the name of each stage when it begins.
    """
    if not err.is_terminal:
        yield lambda stage: None
        return
    with err.status(Text("starting"), spinner="line") as status:
        yield lambda stage: status.update(Text(line(stage)))


def _one_line(record: logging.LogRecord) -> bool:
    """Make a message one line that forges no other; for logging's filters."""
    record.msg, record.args = line(record.getMessage()), ()
    return True
