"""Looks at many exports, by several processes."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from wbtools.errors import TransientError
from wbtools.report.wall.glimpse import Glimpse, glimpse

_PROCESSES = 4
_FEW = 24
"""So many exports are looked at sooner than processes begin."""
_AT_ONCE = 8
_PR_SET_PDEATHSIG = 1

Tell = Callable[[int, int], None]
"""To be told how many are done, and of how many."""


def glimpses(folders: Sequence[Path], network: str, tell: Tell) -> list[Glimpse]:
    """A look at what a network found in each export, in their order.

    Raises
    ------
    TransientError
        If a process was killed.
    """
    jobs = min(_PROCESSES, len(os.sched_getaffinity(0)))
    look = partial(glimpse, network=network)
    if jobs < 2 or len(folders) <= _FEW:
        return _told(map(look, folders), len(folders), tell)
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    with ProcessPoolExecutor(jobs, context, _begin, (os.getpid(),)) as pool:
        try:
            return _told(pool.map(look, folders, chunksize=_AT_ONCE), len(folders), tell)
        except BrokenProcessPool:
            raise TransientError("a process that read exports was killed", hint="run the same command again") from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(parent: int) -> None:
    """Leave Ctrl-C to the process that began this one, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that was said
        os._exit(1)


def _told(coming: Iterable[Glimpse], total: int, tell: Tell) -> list[Glimpse]:
    seen = []
    for each in coming:
        seen.append(each)
        tell(len(seen), total)
    return seen
