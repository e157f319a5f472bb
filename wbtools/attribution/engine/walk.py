"""Forward through a network once, then back with relevance as often as wanted."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wbtools.attribution.engine.graph import Step, steps
from wbtools.attribution.engine.layers import Signal, apply
from wbtools.attribution.engine.rules import Pull, Rules
from wbtools.errors import InputError
from wbtools.model.family import Network


class Walk:
    """One image in one network, ready for relevance to be sent back.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    images : Tensor, (1 or 2, 1, X, Y, Z)
        The image, and the reference image if differences from it are to be explained.
    rules : Rules
    output : str
        The network's method that is explained.

    Attributes
    ----------
    output : Tensor, (1, E)
        Of the image.
    change : Tensor, (1, E)
        Of the output, from the reference's; the output itself without a reference.
    features : int
        The step whose output is the vector that convolutions hand to linear layers; the last step if there is none.
    """

    def __init__(self, network: Network, images: Tensor, rules: Rules | None = None, output: str = "raw") -> None:
        if network.training:
            raise InputError("relevance needs a network in evaluation mode", mend="call network.eval() first")
        self._steps = steps(network, output)
        self._pulls: list[Pull | None] = []
        last_use = {source: i for i, step in enumerate(self._steps) for source in step.inputs}
        image, base = images[:1], images[1:] if len(images) == 2 else None
        signals = {0: Signal(image if base is None else image - base, base)}
        with torch.no_grad():
            for i, step in enumerate(self._steps):
                pull = None
                if step.module is not None:
                    signals[i], pull = apply(step, [signals[j] for j in step.inputs], rules or Rules())
                self._pulls.append(pull)
                for j in {j for j in step.inputs if last_use[j] == i}:
                    del signals[j]
        end = signals[len(self._steps) - 1]
        self.output, self.change = end.whole, end.change
        flat = [i for i, step in enumerate(self._steps) if isinstance(step.module, nn.Flatten)]
        self.features = flat[-1] if flat else len(self._steps) - 1

    def relevance(self, seeds: Tensor, start: int | None = None, stop: int = 0, at_once: int = 2) -> Tensor:
        """Send relevance back.

        Parameters
        ----------
        seeds : Tensor, (K, ...)
            Of the outputs of step `start`, K times.
        start, stop : int
            Steps: from the last one to the image if not told otherwise.
        at_once : int
            Seeds in one pass; memory grows with it.

        Returns
        -------
        Tensor, (K, ...)
            Of the outputs of step `stop`; of the image (K, 1, X, Y, Z).
        """
        first = len(self._steps) - 1 if start is None else start
        with torch.no_grad():
            parts = [backward(self._steps, self._pulls, part, first, stop) for part in torch.split(seeds, at_once)]
            return torch.cat(parts)


def backward(steps: Sequence[Step], pulls: Sequence[Pull | None], seeds: Tensor, start: int, stop: int) -> Tensor:
    """Follow the pulls of all steps from `start` back to `stop`; parts that meet at a step are added."""
    waiting = {start: seeds}
    for i in range(start, stop, -1):
        r, pull = waiting.pop(i, None), pulls[i]
        if r is None or pull is None:
            continue  # attention in plain rules: its output counts as a constant
        for j, part in zip(steps[i].inputs, pull(r), strict=True):
            waiting[j] = waiting[j] + part if j in waiting else part
        del r
    return waiting[stop]
