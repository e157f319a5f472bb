"""A command in several processes at once: one writes and prints, and the first to fail speaks for all."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wbtools.cli.failures import known_error

if TYPE_CHECKING:
    from wbtools.training.loop.ranks import Ranks


@contextmanager
def together() -> Iterator[Ranks]:
    """The processes of a training, for the block, as `torchrun` says in the environment.

    Yields
    ------
    Ranks

    Raises
    ------
    SystemExit
        In place of a failure of this process, with the exit code of another one that failed before and said why: what
        follows from its end is not worth a sentence.
    """
    from wbtools.training.loop.joining import joined

    ranks = joined(os.environ)
    if not ranks.first:
        logging.getLogger("wbtools").setLevel(logging.ERROR)
    try:
        yield ranks
    except BaseException as error:
        known = known_error(error)
        spoken = ranks.failed(known.exit_code if known else 1)
        if spoken is None:
            raise
        sys.exit(spoken)
    ranks.leave()
