"""Failures as a person should meet them: one red sentence, the mend, an exit code of its own, no traceback."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, ParamSpec, TypeVar

import click

from wbtools.errors import TransientError, WbtoolsError, from_os_error
from wbtools.text import line

P = ParamSpec("P")
T = TypeVar("T")


def plainly(command: Callable[P, T]) -> Callable[P, T]:
    """Wrap a click command so that expected failures end in one sentence; `--debug` shows the traceback instead."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            return command(*args, **kwargs)
        except (WbtoolsError, OSError, MemoryError, KeyboardInterrupt, RuntimeError) as error:
            known = _as_wbtools_error(error)
            if known is None or kwargs.get("debug"):
                raise
            click.secho(f"Error: {line(known)}", fg="red", err=True)
            if known.mend:
                click.echo(f"Mend: {line(known.mend)}", err=True)
            sys.exit(known.exit_code)

    return wrapped


def _as_wbtools_error(error: BaseException) -> WbtoolsError | None:
    """The wbtools error that a failure amounts to; None for a bug."""
    if isinstance(error, WbtoolsError):
        return error
    if isinstance(error, OSError):
        return from_os_error(error)
    if isinstance(error, KeyboardInterrupt):
        return TransientError("interrupted; nothing was published", mend="run the same command again")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return TransientError("there is not enough memory", mend="close other programs or use fewer --threads")
    return None


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Let a termination request unwind like Ctrl-C, so that unfinished folders are removed."""
    raise KeyboardInterrupt
