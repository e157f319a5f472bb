"""The difference of two images in a convolution that only a maximum pool sees: computed only where there is one."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from wbtools.attribution.engine import pooled_convolution, rescale
from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.linear import LinearMap
from wbtools.attribution.engine.pooled_convolution import Place, part
from wbtools.attribution.engine.signal import Activation, ActivationChange, Backward, LayerResult, Once, Pool


def run(step: Step, x: ActivationChange, once: Once, at_image: bool) -> LayerResult[ActivationChange]:
    """A convolution, its batch norm, a ReLU and a maximum pool.

    Parameters
    ----------
    step : Step
    x : ActivationChange
    once : callable
        Keeps what depends on the image alone.
    at_image : bool
        Whether the way back leads to relevance, shared by magnitudes (see `rescale`).
    """
    image, highest = once(partial(_of_image, step, x.image))
    change, shape, box = highest.new_zeros(highest.shape), x.change.shape[1:], x.box()
    along = pooled_convolution.axes(step, tuple(shape[1:]))
    windows = tuple(axis.touched(*ends) for axis, ends in zip(along, box, strict=True)) if box else ()
    if not windows or not all(windows):
        return ActivationChange(change, highest), lambda m: (m.new_zeros(len(m), *shape),)
    block = partial(rescale.pooled_linear, image, at_image)
    output, back = pooled_convolution.run(step, Activation(x.change), block, windows)
    here = tuple(slice(some.start, some.stop) for some in windows)
    part(here, change).copy_(output.value)
    assert back is not None
    return ActivationChange(change, highest), lambda m: back(part(here, m))


def _of_image(step: Step, image: Tensor) -> tuple[Tensor, Tensor]:
    """Of an image alone: the output of the convolution, and that of the pool."""
    assert isinstance(step.module, nn.Conv3d)
    sizes = [axis.size for axis in pooled_convolution.axes(step, tuple(image.shape[2:]))]
    whole = image.new_empty(1, step.module.out_channels, *sizes)

    def block(
        weights: LinearMap, bias: Tensor | None, x: Activation, pool: Pool, place: Place
    ) -> tuple[Activation, Backward]:
        y = weights(x.value)
        part(place, whole).copy_(y if bias is None else y.add_(bias))
        return Activation(pool(y.relu_())[0]), _nowhere

    output, _ = pooled_convolution.run(step, Activation(image), block)
    return whole, output.value


def _nowhere(messages: Tensor) -> tuple[None]:
    """The way back of what nothing is sent back through."""
    return (None,)
