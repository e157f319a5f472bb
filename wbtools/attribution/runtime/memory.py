"""Memory for activations: large, short-lived and always of the same few sizes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _MAP_THRESHOLD = -1, -3
"""Numbers of malloc's parameters in glibc's <malloc.h>."""
_NEVER, _USUAL = 2**31 - 1, 128 * 1024
_LARGEST = 1 << 25
"""Bytes, the most that glibc allows: larger blocks, such as volumes made beside it, are given back as ever."""


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
    library.mallopt(_MAP_THRESHOLD, _LARGEST)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        library.mallopt(_TRIM_THRESHOLD, _USUAL)
        give_back()


def give_back() -> None:
    """Return memory that is free to the system, before more is needed in other sizes; by glibc alone."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
