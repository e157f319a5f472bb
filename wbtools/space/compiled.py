"""Functions compiled by numba at their first call ever, and kept on disk.

Import this module only where it is needed, because importing numba is slow.
"""

from __future__ import annotations

from collections.abc import Callable
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
