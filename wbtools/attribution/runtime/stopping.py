"""Ends the passes of a network in another thread: no method has to look whether it is still wanted."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident


class NoLongerWanted(BaseException):
    """Ends work whose result nobody will see; no handler of a method's own errors takes it for one."""


class Stop:
    """Ends the work of other threads, between two of their steps in Python: a pass of one layer is waited for.

    Examples
    --------
    >>> stop = Stop()
    >>> with stop.heeded():
    ...     pass
    >>> stop.now()
    >>> with stop.heeded():
    ...     print("never printed")
    Traceback (most recent call last):
    wbtools.attribution.runtime.stopping.NoLongerWanted
    """

    def __init__(self) -> None:
        self._lock, self._stopped, self._working = Lock(), False, set[int]()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """A block that `now` ends, wherever in it this thread is; it does not begin any more after that."""
        with self._lock:
            if self._stopped:
                raise NoLongerWanted
            self._working.add(get_ident())
        try:
            yield
        finally:
            with self._lock:
                self._working.discard(get_ident())

    def now(self) -> None:
        """Raise `NoLongerWanted` in all threads that are in such a block."""
        with self._lock:
            self._stopped = True
            for thread in self._working:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(NoLongerWanted))
