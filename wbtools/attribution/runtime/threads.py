"""How many of the processor's threads torch uses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST_JOBS = 8
"""Each needs memory of its own."""


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch use `count` threads inside the block; its own choice for None."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_order(work: Callable[[T], R], given: Iterable[T], jobs: int) -> Generator[R, None, None]:
    """Results of work, in the order of what was given, several at a time and each by a single thread of torch's.

    A network's answers depend in their last bits on how many threads shared the sums. So they are the same whatever the
    machine has, and whether this or a batch's worker computes them.

    Parameters
    ----------
    work : callable
    given : iterable
        Taken as they are needed.
    jobs : int
        Results that are computed at the same time; no more than these and as many finished ones are in memory.
    """
    import torch

    with torch_threads(1), ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        ahead: deque[Future[R]] = deque()
        try:
            for each in given:
                ahead.append(pool.submit(work, each))
                if len(ahead) > jobs:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def usual_jobs() -> int:
    """How many results to compute at a time: as many as torch has threads, of which `OMP_NUM_THREADS` decides."""
    import torch

    return min(_MOST_JOBS, torch.get_num_threads())
