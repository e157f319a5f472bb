"""What every kind of layer does: on the way forward to the image and its reference, on the way back to relevance.

A `Signal` is carried forward as the reference's activations and the *change* from them. Linear layers act on the change
itself, so that biases and the offsets of batch norms cancel exactly and equal images differ by exactly nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.graph import Concatenation, Step
from wbtools.attribution.engine.linear import Average, Convolution, Dense, LinearMap, Mean
from wbtools.attribution.engine.rules import MATCHED, TINY, Division, Rule, Rules, spread, stable
from wbtools.attribution.engine.signal import Pooled, Result, Signal
from wbtools.errors import InputError
from wbtools.model.convolution import Triple
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention


def apply(step: Step, inputs: list[Signal], rules: Rules) -> Result:
    """Run one step.

    Raises
    ------
    InputError
        If there is no rule for the module.
    """
    module = step.module
    if isinstance(module, nn.Conv3d):
        return affine(*convolution(step), inputs[0], rules.convolutions)
    if isinstance(module, nn.Linear):
        dense = Dense(module.weight.detach()), _detached(module.bias)
        return affine(*dense, replace(inputs[0], share=None), rules.dense)
    for kind, run in _KINDS.items():
        if isinstance(module, kind):
            return run(module, *inputs)
    raise InputError(
        f"there is no relevance rule for the layer {step.name} ({type(module).__name__})",
        hint="choose another --method, such as lrp",
    )


def _detached(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach()


def convolution(step: Step) -> tuple[Convolution, Tensor | None]:
    """A convolution and its bias, with the batch norm that follows it."""
    module = cast(nn.Conv3d, step.module)
    if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise InputError(f"there is no relevance rule for the grouped or oddly padded convolution {step.name}")
    scale, bias = None, _detached(module.bias)
    if step.norm is not None:
        scale, offset = scale_and_offset(step.norm)
        bias = offset if bias is None else bias * scale + offset
    stride, padding, dilation = cast(tuple[Triple, ...], (module.stride, module.padding, module.dilation))
    linear = Convolution(module.weight.detach(), stride, padding, dilation, scale)
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


def affine(linear: LinearMap, bias: Tensor | None, x: Signal, rule: Rule) -> tuple[Signal, Division]:
    """A linear map and a bias. The bias takes no relevance; on differences it has none."""
    if x.share is not None:
        return _owed(linear, bias, x, x.share)
    if x.base is not None:
        now = linear.ready()
        change, base = now(x.change), now(x.base)
        return Signal(change, base if bias is None else base.add_(bias)), rule.divide(linear, x.change, change)
    change = linear(x.change)
    if bias is None:
        return Signal(change), rule.divide(linear, x.change, change)
    division = rule.divide(linear, x.change, change, change + bias)
    return Signal(change.add_(bias)), division


def _owed(linear: LinearMap, bias: Tensor | None, x: Signal, share: Tensor) -> tuple[Signal, Division]:
    """Positive contributions divide, and an input counts only as far as it is owed to the image.

    Of the positive contributions to an output, the bias among them, those of the image are its share.
    """
    positive, owed = linear.positive(), x.change * share
    now, offset = positive.ready(), TINY if bias is None else bias.clamp(min=0) + TINY
    made = now(owed)
    # The first layer sees nothing but the image.
    everything = made + offset if torch.equal(owed, x.change) else now(x.change).add_(offset)
    output = linear(x.change)
    if bias is not None:
        output.add_(bias)
    share = torch.div(made, everything, out=everything)
    return Signal(output, share=share), Division(positive, owed, made.add_(TINY))


def _average(module: nn.Module, x: Signal) -> Result:
    return affine(Average(cast(nn.AvgPool3d, module)), None, x, MATCHED)


def _mean(module: nn.Module, x: Signal) -> Result:
    if cast(nn.AdaptiveAvgPool3d, module).output_size not in (1, (1, 1, 1)):
        raise InputError("there is no relevance rule for an adaptive pool that leaves more than one voxel")
    return affine(Mean(), None, x, MATCHED)


def _norm(module: nn.Module, x: Signal) -> Result:
    """A batch norm that no convolution comes before: a scale per channel, whose output takes its input's relevance."""
    scale, offset = (t[:, None, None, None] for t in scale_and_offset(cast(nn.BatchNorm3d, module)))
    if x.base is None:
        return Signal((x.change * scale).add_(offset), share=x.share), _pass
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
    output, winner = winners(x.whole, x.base, None if x.share is None else x.owed, pooling(module))
    shape, places = x.change.shape[1:], winner.int()  # half the memory

    def pull(r: Tensor) -> tuple[Tensor]:
        return (spread(r, places, shape),)

    return output, pull


