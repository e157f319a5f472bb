"""The ResNets of the twin-identification study (system S1): stride in the first half, dilation in the second.

Written so that relevance can pass through, as `families.unet` explains. The strides and dilations are in no
checkpoint: those of the published code are taken.

Source: https://github.com/matthewkenely/3d-siamese-twin-ranking (architecture only; the code is our own).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.families import embedding_head
from wbtools.model.families.blocks import Bottleneck, ResidualBlock, conv, initialise
from wbtools.model.families.embedding_head import Embedder
from wbtools.model.family import Architecture, Family, Shapes, axes, depths

STRIDES = (1, 2, 1, 1)
DILATIONS = (1, 1, 2, 4)
"""Of the four layers."""


@dataclass(frozen=True)
class ResNetArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    blocks : tuple of int, (4,)
        Residual blocks of each layer.
    planes : tuple of int, (4,)
        Channels of each layer's convolutions; a bottleneck puts out four times as many.
    bottleneck : bool
        Blocks of three convolutions instead of two.
    stem : int
        Channels of the first convolution.
    attention : tuple of int
        The layers, counted from 1 as in their names, whose blocks end in attention.
    hidden, embedding : int
        Units of the two last layers.

    Examples
    --------
    >>> ResNetArchitecture(blocks=(3, 4, 6, 3), bottleneck=True).depth
    50
    """

    blocks: tuple[int, ...] = (1, 1, 1, 1)
    planes: tuple[int, ...] = (64, 128, 256, 512)
    bottleneck: bool = False
    stem: int = 64
    attention: tuple[int, ...] = (2, 3, 4)
    hidden: int = 256
    embedding: int = 128

    def __post_init__(self) -> None:
        counts = (*self.blocks, *self.planes, self.stem, self.hidden, self.embedding)
        if len(self.blocks) != 4 or len(self.planes) != 4 or min(counts) < 1:
            raise CheckpointError(f"{self} is no ResNet", hint="check the blocks and planes of its four layers")

    @property
    def depth(self) -> int:
        """The usual name of the network: its layers with weights."""
        return 2 + (3 if self.bottleneck else 2) * sum(self.blocks)

    def describe(self) -> dict[str, object]:
        """The depth, and as in `Architecture`."""
        return {"depth": self.depth, **super().describe()}

    @classmethod
    def of(cls, shapes: Shapes) -> ResNetArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        return cls(
            blocks=depths(shapes, r"layer([1-4])\.\d+\.conv1\.weight"),
            planes=tuple(axes(shapes, f"layer{n}.0.conv1.weight", 5)[0] for n in range(1, 5)),
            bottleneck="layer1.0.conv3.weight" in shapes,
            stem=axes(shapes, "conv1.weight", 5)[0],
            attention=tuple(n for n in range(1, 5) if f"layer{n}.0.spatial_attention.conv.weight" in shapes),
            **dict(zip(("hidden", "embedding"), embedding_head.sizes(shapes), strict=True)),
        )


class ResNet(Embedder):
    """A network from one image (N, 1, X, Y, Z) to its embedding (N, E) of length 1.

    Parameters
    ----------
    architecture : ResNetArchitecture
    """

    architecture: ResNetArchitecture

    def __init__(self, architecture: ResNetArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        block = Bottleneck if architecture.bottleneck else ResidualBlock
        self.conv1 = conv(1, architecture.stem, 7, stride=(1, 2, 2))
        self.bn1, self.relu = nn.BatchNorm3d(architecture.stem), nn.ReLU()
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        channels = architecture.stem
        for n, (count, planes) in enumerate(zip(architecture.blocks, architecture.planes, strict=True)):
            layer = nn.Sequential()
            for i in range(count):
                stride = STRIDES[n] if i == 0 else 1
                layer.append(block(channels, planes, n + 1 in architecture.attention, stride, DILATIONS[n]))
                channels = planes * block.expansion
            self.add_module(f"layer{n + 1}", layer)
        self._add_head(channels, architecture.hidden, architecture.embedding)
        initialise(self)

    def trunk(self, x: Tensor) -> Tensor:
        """Features (N, C, x, y, z), never negative, of images (N, 1, X, Y, Z)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for n in range(1, 5):
            x = self.get_submodule(f"layer{n}")(x)
        return x

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        blocks = [(name, m) for name, m in self.named_modules() if isinstance(m, (ResidualBlock, Bottleneck))]
        pairs = [(f"{name}.{conv}", f"{name}.{norm}") for name, block in blocks for conv, norm in block.batch_norms()]
        return [("conv1", "bn1"), *pairs]


def _recognises(shapes: Shapes) -> bool:
    return "fc2.weight" in shapes and len(shapes.get("layer1.0.conv1.weight", ())) == 5


FAMILY = Family(
    card=Card(name="resnet", title="ResNet for twin identification (S1)", family="resnet"),
    purpose="T1w image to embedding",
    recognises=_recognises,
    architecture=ResNetArchitecture,
    network=ResNet,
)
