"""Networks of pictures as networks of volumes, in which every picture is a plane of its own.

A layer of pictures (N, C, H, W) is the layer of a volume (1, C, N, H, W) whose kernel is one plane thick. So
whatever is known of layers of volumes holds for those of pictures, and all pictures of an image pass at once. Vectors,
one for each picture, are rows (1, N, F).

Layers are made anew, with the network's own weights and statistics: what is changed in one is changed in both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from wbtools.model.pictures import Abreast, PerImage, Pictures, SideBySide, Together


class Moved(nn.Module):
    """Base of steps that put values elsewhere, or repeat them, and compute nothing."""

    def back(self, moved: Tensor, shape: torch.Size) -> Tensor:
        """What was moved (K, ...), added up where it came from, (K, *shape)."""
        with torch.enable_grad():
            start = moved.new_zeros(1, *shape, requires_grad=True)
            end = self(start)
            found = [torch.autograd.grad(end, start, some, retain_graph=True)[0] for some in torch.split(moved, 1)]
        return torch.cat(found)


class Planes(Moved):
    """An image (1, 1, X, Y, Z) as its pictures, (1, C, N, H, W).

    Parameters
    ----------
    pictures : Pictures
    """

    def __init__(self, pictures: Pictures) -> None:
        super().__init__()
        self.pictures = pictures

    def forward(self, x: Tensor) -> Tensor:
        """(1, 1, X, Y, Z) to (1, C, N, H, W)."""
        shown: Tensor = self.pictures(x)
        return shown.transpose(0, 1)[None]


class Rows(Moved):
    """What was found of every picture as a vector: (1, C, N, H, W) to (1, N, C x H x W); vectors stay what they are."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, N, H, W) or (1, N, F) to (1, N, F)."""
        return x.transpose(1, 2).flatten(2) if x.dim() > 3 else x


class Paired(Moved):
    """As `SideBySide`."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, 2 N, F) to (1, N, 2 F)."""
        return torch.cat(x.chunk(2, 1), 2)


class Same(Moved):
    """As `Abreast`: the pictures are planes of a volume already."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, C, N, h, w) as it is."""
        return x


class OneRow(Moved):
    """As `PerImage`."""

    def forward(self, x: Tensor) -> Tensor:
        """(1, N, E) to (1, N x E)."""
        return x.flatten(1)


def in_planes(module: nn.Module | None) -> nn.Module | None:
    """The layer of volumes that does to planes what a layer does to pictures; other layers as they are.

    Parameters
    ----------
    module : nn.Module or None
    """
    for kind, made in _LAYERS.items():
        if isinstance(module, kind):
            return made(module)
    return module


def _flat(given: Any, across: int | None) -> Any:
    """A setting of a layer of pictures as that of a layer of volumes.

    Examples
    --------
    >>> _flat(2, 1), _flat((3, 5), 0)
    ((1, 2, 2), (0, 3, 5))
    """
    return (across, given, given) if isinstance(given, int) or given is None else (across, *given)


def _convolution(module: nn.Conv2d) -> nn.Module:
    padding = module.padding if isinstance(module.padding, str) else _flat(module.padding, 0)
    geometry: Any = {"padding": padding, "padding_mode": module.padding_mode, "groups": module.groups, "bias": False}
    for name in ("kernel_size", "stride", "dilation"):
        geometry[name] = _flat(getattr(module, name), 1)
    made = nn.Conv3d(module.in_channels, module.out_channels, device="meta", **geometry)
    made.weight = nn.Parameter(module.weight.detach()[:, :, None], requires_grad=False)
    made.bias = module.bias
    return made


def _norm(module: nn.BatchNorm2d) -> nn.Module:
    made = nn.BatchNorm3d(module.num_features, module.eps, affine=False, track_running_stats=False, device="meta")
    made.running_mean, made.running_var = module.running_mean, module.running_var
    made.affine, made.weight, made.bias = module.affine, module.weight, module.bias
    return made.train(module.training)


def _maximum(module: nn.MaxPool2d) -> nn.Module:
    kernel, stride, padding, dilation = (
        _flat(getattr(module, name), across)
        for name, across in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1))
    )
    return nn.MaxPool3d(kernel, stride, padding, dilation, ceil_mode=module.ceil_mode)


def _average(module: nn.AvgPool2d) -> nn.Module:
    kernel, stride, padding = (
        _flat(getattr(module, name), across) for name, across in (("kernel_size", 1), ("stride", 1), ("padding", 0))
    )
    how = (module.ceil_mode, module.count_include_pad, module.divisor_override)
    return nn.AvgPool3d(kernel, stride, padding, *how)


_LAYERS: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    Pictures: Planes,
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _norm,
    nn.MaxPool2d: _maximum,
    nn.AvgPool2d: _average,
    nn.AdaptiveAvgPool2d: lambda module: nn.AdaptiveAvgPool3d(_flat(module.output_size, None)),
    Together: lambda module: nn.Flatten(),
    nn.Flatten: lambda module: Rows(),
    SideBySide: lambda module: Paired(),
    PerImage: lambda module: OneRow(),
    Abreast: lambda module: Same(),
}
"""By kinds of layers of pictures."""
