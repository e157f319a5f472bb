"""A program that runs for hours: its output goes to a log, and nothing that it started outlives wbtools."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from wbtools.errors import CommandError, CommandNotStarted, ending
from wbtools.text import line

Tell = Callable[[float, str], None]
"""To be told how many seconds a program has run, and the last line that it wrote."""

_REQUESTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY = 0.5  # s
_GRACE = 10.0  # s between the request to end and the end
_TAIL = 8192  # bytes
_SHOWN = 8
_LONGEST = 200


def run(argv: Sequence[str], place: Path, log: Path, environment: Mapping[str, str], tell: Tell) -> float:
    """Run a program in a process group of its own.

    Parameters
    ----------
    argv : sequence of str
        Its words, the program first; no shell reads them.
    place : Path
        Its working directory.
    log : Path
        Receives all that it prints, after what is there.
    environment : mapping of str to str
        All its variables.
    tell : callable
        Called about every half second.

    Returns
    -------
    float
        Seconds that it took.

    Raises
    ------
    CommandNotStarted
        If the system does not start it.
    CommandError
        If it fails, with the last lines of the log.
    """
    began = time.monotonic()
    process: subprocess.Popen[bytes] | None = None
    try:
        with _interruptions_later():
            process = _start(argv, place, log, environment)
        while (status := _status(process)) is None:
            tell(time.monotonic() - began, _last_line(log))
    finally:
        if process is not None:
            _end(process)
    if status:
        lines = last_lines(log)
        shown = "".join(("the last lines of its log:", *(f"\n  {text}" for text in lines)))
        raise CommandError(
            f"{Path(argv[0]).name} failed: {ending(status)}; {shown if lines else 'its log is empty'}",
            hint=f"look at the whole log: {log}" if lines else "run the program by hand: --dry-run prints its command",
            argv=tuple(argv),
            status=status,
        )
    return time.monotonic() - began


def _start(argv: Sequence[str], place: Path, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a program without input, its output appended to a log."""
    with log.open("ab") as stream:
        try:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=place,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is for wbtools, which ends all of them
            )
        except OSError as error:
            raise CommandNotStarted(tuple(argv), error, hint="look at the program's permissions") from None


@contextmanager
def _interruptions_later() -> Iterator[None]:
    """Let requests to end wait until the block is over: a program that is being started could not be ended yet."""
    if threading.current_thread() is not threading.main_thread():  # no others are interrupted
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in _REQUESTS}
    kept = {number: handler for number, handler in before.items() if callable(handler)}
    for number in kept:
        signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    for request in came:
        os.kill(os.getpid(), request)


def last_lines(log: Path, count: int = _SHOWN) -> list[str]:
    """The last lines of a log that say something, made safe for a terminal.

    A progress bar writes many into one, of which the last counts.
    """
    with log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
        text = stream.read(_TAIL).decode("utf-8", errors="replace")
    lines = (row.rstrip("\r").rpartition("\r")[2] for row in text.split("\n"))
    return [line(row, _LONGEST) for row in lines if row.strip()][-count:]


def _last_line(log: Path) -> str:
    return next(iter(last_lines(log, 1)), "")


def _status(process: subprocess.Popen[bytes]) -> int | None:
    """The exit status of a program, None if it still runs after a while."""
    try:
        return process.wait(_LOOK_EVERY)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it left in its group: it is asked first, and has a while to clean up."""
    if process.poll() is None:
        _signal(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
