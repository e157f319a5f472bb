"""`--method lrp` by zennit, for networks that the engine of wbtools cannot follow.

These have a layer that is unknown to the engine, or are computed in part outside any layer. The rules are the same (see
`wbtools.attribution.methods.lrp`), as rules of zennit. A pass takes about three times as long as one of the engine.

Reference: Anders et al. 2021 (zennit).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from zennit.core import BasicHook, Composite, Hook
from zennit.rules import ClampMod, Gamma, NoMod, Pass

from wbtools.attribution.autograd.propagation import SignalTakesAll, layers, merged, propagate
from wbtools.attribution.method import MethodOutput
from wbtools.attribution.question import Question
from wbtools.model.family import Network
from wbtools.model.junctions import Add, Gate

_TINY = 1e-12  # keeps denominators of sums of non-negative terms off zero
_SIGN_MATCHED = 1e3  # a gamma so large that only contributions of the output's sign count

Shares = dict[str, tuple[Tensor, ...]]

_POOLS = (nn.MaxPool3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d)
_SHARING = (nn.Conv3d, *_POOLS, Add)
"""Layers whose inputs share relevance by what they contributed."""

_PASSING = (nn.ReLU, nn.BatchNorm3d, Gate)
"""Layers that hand relevance to their first input unchanged."""


class PositiveShare(BasicHook):  # type: ignore[misc]
    """z-plus: every input takes its share of the positive contributions, biases left out.

    Parameters
    ----------
    share : Tensor, (1, C, X, Y, Z)
        The part of each input that comes from the image (see `image_shares`). Inputs come from a ReLU: never negative.
    """

    def __init__(self, share: Tensor) -> None:
        super().__init__(
            input_modifiers=[lambda x: x * share],
            param_modifiers=[ClampMod(min=0.0, zero_params="bias")],
            gradient_mapper=_divide,
        )


class InputShare(BasicHook):  # type: ignore[misc]
    """Pools: inputs take shares proportional to what they added (average) or all of it for the largest (maximum)."""

    def __init__(self, share: Tensor) -> None:
        super().__init__(
            input_modifiers=[lambda x: x * share], param_modifiers=[NoMod(param_keys=[])], gradient_mapper=_divide
        )


def _divide(relevance: Tensor, outputs: list[Tensor]) -> list[Tensor]:
    return [relevance / (output + _TINY) for output in outputs]


class PositiveParts(Hook):  # type: ignore[misc]
    """Residual sums: both summands take shares proportional to their positive parts.

    Parameters
    ----------
    shares : tuple of Tensor
        As for `PositiveShare`, for both summands.
    """

    def __init__(self, shares: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.shares = shares

    def copy(self) -> PositiveParts:
        """A hook of its own for another module."""
        return PositiveParts(self.shares)

    def forward(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the summands."""
        self.stored_tensors["parts"] = [
            (x.detach() * share).clamp(min=0) for x, share in zip(inputs, self.shares, strict=True)
        ]

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> tuple[Tensor, ...]:
        """Relevance of both summands."""
        parts = self.stored_tensors["parts"]
        per_unit = grad_output[0] / (sum(parts) + _TINY)
        return tuple(part * per_unit for part in parts)


def image_shares(network: Network, image: Tensor, answer: str = "raw", empty: float = 0.0) -> Shares:
    """What share of each layer's inputs comes from the image, and not from biases.

    Of all positive contributions to an activation, biases included, it is the part that comes from voxels, directly or
    through the layers before. In the empty background it is 0. The network is run twice, first to note the activations,
    then with shares in their place.

    Parameters
    ----------
    network : Network
        Its batch norms merged.
    image : Tensor, (1, 1, X, Y, Z)
    answer : str
        The network's method that is explained.
    empty : float
        The image's value where there is no brain.

    Returns
    -------
    dict
        By name of the layer, a tensor in [0, 1] for each input.
    """
    activations: dict[str, tuple[Tensor, ...]] = {}
    shares: Shares = {}

    def note(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: activations.update({name: inputs})

    def replace(name: str) -> Callable[..., Tensor]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if not isinstance(module, _SHARING):
                return inputs[0]
            shares[name] = tuple(
                share.half() for share in inputs
            )  # half the memory; the same numbers are used throughout
            inputs = activations.pop(name)
            part = _positive(module, [x * s for x, s in zip(inputs, shares[name], strict=True)], biases=False)
            return part / (_positive(module, inputs, biases=True) + _TINY)

        return hook

    with torch.no_grad():
        for kinds, hook, start in (
            (_SHARING, note, image),
            (_SHARING + _PASSING, replace, (image != empty).to(image.dtype)),
        ):
            handles = [m.register_forward_hook(hook(n)) for n, m in layers(network) if isinstance(m, kinds)]
            getattr(network, answer)(start)
            for handle in handles:
                handle.remove()
    return shares


def _positive(module: nn.Module, inputs: Sequence[Tensor], biases: bool) -> Tensor:
    """Sum of the positive contributions to each output of a layer."""
    if isinstance(module, nn.Conv3d):
        bias = module.bias.clamp(min=0) if biases and module.bias is not None else None
        return nn.functional.conv3d(
            inputs[0], module.weight.clamp(min=0), bias, module.stride, module.padding, module.dilation
        )
    if isinstance(module, Add):
        return inputs[0].clamp(min=0) + inputs[1].clamp(min=0)
    pooled: Tensor = module.forward(inputs[0])
    return pooled


def composite(network: Network, shares: Shares) -> Composite:
    """The rules for each layer of a network whose batch norms are merged."""
    names = dict(layers(network))

    def rule(context: dict[str, Any], name: str, module: nn.Module) -> Hook | None:
        if name not in names:
            return None
        if isinstance(module, nn.Conv3d):
            return PositiveShare(*shares[name])
        if isinstance(module, _POOLS):
            return InputShare(*shares[name])
        if isinstance(module, Add):
            return PositiveParts(shares[name])
        if isinstance(module, Gate):
            return SignalTakesAll()
        if isinstance(module, nn.Linear):
            return Gamma(_SIGN_MATCHED, stabilizer=1e-9, zero_params="bias")
        if isinstance(module, (nn.ReLU, nn.BatchNorm3d)):
            return Pass()
        return None

    return Composite(rule)


def explain(question: Question) -> MethodOutput:
    """Propagate the relevance of a network's answer back to the voxels."""
    network = question.network
    with merged(network).context(network):
        shares = image_shares(network, question.image, question.objective.answer, question.empty)
        return propagate(question, composite(network, shares))
