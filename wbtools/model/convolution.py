"""Convolutions of volumes by oneDNN also where torch would not think of it.

For a single image of few rows torch takes a routine of its own, which needs up to twenty times as long as oneDNN does.
Networks that look at one person at a time meet it in most of their layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Triple = tuple[int, int, int]

_FEW = 20480  # torch's own number, see `use_mkldnn` in its Convolution.cpp


def triple(given: int | tuple[int, ...]) -> Triple:
    """A layer's setting along each axis.

    Examples
    --------
    >>> triple(2)
    (2, 2, 2)
    """
    x, y, z = (given, given, given) if isinstance(given, int) else given
    return x, y, z


@dataclass(frozen=True)
class Geometry:
    """How a kernel is laid over a volume.

    Parameters
    ----------
    stride, padding, dilation : tuple of int, (3,)
    groups : int
        Of channels that have nothing to do with each other.
    """

    stride: Triple = (1, 1, 1)
    padding: Triple = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: int = 1


def convolved(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    geometry: Geometry = Geometry(),
) -> Tensor:
    """A convolution as `torch.nn.functional.conv3d` does it, to rounding, and quicker on single images.

    Parameters
    ----------
    x : Tensor, (N, inputs, X, Y, Z)
    kernel : Tensor, (outputs, inputs of a group, x, y, z)
    bias : Tensor, (outputs,), optional
    geometry : Geometry

    Examples
    --------
    >>> convolved(torch.ones(1, 1, 3, 3, 3), torch.ones(1, 1, 3, 3, 3)).item()
    27.0
    """
    g = geometry
    if neglected(x):
        x, kernel = x.contiguous(), kernel.contiguous()
        return torch.mkldnn_convolution(x, kernel, bias, g.padding, g.stride, g.dilation, g.groups)
    return functional.conv3d(x, kernel, bias, g.stride, g.padding, g.dilation, g.groups)


def neglected(x: Tensor) -> bool:
    """Whether torch would not use oneDNN for this input (N, C, X, Y, Z), although it could.

    Never while a network is being exported, as that is for every machine.

    Examples
    --------
    >>> neglected(torch.ones(2, 8, 20, 20, 20))
    False
    """
    if x.device.type != "cpu" or x.dtype != torch.float32 or torch.compiler.is_compiling():
        return False
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return available and len(x) == 1 and x.shape[1] * x.shape[2] * x.shape[3] <= _FEW


class Conv3d(nn.Conv3d):
    """torch's layer, computed by `convolved`; padded with zeros, in one group."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X', Y', Z')."""
        assert not isinstance(self.padding, str)  # numbers, in all networks that are built of this layer
        geometry = Geometry(triple(self.stride), triple(self.padding), triple(self.dilation))
        return convolved(input, self.weight, self.bias, geometry)
