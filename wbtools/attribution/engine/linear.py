"""Linear maps with their adjoints: all that the rules have to know of a convolution, a linear layer or an average."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv3d_input

Triple = tuple[int, int, int]


class LinearMap(ABC):
    """y = W x, without any bias."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """W x of a batch."""

    @abstractmethod
    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """W^T y of a batch; `shape` is that of a single input."""

    def absolute(self) -> LinearMap:
        """|W|; an average has no negative weights."""
        return self

    def positive(self) -> LinearMap:
        """The positive part of W."""
        return self


@dataclass(frozen=True, eq=False)
class Convolution(LinearMap):
    """A convolution of volumes (N, C, X, Y, Z).

    Parameters
    ----------
    weight : Tensor, (outputs, inputs, x, y, z)
    stride, padding, dilation : tuple of int, (3,)
    """

    weight: Tensor
    stride: Triple
    padding: Triple
    dilation: Triple

    def __call__(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X', Y', Z')."""
        return functional.conv3d(x, self.weight, None, self.stride, self.padding, self.dilation)

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, outputs, X', Y', Z') to (N, inputs, X, Y, Z)."""
        if self.weight.shape[1] == 1 and self.dilation[0] == 1:
            return self._adjoint_by_planes(y, shape)
        size = [len(y), *shape]
        geometry = (self.stride, self.padding, self.dilation)
        return cast(Tensor, conv3d_input(size, self.weight, y, *geometry))  # type: ignore[no-untyped-call]

    def _adjoint_by_planes(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """The same for one input channel.

        A library computes one output channel at a time with an eighth of the machine. Here the planes of the kernel are
        channels of a two-dimensional convolution, and are shifted and added up afterwards: a fifth of the time.
        """
        _, _, depth, *kernel = self.weight.shape
        stride, padding = self.stride, (0, *self.padding[1:])
        covered = [
            (n - 1) * s - 2 * p + k
            for n, s, p, k in zip(y.shape[3:], stride[1:], padding[1:], self._reach()[1:], strict=True)
        ]
        rest = (0, *(n - m for n, m in zip(shape[2:], covered, strict=True)))
        weight = self.weight.reshape(len(self.weight), depth, 1, *kernel)
        planes = functional.conv_transpose3d(
            y, weight, None, (1, *stride[1:]), padding, rest, dilation=(1, *self.dilation[1:])
        )
        first, count = self.padding[0], y.shape[2]
        whole = y.new_zeros(len(y), max(shape[1] + first, (count - 1) * stride[0] + depth), *shape[2:])
        for plane in range(depth):
            whole[:, plane : plane + (count - 1) * stride[0] + 1 : stride[0]] += planes[:, plane]
        return whole[:, None, first : first + shape[1]]

    def _reach(self) -> list[int]:
        """Voxels from the first to the last that the kernel touches."""
        return [(k - 1) * d + 1 for k, d in zip(self.weight.shape[2:], self.dilation, strict=True)]

    def absolute(self) -> Convolution:
        """|W|."""
        return replace(self, weight=self.weight.abs())

    def positive(self) -> Convolution:
        """The positive part of W."""
        return replace(self, weight=self.weight.clamp(min=0))


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
        return cast(Tensor, self.pool(x))

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, C, X', Y', Z') to (N, C, X, Y, Z)."""
        p = self.pool
        inputs = y.new_empty(len(y), *shape)  # only its shape is read
        arguments = (p.kernel_size, p.stride, p.padding)
        size, stride, padding = ([a] * 3 if isinstance(a, int) else list(a) for a in arguments)
        return cast(
            Tensor,
            torch.ops.aten.avg_pool3d_backward(
                y, inputs, size, stride, padding, p.ceil_mode, p.count_include_pad, p.divisor_override
            ),
        )


class Mean(LinearMap):
    """The mean over all voxels."""

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C, 1, 1, 1)."""
        return x.mean((2, 3, 4), keepdim=True)

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, C, 1, 1, 1) to (N, C, X, Y, Z)."""
        _, *voxels = shape
        return (y / torch.Size(voxels).numel()).expand(len(y), *shape).contiguous()
