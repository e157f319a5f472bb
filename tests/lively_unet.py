"""Networks whose batch norms and biases are far from trivial, as after training."""

import torch
from torch import nn

from wbtools.model.families.unet import Layout, UNet

SMALL = Layout((16, 16))


def lively(layout: Layout = SMALL, seed: int = 0) -> UNet:
    """A network of this layout, ready for evaluation."""
    torch.manual_seed(seed)
    network = UNet(layout)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm3d)):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.3, 2)
    return network.eval().requires_grad_(False)
