"""An image and a reference through a network together; then back, with multipliers, as often as wanted."""

from __future__ import annotations

import torch
from torch import Tensor

from wbtools.attribution.engine import secants, stage
from wbtools.attribution.engine.graph import Step, steps
from wbtools.attribution.engine.passage import Passage
from wbtools.attribution.engine.signal import Result, Signal
from wbtools.errors import InputError
from wbtools.model.family import Network


class Difference(Passage):
    """The difference of two images in one network, ready for relevance to be sent back; used as `Walk` is.

    Relevance can be told only at the image, at the last step, at `features` and at the `cuts`.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    image, reference : Tensor, (1, 1, X, Y, Z)
    output : str
        The network's method that is explained.
    """

    def __init__(self, network: Network, image: Tensor, reference: Tensor, output: str = "raw") -> None:
        super().__init__(network, Signal(image - reference, reference), _run, output)

    def as_messages(self, relevance: Tensor, step: int) -> Tensor:
        """Multipliers: relevance per change."""
        change = self._changes[step]
        return torch.where(change == 0, 0.0, relevance / torch.where(change == 0, 1.0, change))

    def as_relevance(self, messages: Tensor, step: int) -> Tensor:
        """Multipliers times changes."""
        return messages * self._changes[step]

    def known(self, steps: dict[int, Tensor]) -> bool:
        """Whether the changes there were kept."""
        return steps.keys() <= self._changes.keys()


def _run(step: Step, inputs: list[Signal]) -> Result:
    if step.pool is not None:
        return stage.run(step, inputs[0], secants.pooled_linear)
    return secants.apply(step, inputs)


def can_follow(network: Network, output: str = "raw") -> bool:
    """Whether every step of a network is of a kind that secants are known for."""
    try:
        return all(step.module is None or secants.knows(step.module) for step in steps(network, output))
    except InputError:
        return False
