"""The rescale rule: what every kind of layer does to the change of its input, and its slope, one number per unit.

A layer takes an image's and a reference's activations, as an `ActivationChange`. Its
output changes by exactly slope times input change, summed over inputs:

- linear layers: the weights are the slopes; biases and the offsets of batch norms cancel;
- ReLU, sigmoid, tanh: the rescale rule itself, change of output over change of input;
- products s c: the mean of c for s, and the mean of s for c, the means taken over image and reference;
- maxima: the image's largest voxel a and the reference's b share the slope, alpha and 1 - alpha, so that alpha times
  the change of a and 1 - alpha times that of b make up the change of the maximum; alpha lies between 0 and 1.

Slopes are bounded (by the weights alone) and nothing is divided by a sum that could cancel. Sent back through a
network as a gradient is, they give multipliers of the image's voxels; multipliers times changes sum to the change of
the answer.

Voxel by voxel such products are 0 wherever image and reference happen to cross, whatever the network reads there. The
convolution that sees the image may therefore share what its outputs' changes are worth by the *magnitudes* of the
voxels' contributions: as much arrives, and within the reach of its kernel nothing cancels.

Source: Shrikumar et al. 2017 (DeepLIFT, the rescale rule). The rules for products, and for maxima in which no third
voxel is the largest in between, are the integral of the gradient along the straight line from reference to image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.confined import confined
from wbtools.attribution.engine.graph import Concatenation, NoRelevanceRule, Step
from wbtools.attribution.engine.layers import adaptive, channels, convolution, detached, pooling, scale_and_offset
from wbtools.attribution.engine.linear import Average, Dense, LinearMap, Mean
from wbtools.attribution.engine.planes import Moved
from wbtools.attribution.engine.rules import picked, spread
from wbtools.attribution.engine.signal import ActivationChange, Once, Pool, computed
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention

MultiplierBackward = Callable[[Tensor], tuple[Tensor, ...]]
"""From multipliers of a layer's outputs, of K seeds at once, to those of each of its inputs."""

Rescaled = tuple[ActivationChange, MultiplierBackward]
"""A layer's output, and its way back."""

_TINY = 1e-30  # keeps a distance off 0

NEAR = 1e-4
"""How far from image and reference, of the way between them, their largest voxels are looked for.

Of voxels that are equally large, as in the empty background, the one counts that is the largest in between. The order
of the voxels, or rounding, would decide otherwise."""

_SMALL = (
    1e-3  # below this change a sigmoid's slope is the derivative in the middle, to 1e-7; a quotient would be rounding
)


def apply(step: Step, inputs: list[ActivationChange], once: Once) -> Rescaled:
    """Run one step that is no convolution.

    Raises
    ------
    InputError
        If nothing is known of the module.
    """
    module = step.module
    for kind, run in LAYERS.items():
        if isinstance(module, kind):
            return run(module, once, *inputs)
    raise NoRelevanceRule.of(step.name, module)


def knows(module: nn.Module) -> bool:
    """Whether there is a rule for modules of this kind."""
    return isinstance(module, (nn.Conv3d, *LAYERS))


def linear(
    weights: LinearMap,
    bias: Tensor | None,
    x: ActivationChange,
    once: Once,
    at_image: bool = False,
    known: ActivationChange | None = None,
) -> Rescaled:
    """A linear map and a bias, whose output may be known; of the image, back to relevance (see `by_magnitude`).

    A change, unlike the image itself, may be off by rounding where it is nothing: no rule divides by it.
    """
    inside = weights.quick() if at_image or known else confined(weights.quick(), x.change)
    change = known.change if known else inside(x.change)
    output = ActivationChange(change, once(lambda: known.image if known else affine(weights, bias, x.image)))
    if at_image:
        ratio, back = by_magnitude(weights, x.change, change)
        return output, lambda m: back(m * ratio)
    return output, way_back(inside, x.change)


