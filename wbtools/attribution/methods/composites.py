"""Plain layer-wise relevance propagation (LRP) by zennit's stock rules, as published studies use it.

Where stock composites cannot follow these networks, they are given what they lack: batch norms are merged into the
convolutions before them, residual sums and gates have rules, and relevance starts at the embedding before it is brought
to length 1. The rules themselves are zennit's own, biases and all: relevance that biases take is lost, and signed
contributions (epsilon, gamma, alpha-beta) can cancel until the map is a small difference of large terms. How much of it
the map's conservation ratio says.

References: Bach et al. 2015 (epsilon, alpha-beta), Montavon et al. 2017 (z-plus, w-square, box), Lapuschkin et al. 2017
(flat), Montavon et al. 2019 (gamma), Anders et al. 2021 (zennit).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from zennit.core import Composite, Hook, Stabilizer
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, Norm, Pass, WSquare, ZBox, ZPlus
from zennit.types import Activation, AvgPool, BatchNorm, Convolution

from wbtools.attribution.autograd.features import calls, reading
from wbtools.attribution.autograd.propagation import SignalTakesAll, layers, merged, propagate
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.model.junctions import Add, Gate

_STABILISER = Stabilizer.ensure(1e-6)  # zennit's own default


class Share(Hook):  # type: ignore[misc]
    """Residual sums: both summands take what they added, or what of it is positive, in proportion.

    Parameters
    ----------
    positive : bool
        Count positive parts only.
    """

    def __init__(self, positive: bool) -> None:
        super().__init__()
        self.positive = positive

    def copy(self) -> Share:
        """A hook of its own for another module."""
        return Share(self.positive)

    def forward(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the summands."""
        self.stored_tensors["parts"] = [x.detach().clamp(min=0) if self.positive else x.detach() for x in inputs]

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> tuple[Tensor, ...]:
        """Relevance of both summands."""
        parts = self.stored_tensors["parts"]
        per_unit = grad_output[0] / _STABILISER(sum(parts))
        return tuple(part * per_unit for part in parts)


@dataclass(frozen=True)
class LayerRules:
    """What distinguishes one composite from another.

    Parameters
    ----------
    convolution : callable
        Makes the rule of convolutions.
    first : callable, optional
        That of the convolution that reads the image, where it is another.
    positive : bool
        Whether residual sums share by positive parts.
    box : bool
        Whether the convolution that reads the image takes the box of the image's values.
    """

    convolution: Callable[[], Hook]
    first: Callable[[], Hook] | None = None
    positive: bool = True
    box: bool = False


def composite(
    network: nn.Module, rules: LayerRules, first: nn.Module, bounds: tuple[float, float] = (0.0, 1.0)
) -> Composite:
    """The rules for each layer of a network whose batch norms are merged.

    Parameters
    ----------
    network : nn.Module
    rules : LayerRules
    first : nn.Module
        The convolution that reads the image.
    bounds : tuple of float
        The lowest and highest value that images have.
    """
    seen = {module for _, module in layers(network)}

    def rule(context: dict[str, Any], name: str, module: nn.Module) -> Hook | None:
        if module not in seen:
            return None
        if isinstance(module, Convolution):
            if module is first and rules.box:
                return ZBox(*bounds)
            return rules.first() if rules.first and module is first else rules.convolution()
        if isinstance(module, nn.Linear):
            return Epsilon()
        if isinstance(module, AvgPool):
            return Norm()
        if isinstance(module, Add):
            return Share(rules.positive)
        if isinstance(module, Gate):
            return SignalTakesAll()
        return Pass() if isinstance(module, (Activation, BatchNorm)) else None

    return Composite(rule)


def explain(question: Question, name: str, rules: LayerRules) -> MethodOutput:
    """Propagate the relevance of a network's answer back to the voxels."""
    first = reading(calls(question), name).layer
    with merged(question.network).context(question.network):
        return propagate(question, composite(question.network, rules, first, question.bounds))


_BLIND = (
    "Plain LRP maps follow the brightness and the centre of the brain more than what the network uses; do not read a "
    "ranking from one map alone."
)
_CANCELS = (
    "Here contributions of both signs cancel: conservation far from 1, or a large cancellation, means that the map is "
    "mostly rounding and biases."
)
_BACKGROUND = "Its first rule hands relevance to the empty background, too, often more than half of it."


def _method(name: str, words: str, convolution: str, rules: LayerRules, caution: str = "", first: str = "") -> Method:
    return Method(
        name=name,
        title=f"plain layer-wise relevance propagation ({words}), by zennit",
        rules=(
            "start: embedding before normalisation, its length constant",
            f"convolutions: {convolution}, batch norm merged, with biases",
            *((f"first convolution: {first}",) if first else ()),
            "linear layers: epsilon 1e-6, with biases",
            "maximum pools: winner takes all",
            "average pools: proportional to the inputs",
            "gates: signal takes all",
            f"residual sums: proportional to {'the positive parts' if rules.positive else 'the summands'}",
        ),
        caution=f"{_BLIND} {caution}".strip(),
        explain=lambda question: explain(question, name, rules),
        on_cards=True,
    )


EPSILON = _method("lrp-epsilon", "epsilon", "epsilon 1e-6", LayerRules(Epsilon, positive=False), _CANCELS)

GAMMA = _method("lrp-gamma", "gamma", "gamma 0.25", LayerRules(Gamma, positive=False), _CANCELS)

ALPHA_BETA = _method("lrp-alpha-beta", "alpha 2, beta 1", "alpha 2, beta 1", LayerRules(AlphaBeta), _CANCELS)

FLAT = _method("lrp-flat", "z-plus, flat first", "z-plus", LayerRules(ZPlus, Flat), _BACKGROUND, "flat")

W_SQUARE = _method(
    "lrp-w-square",
    "z-plus, w-square first",
    "z-plus",
    LayerRules(ZPlus, WSquare),
    _BACKGROUND,
    "squares of the weights",
)

BOX = _method(
    "lrp-box",
    "z-plus, box first",
    "z-plus",
    LayerRules(ZPlus, box=True),
    _BACKGROUND,
    "box between the image's lowest and highest value",
)
