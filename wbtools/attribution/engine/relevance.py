"""Relevance by rules: forward through a network once, then back with relevance as often as wanted."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from wbtools.attribution.engine import layers, pooled_convolution
from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.propagator import Propagator
from wbtools.attribution.engine.rules import PLAIN, RuleSet
from wbtools.attribution.engine.signal import Activation, LayerResult
from wbtools.model.family import Network


class RelevancePropagator(Propagator[Activation]):
    """One image in one network, ready for relevance to be sent back by the rules of layer-wise relevance propagation.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    image : Tensor, (1, 1, X, Y, Z)
    rules : RuleSet
    output : str
        The network's method that is explained.
    empty : float
        The image's value where there is no brain.
    """

    def __init__(
        self, network: Network, image: Tensor, rules: RuleSet = PLAIN, output: str = "raw", empty: float = 0.0
    ) -> None:
        share = (image != empty).to(image.dtype) if rules.needs_share else None
        super().__init__(network, Activation(image, share), partial(_run, rules), output)


def _run(rules: RuleSet, step: Step, inputs: list[Activation]) -> LayerResult[Activation]:
    if step.pool is None:
        return layers.apply(step, inputs, rules)
    return pooled_convolution.run(step, inputs[0], partial(layers.pooled_linear, rules.convolutions))