def affine(weights: LinearMap, bias: Tensor | None, x: Tensor) -> Tensor:
    """A linear map and a bias."""
    return weights(x) if bias is None else weights(x).add_(bias)


def way_back(weights: LinearMap, x: Tensor) -> MultiplierBackward:
    """Multipliers times the weights."""
    shape = x.shape[1:]
    return lambda m: (weights.adjoint(m, shape),)


def by_magnitude(weights: LinearMap, difference: Tensor, change: Tensor) -> tuple[Tensor, MultiplierBackward]:
    """How the image's voxels share what their outputs' change is worth, in proportion to |w_ij dx_i|.

    Returns
    -------
    Tensor
        The ratio of each output's change to the sum of the magnitudes, between -1 and 1.
    callable
        From multipliers times ratios to the relevance of the voxels.
    """
    absolute, size = weights.absolute(), difference.abs()
    ratio = absolute.ready()(size).clamp_(min=_TINY).reciprocal_().mul_(change)
    return ratio, lambda m: (absolute.adjoint(m, size.shape[1:]).mul_(size),)


def relu(x: ActivationChange, once: Once) -> Rescaled:
    """Multipliers times the slope."""
    output, slope = rectified(x, once)
    return output, lambda m: (m * slope,)


def rectified(x: ActivationChange, once: Once = computed) -> tuple[ActivationChange, Tensor]:
    """After a ReLU, and its slope, max(a, b) / |a - b| between 0 and 1: exactly 1 where both a and b are positive."""
    distance = x.change.abs().add_(_TINY)
    slope = x.reference
    torch.maximum(x.image, slope, out=slope).div_(distance).clamp_(0, 1)
    return ActivationChange(torch.mul(x.change, slope, out=distance), once(lambda: x.image.clamp(min=0))), slope


def sigmoid(x: ActivationChange) -> Rescaled:
    """Of a sigmoid s the slope in the middle is s (1 - s)."""
    here, slope = _of_sigmoid(x)
    return _curve(x, here, slope)


def tanh(x: ActivationChange) -> Rescaled:
    """Of a hyperbolic tangent t the slope in the middle is 1 - t^2."""
    here, middle = x.image.tanh(), x.between(0.5).tanh()
    return _curve(x, here, _secant(x, here - x.reference.tanh(), 1 - middle * middle))


def hard_sigmoid(x: ActivationChange) -> Rescaled:
    """A sigmoid of three straight lines."""
    here, slope = _of_hard_sigmoid(x)
    return _curve(x, here, slope)


def self_gated(x: ActivationChange, squeeze: Callable[[ActivationChange], tuple[Tensor, Tensor]]) -> Rescaled:
    """A signal times what a curve makes of it: by the product rule, exactly, also where both change by little."""
    coefficient, slope = squeeze(x)
    mean = torch.sub(coefficient, slope * x.change, alpha=0.5)
    return _curve(x, x.image * coefficient, slope.mul_(x.between(0.5)).add_(mean))


def _of_sigmoid(x: ActivationChange) -> tuple[Tensor, Tensor]:
    """Of the image, and the slope."""
    here, middle = x.image.sigmoid(), x.between(0.5).sigmoid()
    return here, _secant(x, here - x.reference.sigmoid(), middle * (1 - middle))


def _of_hard_sigmoid(x: ActivationChange) -> tuple[Tensor, Tensor]:
    """Of the image, and the slope."""
    here, before = functional.hardsigmoid(x.image), functional.hardsigmoid(x.reference)
    middle = (x.between(0.5).abs() < 3).to(here) / 6
    return here, _secant(x, here - before, middle)


def _secant(x: ActivationChange, change: Tensor, middle: Tensor) -> Tensor:
    """The slope of a curve: change of output over change of input, or in the middle where that is small."""
    small = x.change.abs() < _SMALL
    return torch.where(small, middle, change / torch.where(small, 1.0, x.change))


def _curve(x: ActivationChange, here: Tensor, slope: Tensor) -> Rescaled:
    return ActivationChange(slope * x.change, here), lambda m: (m * slope,)


