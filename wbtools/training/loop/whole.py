"""Layers that look at a whole batch, of which a process is shown only its share: batch norms and dropout.

torch's SyncBatchNorm needs graphics cards; these compute on processors as well, keep the names of their tensors, and
take shares of any size, none included.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from wbtools.training.loop.feeding import Share


class Others(Protocol):
    """The processes that share a batch, as layers need them."""

    share: Share | None
    """What this process is shown now."""

    def sum(self, values: Tensor) -> Tensor:
        """The sum over processes, in place."""

    def each(self, values: Tensor) -> list[Tensor]:
        """The values of every process, of the same shape everywhere."""


class _Normalised(torch.autograd.Function):
    """Values (N, C, ...) normalised by the mean and variance of all processes' values, and these, (2, C)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, ranks: Others) -> Any:
        count, mean, variance = _moments(x, ranks)
        ctx.save_for_backward(x, weight, mean, torch.rsqrt(variance + eps))
        ctx.count, ctx.ranks = count, ranks
        found = nn.functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        statistics = torch.stack([mean, variance * (count / max(1.0, count - 1))])
        ctx.mark_non_differentiable(statistics)
        return found, statistics

    @staticmethod
    def backward(ctx: Any, *given: Any) -> Any:
        x, weight, mean, scale = ctx.saved_tensors
        shape = _along(x)
        gradient = _precise(given[0])
        units = (_precise(x) - mean.view(shape)) * scale.view(shape)
        axes = _others(x)
        own = torch.stack([gradient.sum(axes), (gradient * units).sum(axes)])
        shift, slope = (ctx.ranks.sum(own.clone()) / ctx.count).view(2, *shape)
        found = (gradient - shift - units * slope) * (weight * scale).view(shape)
        return found.to(x.dtype), own[1].to(weight.dtype), own[0].to(weight.dtype), None, None


def _moments(x: Tensor, ranks: Others) -> tuple[float, Tensor, Tensor]:
    """How many values every channel has in all processes, their means (C,) and variances (C,)."""
    count = x.numel() // x.shape[1]
    mine = torch.zeros(3, x.shape[1], dtype=torch.float64, device=x.device)
    if count:
        variance, mean = torch.var_mean(_precise(x), _others(x), correction=0)
        mine[0], mine[1], mine[2] = count, mean, variance
    counts, means, variances = torch.stack(ranks.each(mine), 1)
    total = counts.sum(0)
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean).square())).sum(0) / total
    kind = torch.promote_types(x.dtype, torch.float32)
    return float(total[0]), mean.to(kind), variance.to(kind)


def _precise(x: Tensor) -> Tensor:
    """Values in single precision at least."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _others(x: Tensor) -> list[int]:
    """The axes of a tensor but that of channels."""
    return [axis for axis in range(x.ndim) if axis != 1]


def _along(x: Tensor) -> tuple[int, ...]:
    """The shape in which a value for each channel fits a tensor."""
    return (1, -1, *(1,) * (x.ndim - 2))


class _Norm(nn.modules.batchnorm._BatchNorm):
    """A batch norm over the values of all processes."""

    ranks: Others

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            still: Tensor = super().forward(input)
            return still
        found: Tensor
        found, statistics = _Normalised.apply(input, self.weight, self.bias, self.eps, self.ranks)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(statistics[0], share)
        self.running_var.lerp_(statistics[1], share)
        return found


class _Norm1d(_Norm, nn.BatchNorm1d):
    pass


class _Norm2d(_Norm, nn.BatchNorm2d):
    pass


class _Norm3d(_Norm, nn.BatchNorm3d):
    pass


class _Drawn(nn.Module):
    """A layer that multiplies by random factors: those of its share of what it draws for the whole batch."""

    ranks: Others
    by_row = False
    """Whether there is a single factor for a row, else one for every value."""

    def forward(self, input: Tensor) -> Tensor:
        share = self.ranks.share
        if not self.training or share is None:
            all_of_it: Tensor = super().forward(input)
            return all_of_it
        # Networks that are shown two halves of each image have twice as many rows: all first ones, then all others.
        parts = max(1, len(input) // max(1, share.stop - share.start))
        shape = [1] * (input.ndim - 1) if self.by_row else input.shape[1:]
        factors: Tensor = super().forward(input.new_ones(parts * share.total, *shape))
        return input * factors.view(parts, share.total, *shape)[:, share.own].reshape(-1, *shape)


class _Dropout(_Drawn, nn.Dropout):
    pass


class _Depth(_Drawn, StochasticDepth):  # type: ignore[misc]
    by_row = True


_KINDS: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: _Norm1d,
    nn.BatchNorm2d: _Norm2d,
    nn.BatchNorm3d: _Norm3d,
    nn.Dropout: _Dropout,
    StochasticDepth: _Depth,
}


def look_at_whole_batches(network: nn.Module, ranks: Others) -> None:
    """Let a network's batch norms and dropout look at the shares of all processes.

    Layers become of another class in their place, as torch's lazy layers do: hooks and names stay.

    Parameters
    ----------
    network : Module
    ranks : Others
    """
    for layer in network.modules():
        if type(layer) in _KINDS:
            layer.__class__ = _KINDS[type(layer)]
            layer.ranks = ranks  # type: ignore[assignment]
