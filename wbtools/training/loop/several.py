"""Processes that train together, over torch.distributed: every one shows its share of a batch, all compute its loss.

The loss is that of the whole batch, computed by every process from the answers of all: triplets, queues and balances
are those of a single process. A process's gradient is that of its own answers; the sum over processes is the gradient.
Tensors are exchanged and JSON, nothing that could hold code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous

from wbtools.errors import TransientError
from wbtools.training.loop.feeding import Plan, Share
from wbtools.training.loop.ranks import Place, Ranks
from wbtools.training.loop.whole import look_at_whole_batches

_FINDING = timedelta(minutes=5)
_SILENCE = timedelta(minutes=60)
"""A process that hears nothing for so long gives up; the first one may write references meanwhile, or wait for a disk.
A process that ends is noticed at once."""
_AT_ONCE = 1 << 23  # values that are added up in one message
_FAILED = "failed"


class Lost(TransientError):
    """Another process has ended, or cannot be reached."""

    def __init__(self) -> None:
        super().__init__(
            "another process of this run has ended, or cannot be reached; epochs that were finished are kept",
            hint="see what it said last, then run the same command with --resume",
        )


@contextmanager
def _exchanging() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise Lost from error


class Several(Ranks):
    """One of several processes.

    Parameters
    ----------
    place : Place

    Raises
    ------
    TransientError
        If the others are not found.
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.share: Share | None = None
        """Of the batch that networks are shown now."""
        card = torch.cuda.is_available() and place.local_rank < torch.cuda.device_count()
        if card:
            torch.cuda.set_device(place.local_rank)
        try:
            self._store, number, count = next(rendezvous("env://", timeout=_FINDING))
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if card else "gloo",
                store=self._store, rank=number, world_size=count, timeout=_SILENCE,
            )  # fmt: skip
        except (RuntimeError, ValueError) as error:
            where = ":".join(os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT"))
            reason = str(error).splitlines()[0]
            raise TransientError(
                f"process {place.rank} of {place.world_size} does not find the others at {where}: {reason}",
                hint="start all of them with torchrun, with the same --rdzv-endpoint",
            ) from None

    def __deepcopy__(self, memo: dict[int, Any]) -> Several:
        """Itself: copies of a network are shown the same batches."""
        return self

    def share_of(self, total: int) -> Share:
        """As in `Ranks`."""
        return self._part(total, self.place.rank)

    def shared(self, plan: Plan) -> Plan:
        """As in `Ranks`."""
        return replace(plan, share=self.share_of(len(plan.rows)))

    @contextmanager
    def showing(self, share: Share | None) -> Iterator[None]:
        """As in `Ranks`."""
        before, self.share = self.share, share
        try:
            yield
        finally:
            self.share = before

    def gathered(self, answers: tuple[Tensor, ...], share: Share | None) -> tuple[Tensor, ...]:
        """As in `Ranks`."""
        assert share is not None
        return tuple(self._whole(each, share.total) for each in answers)

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """As in `Ranks`."""
        gradients = [each.grad for each in parameters if each.grad is not None]
        for some in _groups(gradients):
            flat = self.sum(torch.cat([each.flatten() for each in some]))
            for each, total in zip(some, torch.split(flat, [each.numel() for each in some]), strict=True):
                each.copy_(total.view_as(each))

    def prepare(self, learner: nn.Module) -> None:
        """As in `Ranks`."""
        look_at_whole_batches(learner, self)
        with _exchanging():
            for value in learner.state_dict().values():
                told = value.contiguous()
                dist.broadcast(told, 0)
                value.copy_(told)

    def agreed(self, figures: Mapping[str, float]) -> dict[str, float]:
        """As in `Ranks`."""
        found: dict[str, float] = json.loads(self.broadcast(lambda: json.dumps(dict(figures)).encode()))
        return found

    def agreed_rows(self, make: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
        """As in `Ranks`."""

        def made() -> bytes:
            rows = make()
            return np.concatenate([[rows.shape[1]], rows.ravel()]).astype(np.int64).tobytes()

        told = np.frombuffer(self.broadcast(made), np.int64)
        return told[1:].reshape(-1, told[0]).copy()

    def broadcast(self, make: Callable[[], bytes]) -> bytes:
        """As in `Ranks`."""
        content = make() if self.first else b""
        size = torch.tensor([len(content)])
        with _exchanging():
            dist.broadcast(size, 0)
            told = torch.frombuffer(bytearray(content) or bytearray(1), dtype=torch.uint8)
            told = told if self.first else torch.empty(max(1, int(size)), dtype=torch.uint8)
            dist.broadcast(told, 0)
        return told.numpy().tobytes()[: int(size)]

    def barrier(self) -> None:
        """As in `Ranks`."""
        self.sum(torch.zeros(1))

    def sum(self, values: Tensor) -> Tensor:
        """The sum over processes, in place."""
        with _exchanging():
            dist.all_reduce(values)
        return values

    def each(self, values: Tensor) -> list[Tensor]:
        """The values of every process, of the same shape everywhere, in their order."""
        found = [torch.empty_like(values) for _ in range(self.place.world_size)]
        with _exchanging():
            dist.all_gather(found, values)
        return found

    def failed(self, code: int) -> int | None:
        """As in `Ranks`."""
        mine = f"{self.place.rank} {code}"
        try:
            number, spoken = self._store.compare_set(_FAILED, "", mine).decode().split()
        except RuntimeError:  # who keeps the store is gone
            return None
        return None if int(number) == self.place.rank else int(spoken)

    def leave(self) -> None:
        """As in `Ranks`."""
        dist.destroy_process_group()

    def _part(self, total: int, number: int) -> Share:
        count = self.place.world_size
        return Share(total * number // count, total * (number + 1) // count, total)

    def _whole(self, mine: Tensor, total: int) -> Tensor:
        """Rows of all processes; those of this one are the very tensor that is given."""
        given = mine.new_zeros(-(-total // self.place.world_size), *mine.shape[1:])
        given[: len(mine)] = mine.detach()
        found = []
        for number, rows in enumerate(self.each(given)):
            share = self._part(total, number)
            found.append(mine if number == self.place.rank else rows[: share.stop - share.start])
        return torch.cat(found)


def _groups(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    """Gradients of one kind in groups that are not too large to be copied into one message."""
    waiting: list[Tensor] = []
    for each in gradients:
        if waiting and (sum(map(torch.numel, waiting)) + each.numel() > _AT_ONCE or waiting[0].dtype != each.dtype):
            yield waiting
            waiting = []
        waiting.append(each)
    if waiting:
        yield waiting
