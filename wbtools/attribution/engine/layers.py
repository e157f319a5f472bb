"""What every kind of layer does on the way forward, and on the way back to relevance by rules: a table, `LAYERS`.

Linear maps (convolutions, linear layers, averages) follow the `RuleSet`; what other layers do is the same in any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.graph import Concatenation, NoRelevanceRule, Step
from wbtools.attribution.engine.linear import Average, Cells, Convolution, Dense, LinearMap, Mean
from wbtools.attribution.engine.planes import Moved
from wbtools.attribution.engine.rules import TINY, Redistribution, Rule, RuleSet, spread, stable
from wbtools.attribution.engine.signal import Activation, LayerResult, Pool
from wbtools.errors import InputError
from wbtools.model.convolution import triple
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention

RuleResult = LayerResult[Activation]
"""A layer's output, and its way back."""


def apply(step: Step, inputs: list[Activation], rules: RuleSet) -> RuleResult:
    """Run one step.

    Raises
    ------
    InputError
        If there is no rule for the module.
    """
    module = step.module
    if isinstance(module, nn.Conv3d):
        return rules.convolutions.apply(*convolution(module, step.norm, step.name), inputs[0])
    for kind, run in LAYERS.items():
        if isinstance(module, kind):
            return run(module, rules, *inputs)
    raise NoRelevanceRule.of(step.name, module)


def detached(tensor: Tensor | None) -> Tensor | None:
    """A weight or bias without its gradient."""
    return None if tensor is None else tensor.detach()


def convolution(
    module: nn.Conv3d, norm: nn.BatchNorm3d | None = None, name: str = ""
) -> tuple[Convolution, Tensor | None]:
    """A convolution and its bias, with the batch norm that follows it.

    Raises
    ------
    InputError
        If it is padded with anything but zeros; the message has its name.
    """
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise NoRelevanceRule(f"the oddly padded convolution {name}")
    scale, bias = None, detached(module.bias)
    if norm is not None:
        scale, offset = scale_and_offset(norm)
        bias = offset if bias is None else bias * scale + offset
    geometry = triple(module.stride), triple(module.padding), triple(module.dilation)
    linear = Convolution(module.weight.detach(), *geometry, scale, groups=module.groups)
    return linear, None if bias is None else bias[:, None, None, None]


def scale_and_offset(norm: nn.BatchNorm3d) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation as y = scale * x + offset."""
    if norm.running_mean is None or norm.running_var is None:
        raise InputError("a batch norm without running statistics depends on the batch; relevance cannot pass it")
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        scale = scale * norm.weight.detach()
    offset = -norm.running_mean * scale
    return scale, offset + norm.bias.detach() if norm.affine else offset


def adaptive(module: nn.AdaptiveAvgPool3d) -> LinearMap:
    """An adaptive pool as a linear map."""
    given = module.output_size
    x, y, z = given if isinstance(given, tuple) else (given, given, given)
    if (y, z) == (1, 1) and x in (None, 1):
        return Mean((2, 3, 4) if x else (3, 4))
    return Cells((x, y, z))


def _linear(module: nn.Linear, rules: RuleSet, x: Activation) -> RuleResult:
    return rules.dense.apply(Dense(module.weight.detach()), detached(module.bias), x)


def _average(module: nn.AvgPool3d, rules: RuleSet, x: Activation) -> RuleResult:
    return rules.averages.apply(Average(module), None, x)


def _mean(module: nn.AdaptiveAvgPool3d, rules: RuleSet, x: Activation) -> RuleResult:
    return rules.averages.apply(adaptive(module), None, x)


def _norm(module: nn.BatchNorm3d, rules: RuleSet, x: Activation) -> RuleResult:
    """A batch norm that no convolution comes before: a scale per channel, whose output takes its input's relevance."""
    scale, offset = (t[:, None, None, None] for t in scale_and_offset(module))
    return Activation((x.value * scale).add_(offset), x.share), _unchanged


def _unchanged(r: Tensor) -> tuple[Tensor, ...]:
    return (r,)


def _relu(module: nn.ReLU, rules: RuleSet, x: Activation) -> RuleResult:
    return Activation(torch.relu(x.value), x.share), _unchanged


def _same(module: nn.Module, rules: RuleSet, x: Activation) -> RuleResult:
    return x, _unchanged


def _flatten(module: nn.Flatten, rules: RuleSet, x: Activation) -> RuleResult:
    shape = x.value.shape[1:]
    return x.each(module), lambda r: (r.reshape(len(r), *shape),)


