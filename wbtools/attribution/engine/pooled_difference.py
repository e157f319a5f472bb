"""The difference of two images in a convolution that only a maximum pool sees: computed only where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from wbtools.attribution.engine import pooled_convolution, rescale
from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.linear import LinearMap
from wbtools.attribution.engine.pooled_convolution import Axis, Place, part
from wbtools.attribution.engine.rules import picked
from wbtools.attribution.engine.signal import Activation, ActivationChange, Backward, LayerResult, Once, Pool, box

_PLANES = 4
"""Of the pool's output, whose change is looked for at once."""


def run(
    step: Step, x: ActivationChange, once: Once, at_image: bool, known: ActivationChange | None = None
) -> LayerResult[ActivationChange]:
    """A convolution, its batch norm, a ReLU and a maximum pool.

    Parameters
    ----------
    step : Step
    x : ActivationChange
    once : callable
        Keeps what depends on the image alone.
    at_image : bool
        Whether the way back leads to relevance, shared by magnitudes (see `rescale`).
    known : ActivationChange, optional
        The output of the convolution and its batch norm, if it is known.
    """
    image, highest = once(partial(_of_image, step, x.image, known.image if known else None))
    block = PooledLinear(image, at_image, known.change if known else None)
    change, along = highest.new_zeros(highest.shape), pooled_convolution.axes(step, tuple(x.change.shape[2:]))
    parts, back = pooled_convolution.in_slabs(step, Activation(x.change), block, _touched(along, x.change))
    for here, output in parts:
        part(here, change).copy_(output.value)
    return ActivationChange(change, highest), back


@dataclass(frozen=True, eq=False)
class PooledLinear:
    """A linear map and its bias, a ReLU, and a maximum pool; only the pool's winners have to be kept.

    Parameters
    ----------
    image : Tensor, (1, ...)
        What the image's own activations are after linear map and bias, in the whole image.
    at_image : bool
        As for `linear`.
    change : Tensor, (1, ...), optional
        Their change, if it is known.
    """

    image: Tensor
    at_image: bool
    change: Tensor | None = None

    def __call__(
        self, weights: LinearMap, bias: Tensor | None, x: Activation, pool: Pool, place: Place
    ) -> tuple[Activation, rescale.MultiplierBackward]:
        """The change of the output from that of the input, which lies in some place of the image; and the way back."""
        change = weights(x.value) if self.change is None else part(place, self.change)
        y = ActivationChange(change, part(place, self.image).contiguous())
        (_, winner), (_, before) = (pool(y.between(way).relu_()) for way in (rescale.NEAR, 1 - rescale.NEAR))
        (here, first), (there, second) = (
            rescale.rectified(ActivationChange(picked(y.change, where), picked(y.image, where)))
            for where in (winner, before)
        )
        change, alpha = rescale.of_maximum(here.image - there.reference, here.change, there.change)
        first.mul_(alpha)
        second.mul_(1 - alpha)
        back = rescale.way_back(weights, x.value)
        if self.at_image:
            ratio, back = rescale.by_magnitude(weights, x.value, y.change)
            first.mul_(picked(ratio, winner))
            second.mul_(picked(ratio, before))
        shape, found = y.change.shape[1:], rescale.Winners.of((winner, first), (before, second))
        return Activation(change), lambda m: back(found.spread(m, shape))


def _touched(along: tuple[Axis, ...], change: Tensor) -> Iterator[tuple[range, ...]]:
    """The windows of the pool that see any change, a few planes at a time: a head is narrow at its ends."""
    first, *others = along
    for start in range(0, len(first.windows), _PLANES):
        planes = first.windows[start : start + _PLANES]
        ends = box(change[:, :, first.seen(planes)])
        windows = (planes, *(axis.touched(*some) for axis, some in zip(others, ends[1:], strict=True))) if ends else ()
        if windows and all(windows):
            yield windows


def _of_image(step: Step, image: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
    """Of an image alone: the output of the convolution, which may be known, and that of the pool."""
    assert isinstance(step.module, nn.Conv3d)
    sizes = [axis.size for axis in pooled_convolution.axes(step, tuple(image.shape[2:]))]
    whole = image.new_empty(1, step.module.out_channels, *sizes) if known is None else known

    def block(
        weights: LinearMap, bias: Tensor | None, x: Activation, pool: Pool, place: Place
    ) -> tuple[Activation, Backward]:
        if known is not None:
            return Activation(pool(part(place, whole).relu())[0]), _nowhere
        y = rescale.affine(weights, bias, x.value)
        part(place, whole).copy_(y)
        return Activation(pool(y.relu_())[0]), _nowhere

    output, _ = pooled_convolution.run(step, Activation(image), block)
    return whole, output.value


def _nowhere(messages: Tensor) -> tuple[None]:
    """The way back of what nothing is sent back through."""
    return (None,)
