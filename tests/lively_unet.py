"""Networks whose batch norms and biases are far from trivial, as after training."""

from __future__ import annotations

import torch
from lively import enliven
from torch import nn

from wbtools.model.families.unet import UNet, UNetArchitecture

SMALL = UNetArchitecture((16, 16))


def lively(layout: UNetArchitecture = SMALL, seed: int = 0) -> UNet:
    """A network of this layout, ready for evaluation."""
    torch.manual_seed(seed)
    network = UNet(layout)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm3d)):
            enliven(module)
    return network.eval().requires_grad_(False)
