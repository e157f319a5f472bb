"""A convolution whose output only a maximum pool sees, slab by slab.

The first convolution of most networks puts out by far the largest tensors, on the full grid, and a maximum pool makes
them eight times smaller at once. Relevance comes back to the winners of the pool alone: nothing else has to be kept. In
slabs, few planes of the first axis at a time, the large tensors never exist as a whole, and their memory is used again
while it is still in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.layers import convolution, largest
from wbtools.attribution.engine.linear import Convolution, LinearMap
from wbtools.attribution.engine.signal import Backward, LayerResult, Pool, S
from wbtools.model.convolution import Triple, triple

Block = Callable[[LinearMap, Tensor | None, S, Pool], tuple[S, Backward]]
"""A linear map with its bias, a ReLU and a pool, and the way back."""

SLAB = 1 << 22
"""Values of the convolution's output in one slab, about: 16 MB."""


@dataclass(frozen=True)
class Slab:
    """Some planes of the pool's output, and those that they are made of.

    Parameters
    ----------
    inputs : slice
        Of the convolution's input, padded.
    before, after : int
        Planes that the pool's padding adds to those of the convolution.
    """

    inputs: slice
    before: int
    after: int


def slabs(size: int, kernel: tuple[int, int], pool: Triple, planes: int) -> Iterator[Slab]:
    """Cut a convolution and its maximum pool along the first axis.

    Parameters
    ----------
    size : int
        Planes of the convolution's output.
    kernel : tuple of int
        Stride and reach of the convolution.
    pool : tuple of int
        Kernel, stride and padding of the pool.
    planes : int
        Planes of the pool's output in one slab.

    Examples
    --------
    >>> [(slab.inputs, slab.before, slab.after) for slab in slabs(6, (1, 3), (3, 2, 1), planes=2)]
    [(slice(0, 6, None), 1, 0), (slice(3, 8, None), 0, 0)]
    """
    stride, reach = kernel
    width, step, padding = pool
    count = (size + 2 * padding - width) // step + 1
    for first in range(0, count, planes):
        begin = first * step - padding
        end = (min(first + planes, count) - 1) * step - padding + width
        low, high = max(begin, 0), min(end, size)
        yield Slab(slice(low * stride, (high - 1) * stride + reach), low - begin, end - high)


def run(step: Step, x: S, block: Block[S]) -> LayerResult[S]:
    """A convolution, its batch norm, a ReLU and a maximum pool."""
    assert isinstance(step.module, nn.Conv3d) and step.pool is not None
    linear, bias = convolution(step.module, step.norm, step.name)
    margin, linear = linear.padding, replace(linear, padding=(0, 0, 0))
    x = x.each(lambda tensor: functional.pad(tensor, [p for p in reversed(margin) for _ in (0, 1)]))
    shape = x.explained.shape[1:]
    size = [(n - r) // s + 1 for n, r, s in zip(shape[1:], linear.reach, linear.stride, strict=True)]
    outputs: list[S] = []
    ways_back: list[tuple[slice, Backward]] = []
    for slab in slabs(size[0], (linear.stride[0], linear.reach[0]), *_along_first_axis(step.pool, linear, size)):
        output, back = block(linear, bias, x.each(partial(_planes, slab.inputs)), _pool_of(step.pool, slab))
        outputs.append(output)
        ways_back.append((slab.inputs, back))
    sizes = [output.explained.shape[2] for output in outputs]

    def back_through_slabs(r: Tensor) -> tuple[Tensor]:
        whole = r.new_zeros(len(r), *shape)
        for (inputs, back), part in zip(ways_back, torch.split(r, sizes, 2), strict=True):
            (found,) = back(part)
            assert found is not None
            whole[:, :, inputs] += found
        inside = [slice(p, n - p) for p, n in zip(margin, shape[1:], strict=True)]
        here = (slice(None), slice(None), *inside)
        return (whole[here],)

    return x.joined(outputs, 2), back_through_slabs


def _planes(which: slice, tensor: Tensor) -> Tensor:
    return tensor[:, :, which]


def _along_first_axis(pool: nn.MaxPool3d, linear: Convolution, size: list[int]) -> tuple[Triple, int]:
    """Kernel, stride and padding of the pool along the first axis, and how many of its planes make a slab."""
    kernel, stride, padding = (triple(given)[0] for given in (pool.kernel_size, pool.stride, pool.padding))
    return (kernel, stride, padding), max(1, SLAB // (len(linear.weight) * size[1] * size[2] * stride))


def _pool_of(pool: nn.MaxPool3d, slab: Slab) -> Pool:
    """The pool for one slab; planes that its padding adds are never a winner: all others are at least 0."""
    padding = (0, *triple(pool.padding)[1:])

    def pooled(tensor: Tensor) -> tuple[Tensor, Tensor]:
        if slab.before or slab.after:
            tensor = functional.pad(tensor, (0, 0, 0, 0, slab.before, slab.after), value=-1)
        output, places = largest(tensor, pool.kernel_size, pool.stride, padding)
        return output, places - slab.before * tensor.shape[3] * tensor.shape[4]

    return pooled
