"""A convolution whose output only a maximum pool sees, slab by slab.

The first convolution of most networks puts out by far the largest tensors, on the full grid, and a maximum pool makes
them eight times smaller at once. Relevance comes back to the winners of the pool alone: nothing else has to be kept. In
slabs, few planes of the first axis at a time, the large tensors never exist as a whole, and their memory is used again
while it is still in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.layers import convolution, largest
from wbtools.attribution.engine.linear import Convolution, LinearMap
from wbtools.attribution.engine.rules import Pull
from wbtools.attribution.engine.signal import Pooled, Result, Signal
from wbtools.model.convolution import Triple

Block = Callable[[LinearMap, Tensor | None, Signal, Pooled], tuple[Signal, Pull]]
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


def run(step: Step, x: Signal, block: Block) -> Result:
    """A convolution, its batch norm, a ReLU and a maximum pool."""
    linear, bias = convolution(step)
    margin, linear = linear.padding, replace(linear, padding=(0, 0, 0))
    x = x.each(lambda tensor: functional.pad(tensor, [p for p in reversed(margin) for _ in (0, 1)]))
    shape = x.change.shape[1:]
    size = [(n - r) // s + 1 for n, r, s in zip(shape[1:], linear.reach, linear.stride, strict=True)]
    outputs: list[Signal] = []
    pulls: list[tuple[slice, Pull]] = []
    for slab in slabs(size[0], (linear.stride[0], linear.reach[0]), *_pool(step, linear, size)):
        part = x.each(lambda tensor, slab=slab: tensor[:, :, slab.inputs])  # type: ignore[misc]
        output, pull = block(linear, bias, part, _pooled(cast(nn.MaxPool3d, step.pool), slab))
        outputs.append(output)
        pulls.append((slab.inputs, pull))
    sizes = [output.change.shape[2] for output in outputs]

    def pull_all(r: Tensor) -> tuple[Tensor | None, ...]:
        whole = r.new_zeros(len(r), *shape)
        for (inputs, pull), part in zip(pulls, torch.split(r, sizes, 2), strict=True):
            whole[:, :, inputs] += cast(Tensor, pull(part)[0])
        inside = [slice(p, n - p) for p, n in zip(margin, shape[1:], strict=True)]
        here = (slice(None), slice(None), *inside)
        return (whole[here],)

    return _joined(outputs), pull_all


def _pool(step: Step, linear: Convolution, size: list[int]) -> tuple[Triple, int]:
    """Kernel, stride and padding of the pool along the first axis, and how many of its planes make a slab."""
    pool = cast(nn.MaxPool3d, step.pool)
    kernel, stride, padding = (_triple(given)[0] for given in (pool.kernel_size, pool.stride, pool.padding))
    return (kernel, stride, padding), max(1, SLAB // (len(linear.weight) * size[1] * size[2] * stride))


def _triple(given: int | Triple) -> Triple:
    return (given, given, given) if isinstance(given, int) else given


def _pooled(pool: nn.MaxPool3d, slab: Slab) -> Pooled:
    """The pool for one slab; planes that its padding adds are never a winner: all others are at least 0."""
    padding = (0, *_triple(pool.padding)[1:])

    def pooled(tensor: Tensor) -> tuple[Tensor, Tensor]:
        if slab.before or slab.after:
            tensor = functional.pad(tensor, (0, 0, 0, 0, slab.before, slab.after), value=-1)
        output, places = largest(tensor, pool.kernel_size, pool.stride, padding)
        return output, places - slab.before * tensor.shape[3] * tensor.shape[4]

    return pooled


def _joined(parts: list[Signal]) -> Signal:
    def whole(tensors: list[Tensor | None]) -> Tensor | None:
        given = [tensor for tensor in tensors if tensor is not None]
        return torch.cat(given, 2) if given else None

    change = torch.cat([part.change for part in parts], 2)
    return Signal(change, whole([part.base for part in parts]), whole([part.share for part in parts]))
