"""Failures as a person should meet them: one red sentence, the mend, an exit code of its own, no traceback."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar

import click

from wbtools.errors import InputError, TransientError, WbtoolsError, from_os_error
from wbtools.text import line

P = ParamSpec("P")
T = TypeVar("T")


def plainly(command: Callable[P, T]) -> Callable[P, T]:
    """Wrap a click command so that expected failures end in one sentence; `--debug` shows the traceback instead."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        _heed_requests_to_end()
        try:
            return command(*args, **kwargs)
        except (WbtoolsError, OSError, MemoryError, KeyboardInterrupt, RuntimeError) as error:
            known = _as_wbtools_error(error)
            if known is None or kwargs.get("debug"):
                raise
            _tell(known)
            sys.exit(known.exit_code)

    return wrapped


def _heed_requests_to_end() -> None:
    """Let a request to end, and a lost terminal, unwind like Ctrl-C.

    What was started with nohup goes on without a terminal.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _tell(error: WbtoolsError) -> None:
    """Print a failure and what to do about it, if there still is somebody to read it."""
    try:
        click.secho(f"Error: {line(error)}", fg="red", err=True)
        if error.mend:
            click.echo(f"Mend: {line(error.mend)}", err=True)
        sys.stdout.flush()
    except OSError:  # the terminal is gone; Python would try once more at its end, and give an exit code of its own
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())


def _as_wbtools_error(error: BaseException) -> WbtoolsError | None:
    """The wbtools error that a failure amounts to; None for a bug."""
    if isinstance(error, WbtoolsError):
        return error
    if isinstance(error, OSError):
        return from_os_error(error)
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # an OSError since Python 3.13
        return InputError(f"a link leads in a circle: {str(error).partition(' from ')[2]}", mend="check the path")
    if isinstance(error, KeyboardInterrupt):
        return TransientError("interrupted; nothing was published", mend="run the same command again")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return TransientError("there is not enough memory", mend="close other programs or use fewer --threads")
    return None


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Let a termination request unwind like Ctrl-C, so that unfinished folders are removed."""
    raise KeyboardInterrupt
