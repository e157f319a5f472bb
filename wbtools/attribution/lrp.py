"""Layer-wise relevance propagation (LRP) with zennit, for networks of convolutions, gates and residual sums.

Stock composites do not conserve relevance on these networks: they know no rule for residual sums and gates, let it pass
through the normalisation of the embedding, where it cancels, and lose it in biases. Here

- relevance starts at the embedding before normalisation, whose length counts as a constant: R = v z / |v|;
- batch norms are merged into the convolutions before them;
- biases are left out of every denominator, and so is every activation that no voxel of the image can influence: it is
  a constant of the network, too, and relevance that reached it would be lost in the empty background.

References: Bach et al. 2015 (LRP), Montavon et al. 2017 (z-plus), Arras et al. 2017 (gates), Anders et al. 2021 (zennit).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from zennit.canonizers import NamedMergeBatchNorm
from zennit.core import BasicHook, Composite, Hook
from zennit.rules import ClampMod, Epsilon, NoMod, Pass

from wbtools.attribution.method import Explanation, Method
from wbtools.model.family import Network
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention

_TINY = 1e-9  # keeps denominators of sums of non-negative terms off zero

Supports = dict[str, tuple[Tensor, ...]]


class PositiveShare(BasicHook):  # type: ignore[misc]
    """z-plus: every input takes its share of the positive contributions, biases left out.

    Parameters
    ----------
    support : Tensor, (1, 1, X, Y, Z)
        1 where an input can depend on the image, else 0; inputs are activations of a ReLU, never negative.
    """

    def __init__(self, support: Tensor) -> None:
        super().__init__(
            input_modifiers=[lambda x: x * support],
            param_modifiers=[ClampMod(min=0.0, zero_params="bias")],
            gradient_mapper=_divide,
        )


class InputShare(BasicHook):  # type: ignore[misc]
    """Pools: inputs take shares proportional to what they added (average) or all of it for the largest (maximum)."""

    def __init__(self, support: Tensor) -> None:
        super().__init__(
            input_modifiers=[lambda x: x * support],
            param_modifiers=[NoMod(param_keys=[])],
            gradient_mapper=_divide,
        )


def _divide(relevance: Tensor, outputs: list[Tensor]) -> list[Tensor]:
    return [relevance / (output + _TINY) for output in outputs]


class SignalTakesAll(Hook):  # type: ignore[misc]
    """Gates: the signal takes all relevance, the coefficients count as constants."""

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> tuple[Tensor, Tensor | None]:
        """Relevance of (signal, coefficients)."""
        return grad_output[0], None


class PositiveParts(Hook):  # type: ignore[misc]
    """Residual sums: both summands take shares proportional to their positive parts.

    Parameters
    ----------
    supports : tuple of Tensor
        As for `PositiveShare`, for both summands.
    """

    def __init__(self, supports: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.supports = supports

    def copy(self) -> PositiveParts:
        """A hook of its own for another module."""
        return PositiveParts(self.supports)

    def forward(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the summands."""
        self.stored_tensors["parts"] = [
            (x.detach() * support).clamp(min=0) for x, support in zip(inputs, self.supports, strict=True)
        ]

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> tuple[Tensor, ...]:
        """Relevance of both summands."""
        parts = self.stored_tensors["parts"]
        per_unit = grad_output[0] / (sum(parts) + _TINY)
        return tuple(part * per_unit for part in parts)


def supports(network: Network, image: Tensor) -> Supports:
    """Where the inputs of each layer can depend on the image at all.

    A copy of the network with one channel, weights of 1 and no biases is shown where the image is not 0: what it leaves
    at 0 has no voxel of the image in its receptive field.

    Parameters
    ----------
    network : Network
    image : Tensor, (1, 1, X, Y, Z)

    Returns
    -------
    dict
        By name of the layer, for each input a tensor (1, 1, x, y, z) of 0 and 1.
    """
    seen: Supports = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            seen[name] = tuple((x > 0).to(image.dtype) for x in inputs)

        return hook

    probe = _probe(network)
    for name, module in probe.named_modules():
        if isinstance(module, (nn.Conv3d, nn.MaxPool3d, nn.AdaptiveAvgPool3d, Add)):
            module.register_forward_hook(keep(name))
    with torch.no_grad():
        probe.raw((image != 0).to(image.dtype))
    return seen


def _probe(network: Network) -> Network:
    """One channel, every filter all ones, every batch norm the identity."""
    probe = deepcopy(network)
    for module in list(probe.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm3d):
                setattr(module, name, nn.Identity())
            elif isinstance(child, (nn.Conv3d, nn.Linear)):
                child.weight = nn.Parameter(torch.ones_like(child.weight[:1, :1]))
                child.bias = None
    return probe


def composite(network: Network, image: Tensor) -> Composite:
    """The rules for each layer of the network, and the merging of its batch norms."""
    support = supports(network, image)
    inside = {f"{name}." for name, m in network.named_modules() if isinstance(m, (ChannelAttention, SpatialAttention))}

    def rule(context: dict[str, Any], name: str, module: nn.Module) -> Hook | None:
        if any(name.startswith(prefix) for prefix in inside):
            return None
        if isinstance(module, nn.Conv3d):
            return PositiveShare(support[name][0])
        if isinstance(module, (nn.MaxPool3d, nn.AdaptiveAvgPool3d)):
            return InputShare(support[name][0])
        if isinstance(module, Add):
            return PositiveParts(support[name])
        if isinstance(module, Gate):
            return SignalTakesAll()
        if isinstance(module, nn.Linear):
            return Epsilon(epsilon=1e-6, zero_params="bias")
        if isinstance(module, (nn.ReLU, nn.BatchNorm3d)):
            return Pass()
        return None

    return Composite(rule, [NamedMergeBatchNorm([([conv], norm) for conv, norm in network.batch_norms()])])


def explain(network: Network, image: Tensor) -> Explanation:
    """Propagate the relevance of the embedding back to the voxels.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    image : Tensor, (1, 1, X, Y, Z)
    """
    with composite(network, image).context(network):
        watched = image.clone().requires_grad_()
        embedding = network.raw(watched)
        direction = torch.nn.functional.normalize(embedding.detach(), dim=1)
        seed = direction * direction  # v z / |v|, the length |v| taken as a constant
        (relevance,) = torch.autograd.grad(embedding, watched, seed)
    total = float(seed.sum())
    return Explanation(relevance[0, 0].numpy(), total, total)


METHOD = Method(
    name="lrp",
    title="plain layer-wise relevance propagation (z-plus), by zennit",
    rules=(
        "start: embedding before normalisation, its length constant",
        "convolutions: z-plus, batch norm merged, without biases",
        "last two layers: epsilon 1e-6, without biases",
        "maximum pools: winner takes all",
        "average pool: proportional to the inputs",
        "gates: signal takes all",
        "residual sums: proportional to the positive parts",
        "activations that no voxel can influence: left out, as biases are",
    ),
    caution=(
        "Plain z-plus maps follow the brightness and the centre of the brain more than what the network uses; "
        "do not read a ranking from one map alone."
    ),
    explain=explain,
)
