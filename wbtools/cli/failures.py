"""Failures as a person should meet them: one red sentence, the hint, an exit code of its own, no traceback."""

from __future__ import annotations

import functools
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from wbtools.cli.console import err
from wbtools.errors import InputError, TransientError, WbtoolsError
from wbtools.errors.in_python import typed
from wbtools.errors.system import from_os_error
from wbtools.text import line

P = ParamSpec("P")
T = TypeVar("T")

_IMPORTING = "<frozen importlib"
"""How the names of files begin that Python's own import is said to be in."""

_SOON = 0.02  # seconds

SPELLINGS = "wbtools.spellings"
"""Where the context of a program that calls these commands has its own words for their options."""
_COMMAND_LINE = "wbtools (?:batch|export-subject|group)\\b.*"
"""The line of a command that has the options as they are."""

_SHORT_OF_MEMORY = re.compile(
    "failed to map segment|cannot allocate memory|can't allocate memory|not enough memory|bad_alloc|"
    "can't start new thread|cannot apply additional memory protection|cannot create shared object descriptor",
    re.IGNORECASE,
)
"""How the loader of libraries, Python's threads and torch say that memory was refused (`ulimit -v`, a small job)."""


def reports_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Wrap a click command so that expected failures end in one sentence; `--debug` shows the traceback instead."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        with _requests_to_end_heeded(), typed():
            try:
                _require_working_directory()
                return command(*args, **kwargs)
            except (WbtoolsError, OSError, MemoryError, KeyboardInterrupt, RuntimeError, ImportError) as error:
                known = known_error(error)
                if known is None or kwargs.get("debug"):
                    raise
                _tell(known)
                sys.exit(known.exit_code)

    return wrapped


def refuse_without(needed: str, *names: str) -> None:
    """Refuse options that were given and mean nothing without another, which was not: silence would hide the mistake.

    Parameters
    ----------
    needed : str
        That option, as it is typed.
    names : str
        Of the parameters of the running command.

    Raises
    ------
    InputError
        Naming the first that was given.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = parameter.opts[0]
            raise InputError(f"{option} means nothing without {needed}", hint=f"add {needed}, or leave {option} out")


@contextmanager
def _requests_to_end_heeded() -> Iterator[None]:
    """Let Ctrl-C, a request to end and a lost terminal unwind alike while a command runs.

    What was started with nohup goes on without a terminal. Afterwards the handlers are those of before: a program that
    calls a command in its own process keeps its own.
    """
    heeded: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int] = {}
    if threading.current_thread() is threading.main_thread():  # nowhere else can handlers be set
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before is None or (number != signal.SIGTERM and before is signal.SIG_IGN):
                continue  # None: a handler that is not Python's, and could not be put back
            heeded[number] = before
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, before in heeded.items():
            signal.signal(number, before)


def _require_working_directory() -> None:
    """Raise InputError if the folder that the process is in was removed: libraries end the process there."""
    try:
        os.getcwd()  # noqa: PTH109, Path.cwd would say the same
    except FileNotFoundError:
        raise InputError(
            "the working directory is not there any more: it was removed, or made anew",
            hint="go to a folder that is there, for example: cd ~ (or cd . where it was made anew)",
        ) from None


def _tell(error: WbtoolsError) -> None:
    """Print a failure and what to do about it, if there still is somebody to read it."""
    try:
        sentence, *listed = _respelled(str(error)).split("\n  ")
        said = [err.wrapped(f"Error: {line(sentence)}"), *(err.wrapped(f"  {line(entry)}", 4) for entry in listed)]
        click.secho("\n".join(said), fg="red", err=True)
        if error.hint:
            click.echo(err.wrapped(f"Hint: {line(_respelled(error.hint))}"), err=True)
        sys.stdout.flush()
    except OSError:  # the terminal is gone; Python would try once more at its end, and give an exit code of its own
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())


def _respelled(said: str) -> str:
    """A sentence with options as the running program calls them."""
    context = click.get_current_context(silent=True)
    words: dict[str, str] = context.meta.get(SPELLINGS, {}) if context else {}
    if not words:
        return said
    options = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.sub(rf"({_COMMAND_LINE})|({options})(?![\w-])", lambda found: found[1] or words[found[2]], said)


def known_error(error: BaseException) -> WbtoolsError | None:
    """The wbtools error that a failure amounts to; None for a bug."""
    if isinstance(error, WbtoolsError):
        return error
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or _SHORT_OF_MEMORY.search(str(error))
    ):
        return TransientError("there is not enough memory", hint="close other programs or use fewer --threads")
    if isinstance(error, OSError):
        return from_os_error(error)
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):  # an OSError since Python 3.13
        return InputError(f"a link leads in a circle: {str(error).partition(' from ')[2]}", hint="check the path")
    if isinstance(error, KeyboardInterrupt):
        return TransientError("interrupted; nothing was published", hint="run the same command again")
    return None


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let a request to end unwind like Ctrl-C, so that unfinished folders are removed.

    Not out of the import of a module: its locks would stay locked, and other threads, waiting for them, never end.
    """
    if frame is None or not frame.f_code.co_filename.startswith(_IMPORTING):
        raise KeyboardInterrupt
    again = threading.Timer(_SOON, os.kill, (os.getpid(), number))
    again.daemon = True
    again.start()
