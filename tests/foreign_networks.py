"""Networks as other people write them, which wbtools has never seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SHAPE = (12, 10, 8)


class Residual(nn.Module):
    """Works in place, uses one activation three times, adds and excites in plain arithmetic."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv3d(1, 6, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm3d(6), nn.BatchNorm3d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv3d(6, 6, 3, padding="same", groups=2)
        self.squeeze, self.excite = nn.Linear(6, 2), nn.Linear(2, 6)
        self.dropout = nn.Dropout(0.4, inplace=True)
        self.last = nn.Linear(6, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool3d(self.relu(self.norm1(self.stem(x))), 2)
        y = self.norm2(self.conv(x))
        scale = torch.sigmoid(self.excite(self.relu(self.squeeze(y.mean((2, 3, 4))))))
        y = scale[:, :, None, None, None] * y
        y += x
        logits: Tensor = self.last(self.dropout(self.relu(y).mean((2, 3, 4))))
        return logits


class Attentive(nn.Module):
    """Instance norm, a transformer, upsampling, two outputs, and a change in place of memory that is read again."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv3d(1, 8, 3, stride=2), nn.InstanceNorm3d(8, affine=True), nn.PReLU(8)
        self.up = nn.ConvTranspose3d(8, 8, 2, stride=2)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.position = nn.Parameter(torch.randn(1, 8))
        self.register_buffer("mask", torch.tensor([1.0, 0, 1, 1, 0, 1, 1, 1]))
        self.last = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.up(self.act(self.norm(self.conv(x))))
        whole = functional.interpolate(x, scale_factor=0.5, mode="trilinear").contiguous()
        part = whole[:, :, :1]
        part.mul_(2).relu_()
        tokens = whole.flatten(2).transpose(1, 2) + self.position
        tokens = self.layer(functional.layer_norm(tokens, (8,)))
        pooled = torch.cat([tokens.mean(1), tokens.amax(1)], 1)
        first, second = pooled.chunk(2, 1)
        return functional.normalize(self.last(first * self.mask + second)), pooled
