"""An image and a reference through a network together; then back, with multipliers, as often as wanted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wbtools.attribution.engine.graph import steps
from wbtools.attribution.engine.layers import Signal
from wbtools.attribution.engine.rules import Pull
from wbtools.attribution.engine.secants import apply
from wbtools.attribution.engine.walk import backward
from wbtools.errors import InputError
from wbtools.model.family import Network


class Difference:
    """The difference of two images in one network, ready for relevance to be sent back; used as `Walk` is.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    image, reference : Tensor, (1, 1, X, Y, Z)
    output : str
        The network's method that is explained.

    Attributes
    ----------
    output : Tensor, (1, E)
        Of the image.
    change : Tensor, (1, E)
        Of the output, from the reference's.
    features : int
        The step whose output is the vector that convolutions hand to linear layers; the last step if there is none.
    """

    def __init__(self, network: Network, image: Tensor, reference: Tensor, output: str = "raw") -> None:
        if network.training:
            raise InputError("relevance needs a network in evaluation mode", mend="call network.eval() first")
        self._steps = steps(network, output)
        self._pulls: list[Pull | None] = []
        last = len(self._steps) - 1
        last_use = {source: i for i, step in enumerate(self._steps) for source in step.inputs}
        self.features = max((i for i, s in enumerate(self._steps) if isinstance(s.module, nn.Flatten)), default=last)
        self._changes: dict[int, Tensor] = {}
        signals = {0: Signal(image - reference, reference)}
        with torch.no_grad():
            for i, step in enumerate(self._steps):
                pull = None
                if step.module is not None:
                    signals[i], pull = apply(step, [signals[j] for j in step.inputs])
                self._pulls.append(pull)
                if i in (0, self.features, last):
                    self._changes[i] = signals[i].change
                for j in {j for j in step.inputs if last_use[j] == i}:
                    del signals[j]
        self.output, self.change = signals[last].whole, self._changes[last]

    def relevance(self, seeds: Tensor, start: int | None = None, stop: int = 0, at_once: int = 2) -> Tensor:
        """Send relevance back.

        Parameters
        ----------
        seeds : Tensor, (K, ...)
            Of the outputs of step `start`, K times.
        start, stop : int
            The last step, `features`, or the image, 0: from the last step to the image if not told otherwise.
        at_once : int
            Seeds in one pass; memory grows with it.

        Returns
        -------
        Tensor, (K, ...)
            Of the outputs of step `stop`; of the image (K, 1, X, Y, Z).
        """
        first = len(self._steps) - 1 if start is None else start
        change = self._changes[first]
        multipliers = torch.where(change == 0, 0.0, seeds / torch.where(change == 0, 1.0, change))
        with torch.no_grad():
            parts = [backward(self._steps, self._pulls, m, first, stop) for m in torch.split(multipliers, at_once)]
            return torch.cat(parts).mul_(self._changes[stop])
