"""Memory for activations: large, short-lived and always of the same few sizes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MAP_AT_MOST = -1, -4
"""Numbers of malloc's parameters in glibc's <malloc.h>: M_TRIM_THRESHOLD, M_MMAP_MAX."""
_NEVER = 2**31 - 1
_USUAL = {_TRIM_THRESHOLD: 128 * 1024, _MAP_AT_MOST: 65536}


@contextmanager
def reused() -> Iterator[None]:
    """Inside the block, memory that is freed stays at hand for the next tensor; afterwards it is given back.

    The C library otherwise returns every large block to the system at once, and the system hands out the next one page
    by page, each of them filled with zeros first: a third of the time that a map takes. Where the C library is not
    glibc, nothing is changed.
    """
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    give_back()  # what was freed before
    _set(library.mallopt, {_TRIM_THRESHOLD: _NEVER, _MAP_AT_MOST: 0})
    try:
        yield
    finally:
        _set(library.mallopt, _USUAL)
        give_back()


def _set(mallopt: Callable[[int, int], int], parameters: dict[int, int]) -> None:
    for parameter, value in parameters.items():
        mallopt(parameter, value)


def give_back() -> None:
    """Return memory that is free to the system, before more is needed in other sizes; by glibc alone."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
