"""Forward through a network once, then back as often as wanted: what relevance and multipliers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

import torch
from torch import Tensor, nn

from wbtools.attribution.engine.graph import Step, steps
from wbtools.attribution.engine.signal import Backward, LayerResult, Once, S, computed
from wbtools.errors import InputError
from wbtools.model.family import Network

_BATCH_VALUES = 1 << 22
"""Values that all seeds of one pass may have together at a step: 16 MB."""

_CUT_VALUES = 1 << 20
"""Values of a signal, at most, where the rank of many seeds is looked at."""


class Propagator(Generic[S]):
    """An image, alone or with a reference, in one network, ready for relevance to be sent back.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    start : Signal
        The image.
    run : callable
        Runs one step.
    output : str
        The network's method that is explained.
    once : callable
        Keeps the network's steps for further images.

    Attributes
    ----------
    output : Tensor, (1, E)
        Of the image.
    change : Tensor, (1, E)
        Of the output, from the reference's; the output itself without a reference.
    features : int
        The step whose output is the vector that convolutions hand to linear layers; the last step if there is none.
    cuts : tuple of int
        Steps, from the output to the image, through which everything passes, and before which signals are larger.
    energy : float
        Share of the squared relevance that has to be kept at a cut, so that maps are right to .2 % of their maximum.
    """

    energy = 1 - 1e-7

    def __init__(
        self,
        network: Network,
        start: S,
        run: Callable[[Step, list[S]], LayerResult[S]],
        output: str,
        once: Once = computed,
    ) -> None:
        if network.training:
            raise InputError("relevance needs a network in evaluation mode", hint="call network.eval() first")
        self._steps = once(lambda: steps(network, output))
        self.last = len(self._steps) - 1
        flat = [i for i, step in enumerate(self._steps) if isinstance(step.module, nn.Flatten)]
        self.features = flat[-1] if flat else self.last
        self._ways_back: list[Backward | None] = []
        self._values: list[int] = []
        self._explained: dict[int, Tensor] = {}
        self.cuts: tuple[int, ...] = ()
        with torch.no_grad():
            end = self._forward(start, run)
        self.output, self.change = end.whole, end.explained

    def _forward(self, start: S, run: Callable[[Step, list[S]], LayerResult[S]]) -> S:
        last_use = {source: i for i, step in enumerate(self._steps) for source in step.inputs}
        signals, before = {0: start}, 0
        for i, step in enumerate(self._steps):
            back = None
            if i > 0:
                signals[i], back = run(step, [signals[j] for j in step.inputs])
            for j in {j for j in step.inputs if last_use[j] == i}:
                del signals[j]
            values = signals[i].explained.numel()
            self._ways_back.append(back)
            self._values.append(values)
            if len(signals) == 1:  # everything passes through here
                self.cuts = (i, *self.cuts) if values < min(before, _CUT_VALUES) else self.cuts
                before = values
            if i in (0, self.features, self.last, *self.cuts[:1]):
                self._explained[i] = signals[i].explained
        return signals[self.last]

    def relevance(self, seeds: Tensor, start: int | None = None, stop: int = 0, at_once: int | None = None) -> Tensor:
        """Send relevance back.

        Parameters
        ----------
        seeds : Tensor, (K, ...)
            Of the outputs of step `start`, K times.
        start, stop : int
            Steps: from the last one to the image if not told otherwise.
        at_once : int, optional
            Seeds in one pass; memory grows with it. As many as fit into a little memory if not told otherwise.

        Returns
        -------
        Tensor, (K, ...)
            Of the outputs of step `stop`; of the image (K, 1, X, Y, Z).
        """
        first = self.last if start is None else start
        return self.as_relevance(self.send(self.as_messages(seeds, first), first, stop, at_once), stop)

    def send(self, messages: Tensor, start: int, stop: int, at_once: int | None = None) -> Tensor:
        """The same with what is really sent, in place of relevance."""
        at_once = at_once or max(1, _BATCH_VALUES // max(self._values[stop : start + 1]))
        with torch.no_grad():
            return torch.cat([self._back(part, start, stop) for part in torch.split(messages, at_once)])

    def as_messages(self, relevance: Tensor, step: int) -> Tensor:
        """What has to be sent from a step, so that its outputs have this relevance."""
        return relevance

    def as_relevance(self, messages: Tensor, step: int) -> Tensor:
        """The relevance of a step's outputs, from the messages that reach it."""
        return messages

    def total(self, maps: Tensor) -> float:
        """What maps of the image, as `relevance` gives them, are worth together."""
        return float(maps.sum(dtype=torch.float64))

    def _back(self, messages: Tensor, start: int, stop: int) -> Tensor:
        waiting = {start: messages}
        for i in range(start, stop, -1):
            message, back = waiting.pop(i, None), self._ways_back[i]
            if message is None or back is None:
                continue  # attention by rules: its output counts as a constant
            for j, part in zip(self._steps[i].inputs, back(message), strict=True):
                if part is not None:
                    waiting[j] = waiting[j] + part if j in waiting else part
            del message
        return waiting[stop]