def product(signal: ActivationChange, coefficients: ActivationChange) -> Rescaled:
    """A signal (1, C, X, Y, Z) and coefficients that broadcast against it."""
    coefficient, mean = coefficients.between(0.5), signal.between(0.5)
    change = signal.change * coefficient + mean * coefficients.change
    shared = [axis for axis, size in enumerate(coefficients.change.shape) if axis and size == 1]

    def backward(m: Tensor) -> tuple[Tensor, ...]:
        return m * coefficient, (m * mean).sum(shared, keepdim=True)

    return ActivationChange(change, signal.image * coefficients.image), backward


def maximum(x: ActivationChange, pool: Pool) -> Rescaled:
    """The largest voxels."""
    output, found = winners(x, pool)
    shape = x.change.shape[1:]
    return output, lambda m: (found.spread(m, shape),)


@dataclass(frozen=True, eq=False)
class Winners:
    """The largest voxels of the image and of the reference in every window of a pool.

    Parameters
    ----------
    places : Tensor, (1, C, 2 W, ...)
        In the flattened (X, Y, Z): the image's, then the reference's.
    slopes : Tensor, (1, C, 2 W, ...)
        That each has.
    """

    places: Tensor
    slopes: Tensor

    @classmethod
    def of(cls, image: tuple[Tensor, Tensor], reference: tuple[Tensor, Tensor]) -> Winners:
        """Of the places and slopes (1, C, W, ...) of both."""
        places, slopes = (torch.cat(pair, 2) for pair in zip(image, reference, strict=True))
        return cls(places.int(), slopes)

    def spread(self, m: Tensor, shape: Sequence[int]) -> Tensor:
        """Multipliers of the windows (K, C, W, ...) as those of all voxels, (K, *shape)."""
        return spread(torch.cat((m, m), 2).mul_(self.slopes), self.places, shape)


def winners(x: ActivationChange, pool: Pool) -> tuple[ActivationChange, Winners]:
    """The output of a maximum pool, and the largest voxels of the image and of the reference."""
    (_, place), (_, before) = (pool(x.between(way)) for way in (NEAR, 1 - NEAR))
    here, there = picked(x.change, place), picked(x.change, before)
    highest = picked(x.image, place)
    change, alpha = of_maximum(highest - picked(x.reference, before), here, there)
    return ActivationChange(change, highest), Winners.of((place, alpha), (before, 1 - alpha))


