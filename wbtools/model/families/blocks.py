"""Building blocks that several families share: convolutions, attention, and residual blocks."""

from __future__ import annotations

from torch import Tensor, nn

from wbtools.model.convolution import Conv3d
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention


def conv(inputs: int, outputs: int, size: int, stride: int | tuple[int, int, int] = 1, dilation: int = 1) -> Conv3d:
    """A convolution without bias, padded so that only its stride changes the grid.

    Examples
    --------
    >>> conv(1, 8, size=7, stride=(1, 2, 2)).padding
    (3, 3, 3)
    """
    padding = dilation * (size // 2)
    return Conv3d(inputs, outputs, size, stride=stride, padding=padding, dilation=dilation, bias=False)


def initialise(network: nn.Module) -> None:
    """Random convolutions as published: normal, with the variance that keeps gradients as large as they are."""
    for module in network.modules():
        # Without memory there is nothing to draw, and torch would import its compiler for it.
        if isinstance(module, (nn.Conv2d, nn.Conv3d)) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class Attention(nn.Module):
    """Base of blocks that may end in channel attention, then spatial attention, under the published names."""

    def _add_attention(self, channels: int, times: int = 1) -> None:
        """Let `attend` scale its input `times` times, always with the same weights."""
        self.channel_attention = ChannelAttention(channels)
        self.spatial_attention = SpatialAttention(channels)
        # One gate per product: a hook keeps only the last input of its module.
        self.gates = nn.ModuleList(Gate() for _ in range(2 * times))

    def attend(self, x: Tensor) -> Tensor:
        """Scale x (N, C, X, Y, Z) by its own coefficients; x itself where the block has no attention."""
        if not hasattr(self, "gates"):
            return x
        for i, gate in enumerate(self.gates):
            attention = self.spatial_attention if i % 2 else self.channel_attention
            x = gate(x, attention(x))
        return x


class Residual(Attention):
    """Base of blocks that add their input, projected where it does not fit, to what their convolutions made of it."""

    def _add_shortcut(self, inputs: int, outputs: int, stride: int, attention: bool) -> None:
        self.downsample: nn.Sequential | None = None
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm3d(outputs))
        if attention:
            self._add_attention(outputs)
        self.add, self.relu = Add(), nn.ReLU()

    def branch(self, x: Tensor) -> Tensor:
        """What the convolutions make of x, before attention."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z) to (N, outputs, X, Y, Z), each axis divided by the stride."""
        shortcut = x if self.downsample is None else self.downsample(x)
        summed: Tensor = self.relu(self.add(self.attend(self.branch(x)), shortcut))
        return summed

    def batch_norms(self) -> list[tuple[str, str]]:
        """As `Network.batch_norms`, within the block."""
        pairs = [(f"conv{i}", f"bn{i}") for i in (1, 2, 3) if hasattr(self, f"conv{i}")]
        return pairs if self.downsample is None else [*pairs, ("downsample.0", "downsample.1")]


class ResidualBlock(Residual):
    """Two convolutions, attention, plus the shortcut."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, attention: bool, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu1 = conv(inputs, planes, 3, stride, dilation), nn.BatchNorm3d(planes), nn.ReLU()
        self.conv2, self.bn2 = conv(planes, planes, 3, dilation=dilation), nn.BatchNorm3d(planes)
        self._add_shortcut(inputs, planes, stride, attention)

    def branch(self, x: Tensor) -> Tensor:
        """What the convolutions make of x, before attention."""
        outer: Tensor = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return outer


class Bottleneck(Residual):
    """Three convolutions, the middle one on few channels, attention, plus the shortcut."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, attention: bool, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        outputs = self.expansion * planes
        self.conv1, self.bn1, self.relu1 = conv(inputs, planes, 1), nn.BatchNorm3d(planes), nn.ReLU()
        self.conv2, self.bn2, self.relu2 = conv(planes, planes, 3, stride, dilation), nn.BatchNorm3d(planes), nn.ReLU()
        self.conv3, self.bn3 = conv(planes, outputs, 1), nn.BatchNorm3d(outputs)
        self._add_shortcut(inputs, outputs, stride, attention)

    def branch(self, x: Tensor) -> Tensor:
        """What the convolutions make of x, before attention."""
        inner = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        outer: Tensor = self.bn3(self.conv3(inner))
        return outer
