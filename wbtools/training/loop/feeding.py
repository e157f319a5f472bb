"""Batches made ahead in a thread of their own, while the network computes; every one from a seed of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_AHEAD = 2  # batches


@dataclass(frozen=True)
class Share:
    """Which rows of a batch this process shows, where several train together.

    Parameters
    ----------
    start, stop : int
        The first of them, and the first after them; none if they are equal.
    total : int
        Rows of the batch.
    """

    start: int
    stop: int
    total: int

    @property
    def own(self) -> slice:
        """The rows as a slice of the batch."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, eq=False)
class Plan:
    """A batch before its images are read.

    Parameters
    ----------
    rows : ndarray, (R,), int
        Of the data set's images.
    seed : int
        Of all that happens to them at random.
    targets : mapping
        What the loss needs besides, as arrays.
    share : Share, optional
        The rows that are shown here; all without. Targets are always those of the whole batch.
    """

    rows: NDArray[np.int64]
    seed: int
    targets: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    share: Share | None = None

    @property
    def own(self) -> slice:
        """The rows that are shown here, as a slice."""
        return slice(None) if self.share is None else self.share.own


@dataclass(frozen=True, eq=False)
class Shown:
    """A batch as the network is given it.

    Parameters
    ----------
    images : Tensor, (R, C, ...)
        Of this process's share.
    targets : mapping of Tensor
        Of the whole batch.
    share : Share, optional
        As in `Plan`.
    """

    images: Tensor
    targets: Mapping[str, Tensor]
    share: Share | None = None


Show = Callable[[Plan], Shown]
"""Reads a plan's images, changes them at random, and brings them to the device."""


def fed(plans: Iterable[Plan], show: Show) -> Iterator[Shown]:
    """The batches of plans in their order, a few of them made ahead.

    What is shown depends on the plan alone, so that it does not matter when it is made.

    Examples
    --------
    >>> plans = [Plan(np.arange(n), n) for n in (1, 2)]
    >>> [len(shown.images) for shown in fed(plans, lambda plan: Shown(torch.from_numpy(plan.rows), {}))]
    [1, 2]
    """
    with ThreadPoolExecutor(1) as maker:
        waiting: deque[Future[Shown]] = deque()
        try:
            for plan in plans:
                waiting.append(maker.submit(show, plan))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def seed_of(*numbers: int) -> int:
    """A seed for what has these numbers, such as the run's seed, an epoch and a batch; others have others.

    Examples
    --------
    >>> seed_of(42, 0, 1) != seed_of(42, 1, 0)
    True
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def shared_out(rows: NDArray[np.int64], batch: int) -> list[NDArray[np.int64]]:
    """Rows in batches of nearly the same size, `batch` at most; if that leaves single rows, in pairs and threes.

    Examples
    --------
    >>> [len(part) for part in shared_out(np.arange(7), 3)], [len(part) for part in shared_out(np.arange(3), 2)]
    ([3, 2, 2], [3])
    """
    count = max(1, min(-(-len(rows) // batch), len(rows) // 2))
    return np.array_split(rows, count)


def on_device(targets: Mapping[str, NDArray[np.generic]], device: torch.device) -> dict[str, Tensor]:
    """Arrays as tensors of a device."""
    return {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in targets.items()}
