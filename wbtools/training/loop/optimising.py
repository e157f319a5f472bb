"""Steps of the optimiser: accumulated gradients, mixed precision, limits, and the schedule of the rate."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, MultiStepLR, OneCycleLR

from wbtools.training.settings import Settings


class Stepper:
    """What turns gradients into new weights.

    Parameters
    ----------
    parameters : iterable of Parameter
    settings : Settings
    steps_per_epoch : int
        Steps of the optimiser, not batches: the schedule is planned for as many as are taken.
    device : torch.device
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], settings: Settings, steps_per_epoch: int, device: torch.device
    ) -> None:
        self.parameters = [each for each in parameters if each.requires_grad]
        self.settings = settings
        self.mixed = settings.precision == "mixed" or (settings.precision == "auto" and device.type == "cuda")
        self.device = device
        self.optimiser = _optimiser(self.parameters, settings)
        self.planned = settings.epochs * steps_per_epoch
        self.schedule = _schedule(self.optimiser, settings, steps_per_epoch)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.mixed and device.type == "cuda")

    @property
    def rate(self) -> float:
        """The present learning rate."""
        return float(self.optimiser.param_groups[0]["lr"])

    def casting(self) -> AbstractContextManager[Any]:
        """Where the network computes: in half precision, if precision is mixed."""
        if not self.mixed:
            return nullcontext()
        half = torch.float16 if self.device.type == "cuda" else torch.bfloat16
        return torch.autocast(self.device.type, dtype=half)

    def add(self, loss: Tensor, among: int) -> None:
        """Add the gradient of a batch, one among several whose mean is meant."""
        self.scaler.scale(loss / among).backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Change the weights, forget the gradients, and move on in the schedule."""
        if self.settings.clip:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        if self.schedule.last_epoch + 1 < self.planned:
            self.schedule.step()

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take the state of an earlier run."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])


def _optimiser(parameters: list[nn.Parameter], settings: Settings) -> Optimizer:
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "adadelta": torch.optim.Adadelta}
    found: Optimizer = kinds[settings.optimiser](parameters, lr=settings.rate, weight_decay=settings.weight_decay)
    return found


def _schedule(optimiser: Optimizer, settings: Settings, steps_per_epoch: int) -> LRScheduler:
    if settings.schedule == "one-cycle":
        return OneCycleLR(
            optimiser,
            settings.rate,
            total_steps=settings.epochs * steps_per_epoch,
            pct_start=settings.rise * (1 - 1e-12),  # torch divides by 0 where the rise is a single step
            div_factor=settings.start_divisor,
            final_div_factor=settings.end_divisor,
            cycle_momentum="betas" in optimiser.defaults,  # Adadelta has no momentum
        )
    if settings.schedule == "steps":
        return MultiStepLR(optimiser, [epoch * steps_per_epoch for epoch in settings.milestones], settings.factor)
    return ConstantLR(optimiser, 1.0)
