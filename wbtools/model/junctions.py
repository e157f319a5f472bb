"""The places where two signals meet, as modules: a relevance rule can only be hung on a module.

`x + y` and `x * y` inside a `forward` are invisible to hooks; the same sums and products as modules are not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wbtools.model.convolution import Conv3d


class Add(nn.Module):
    """The sum of a block's output and its shortcut."""

    def forward(self, branch: Tensor, shortcut: Tensor) -> Tensor:
        """Elementwise sum of two tensors of one shape."""
        return branch + shortcut


class Gate(nn.Module):
    """A signal scaled by coefficients in (0, 1)."""

    def forward(self, signal: Tensor, coefficients: Tensor) -> Tensor:
        """Product of the signal (N, C, X, Y, Z) and coefficients that broadcast against it."""
        return signal * coefficients


class ChannelAttention(nn.Module):
    """One coefficient per channel, from its mean and its maximum through the same two layers.

    Parameters
    ----------
    channels : int
    reduction : int
        The hidden layer has `channels // reduction` units, at least one.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False)
        )
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Coefficients (N, C, 1, 1, 1) of x (N, C, X, Y, Z)."""
        # Stacked, so that the layers are called once: hooks keep only the last call's input.
        squeezed = torch.stack((x.mean((2, 3, 4)), x.amax((2, 3, 4))))
        coefficients: Tensor = self.sigmoid(self.fc(squeezed).sum(0))
        return coefficients[:, :, None, None, None]


class SpatialAttention(nn.Module):
    """One coefficient per voxel, from all channels there.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv3d(channels, 1, kernel_size=1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Coefficients (N, 1, X, Y, Z) of x (N, C, X, Y, Z)."""
        coefficients: Tensor = self.sigmoid(self.conv(x))
        return coefficients
