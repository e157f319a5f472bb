"""Convolutions of volumes with half the multiplications: Winograd's minimal filtering along the first axis.

Four outputs of a kernel of three taps need twelve multiplications; of six sums of the inputs and six of the taps, made
beforehand, they need six. Along the other two axes the convolution stays what it is, six of them in one call of the
library. Errors are about three times those of the direct way: 2e-6 of the highest value, 5e-6 at worst. They reach all
outputs that are made together: where the direct way gives exactly 0, or no negative value, this one need not. Where
relevance is divided by such sums, it must not be used.

Source: Winograd 1980, Arithmetic complexity of computations; Lavin & Gray 2016 (F(4, 3) of convolutional layers).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from wbtools.model import convolution
from wbtools.model.convolution import Geometry

_PLAIN = Geometry()

_AT_ONCE = 4
"""Outputs along the first axis."""

_SUMS = 6
"""Of inputs, of taps."""

_FEWEST = 24, 1000
"""Channels and voxels, below which making the sums takes longer than is saved."""


def convolved(x: Tensor, kernel: Tensor, geometry: Geometry = _PLAIN) -> Tensor:
    """A convolution as `wbtools.model.convolution.convolved` does it, to rounding, and quicker where that can be.

    Without gradients.

    Parameters
    ----------
    x : Tensor, (N, inputs, X, Y, Z)
    kernel : Tensor, (outputs, inputs of a group, x, y, z)
    geometry : Geometry

    Examples
    --------
    >>> convolved(torch.ones(1, 32, 12, 12, 12), torch.ones(32, 32, 3, 3, 3))[0, 0, 0, 0, 0].item()
    864.0
    """
    if not _suits(x, kernel, geometry):
        return convolution.convolved(x, kernel, None, geometry)
    along, *others = geometry.padding
    size = x.shape[2] + 2 * along - 2
    parts = -(-size // _AT_ONCE)
    many = Geometry(padding=(0, others[0], others[1]), groups=_SUMS)
    return _outputs(convolution.convolved(_of_inputs(x, along, parts), _of_taps(kernel), None, many))[:, :, :size]


def _suits(x: Tensor, kernel: Tensor, geometry: Geometry) -> bool:
    """Whether it is quicker: large volumes of many channels, three taps, and the library that it was measured with."""
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return False
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    plain = max(*geometry.stride, *geometry.dilation, geometry.groups) == 1 and geometry.padding[0] < 3
    channels, voxels = _FEWEST
    large = min(kernel.shape[:2]) >= channels and x[0, 0].numel() >= voxels and x.shape[2] + 2 * geometry.padding[0] > 5
    return available and plain and large and kernel.shape[2] == 3 and min(kernel.shape[3:]) > 1


def _of_inputs(x: Tensor, along: int, parts: int) -> Tensor:
    """Six sums of six neighbouring inputs each, every four planes, so many zeros before: (N, 6 inputs, parts, Y, Z)."""
    planes = x.shape[2]
    found = x.new_empty(len(x), _SUMS, x.shape[1], parts, *x.shape[3:])
    inside = -(-along // _AT_ONCE), min(parts, (planes - _SUMS + along) // _AT_ONCE + 1)
    cuts = (0, *inside, parts) if inside[0] < inside[1] else (0, parts)
    for first, stop in pairwise(cuts):  # only at the ends zeros have to be added, which copies
        low, high = _AT_ONCE * first - along, _AT_ONCE * (stop - 1) - along + _SUMS
        if first < stop:
            zeros = max(0, -low), max(0, high - planes)
            seen = x[:, :, max(0, low) : high]
            _sums(functional.pad(seen, (0, 0, 0, 0, *zeros)) if any(zeros) else seen, found[:, :, :, first:stop])
    return found.flatten(1, 2)


def _sums(x: Tensor, found: Tensor) -> None:
    """Of inputs (N, inputs, 4 parts + 2, Y, Z), into (N, 6, inputs, parts, Y, Z)."""
    last = x.shape[2] - _SUMS + 1
    a, b, c, d, e, f = (x[:, :, first : first + last : _AT_ONCE] for first in range(_SUMS))
    sums = found.unbind(1)
    torch.sub(e, c, alpha=5, out=sums[0]).add_(a, alpha=4)
    even, odd = torch.sub(e, c, alpha=4), torch.sub(d, b, alpha=4)
    torch.add(odd, even, out=sums[1])
    torch.sub(even, odd, out=sums[2])
    torch.sub(e, c, out=even)
    torch.sub(d, b, out=odd)
    torch.add(even, odd, alpha=2, out=sums[3])
    torch.sub(even, odd, alpha=2, out=sums[4])
    torch.sub(f, d, alpha=5, out=sums[5]).add_(b, alpha=4)


def _of_taps(kernel: Tensor) -> Tensor:
    """The sums of the taps, (6 outputs, inputs, 1, y, z)."""
    first, middle, last = kernel.unbind(2)
    even, odd, far = (first + last) / 6, middle / 6, (first + 4 * last) / 24
    half = middle / 12
    sums = (first / 4, -even - odd, odd - even, far + half, far - half, last)
    return torch.stack(sums).flatten(0, 1)[:, :, None]


def _outputs(products: Tensor) -> Tensor:
    """What the six convolutions make up, (N, outputs, 4 parts, Y, Z)."""
    a, b, c, d, e, f = products.view(len(products), _SUMS, -1, *products.shape[2:]).unbind(1)
    sizes = list(a.shape)
    sizes[2] *= _AT_ONCE
    found = a.new_empty(sizes)
    first, second, third, fourth = (found[:, :, place::_AT_ONCE] for place in range(_AT_ONCE))
    near, far = b + c, d + e
    torch.add(near, far, out=first).add_(a)
    torch.add(near, far, alpha=4, out=third)
    torch.sub(b, c, out=near)
    torch.sub(d, e, out=far)
    torch.add(near, far, alpha=2, out=second)
    torch.add(near, far, alpha=8, out=fourth).add_(f)
    return found
