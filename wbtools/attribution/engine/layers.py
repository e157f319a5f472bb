"""What every kind of layer does: on the way forward to the image and its reference, on the way back to relevance.

A `Signal` is carried forward as the reference's activations and the *change* from them. Linear layers act on the change
itself, so that biases and the offsets of batch norms cancel exactly and equal images differ by exactly nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.graph import Concatenation, Step
from wbtools.attribution.engine.linear import Average, Convolution, Dense, LinearMap, Mean
from wbtools.attribution.engine.rules import MATCHED, Pull, Rule, Rules, reciprocal
from wbtools.errors import InputError
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention


@dataclass(frozen=True, eq=False)
class Signal:
    """The output of a layer for an image.

    Parameters
    ----------
    change : Tensor, (1, ...)
        From the reference's activations; without a reference the activations themselves.
    base : Tensor, (1, ...), optional
        The reference's activations.
    """

    change: Tensor
    base: Tensor | None = None

    @property
    def reference(self) -> Tensor:
        """The reference's activations, which have to be there, (1, ...)."""
        assert self.base is not None
        return self.base

    @property
    def whole(self) -> Tensor:
        """The image's activations, (1, ...)."""
        return self.change if self.base is None else self.base + self.change

    def through(self, function: Callable[[Tensor], Tensor]) -> Signal:
        """After a function that is not linear."""
        if self.base is None:
            return Signal(function(self.change))
        base = function(self.base)
        return Signal(function(self.whole) - base, base)

    def each(self, function: Callable[[Tensor], Tensor]) -> Signal:
        """After a function that is linear."""
        return Signal(function(self.change), None if self.base is None else function(self.base))


Result = tuple[Signal, Pull | None]
"""A layer's output and its way back; None for attention, whose output counts as a constant."""


def apply(step: Step, inputs: list[Signal], rules: Rules) -> Result:
    """Run one step.

    Raises
    ------
    InputError
        If there is no rule for the module.
    """
    module = step.module
    if isinstance(module, nn.Conv3d):
        return _affine(*convolution(step), inputs[0], rules.convolutions)
    if isinstance(module, nn.Linear):
        return _affine(Dense(module.weight.detach()), _detached(module.bias), inputs[0], rules.dense)
    for kind, run in _KINDS.items():
        if isinstance(module, kind):
            return run(module, *inputs)
    raise InputError(
        f"there is no relevance rule for the layer {step.name} ({type(module).__name__})",
        mend="choose another --method, such as lrp",
    )


