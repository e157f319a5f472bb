"""Training: epoch after epoch, each of which ends with a validation, a line in the log, and a state to resume from."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import torch
from torch import Tensor

from wbtools.training.loop.feeding import Plan, Shown, fed, seed_of
from wbtools.training.loop.learner import Learner, settle
from wbtools.training.loop.optimising import Stepper
from wbtools.training.loop.selection import Selection
from wbtools.training.recipes.recipe import Answers, Task, diverged

State = dict[str, Any]
"""All that the rest of a run depends on: tensors and plain values."""


class Keeper(Protocol):
    """Who keeps what a run makes."""

    def keep(self, epoch: Epoch, learner: Learner, better: Sequence[str]) -> None:
        """Keep the checkpoints of an epoch that is the best by some criteria, and its line in the log."""

    def keep_state(self, state: State) -> None:
        """Keep what the next epoch depends on; what was kept before counts only from now on."""


class Forgetful:
    """Keeps nothing."""

    def keep(self, epoch: Epoch, learner: Learner, better: Sequence[str]) -> None:
        """As in `Keeper`."""

    def keep_state(self, state: State) -> None:
        """As in `Keeper`."""


class Listener(Protocol):
    """Who watches a run."""

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        """Be told that an epoch begins."""

    def batch(self) -> None:
        """Be told that a batch is done."""

    def end(self, epoch: Epoch) -> None:
        """Be told that an epoch is over and kept."""


class Nobody:
    """Watches nothing."""

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        """As in `Listener`."""

    def batch(self) -> None:
        """As in `Listener`."""

    def end(self, epoch: Epoch) -> None:
        """As in `Listener`."""


@dataclass(frozen=True)
class Epoch:
    """What became of an epoch.

    Parameters
    ----------
    number : int
        From 0.
    training : mapping
        Means of the loss and its parts over batches.
    validation : mapping
        Figures of the validation part.
    rate : float
        Learning rate at its end.
    seconds : float
    best : tuple of str
        Criteria by which no epoch before was as good.
    """

    number: int
    training: Mapping[str, float]
    validation: Mapping[str, float]
    rate: float
    seconds: float
    best: tuple[str, ...] = ()


@dataclass(eq=False)
class Fit:
    """A run of the loop.

    Parameters
    ----------
    task : Task
    learner : Learner
        On the device.
    averages : bool
        Whether what is validated and published is the average, if there is one; else the task's loss is given what it
        says.
    keeper : Keeper
    listener : Listener
    """

    task: Task
    learner: Learner
    averages: bool
    keeper: Keeper
    listener: Listener = field(default_factory=Nobody)

    def __post_init__(self) -> None:
        settings = self.task.settings
        self.settings = settings
        self.ranks = self.task.ranks
        self.steps = math.ceil(self.task.batches / settings.accumulate)
        self.stepper = Stepper(self.learner.parameters(), settings, self.steps, self.task.device)
        self.average = self.learner.copied() if settings.average else None
        if self.average is not None:
            self.average.train(not self.averages)  # keys are normalised over the batch, as what they are compared with
        self.selection = Selection(self.task.criteria, settings.patience)
        self.taken = 0
        self.next = 0

    @property
    def published(self) -> Learner:
        """The weights that are validated and published."""
        return self.average if self.average is not None and self.averages else self.learner

    def run(self) -> None:
        """Train from where the run is to its end.

        Raises
        ------
        CheckError
            If the loss is no longer a number; what was kept before stays.
        """
        with _repeatable(self.task.device):
            while self.next < self.settings.epochs and not self.selection.finished(self.next - 1):
                self._epoch(self.next)

    def state(self) -> State:
        """All that the rest of the run depends on."""
        return {
            "epoch": self.next,
            "taken": self.taken,
            "learner": self.learner.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "stepper": self.stepper.state(),
            "selection": self.selection.state(),
            "task": self.task.state(),
        }

    def restore(self, state: State) -> None:
        """Take the state of an earlier run."""
        self.next, self.taken = int(state["epoch"]), int(state["taken"])
        self.learner.load_state_dict(state["learner"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.stepper.restore(state["stepper"])
        self.selection.restore(state["selection"])
        self.task.restore(state["task"])

    def _epoch(self, number: int) -> None:
        started = time.perf_counter()
        self.listener.begin(number, self.settings.epochs, self.task.batches)
        torch.manual_seed(seed_of(self.settings.seed, number) & 0xFFFF_FFFF)  # of dropout
        self.learner.train()
        self.task.begin(self.learner, number)
        plans = self.task.plans(number)
        training = self._trained(number, plans)
        self._settle(self.published, plans)
        validation = self.ranks.agreed(self.task.validate(self.published))
        better = self.selection.better(number, validation)
        seconds = time.perf_counter() - started
        epoch = Epoch(number, training, validation, self.stepper.rate, seconds, better)
        self.next = number + 1
        self.keeper.keep(epoch, self.published, better)
        self.keeper.keep_state(self.state())
        self.listener.end(epoch)

    def _trained(self, number: int, plans: Sequence[Plan]) -> dict[str, float]:
        """Show all batches; the means of the loss and its parts."""
        totals: dict[str, Tensor] = {}
        every = self.settings.accumulate
        for place, shown in enumerate(fed(map(self.ranks.shared, plans), self.task.show)):
            parts = self._loss(shown)
            first = place - place % every
            self.stepper.add(parts["loss"], min(every, len(plans) - first))
            if (place + 1) % every == 0 or place + 1 == len(plans):
                self._step()
            for name, value in parts.items():
                totals[name] = totals.get(name, 0) + value.detach()
            self.listener.batch()
        means = {name: float(total) / len(plans) for name, total in totals.items()}
        if not math.isfinite(means["loss"]):
            raise diverged(f"the loss is no number any more after epoch {number + 1}")
        return means

    def _loss(self, shown: Shown) -> Mapping[str, Tensor]:
        answers = self._answers(self.learner, shown)
        keys: Answers | None = None
        if self.average is not None and not self.averages:
            with torch.no_grad():
                keys = self._answers(self.average, shown)
        return self.task.loss(answers, keys, shown)

    def _answers(self, learner: Learner, shown: Shown) -> Answers:
        """What a network says of a whole batch, of which it is shown this process's share here."""
        with self.stepper.casting(), self.ranks.showing(shown.share):
            given = self.task.answers(learner.network, shown.images)
        return self.ranks.gathered(tuple(each.to(self.task.dtype) for each in given), shown.share)

    def _step(self) -> None:
        self.ranks.add_up(self.stepper.parameters)
        self.stepper.step()
        self.taken += 1
        if self.average is not None:
            # In the beginning the average is over few weights, and forgets the first ones soon.
            self.average.follow(self.learner, min(self.settings.average, self.taken / (self.taken + 9)))

    def _settle(self, learner: Learner, plans: Sequence[Plan]) -> None:
        if self.settings.settle:
            shown = fed(map(self.ranks.shared, islice(plans, self.settings.settle)), self.task.show)
            settle(learner, (batch.images for batch in shown), self.task.answers)


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Have torch compute the same from the same on a processor, for the block; sums in any order would not be."""
    if device.type != "cpu":
        yield
        return
    deterministic: Any = torch.utils.deterministic
    was, filled = torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was)
        deterministic.fill_uninitialized_memory = filled
