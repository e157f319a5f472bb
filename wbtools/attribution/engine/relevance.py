"""Relevance by rules: forward through a network once, then back with relevance as often as wanted."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from wbtools.attribution.engine import layers, pooled_convolution
from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.propagator import Passage
from wbtools.attribution.engine.rules import Rules
from wbtools.attribution.engine.signal import Result, Signal
from wbtools.model.family import Network


class Walk(Passage):
    """One image in one network, ready for relevance to be sent back by rules.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    images : Tensor, (1 or 2, 1, X, Y, Z)
        The image, and the reference image if differences from it are to be explained.
    rules : Rules, optional
    output : str
        The network's method that is explained.
    empty : float
        The image's value where there is no brain.
    """

    def __init__(
        self, network: Network, images: Tensor, rules: Rules | None = None, output: str = "raw", empty: float = 0.0
    ) -> None:
        chosen = rules or Rules()

        block = partial(layers.pooled_affine, chosen.convolutions)

        def run(step: Step, inputs: list[Signal]) -> Result:
            return (
                layers.apply(step, inputs, chosen)
                if step.pool is None
                else pooled_convolution.run(step, inputs[0], block)
            )

        super().__init__(network, _start(images, chosen, empty), run, output)


def _start(images: Tensor, rules: Rules, empty: float) -> Signal:
    image, base = images[:1], images[1:] if len(images) == 2 else None
    if base is not None:
        return Signal(image - base, base)
    return Signal(image, share=(image != empty).to(image.dtype) if rules.owed else None)
