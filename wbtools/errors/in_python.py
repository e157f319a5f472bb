"""Errors in the words of the Python interface: most name options, as a terminal has them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from wbtools.errors import WbtoolsError

P = ParamSpec("P")
T = TypeVar("T")

_WORDS = {
    "--overwrite": "overwrite=True",
    "--keep-face": "keep_face=True",
    "--dicom-out": "dicom_out=True",
    "--no-render": "render=False",
    "--no-report": "report=None",
    "--study-folder": "study_folder=...",
    "--out": "out=...",
    "--other": "compared_with=...",
    "--others": "compared_with=...",
    "--model": "models=...",
    "--null": "nulls=...",
    "--surf-reg": "registration=...",
    "--registration": "placement=...",
    "--mapping-engine": "engine=...",
    "--wb-command": "wb_command=...",
    "--participants": "participants=... of open_batch",
}
"""Options whose arguments have other names, are a switch, or are of another function."""
_SAME = (
    "allow also atlas engine layout mesh method naming references renderer report subcortex target threads trust work"
)
"""Options that `ExportSettings` has under their names."""
_ALL = _WORDS | {f"--{name}": f"{name}=..." for name in _SAME.split()}
_OPTION = re.compile(
    rf"(wbtools(?:-bids)? [a-z-]+\b.*)|({'|'.join(sorted(_ALL, key=len, reverse=True))})(?![\w-])(?: (-?\d+)\b)?"
)
"""A line that is to be typed, which has its options as they are, or an option, maybe with its number."""

_typed = ContextVar("typed", default=False)


def spelled(said: str) -> str:
    """A sentence or a hint with the arguments of functions instead of options.

    Examples
    --------
    >>> spelled("add --overwrite to replace it, or choose another --out")
    'add overwrite=True to replace it, or choose another out=...'
    >>> spelled("look at it: wbtools report EXPORT --out DIR")
    'look at it: wbtools report EXPORT --out DIR'
    >>> spelled("--null -1 is not a number of networks")
    'nulls=-1 is not a number of networks'
    """
    return _OPTION.sub(_argument, said)


def _argument(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    return _ALL[found[2]].replace("...", found[3], 1) if found[3] else _ALL[found[2]]


def in_python(function: Callable[P, T]) -> Callable[P, T]:
    """Wrap a function of the public interface so that what it raises names arguments."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except WbtoolsError as error:
            error.args, error.hint = (spelled(str(error)),), spelled(error.hint)
            raise

    return wrapped


def as_made(check: Callable[P, T]) -> Callable[P, T]:
    """Wrap what checks a value of the public interface as it is made: as `in_python`, but not on the command line."""
    for_python = in_python(check)

    @functools.wraps(check)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        return check(*args, **kwargs) if _typed.get() else for_python(*args, **kwargs)

    return wrapped


@contextmanager
def typed() -> Iterator[None]:
    """Let values that are made in the block name options in their errors: somebody typed these."""
    before = _typed.set(True)
    try:
        yield
    finally:
        _typed.reset(before)
