"""A convolution whose output only a maximum pool sees, slab by slab.

The first convolution of most networks puts out by far the largest tensors, on the full grid, and a maximum pool makes
them eight times smaller at once. Relevance comes back to the winners of the pool alone: nothing else has to be kept. In
slabs, few planes of the first axis at a time, the large tensors never exist as a whole, and their memory is used again
while it is still in the processor's cache. Where only a part of the output is of interest, only that is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import EllipsisType

from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.layers import convolution, largest
from wbtools.attribution.engine.linear import Convolution, LinearMap
from wbtools.attribution.engine.signal import Backward, LayerResult, Pool, S
from wbtools.model.convolution import triple

Place = tuple[slice, ...]
"""Where a slab lies in the output of the whole convolution."""

Block = Callable[[LinearMap, Tensor | None, S, Pool, Place], tuple[S, Backward]]
"""A linear map with its bias, a ReLU and a pool, and the way back."""

SLAB = 1 << 22
"""Values of the convolution's output in one slab, about: 16 MB."""


def part(place: Place, tensor: Tensor) -> Tensor:
    """What lies there of a tensor (..., X, Y, Z), as a view."""
    index: tuple[slice | EllipsisType, ...] = (..., *place)
    return tensor[index]


@dataclass(frozen=True)
class Axis:
    """A convolution and its pool along one axis.

    Parameters
    ----------
    size : int
        Planes of the convolution's output.
    stride, reach, padding : int
        Of the convolution.
    width, step, margin : int
        Of the pool: kernel, stride, padding.
    """

    size: int
    stride: int
    reach: int
    padding: int
    width: int
    step: int
    margin: int

    @property
    def windows(self) -> range:
        """Of the pool."""
        return range((self.size + 2 * self.margin - self.width) // self.step + 1)

    def touched(self, first: int, last: int) -> range:
        """The windows that see anything of these planes of the convolution's input.

        Examples
        --------
        >>> Axis(size=8, stride=1, reach=3, padding=1, width=2, step=2, margin=0).touched(3, 3)
        range(1, 3)
        """
        low = max(0, -((self.reach - 1 - self.padding - first) // self.stride))
        high = min(self.size - 1, (last + self.padding) // self.stride)
        begin = max(0, -((self.width - 1 - self.margin - low) // self.step))
        return range(begin, min(len(self.windows), (high + self.margin) // self.step + 1))

    def seen(self, windows: range) -> slice:
        """The planes of the input that some windows of the pool see."""
        low = max(0, windows.start * self.step - self.margin)
        high = min(self.size, (windows.stop - 1) * self.step - self.margin + self.width)
        return slice(max(0, low * self.stride - self.padding), (high - 1) * self.stride - self.padding + self.reach)

    def inputs(self, outputs: slice) -> slice:
        """The planes of the padded input that make these planes of the convolution's output."""
        return slice(outputs.start * self.stride, (outputs.stop - 1) * self.stride + self.reach)


@dataclass(frozen=True)
class Slab:
    """Some planes of the pool's output, and those that they are made of.

    Parameters
    ----------
    windows : slice
        Of the pool.
    outputs : slice
        Of the convolution.
    before, after : int
        Planes that the pool's padding adds to those of the convolution.
    """

    windows: slice
    outputs: slice
    before: int
    after: int


def slabs(axis: Axis, windows: range, planes: int) -> Iterator[Slab]:
    """Cut a convolution and its maximum pool along the first axis.

    Parameters
    ----------
    axis : Axis
    windows : range
        Of the pool.
    planes : int
        Planes of the pool's output in one slab.

    Examples
    --------
    >>> axis = Axis(size=6, stride=1, reach=3, padding=1, width=3, step=2, margin=1)
    >>> [(slab.outputs, slab.before, slab.after) for slab in slabs(axis, axis.windows, planes=2)]
    [(slice(0, 4, None), 1, 0), (slice(3, 6, None), 0, 0)]
    """
    for first in range(windows.start, windows.stop, planes):
        stop = min(first + planes, windows.stop)
        begin = first * axis.step - axis.margin
        end = (stop - 1) * axis.step - axis.margin + axis.width
        low, high = max(begin, 0), min(end, axis.size)
        yield Slab(slice(first, stop), slice(low, high), low - begin, end - high)


def axes(step: Step, shape: tuple[int, ...]) -> tuple[Axis, ...]:
    """A convolution and its pool along each axis, for an input (X, Y, Z)."""
    assert isinstance(step.module, nn.Conv3d) and step.pool is not None
    linear, pool = convolution(step.module, step.norm, step.name)[0], step.pool
    geometry = zip(
        shape,
        linear.stride,
        linear.reach,
        linear.padding,
        *(triple(given) for given in (pool.kernel_size, pool.stride, pool.padding)),
        strict=True,
    )
    return tuple(
        Axis((n + 2 * padding - reach) // stride + 1, stride, reach, padding, *of_pool)
        for n, stride, reach, padding, *of_pool in geometry
    )


def run(step: Step, x: S, block: Block[S]) -> LayerResult[S]:
    """A convolution, its batch norm, a ReLU and a maximum pool, whole; arguments as for `in_slabs`."""
    whole = tuple(axis.windows for axis in axes(step, tuple(x.explained.shape[2:])))
    parts, back = in_slabs(step, x, block, [whole])
    return x.joined([output for _, output in parts], 2), back


def in_slabs(
    step: Step, x: S, block: Block[S], pieces: Iterable[tuple[range, ...]]
) -> tuple[list[tuple[Place, S]], Backward]:
    """A convolution, its batch norm, a ReLU and a maximum pool, for some pieces of the pool's output.

    Parameters
    ----------
    step : Step
    x : Signal
    block : callable
        Does the same for a slab.
    pieces : iterable of tuple of range
        Windows of the pool, along each axis. Relevance is taken from these alone.

    Returns
    -------
    list of tuple
        Where each slab lies in the pool's output, and what it is.
    callable
        The way back, from the pool's whole output.
    """
    assert isinstance(step.module, nn.Conv3d)
    linear, bias = convolution(step.module, step.norm, step.name)
    along = axes(step, tuple(x.explained.shape[2:]))
    margin, linear = linear.padding, replace(linear, padding=(0, 0, 0))
    x = x.each(lambda tensor: functional.pad(tensor, [p for p in reversed(margin) for _ in (0, 1)]))
    shape = x.explained.shape[1:]
    outputs: list[tuple[Place, S]] = []
    ways_back: list[tuple[Place, Place, Backward]] = []
    for windows in pieces:
        inner = tuple(_inside(axis, some) for axis, some in zip(along[1:], windows[1:], strict=True))
        others = tuple(slice(some.start, some.stop) for some in windows[1:])
        for slab in slabs(along[0], windows[0], _planes(linear, along[0], inner)):
            place = (slab.outputs, *inner)
            inputs = tuple(axis.inputs(some) for axis, some in zip(along, place, strict=True))
            pool = _pool_of(along, slab, inner, windows)
            output, back = block(linear, bias, x.each(partial(part, inputs)), pool, place)
            here = (slab.windows, *others)
            outputs.append((here, output))
            ways_back.append((here, inputs, back))

    def back_through_slabs(r: Tensor) -> tuple[Tensor]:
        whole = r.new_zeros(len(r), *shape)
        for here, inputs, back in ways_back:
            (found,) = back(part(here, r))
            assert found is not None
            part(inputs, whole).add_(found)
        return (part(tuple(slice(p, n - p) for p, n in zip(margin, shape[1:], strict=True)), whole),)

    return outputs, back_through_slabs


def _inside(axis: Axis, windows: range) -> slice:
    """The planes of the convolution's output for some of the pool's windows, and for the window before them."""
    return slice(
        max(0, windows.start - 1) * axis.step,
        min(axis.size, (windows.stop - 1) * axis.step - axis.margin + axis.width),
    )


def _planes(linear: Convolution, first: Axis, inner: tuple[slice, ...]) -> int:
    """How many planes of the pool's output make a slab."""
    y, z = (int(some.stop - some.start) for some in inner)
    return max(1, SLAB // (len(linear.weight) * y * z * first.step))


def _pool_of(along: tuple[Axis, ...], slab: Slab, inner: tuple[slice, ...], windows: tuple[range, ...]) -> Pool:
    """The pool for one slab; planes that its padding adds are never a winner: all others are at least 0.

    Along the other axes it has its own padding. Where the slab does not begin at the image's rim, that stands in for
    voxels of the window before, which is left out.
    """
    kernel, steps = tuple(axis.width for axis in along), tuple(axis.step for axis in along)
    padding = (0, *(axis.margin for axis in along[1:]))
    y, z = (
        slice(min(1, some.start), min(1, some.start) + len(some)) for some in windows[1:]
    )  # of the windows that are found

    def pooled(tensor: Tensor) -> tuple[Tensor, Tensor]:
        if slab.before or slab.after:
            tensor = functional.pad(tensor, (0, 0, 0, 0, slab.before, slab.after), value=-1)
        output, places = largest(tensor, kernel, steps, padding)
        output, places = output[..., y, z], places[..., y, z]
        return output, places - slab.before * tensor.shape[3] * tensor.shape[4] if slab.before else places

    return pooled