def _moved(module: Moved, rules: RuleSet, x: Activation) -> RuleResult:
    shape = x.value.shape[1:]
    return x.each(module), lambda r: (module.back(r, shape),)


def _maximum(module: nn.MaxPool3d, rules: RuleSet, x: Activation) -> RuleResult:
    output, winner = _winners(x, pooling(module))
    shape, places = x.value.shape[1:], winner.int()  # half the memory

    def back(r: Tensor) -> tuple[Tensor]:
        return (spread(r, places, shape),)

    return output, back


def pooling(module: nn.MaxPool3d) -> Pool:
    """A maximum pool as it is."""
    m = module
    return lambda tensor: largest(tensor, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode)


def largest(tensor: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """A maximum pool of (1, C, X, Y, Z) with these arguments."""
    # A library takes an eighth of the time where the channels of a voxel lie next to each other.
    beside = tensor.contiguous(memory_format=torch.channels_last_3d)
    values, places = functional.max_pool3d(beside, *arguments, return_indices=True)
    return _channel_by_channel(values), _channel_by_channel(places)


def _channel_by_channel(tensor: Tensor) -> Tensor:
    """(1, C, X, Y, Z) with each channel in one piece; as a matrix, which is transposed five times as fast."""
    return tensor[0].permute(1, 2, 3, 0).flatten(0, 2).T.contiguous().view(tensor.shape)


def _winners(x: Activation, pool: Pool) -> tuple[Activation, Tensor]:
    """A maximum pool's output, and where its winners are: all relevance is theirs.

    Winners are the largest voxels; where shares are known, those with the largest part from the image.
    """
    output, winner = pool(x.value)
    if x.share is None:
        return Activation(output), winner
    most, winner = pool(x.from_image)
    return Activation(output, most / (output + TINY)), winner


def pooled_linear(
    rule: Rule, linear: LinearMap, bias: Tensor | None, x: Activation, pool: Pool, place: object = None
) -> tuple[Activation, Redistribution]:
    """A linear map and its bias, a ReLU, and a maximum pool, wherever in the image."""
    y, division = rule.apply(linear, bias, x)
    output, winner = _winners(Activation(y.value.relu_(), y.share), pool)
    return output, division.at(winner)


def _gate(module: Gate, rules: RuleSet, x: Activation, coefficients: Activation) -> RuleResult:
    """The signal takes all."""
    return Activation(x.value * coefficients.value, x.share), lambda r: (r, None)


def _attention(module: nn.Module, rules: RuleSet, x: Activation) -> RuleResult:
    return Activation(module(x.value)), None


def _sum(module: Add, rules: RuleSet, x: Activation, y: Activation) -> RuleResult:
    """Both summands take relevance in proportion to their parts that have the sum's sign.

    Where shares are known, in proportion to what the image has in their positive parts.
    """
    total = x.value + y.value
    if x.share is None or y.share is None:
        first, second = (part.value + part.value.abs().copysign_(total) for part in (x, y))
        output = Activation(total)
    else:
        first, second = (part.from_image.clamp_(min=0) for part in (x, y))
        everything = x.value.clamp(min=0) + y.value.clamp(min=0)
        output = Activation(total, (first + second).div_(everything.add_(TINY)))
    share = first.div_(stable(second.add_(first)))

    def back(r: Tensor) -> tuple[Tensor, ...]:
        part = r * share
        return part, r - part

    return output, back


def _concatenated(module: Concatenation, rules: RuleSet, *parts: Activation) -> RuleResult:
    axis = channels(parts[0].value)
    sizes = [part.value.shape[axis] for part in parts]
    return Activation.joined(parts, axis), lambda r: r.split(sizes, axis)


def channels(tensor: Tensor) -> int:
    """The axis of the channels: of rows of vectors (1, N, F) the last."""
    return 1 if tensor.dim() > 3 else -1


LAYERS: dict[type[nn.Module], Callable[..., RuleResult]] = {
    nn.Linear: _linear,
    nn.ReLU: _relu,
    nn.BatchNorm3d: _norm,
    nn.MaxPool3d: _maximum,
    nn.AvgPool3d: _average,
    nn.AdaptiveAvgPool3d: _mean,
    nn.Flatten: _flatten,
    nn.Dropout: _same,
    nn.Identity: _same,
    Add: _sum,
    Gate: _gate,
    ChannelAttention: _attention,
    SpatialAttention: _attention,
    Concatenation: _concatenated,
    Moved: _moved,
}
"""What a kind of layer does, from the layer, the network's rules and its inputs; convolutions follow `RuleSet`."""
