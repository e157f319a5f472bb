"""How many of the processor's threads torch uses."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Lock, local
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from wbtools.model.family import Network

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


class Shared:
    """A network that several threads may ask at a time.

    What other people's networks keep as they run is not known: each thread has a copy of such a one, or they take turns
    where it cannot be copied.

    Parameters
    ----------
    network : Network
    turns : bool
        Whether threads take turns anyway, as on a graphics card.
    """

    def __init__(self, network: Network, *, turns: bool = False) -> None:
        self._network, self._copies = network, not network.movable
        if self._copies:
            try:
                copy.deepcopy(network)
            except (RuntimeError, TypeError, NotImplementedError):
                self._copies, turns = False, True
        self._turn = Lock() if turns else nullcontext()
        self._own = local()

    @contextmanager
    def lent(self) -> Iterator[Network]:
        """The network, or this thread's copy."""
        with self._turn:
            if not self._copies:
                yield self._network
                return
            if not hasattr(self._own, "network"):
                self._own.network = copy.deepcopy(self._network)
            yield self._own.network