def _detached(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


def convolution(step: Step) -> tuple[Convolution, Tensor | None]:
    """A convolution and its bias, with the batch norm that follows it."""
    module = cast(nn.Conv3d, step.module)
    if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise InputError(f"there is no relevance rule for the grouped or oddly padded convolution {step.name}")
    weight, bias = module.weight.detach(), _detached(module.bias)
    if step.norm is not None:
        scale, offset = scale_and_offset(step.norm)
        weight = weight * scale[:, None, None, None, None]
        bias = offset if bias is None else bias * scale + offset
    geometry = cast(Any, (module.stride, module.padding, module.dilation))
    return Convolution(weight, *geometry), None if bias is None else bias[:, None, None, None]


def scale_and_offset(norm: nn.BatchNorm3d) -> tuple[Tensor, Tensor]:
    """A batch norm in evaluation as y = scale * x + offset."""
    if norm.running_mean is None or norm.running_var is None:
        raise InputError("a batch norm without running statistics depends on the batch; relevance cannot pass it")
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        scale = scale * norm.weight.detach()
    offset = -norm.running_mean * scale
    return scale, offset + norm.bias.detach() if norm.affine else offset


def _affine(linear: LinearMap, bias: Tensor | None, x: Signal, rule: Rule) -> Result:
    """A linear map and a bias. The bias takes no relevance; on differences it has none."""
    change = linear(x.change)
    if x.base is not None:
        base = linear(x.base)
        return Signal(change, base if bias is None else base.add_(bias)), rule.pull(linear, x.change, change, change)
    output = change if bias is None else change + bias
    return Signal(output), rule.pull(linear, x.change, change, output)


def _average(module: nn.Module, x: Signal) -> Result:
    return _affine(Average(cast(nn.AvgPool3d, module)), None, x, MATCHED)


def _mean(module: nn.Module, x: Signal) -> Result:
    if cast(nn.AdaptiveAvgPool3d, module).output_size not in (1, (1, 1, 1)):
        raise InputError("there is no relevance rule for an adaptive pool that leaves more than one voxel")
    return _affine(Mean(), None, x, MATCHED)


def _norm(module: nn.Module, x: Signal) -> Result:
    """A batch norm that no convolution comes before: a scale per channel, whose output takes its input's relevance."""
    scale, offset = (t[:, None, None, None] for t in scale_and_offset(cast(nn.BatchNorm3d, module)))
    if x.base is None:
        return Signal(x.change * scale + offset), _pass
    return Signal(x.change * scale, (x.base * scale).add_(offset)), _pass


def _pass(r: Tensor) -> tuple[Tensor, ...]:
    return (r,)


def _relu(module: nn.Module, x: Signal) -> Result:
    return x.through(torch.relu), _pass


def _same(module: nn.Module, x: Signal) -> Result:
    return x, _pass


def _flatten(module: nn.Module, x: Signal) -> Result:
    shape = x.change.shape[1:]
    return x.each(cast(Callable[[Tensor], Tensor], module)), lambda r: (r.reshape(len(r), *shape),)


def _maximum(module: nn.Module, x: Signal) -> Result:
    """Winner takes all: the largest of the image's voxels, or of the reference's where that is the larger one."""
    m = cast(nn.MaxPool3d, module)

    def pooled(tensor: Tensor) -> tuple[Tensor, Tensor]:
        arguments: Any = (m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, True)
        return cast(tuple[Tensor, Tensor], functional.max_pool3d(tensor, *arguments))

    output, winner = pooled(x.whole)
    base = None
    if x.base is not None:
        base, other = pooled(x.base)
        winner = torch.where(output >= base, winner, other)
        output = output - base
    shape = x.change.shape[1:]

    def pull(r: Tensor) -> tuple[Tensor, ...]:
        places = winner.flatten(2).expand(len(r), -1, -1)
        empty = r.new_zeros(len(r), *shape)
        empty.flatten(2).scatter_add_(2, places, r.flatten(2))
        return (empty,)

    return Signal(output, base), pull


def _gate(module: nn.Module, x: Signal, coefficients: Signal) -> Result:
    """The signal takes all."""
    if x.base is None or coefficients.base is None:
        return Signal(x.change * coefficients.change), lambda r: (r, torch.zeros(()))
    change = x.change * coefficients.whole + x.base * coefficients.change
    still = x.change == 0
    if not bool(still.any()):
        return Signal(change, x.base * coefficients.base), lambda r: (r, torch.zeros(()))
    size = x.change.abs()
    share = size * reciprocal(size.sum())

    def pull(r: Tensor) -> tuple[Tensor, ...]:
        # Where only the coefficient changed, it owes that to the places where the signal did.
        owed = (r * still).sum((1, 2, 3, 4), keepdim=True)
        return r.masked_fill(still, 0).add_(owed * share), torch.zeros(())

    return Signal(change, x.base * coefficients.base), pull


def _attention(module: nn.Module, x: Signal) -> Result:
    return x.through(cast(Callable[[Tensor], Tensor], module)), None


def _sum(module: nn.Module, x: Signal, y: Signal) -> Result:
    """Both summands take shares of their parts that have the sum's sign."""
    change = x.change + y.change
    parts = [part.change + part.change.abs().copysign_(change) for part in (x, y)]
    share = parts[0] * reciprocal(parts[0] + parts[1])
    rest = parts[1] * reciprocal(parts[0] + parts[1])
    base = None if x.base is None or y.base is None else x.base + y.base
    return Signal(change, base), lambda r: (r * share, r * rest)


def _concatenated(module: nn.Module, *parts: Signal) -> Result:
    sizes = [part.change.shape[1] for part in parts]
    bases = [part.base for part in parts if part.base is not None]
    whole = Signal(torch.cat([part.change for part in parts], 1), torch.cat(bases, 1) if bases else None)
    return whole, lambda r: r.split(sizes, 1)


_KINDS: dict[type[nn.Module], Callable[..., Result]] = {
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
}
