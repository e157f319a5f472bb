"""The command line and the environment of a worker, the same for every engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wbtools.batch.resources import variables
from wbtools.search_path import without_working_directory

_BY_PATH = [str(Path(__file__).absolute().parents[2] / "cli" / "__main__.py")]
START = ["-P", "-m", "wbtools.cli"] if sys.version_info >= (3, 11) else _BY_PATH
"""What Python is given to start this command line.

With `-m` alone it looks for modules in the working directory first; `-P` forbids it that, since 3.11.
"""


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
    return [sys.executable, *START, "batch"]


def environment() -> dict[str, str]:
    """The environment of this process, without what would have others look into the working directory."""
    return without_working_directory(os.environ)


def worker_environment() -> dict[str, str]:
    """The same, with libraries told to start no threads in a worker."""
    return {**environment(), **variables(1)}


def start_worker(out: Path, options: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a worker that ends when this process does.

    Parameters
    ----------
    out : Path
    options : sequence of str
        Options of `wbtools batch worker`.
    log : Path
        Receives what it says.
    """
    with log.open("wb") as stream:
        return subprocess.Popen(
            worker_command(out, options, attached=True),
            env=worker_environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C is for this process, which passes it on
        )
