"""The command line and the environment of a worker, the same for every engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from wbtools.batch.allotment import variables


def worker_command(out: Path, options: Sequence[str], *, attached: bool) -> list[str]:
    """The words that start a worker with this Python.

    Parameters
    ----------
    out : Path
    options : sequence of str
        Options of `wbtools batch worker`.
    attached : bool
        The worker ends when this process does.
    """
    binding = ["--attached", str(os.getpid())] if attached else []
    return [*program(), "worker", str(out), *options, *binding]


def program() -> list[str]:
    """The words for `wbtools batch` with this Python, which needs nothing on PATH."""
    return [sys.executable, "-m", "wbtools.cli", "batch"]


def worker_environment() -> dict[str, str]:
    """The environment of this process, with libraries told to start no threads in a worker."""
    return {**os.environ, **variables(1)}