def of_maximum(change: Tensor, here: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Change of a maximum, and the image's winner's share of the slope, from the changes of both winners."""
    # The image's winner changed by at least as much as the maximum, the reference's by at most as much.
    apart = here - there
    differ = apart > 0
    alpha = torch.where(differ, (change - there) / torch.where(differ, apart, 1.0), 1.0).clamp_(0, 1)
    return torch.where(differ, there + alpha * apart, here), alpha


def _max_pool(module: nn.MaxPool3d, once: Once, x: ActivationChange) -> Rescaled:
    return maximum(x, pooling(module))


def _highest(t: Tensor) -> tuple[Tensor, Tensor]:
    """The largest voxel of each channel, (1, C, 1, 1, 1)."""
    value, place = t.flatten(2).max(2)
    return value[:, :, None, None, None], place[:, :, None, None, None]


def _dense(module: nn.Linear, once: Once, x: ActivationChange) -> Rescaled:
    return linear(Dense(module.weight.detach()), detached(module.bias), x, once)


def _average(module: nn.AvgPool3d, once: Once, x: ActivationChange) -> Rescaled:
    return linear(Average(module), None, x, once)


def _mean(module: nn.AdaptiveAvgPool3d, once: Once, x: ActivationChange) -> Rescaled:
    return linear(adaptive(module), None, x, once)


def _norm(module: nn.BatchNorm3d, once: Once, x: ActivationChange) -> Rescaled:
    scale, offset = (t[:, None, None, None] for t in scale_and_offset(module))
    return ActivationChange(x.change * scale, x.image * scale + offset), lambda m: (m * scale,)


def _flatten(module: nn.Flatten, once: Once, x: ActivationChange) -> Rescaled:
    shape = x.change.shape[1:]
    return x.each(module), lambda m: (m.reshape(len(m), *shape),)


def _moved(module: Moved, once: Once, x: ActivationChange) -> Rescaled:
    shape = x.change.shape[1:]
    return x.each(module), lambda m: (module.back(m, shape),)


def _same(module: nn.Module, once: Once, x: ActivationChange) -> Rescaled:
    return x, lambda m: (m,)


def _sum(module: Add, once: Once, x: ActivationChange, y: ActivationChange) -> Rescaled:
    return ActivationChange(x.change + y.change, once(lambda: x.image + y.image)), lambda m: (m, m)


def _concatenated(module: Concatenation, once: Once, *parts: ActivationChange) -> Rescaled:
    axis = channels(parts[0].change)
    sizes = [part.change.shape[axis] for part in parts]
    return ActivationChange.joined(parts, axis), lambda m: m.split(sizes, axis)


def _channel_attention(module: ChannelAttention, once: Once, x: ActivationChange) -> Rescaled:
    """Mean and maximum of each channel go through the same two layers, are added and squeezed."""
    pools = (linear(Mean(), None, x, once), maximum(x, _highest))
    branches = [_through(module.fc, _same_as_vector(pooled), back, once) for pooled, back in pools]
    (mean, back), (highest, also_back) = branches
    output, squeeze = sigmoid(ActivationChange(mean.change + highest.change, mean.image + highest.image))

    def backward(m: Tensor) -> tuple[Tensor, ...]:
        (inner,) = squeeze(m.flatten(1))
        return (back(inner) + also_back(inner),)

    return output.each(lambda t: t[:, :, None, None, None]), backward


def _same_as_vector(x: ActivationChange) -> ActivationChange:
    return x.each(lambda t: t.flatten(1))


def _through(
    layers: nn.Sequential, x: ActivationChange, first: MultiplierBackward, once: Once
) -> tuple[ActivationChange, Callable[[Tensor], Tensor]]:
    """The attention's layers after a pool, and the way back through them and the pool."""
    ways_back = []
    for layer in layers:
        x, back = LAYERS[type(layer)](layer, once, x)
        ways_back.append(back)

    def back_through_all(m: Tensor) -> Tensor:
        for back in reversed(ways_back):
            (m,) = back(m)
        (m,) = first(m[:, :, None, None, None])
        return m

    return x, back_through_all


def _spatial_attention(module: SpatialAttention, once: Once, x: ActivationChange) -> Rescaled:
    inner, back = linear(*convolution(module.conv), x, once)
    output, squeeze = sigmoid(inner)
    return output, lambda m: back(*squeeze(m))


LAYERS: dict[type[nn.Module], Callable[..., Rescaled]] = {
    nn.Linear: _dense,
    nn.ReLU: lambda module, once, x: relu(x, once),
    nn.Sigmoid: lambda module, once, x: sigmoid(x),
    nn.Tanh: lambda module, once, x: tanh(x),
    nn.Hardsigmoid: lambda module, once, x: hard_sigmoid(x),
    nn.SiLU: lambda module, once, x: self_gated(x, _of_sigmoid),
    nn.Hardswish: lambda module, once, x: self_gated(x, _of_hard_sigmoid),
    nn.BatchNorm3d: _norm,
    nn.MaxPool3d: _max_pool,
    nn.AvgPool3d: _average,
    nn.AdaptiveAvgPool3d: _mean,
    nn.Flatten: _flatten,
    nn.Dropout: _same,
    nn.Identity: _same,
    Add: _sum,
    Gate: lambda module, once, x, c: product(x, c),
    ChannelAttention: _channel_attention,
    SpatialAttention: _spatial_attention,
    Concatenation: _concatenated,
    Moved: _moved,
}
