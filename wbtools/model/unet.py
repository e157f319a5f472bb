"""The U-Net encoder of the twin-identification study (system S1), written so that relevance can pass through it.

No operation works in place, every activation is a module of its own, and sums and gates are modules, so that hooks see
every step. The names of the parameters are the published ones, including `bn_fc1` and `bn_fc2`, which nothing uses.

Source: https://github.com/matthewkenely/3d-siamese-twin-ranking (architecture only; the code is our own).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import cast

import torch
from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.family import Family, Network, Shapes
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention

POOLED = (1, 2)
"""The encoders that halve the grid before their block."""


@dataclass(frozen=True)
class Layout:
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
    >>> layout = Layout(widths=(8, 16, 32))
    >>> layout == Layout.of({name: tuple(t.shape) for name, t in UNet(layout).state_dict().items()})
    True
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    attention: tuple[int, ...] = (1, 2, 3)
    block: str = "residual"
    hidden: int = 256
    embedding: int = 128

    def __post_init__(self) -> None:
        if not self.widths or min(*self.widths, self.hidden, self.embedding) < 1 or self.block not in _BLOCKS:
            raise CheckpointError(f"{self} is no U-Net encoder", mend="check the widths and the block type")
        object.__setattr__(self, "attention", tuple(i for i in self.attention if i < len(self.widths)))

    @classmethod
    def of(cls, shapes: Shapes) -> Layout:
        """Read the layout from the names and shapes of a checkpoint's tensors."""
        double = "encoders.0.block.conv1.conv.weight" in shapes
        first, gates = (".conv1.conv.weight", ".conv2") if double else (".conv1.weight", "")
        widths: list[int] = []
        while len(weight := shapes.get(f"encoders.{len(widths)}.block{first}", ())) == 5:
            widths.append(weight[0])
        attended = [
            i for i in range(len(widths)) if f"encoders.{i}.block{gates}.spatial_attention.conv.weight" in shapes
        ]
        embedding, hidden = shapes["fc2.weight"]
        return cls(tuple(widths), tuple(attended), "double" if double else "residual", hidden, embedding)


def _conv(inputs: int, outputs: int, size: int) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, kernel_size=size, padding=size // 2, bias=False)


class Attention(nn.Module):
    """Base of blocks that may end in channel attention, then spatial attention, under the published names."""

    def _add_attention(self, channels: int) -> None:
        self.channel_attention, self.channel_gate = ChannelAttention(channels), Gate()
        self.spatial_attention, self.spatial_gate = SpatialAttention(channels), Gate()

    def attend(self, x: Tensor) -> Tensor:
        """Scale x (N, C, X, Y, Z) by its own coefficients; x itself where the block has no attention."""
        if not hasattr(self, "channel_attention"):
            return x
        x = self.channel_gate(x, self.channel_attention(x))
        return cast(Tensor, self.spatial_gate(x, self.spatial_attention(x)))


class ResidualBlock(Attention):
    """Two convolutions, attention, plus the shortcut."""

    def __init__(self, inputs: int, outputs: int, attention: bool) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = _conv(inputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU()
        self.conv2, self.bn2, self.relu2 = _conv(outputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU()
        self.downsample: nn.Sequential | None = None
        if inputs != outputs:
            self.downsample = nn.Sequential(_conv(inputs, outputs, 1), nn.BatchNorm3d(outputs))
        if attention:
            self._add_attention(outputs)
        self.add = Add()

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X, Y, Z)."""
        branch = self.attend(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        shortcut = x if self.downsample is None else self.downsample(x)
        return cast(Tensor, self.relu2(self.add(branch, shortcut)))

    def batch_norms(self) -> list[tuple[str, str]]:
        """As `Network.batch_norms`, within the block."""
        pairs = [("conv1", "bn1"), ("conv2", "bn2")]
        return pairs if self.downsample is None else [*pairs, ("downsample.0", "downsample.1")]


class SingleConvolution(Attention):
    """A convolution, batch norm, ReLU, and attention."""

    def __init__(self, inputs: int, outputs: int, attention: bool) -> None:
        super().__init__()
        self.conv, self.bn, self.relu = _conv(inputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU()
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
        return cast(Tensor, self.conv2(self.conv1(x)))

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
        return cast(Tensor, self.block(self.pooling(x)))


class UNet(Network):
    """A network from one image (N, 1, X, Y, Z) to its embedding (N, E) of length 1.

    Parameters
    ----------
    layout : Layout
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        widths = layout.widths
        self.conv1, self.bn1, self.relu = _conv(1, widths[0], 7), nn.BatchNorm3d(widths[0]), nn.ReLU()
        self.maxpool = nn.MaxPool3d(3, stride=2, padding=1)
        self.encoders = nn.ModuleList(
            Encoder(_BLOCKS[layout.block](before, width, i in layout.attention), i in POOLED)
            for i, (before, width) in enumerate(zip(widths[:1] + widths, widths, strict=False))
        )
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.flatten = nn.Flatten()
        self.fc_dropout = nn.Dropout(0.3)
        self.fc1, self.bn_fc1 = nn.Linear(widths[-1], layout.hidden), nn.BatchNorm1d(layout.hidden)
        self.fc_relu = nn.ReLU()
        self.fc2, self.bn_fc2 = nn.Linear(layout.hidden, layout.embedding), nn.BatchNorm1d(layout.embedding)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def raw(self, x: Tensor) -> Tensor:
        """The embedding (N, E) before it is brought to length 1, of images (N, 1, X, Y, Z)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for encoder in self.encoders:
            x = encoder(x)
        pooled = self.fc_dropout(self.flatten(self.avgpool(x)))
        return cast(Tensor, self.fc2(self.fc_relu(self.fc1(pooled))))

    def forward(self, x: Tensor) -> Tensor:
        """The embedding (N, E) of length 1."""
        return torch.nn.functional.normalize(self.raw(x), dim=1)

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        pairs = [("conv1", "bn1")]
        for i, encoder in enumerate(self.encoders):
            block = cast(Encoder, encoder).block
            pairs += [
                (f"encoders.{i}.block.{conv}", f"encoders.{i}.block.{norm}") for conv, norm in block.batch_norms()
            ]
        return pairs


def _recognises(shapes: Shapes) -> bool:
    first = ("encoders.0.block.conv1.weight", "encoders.0.block.conv1.conv.weight")
    return "fc2.weight" in shapes and len(shapes["fc2.weight"]) == 2 and any(len(shapes.get(k, ())) == 5 for k in first)


def _describe(network: Network) -> dict[str, object]:
    layout = cast(UNet, network).layout
    return {
        **{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(layout).items()},
        "depth": len(layout.widths),
    }


FAMILY = Family(
    name="unet",
    title="U-Net encoder for twin identification (S1): T1w image to embedding",
    recognises=_recognises,
    build=lambda shapes: UNet(Layout.of(shapes)),
    describe=_describe,
    card=Card(name="unet", title="U-Net encoder for twin identification (S1)", family="unet"),
)
