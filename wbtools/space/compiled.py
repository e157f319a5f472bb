"""Functions compiled by numba at their first call ever, and kept on disk.

Import this module only where it is needed, because importing numba is slow.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function, without the GIL, so that two hemispheres run in two threads."""
    try:
        fast: Function = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package folder nor the user's cache is writable: compile in every process
        fast = numba.njit(nogil=True, error_model="numpy")(function)
    return fast


def _copied_if_read_only() -> TemporaryDirectory[str] | None:
    """A private copy of NUMBA_CACHE_DIR if this user may only read it (a container's): numba writes where it reads."""
    given = numba.config.CACHE_DIR
    if not given or not Path(given).is_dir() or os.access(given, os.W_OK):
        return None
    with suppress(OSError):  # no room for temporary files: numba looks for another place, or does without
        copy = TemporaryDirectory(prefix="wbtools-numba-")
        shutil.copytree(given, copy.name, dirs_exist_ok=True)
        numba.config.CACHE_DIR = copy.name
        return copy
    return None


_copy = _copied_if_read_only()
"""Kept, because the folder goes when this does."""
