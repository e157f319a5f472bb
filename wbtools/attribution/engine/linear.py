"""Linear maps with their adjoints: all that the rules have to know of a convolution, a linear layer or an average."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv3d_input

from wbtools.attribution.runtime import winograd
from wbtools.model.convolution import Geometry, Triple, convolved, neglected


def by_library(x: Tensor, kernel: Tensor, geometry: Geometry) -> Tensor:
    """A convolution without a bias."""
    return convolved(x, kernel, None, geometry)


class LinearMap(ABC):
    """y = W x, without any bias."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """W x of a batch."""

    @abstractmethod
    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """W^T y of a batch; `shape` is that of a single input."""

    def ready(self) -> LinearMap:
        """The same for several uses in a row."""
        return self

    def quick(self) -> LinearMap:
        """The same, with fewer multiplications where there is such a way: 0 and signs only to rounding."""
        return self

    def absolute(self) -> LinearMap:
        """|W|; an average has no negative weights."""
        return self

    def positive(self) -> LinearMap:
        """The positive part of W."""
        return self


@dataclass(frozen=True, eq=False)
class Convolution(LinearMap):
    """A convolution of volumes (N, C, X, Y, Z).

    Its kernel is made from the network's weights whenever it is needed: that costs little next to the convolution, and
    copies of all weights would need more memory than the activations of a deep network.

    Parameters
    ----------
    weight : Tensor, (outputs, inputs of a group, x, y, z)
    stride, padding, dilation : tuple of int, (3,)
    scale : Tensor, (outputs,), optional
        Factor of each output.
    part : callable, optional
        What is taken of the scaled weights, such as their absolute values.
    groups : int
        Of channels, that have nothing to do with each other.
    convolve : callable
        Computes it.
    """

    weight: Tensor
    stride: Triple
    padding: Triple
    dilation: Triple
    scale: Tensor | None = None
    part: Callable[..., Tensor] | None = None
    groups: int = 1
    convolve: Callable[[Tensor, Tensor, Geometry], Tensor] = by_library

    @property
    def kernel(self) -> Tensor:
        """The weights that count, (outputs, inputs of a group, x, y, z)."""
        if self.scale is None:
            return self.weight if self.part is None else self.part(self.weight)
        weight = self.weight * self.scale[:, None, None, None, None]
        return weight if self.part is None else self.part(weight, out=weight)

    @property
    def reach(self) -> Triple:
        """Voxels from the first to the last that the kernel touches."""
        x, y, z = ((k - 1) * d + 1 for k, d in zip(self.weight.shape[2:], self.dilation, strict=True))
        return x, y, z

    def __call__(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X', Y', Z')."""
        return self.convolve(x, self.kernel, Geometry(self.stride, self.padding, self.dilation, self.groups))

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, outputs, X', Y', Z') to (N, inputs, X, Y, Z)."""
        kernel = self.kernel
        outputs, inputs, *size = kernel.shape
        inputs *= self.groups
        if size == [1, 1, 1] and not any(self.padding):
            return self._adjoint_by_voxels(y, kernel, shape)
        if inputs == 1 and max(self.dilation) == 1:
            return self._adjoint_by_phases(y, kernel, shape)
        back = [r - 1 - p for r, p in zip(self.reach, self.padding, strict=True)]
        if max(self.stride) == 1 and min(back) >= 0 and (outputs >= inputs or neglected(y)):
            # Where channels become fewer, the library is up to five times as fast forwards as backwards; where they
            # stay as many, slightly faster.
            turned, padding = self._turned(kernel.flip(2, 3, 4)), (back[0], back[1], back[2])
            return self.convolve(y, turned, Geometry((1, 1, 1), padding, self.dilation, self.groups))
        geometry = (self.stride, self.padding, self.dilation, self.groups)
        found: Tensor = conv3d_input([len(y), *shape], kernel, y, *geometry)  # type: ignore[no-untyped-call]
        return found

    def _turned(self, kernel: Tensor) -> Tensor:
        """A kernel from outputs to inputs, group by group."""
        if self.groups == 1:
            return kernel.transpose(0, 1)
        grouped = kernel.reshape(self.groups, -1, *kernel.shape[1:])
        return grouped.transpose(1, 2).flatten(0, 1)

    def _adjoint_by_voxels(self, y: Tensor, kernel: Tensor, shape: Sequence[int]) -> Tensor:
        """The same for a kernel of one voxel: a product of matrices."""
        small = by_library(y, self._turned(kernel), Geometry(groups=self.groups))
        if max(self.stride) == 1:
            return small
        whole = y.new_zeros(len(y), *shape)
        x, y_, z = self.stride
        whole[:, :, ::x, ::y_, ::z] = small
        return whole

    def _adjoint_by_phases(self, y: Tensor, kernel: Tensor, shape: Sequence[int]) -> Tensor:
        """The same for one input channel.

        A library computes one output channel at a time, with an eighth of the machine, and a stride by inserting zeros.
        Here the kernel's planes and the phases of the strides in the plane are channels of a convolution, whose outputs
        are shifted and interleaved afterwards; without a stride, every second line is a phase, so that there are more.
        """
        (sx, sy, sz), (px, py, pz) = self.stride, self.padding
        outputs, _, depth, ky, kz = kernel.shape
        ty, tz = -(-ky // sy), -(-kz // sz)  # taps of each phase
        padded = functional.pad(kernel[:, 0], (0, tz * sz - kz, 0, ty * sy - ky))
        phases = padded.view(outputs, depth, ty, sy, tz, sz).permute(1, 3, 5, 0, 2, 4).flip(4, 5)
        lines, odd = 1, 0
        if sy == 1:
            phases = torch.cat([functional.pad(phases, (0, 0, phase, 1 - phase)) for phase in (0, 1)], dim=1)
            lines, sy, odd = 2, 2, (y.shape[3] + ky - 1) % 2
        taps = phases.shape[4:]
        # A library takes three times as long where it has to pad as wide as a kernel itself.
        y_wide = functional.pad(y, (tz - 1, tz - 1, ty - 1, ty - 1 + odd))
        planes = by_library(y_wide, phases.reshape(-1, outputs, 1, *taps), Geometry((1, lines, 1)))
        count, a, b = planes.shape[2:]
        planes = planes.view(len(y), depth, sy, sz, count, a, b).permute(0, 1, 4, 5, 2, 6, 3)
        whole = y.new_zeros(
            len(y),
            max(shape[1] + px, (count - 1) * sx + depth),
            max(shape[2] + py, a * sy),
            max(shape[3] + pz, b * sz),
        )
        touched = whole[:, :, : a * sy, : b * sz].view(len(y), -1, a, sy, b, sz)
        for plane in range(depth):
            touched[:, plane : plane + (count - 1) * sx + 1 : sx] += planes[:, plane]
        return whole[:, None, px : px + shape[1], py : py + shape[2], pz : pz + shape[3]]

    def ready(self) -> Convolution:
        """The same with its kernel made."""
        return replace(self, weight=self.kernel, scale=None, part=None)

    def quick(self) -> Convolution:
        """By Winograd's filtering, where that is quicker."""
        return replace(self, convolve=winograd.convolved)

    def absolute(self) -> Convolution:
        """|W|."""
        return replace(self, part=torch.abs)

    def positive(self) -> Convolution:
        """The positive part of W."""
        return replace(self, part=partial(torch.clamp, min=0))


@dataclass(frozen=True, eq=False)
class Dense(LinearMap):
    """A linear layer on vectors (N, inputs).

    Parameters
    ----------
    weight : Tensor, (outputs, inputs)
    """

    weight: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """(N, inputs) to (N, outputs)."""
        return x @ self.weight.T

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, outputs) to (N, inputs)."""
        return y @ self.weight

    def absolute(self) -> Dense:
        """|W|."""
        return Dense(self.weight.abs())

    def positive(self) -> Dense:
        """The positive part of W."""
        return Dense(self.weight.clamp(min=0))


@dataclass(frozen=True, eq=False)
class Average(LinearMap):
    """An average pool.

    Parameters
    ----------
    pool : AvgPool3d
    """

    pool: nn.AvgPool3d

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C, X', Y', Z')."""
        pooled: Tensor = self.pool(x)
        return pooled

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, C, X', Y', Z') to (N, C, X, Y, Z)."""
        p = self.pool
        inputs = y.new_empty(len(y), *shape)  # only its shape is read
        arguments = (p.kernel_size, p.stride, p.padding)
        size, stride, padding = ([a] * 3 if isinstance(a, int) else list(a) for a in arguments)
        found: Tensor = torch.ops.aten.avg_pool3d_backward(
            y, inputs, size, stride, padding, p.ceil_mode, p.count_include_pad, p.divisor_override
        )
        return found


@dataclass(frozen=True)
class Mean(LinearMap):
    """The mean over all voxels, or over those of each plane.

    Parameters
    ----------
    axes : tuple of int
        Over which it is taken.
    """

    axes: tuple[int, ...] = (2, 3, 4)

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C, 1, 1, 1)."""
        return x.mean(self.axes, keepdim=True)

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, C, 1, 1, 1) to (N, C, X, Y, Z)."""
        return (y / math.prod(shape[axis - 1] for axis in self.axes)).expand(len(y), *shape).contiguous()


@dataclass(frozen=True)
class Cells(LinearMap):
    """Means over cells of equal size, as many as are wanted.

    Parameters
    ----------
    size : tuple of int or None
        How many along each axis; None for each voxel by itself.
    """

    size: tuple[int | None, int | None, int | None]

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C, *size)."""
        return functional.adaptive_avg_pool3d(x, self.size)

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, C, *size) to (N, C, X, Y, Z)."""
        found: Tensor = torch.ops.aten._adaptive_avg_pool3d_backward(y.contiguous(), y.new_empty(len(y), *shape))
        return found
