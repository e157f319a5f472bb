"""What a person sees while wbtools works: a live line on a terminal, one line per stage in a log, tables at the end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def set_up_logging(verbose: int) -> None:
    """Send wbtools' log to the terminal's error stream: stages and warnings, with `-v` also details."""
    handler: logging.Handler
    if err.is_terminal:
        handler = RichHandler(console=err, show_time=False, show_path=False, markup=False)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
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
    with err.status("starting") as status:
        yield lambda stage: status.update(stage)
