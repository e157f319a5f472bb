"""Networks and pairs of images for the tests of the engine: every family, and networks of a few chosen layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from wbtools.attribution.engine import Propagator, seeds
from wbtools.attribution.engine.signal import S
from wbtools.model.families import ad3dcnn, densenet, mrinet, resnet, unet
from wbtools.model.family import Network

SHAPE = (33, 37, 34)

FAMILIES: dict[str, Callable[[], Network]] = {
    "U-Net, attention everywhere": lambda: unet.UNet(unet.UNetArchitecture((16, 16, 32, 32), attention=(0, 1, 2, 3))),
    "U-Net, double blocks": lambda: unet.UNet(unet.UNetArchitecture((16, 16, 32), attention=(0, 2), block="double")),
    "ResNet 10": lambda: resnet.ResNet(
        resnet.ResNetArchitecture(planes=(16, 16, 32, 32), stem=16, attention=(1, 2, 3, 4))
    ),
    "ResNet of bottlenecks": lambda: resnet.ResNet(resnet.ResNetArchitecture((1, 2, 1, 1), (8, 8, 8, 8), True, 8)),
    "DenseNet": lambda: densenet.DenseNet(densenet.DenseNetArchitecture((3, 4, 3), 8, 16, 16, attention=(1, 2, 3))),
}
"""Of the twin-identification study, small."""

OTHERS: dict[str, tuple[Callable[[], Network], str]] = {
    "MriNet": (lambda: mrinet.MriNet(mrinet.MriNetArchitecture(width=4, positions=8)), "logits"),
    "MriNet, second form": (
        lambda: mrinet.MriNetTwin(mrinet.MriNetArchitecture(width=4, positions=8, twin=True)),
        "logits",
    ),
    "AD_3DCNN": (lambda: ad3dcnn.AD3DCNN(ad3dcnn.AD3DCNNArchitecture(widths=(4, 8), positions=150)), "raw"),
}
"""And the method of each that is explained."""


def balls(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Tensor:
    """An image and a reference (2, 1, X, Y, Z): textured balls of slightly different size on an empty background."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing="ij"))
    radius = places.norm(dim=0)
    return torch.stack([(radius < r) * torch.rand(shape, generator=generator) for r in (0.6, 0.55)])[:, None]


class Hand(Network):
    """A network whose layers are given one by one."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.eval().requires_grad_(False)

    def raw(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found


def pointwise(weights: Sequence[Sequence[float]], bias: Sequence[float] | None = None) -> nn.Conv3d:
    """A 1 x 1 x 1 convolution with these weights (outputs, inputs)."""
    matrix = torch.tensor(weights)
    layer = nn.Conv3d(matrix.shape[1], matrix.shape[0], 1, bias=bias is not None)
    layer.weight.data = matrix[:, :, None, None, None]
    if layer.bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


def linear(weights: Sequence[Sequence[float]], bias: Sequence[float] | None = None) -> nn.Linear:
    """A linear layer with these weights (outputs, inputs)."""
    matrix = torch.tensor(weights)
    layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=bias is not None)
    layer.weight.data = matrix
    if layer.bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


def embedding_seed(propagator: Propagator[S]) -> Tensor:
    """(1, E): each unit's share of z . v / |v|, of differences of z . (v - v') / |v|; the length |v| is a constant."""
    return seeds(propagator, normalize(propagator.output, dim=1) / propagator.output.norm())