def pooling(module: nn.Module) -> Pooled:
    """A maximum pool as it is."""
    m = cast(nn.MaxPool3d, module)
    return lambda tensor: largest(tensor, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode)


def largest(tensor: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """A maximum pool of (1, C, X, Y, Z) with these arguments."""
    # A library takes an eighth of the time where the channels of a voxel lie next to each other.
    beside = tensor.contiguous(memory_format=torch.channels_last_3d)
    values, places = functional.max_pool3d(beside, *arguments, return_indices=True)
    return _one_by_one(values), _one_by_one(places)


def _one_by_one(tensor: Tensor) -> Tensor:
    """(1, C, X, Y, Z) with each channel in one piece; as a matrix, which is transposed five times as fast."""
    return tensor[0].permute(1, 2, 3, 0).flatten(0, 2).T.contiguous().view(tensor.shape)


def winners(whole: Tensor, base: Tensor | None, owed: Tensor | None, pooled: Pooled) -> tuple[Signal, Tensor]:
    """A maximum pool's output, and where the winners are: all relevance is theirs.

    Winners are the largest of the image's voxels, or of the reference's where that is the larger one; if only what is
    owed to the image counts, the largest of that.
    """
    output, winner = pooled(whole)
    if owed is not None:
        most, winner = pooled(owed)
        return Signal(output, share=most / (output + TINY)), winner
    if base is None:
        return Signal(output), winner
    before, other = pooled(base)
    winner = torch.where(output >= before, winner, other)
    return Signal(output.sub_(before), before), winner


def pooled_affine(
    rule: Rule, linear: LinearMap, bias: Tensor | None, x: Signal, pooled: Pooled
) -> tuple[Signal, Division]:
    """A linear map and its bias, a ReLU, and a maximum pool."""
    y, division = affine(linear, bias, x, rule)
    whole = y.whole.relu_()
    owed = None if y.share is None else y.share.mul_(whole)
    output, winner = winners(whole, None if y.base is None else y.base.relu_(), owed, pooled)
    return output, division.at(winner)


def _gate(module: nn.Module, x: Signal, coefficients: Signal) -> Result:
    """The signal takes all."""
    if x.base is None or coefficients.base is None:
        return Signal(x.change * coefficients.change, share=x.share), lambda r: (r, None)
    change = (x.change * coefficients.whole).addcmul_(x.base, coefficients.change)
    output = Signal(change, x.base * coefficients.base)
    size = stable(x.change.abs().sum())
    if bool(x.change.all()):
        return output, lambda r: (r, None)

    def pull(r: Tensor) -> tuple[Tensor, None]:
        # Where only the coefficient changed, it owes that to the places where the signal did.
        still = x.change == 0
        owed = (r * still).sum((1, 2, 3, 4), keepdim=True) / size
        return r.masked_fill(still, 0).addcmul_(owed, x.change.abs()), None

    return output, pull


def _attention(module: nn.Module, x: Signal) -> Result:
    return replace(x, share=None).through(cast(Callable[[Tensor], Tensor], module)), None


def _sum(module: nn.Module, x: Signal, y: Signal) -> Result:
    """Both summands take shares of their parts that have the sum's sign; of their positive parts if shares are owed."""
    change = x.change + y.change
    if x.share is None or y.share is None:
        first, second = (part.change + part.change.abs().copysign_(change) for part in (x, y))
        base = None if x.base is None or y.base is None else x.base + y.base
        output = Signal(change, base)
    else:
        first, second = (part.owed.clamp_(min=0) for part in (x, y))
        everything = x.change.clamp(min=0) + y.change.clamp(min=0)
        output = Signal(change, share=(first + second).div_(everything.add_(TINY)))
    share = first.div_(stable(second.add_(first)))

    def pull(r: Tensor) -> tuple[Tensor, ...]:
        part = r * share
        return part, r - part

    return output, pull


def _concatenated(module: nn.Module, *parts: Signal) -> Result:
    sizes = [part.change.shape[1] for part in parts]

    def joined(tensors: list[Tensor | None]) -> Tensor | None:
        given = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(given, 1) if given else None

    change = torch.cat([part.change for part in parts], 1)
    whole = Signal(change, joined([part.base for part in parts]), joined([part.share for part in parts]))
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
