"""The first worker of a batch on this machine: the process that checked the batch's options goes on as a worker.

It has loaded torch by then, which takes seconds; the process that waits for the batch never does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from wbtools.batch.engines.launch import program, start_worker, worker_command, worker_environment
from wbtools.errors import TransientError

COMMAND, ANSWER = "first-worker", "settings_sha256"
"""The hidden command that this is, and the word before the hash that it says: networks in Python may print, too."""

Process = subprocess.Popen[bytes]

StartWorker = Callable[[Path, Sequence[str], Path], Process]
"""Begins a worker: for a folder of exports, with options of `wbtools batch worker`, and with a log."""


@dataclass(frozen=True)
class Identified:
    """A batch whose options were checked.

    Parameters
    ----------
    settings_sha256 : str
    start : callable
        Begins a worker, the first time in the process that checked them.
    """

    settings_sha256: str
    start: StartWorker = start_worker


@contextmanager
def identified(options: Mapping[str, object]) -> Iterator[Identified]:
    """Check the options of a batch in another process, which is ended with the block unless it became a worker.

    What is wrong, that process says; this one then ends with its exit code.

    Parameters
    ----------
    options : mapping
        As the plan of a batch keeps them.

    Raises
    ------
    TransientError
        If it was killed.
    """
    process = subprocess.Popen(
        [*program(), COMMAND, "--attached", str(os.getpid())],
        env=worker_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this process, which passes it on
    )
    assert process.stdin is not None and process.stdout is not None
    waiting = [process]

    def start(out: Path, options: Sequence[str], log: Path) -> Process:
        if not waiting or process.poll() is not None:
            return start_worker(out, options, log)
        waiting.clear()
        work = worker_command(out, options, attached=True)[len([*program(), "worker"]) :]
        _tell(process.stdin, {"words": work, "log": str(log)})
        return process

    try:
        _tell(process.stdin, options)
        answer = next((line.decode().split() for line in process.stdout if line.startswith(ANSWER.encode())), None)
        if answer is None:
            _end_as(process.wait())
        else:
            yield Identified(answer[1], start)
    finally:
        if waiting:
            process.terminate()
            process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                stream.close()


def _end_as(code: int) -> NoReturn:
    """End as the process that checked the options did, which has said why unless it was killed."""
    if code >= 0:
        sys.exit(code)
    raise TransientError(
        f"the process that checks the options was killed ({signal.Signals(-code).name})",
        hint="most often there was not enough memory; run the same line again",
    )


def _tell(stream: IO[bytes] | None, what: Mapping[str, object]) -> None:
    """Write a line; that a process is gone is noticed when it does not answer."""
    assert stream is not None
    with suppress(BrokenPipeError):
        stream.write(json.dumps(what).encode() + b"\n")
        stream.flush()
