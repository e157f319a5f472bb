"""Errors in the words of the Python interface: most name options, as a terminal has them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
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
_OPTION = re.compile(rf"(wbtools(?:-bids)? [a-z-]+\b.*)|({'|'.join(sorted(_ALL, key=len, reverse=True))})(?![\w-])")
"""A line that is to be typed, which has its options as they are, or an option."""


def spelled(said: str) -> str:
    """A sentence or a hint with the arguments of functions instead of options.

    Examples
    --------
    >>> spelled("add --overwrite to replace it, or choose another --out")
    'add overwrite=True to replace it, or choose another out=...'
    >>> spelled("look at it: wbtools report EXPORT --out DIR")
    'look at it: wbtools report EXPORT --out DIR'
    """
    return _OPTION.sub(lambda found: found[1] or _ALL[found[2]], said)


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
