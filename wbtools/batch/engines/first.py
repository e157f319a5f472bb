"""The first worker of a batch on this machine: the process that checked the batch's options goes on as a worker.

It has loaded torch by then, which takes seconds; the process that waits for the batch never does. The two talk over a
connection of their own: networks that Python builds may print, read and close what they like.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from wbtools.batch.engines.launch import program, start_worker, worker_command, worker_environment
from wbtools.errors import TransientError

COMMAND = "first-worker"

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


@dataclass(frozen=True)
class Connection:
    """One end of the connection between both processes, which exchange JSON objects, a line each."""

    socket: socket.socket

    def tell(self, **what: object) -> None:
        """Send an object; that the other process is gone is noticed when it does not answer."""
        with suppress(OSError):
            self.socket.sendall(json.dumps(what).encode() + b"\n")

    def asked(self) -> dict[str, Any]:
        """The next object; empty once the other process is gone."""
        received = bytearray()
        while not received.endswith(b"\n"):
            try:
                part = self.socket.recv(1 << 16)
            except OSError:
                return {}
            if not part:
                return {}
            received += part  # each side waits for an answer: nothing comes behind the line
        found: dict[str, Any] = json.loads(received)
        return found

    def close(self) -> None:
        """End it."""
        self.socket.close()


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
        If it was killed, or ended without a word.
    """
    ours, theirs = socket.socketpair()
    with closing(Connection(ours)) as connection:
        with closing(theirs):
            process = subprocess.Popen(
                [*program(), COMMAND, "--attached", str(os.getpid()), "--connection", str(theirs.fileno())],
                env=worker_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for this process, which passes it on
            )
        waiting = [process]

        def start(out: Path, options: Sequence[str], log: Path) -> Process:
            if not waiting or process.poll() is not None:
                return start_worker(out, options, log)
            waiting.clear()
            words = worker_command(out, options, attached=True)[len([*program(), "worker"]) :]
            connection.tell(words=words, log=str(log))
            return process

        try:
            connection.tell(options=options)
            answer = connection.asked()
            if "settings_sha256" not in answer:
                _end_as(process.wait(), said_why="refused" in answer)
            yield Identified(answer["settings_sha256"], start)
        finally:
            if waiting:
                process.kill()  # it only reads, and would have something to say of a request to end
                process.wait()


def _end_as(code: int, *, said_why: bool) -> NoReturn:
    """End as the process that checked the options did."""
    if said_why:
        sys.exit(code if code > 0 else 1)
    how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended without a word (exit code {code})"
    raise TransientError(
        f"the process that checks the options {how}",
        hint="most often there was not enough memory; a network that Python builds must not end the process",
    )
