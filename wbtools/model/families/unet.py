"""The U-Net encoder of the twin-identification study (system S1), written so that relevance can pass through it.

No operation works in place, every activation is a module of its own, and sums and gates are modules, so that hooks see
every step. The names of the parameters are the published ones, including `bn_fc1` and `bn_fc2`, which nothing uses.

Source: https://github.com/matthewkenely/3d-siamese-twin-ranking (architecture only; the code is our own).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.families import embedding_head
from wbtools.model.families.blocks import Attention, ResidualBlock, conv, initialise
from wbtools.model.families.embedding_head import Embedder
from wbtools.model.family import Architecture, Family, Shapes

POOLED = (1, 2)
"""The encoders that halve the grid before their block."""


@dataclass(frozen=True)
class UNetArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    widths : tuple of int
        Channels of each encoder; their number is the depth.
    attention : tuple of int
        The encoders, counted from 0, whose blocks end in attention.
    block : str
        `residual`, or `double` (two plain convolutions).
    hidden, embedding : int
        Units of the two last layers.

    Examples
    --------
    >>> architecture = UNetArchitecture(widths=(8, 16, 32))
    >>> shapes = {name: tuple(t.shape) for name, t in UNet(architecture).state_dict().items()}
    >>> architecture == UNetArchitecture.of(shapes)
    True
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    attention: tuple[int, ...] = (1, 2, 3)
    block: str = "residual"
    hidden: int = 256
    embedding: int = 128

    def __post_init__(self) -> None:
        if not self.widths or min(*self.widths, self.hidden, self.embedding) < 1 or self.block not in _BLOCKS:
            raise CheckpointError(f"{self} is no U-Net encoder", hint="check the widths and the block type")
        object.__setattr__(self, "attention", tuple(i for i in self.attention if i < len(self.widths)))

    def describe(self) -> dict[str, object]:
        """As in `Architecture`, and the depth."""
        return {**super().describe(), "depth": len(self.widths)}

    @classmethod
    def of(cls, shapes: Shapes) -> UNetArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        double = "encoders.0.block.conv1.conv.weight" in shapes
        first, gates = (".conv1.conv.weight", ".conv2") if double else (".conv1.weight", "")
        widths: list[int] = []
        while len(weight := shapes.get(f"encoders.{len(widths)}.block{first}", ())) == 5:
            widths.append(weight[0])
        attended = [
            i for i in range(len(widths)) if f"encoders.{i}.block{gates}.spatial_attention.conv.weight" in shapes
        ]
        block = "double" if double else "residual"
        return cls(tuple(widths), tuple(attended), block, *embedding_head.sizes(shapes))


class SingleConvolution(Attention):
    """A convolution, batch norm, ReLU, and attention."""

    def __init__(self, inputs: int, outputs: int, attention: bool) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = conv(inputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU()
        if attention:
            self._add_attention(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X, Y, Z)."""
        return self.attend(self.relu(self.bn(self.conv(x))))


class DoubleBlock(nn.Module):
    """Two convolutions, attention after the second."""

    def __init__(self, inputs: int, outputs: int, attention: bool) -> None:
        super().__init__()
        self.conv1 = SingleConvolution(inputs, outputs, attention=False)
        self.conv2 = SingleConvolution(outputs, outputs, attention)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X, Y, Z)."""
        found: Tensor = self.conv2(self.conv1(x))
        return found

    def batch_norms(self) -> list[tuple[str, str]]:
        """As `Network.batch_norms`, within the block."""
        return [("conv1.conv", "conv1.bn"), ("conv2.conv", "conv2.bn")]


_BLOCKS: dict[str, type[ResidualBlock] | type[DoubleBlock]] = {"residual": ResidualBlock, "double": DoubleBlock}


class Encoder(nn.Module):
    """A block, on half the grid where the encoder pools first."""

    def __init__(self, block: ResidualBlock | DoubleBlock, pools: bool) -> None:
        super().__init__()
        self.pooling = nn.MaxPool3d(2, 2) if pools else nn.Identity()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X, Y, Z), or half of X, Y, Z."""
        found: Tensor = self.block(self.pooling(x))
        return found


class UNet(Embedder):
    """A network from one image (N, 1, X, Y, Z) to its embedding (N, E) of length 1.

    Parameters
    ----------
    architecture : UNetArchitecture
    """

    architecture: UNetArchitecture

    def __init__(self, architecture: UNetArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = architecture.widths
        self.conv1, self.bn1, self.relu = conv(1, widths[0], 7), nn.BatchNorm3d(widths[0]), nn.ReLU()
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        self.encoders = nn.ModuleList(
            Encoder(_BLOCKS[architecture.block](before, width, i in architecture.attention), i in POOLED)
            for i, (before, width) in enumerate(zip(widths[:1] + widths, widths, strict=False))
        )
        self._add_head(widths[-1], architecture.hidden, architecture.embedding)
        initialise(self)

    def trunk(self, x: Tensor) -> Tensor:
        """Features (N, C, x, y, z), never negative, of images (N, 1, X, Y, Z)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for encoder in self.encoders:
            x = encoder(x)
        return x

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        pairs = [("conv1", "bn1")]
        for i, encoder in enumerate(self.encoders):
            assert isinstance(encoder, Encoder)
            inside = encoder.block.batch_norms()
            pairs += [(f"encoders.{i}.block.{conv}", f"encoders.{i}.block.{norm}") for conv, norm in inside]
        return pairs


def _recognises(shapes: Shapes) -> bool:
    first = ("encoders.0.block.conv1.weight", "encoders.0.block.conv1.conv.weight")
    return "fc2.weight" in shapes and len(shapes["fc2.weight"]) == 2 and any(len(shapes.get(k, ())) == 5 for k in first)


FAMILY = Family(
    card=Card(name="unet", title="U-Net encoder for twin identification (S1)", family="unet"),
    purpose="T1w image to embedding",
    recognises=_recognises,
    architecture=UNetArchitecture,
    network=UNet,
)
