"""The DenseNets of the twin-identification study (system S1).

Written so that relevance can pass through, as `families.unet` explains. Two things differ from what the layers'
names suggest:

- a dense block with attention applies it twice in a row with the same weights, as the published block does: its class
  is a `Sequential`, whose `forward` runs its attention as children, and then calls them once more;
- transitions pool before their 1x1x1 convolution. The two commute, embeddings are equal, it is eight times cheaper, and
  what is pooled is never negative, which relevance needs.

Source: https://github.com/matthewkenely/3d-siamese-twin-ranking (architecture only; the code is our own).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.families import embedding_head
from wbtools.model.families.blocks import Attention, conv, initialise
from wbtools.model.families.embedding_head import Embedder
from wbtools.model.family import Architecture, Family, Shapes, axes

DEPTHS: dict[tuple[int, ...], int] = {
    (6, 12, 24, 16): 121,
    (6, 12, 32, 32): 169,
    (6, 12, 48, 32): 201,
    (6, 12, 64, 48): 264,
}
"""The usual names of the networks, by their numbers of layers."""


@dataclass(frozen=True)
class DenseNetArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    layers : tuple of int
        Dense layers of each block.
    growth : int
        Channels that a dense layer adds.
    inner : int
        Channels between its two convolutions.
    stem : int
        Channels of the first convolution.
    attention : tuple of int
        The blocks, counted from 1 as in their names, that end in attention.
    hidden, embedding : int
        Units of the two last layers.

    Examples
    --------
    >>> DenseNetArchitecture().depth, DenseNetArchitecture().features
    (121, (256, 512, 1024, 1024))
    """

    layers: tuple[int, ...] = (6, 12, 24, 16)
    growth: int = 32
    inner: int = 128
    stem: int = 64
    attention: tuple[int, ...] = (2, 3, 4)
    hidden: int = 256
    embedding: int = 128

    def __post_init__(self) -> None:
        counts = (*self.layers, self.growth, self.inner, self.stem, self.hidden, self.embedding)
        if not self.layers or min(counts) < 1:
            raise CheckpointError(f"{self} is no DenseNet", hint="check its blocks")

    @property
    def depth(self) -> int | None:
        """The usual name of the network; None if it has none."""
        return DEPTHS.get(self.layers)

    @property
    def features(self) -> tuple[int, ...]:
        """Channels at the end of each block; half as many enter the next."""
        channels, ends = self.stem, []
        for count in self.layers:
            ends.append(channels + count * self.growth)
            channels = ends[-1] // 2
        return tuple(ends)

    def describe(self) -> dict[str, object]:
        """The depth, and as in `Architecture`."""
        return {"depth": self.depth, **super().describe()}

    @classmethod
    def of(cls, shapes: Shapes) -> DenseNetArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        layers: list[int] = []
        while f"features.denseblock{len(layers) + 1}.denselayer1.conv1.weight" in shapes:
            layers.append(1)
            while f"features.denseblock{len(layers)}.denselayer{layers[-1] + 1}.conv1.weight" in shapes:
                layers[-1] += 1
        growth, inner = axes(shapes, "features.denseblock1.denselayer1.conv2.weight", 5)[:2]
        attended = "features.denseblock{}.spatial_attention.conv.weight"
        return cls(
            layers=tuple(layers),
            growth=growth,
            inner=inner,
            stem=axes(shapes, "features.conv1.weight", 5)[0],
            attention=tuple(n for n in range(1, len(layers) + 1) if attended.format(n) in shapes),
            **dict(zip(("hidden", "embedding"), embedding_head.sizes(shapes), strict=True)),
        )


class DenseLayer(nn.Module):
    """Adds a few channels, made from all that came before in the block."""

    def __init__(self, inputs: int, inner: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.relu1, self.conv1 = nn.BatchNorm3d(inputs), nn.ReLU(), conv(inputs, inner, 1)
        self.norm2, self.relu2, self.conv2 = nn.BatchNorm3d(inner), nn.ReLU(), conv(inner, growth, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C + growth, X, Y, Z)."""
        inner = self.conv1(self.relu1(self.norm1(x)))
        return torch.cat((x, self.conv2(self.relu2(self.norm2(inner)))), 1)


class DenseBlock(Attention):
    """Dense layers, and twice the same attention."""

    def __init__(self, inputs: int, count: int, architecture: DenseNetArchitecture, attention: bool) -> None:
        super().__init__()
        self.count = count
        for i in range(count):
            layer = DenseLayer(inputs + i * architecture.growth, architecture.inner, architecture.growth)
            self.add_module(f"denselayer{i + 1}", layer)
        if attention:
            self._add_attention(inputs + count * architecture.growth, times=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C + count * growth, X, Y, Z)."""
        for i in range(1, self.count + 1):
            x = self.get_submodule(f"denselayer{i}")(x)
        return self.attend(x)


class Transition(nn.Module):
    """Half the channels, on half the grid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.relu = nn.BatchNorm3d(channels), nn.ReLU()
        self.conv, self.pool = conv(channels, channels // 2, 1), nn.AvgPool3d(2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, C // 2, X // 2, Y // 2, Z // 2)."""
        found: Tensor = self.conv(self.pool(self.relu(self.norm(x))))
        return found


class DenseNet(Embedder):
    """A network from one image (N, 1, X, Y, Z) to its embedding (N, E) of length 1.

    Parameters
    ----------
    architecture : DenseNetArchitecture
    """

    architecture: DenseNetArchitecture

    def __init__(self, architecture: DenseNetArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.features = nn.Sequential()
        self.features.add_module("conv1", conv(1, architecture.stem, 7, stride=(1, 2, 2)))
        self.features.add_module("norm1", nn.BatchNorm3d(architecture.stem))
        self.features.add_module("relu1", nn.ReLU())
        self.features.add_module("pool1", nn.MaxPool3d(3, stride=2, padding=1))
        channels = architecture.stem
        for n, (count, end) in enumerate(zip(architecture.layers, architecture.features, strict=True), 1):
            block = DenseBlock(channels, count, architecture, attention=n in architecture.attention)
            self.features.add_module(f"denseblock{n}", block)
            if n < len(architecture.layers):
                self.features.add_module(f"transition{n}", Transition(end))
                channels = end // 2
        self.features.add_module("norm5", nn.BatchNorm3d(architecture.features[-1]))
        self.features.add_module("relu5", nn.ReLU())
        self._add_head(architecture.features[-1], architecture.hidden, architecture.embedding)
        initialise(self)

    def trunk(self, x: Tensor) -> Tensor:
        """Features (N, C, x, y, z), never negative, of images (N, 1, X, Y, Z)."""
        found: Tensor = self.features(x)
        return found

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly.

        Most batch norms of a DenseNet come before their convolution, after a concatenation; they are not among these.
        """
        layers = [name for name, module in self.named_modules() if isinstance(module, DenseLayer)]
        return [("features.conv1", "features.norm1"), *((f"{name}.conv1", f"{name}.norm2") for name in layers)]


def _recognises(shapes: Shapes) -> bool:
    return "fc2.weight" in shapes and len(shapes.get("features.denseblock1.denselayer1.conv1.weight", ())) == 5


FAMILY = Family(
    card=Card(name="densenet", title="DenseNet for twin identification (S1)", family="densenet"),
    purpose="T1w image to embedding",
    recognises=_recognises,
    architecture=DenseNetArchitecture,
    network=DenseNet,
)
