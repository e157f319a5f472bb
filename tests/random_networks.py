"""Networks with random weights that are far from trivial, as after training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from wbtools.model.families.unet import UNet, UNetArchitecture

N = TypeVar("N", bound=nn.Module)


def random_network(build: Callable[[], N], seed: int = 0) -> N:
    """The network that `build` makes, ready for evaluation; all its numbers depend on the seed alone.

    Neither batch norms nor biases of linear layers are those of an untrained network.
    """
    torch.manual_seed(seed)
    network = build()
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            assert module.running_mean is not None and module.running_var is not None
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.3, 2)
        elif isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.data.normal_(0, 0.1)
    return network.eval().requires_grad_(False)


def random_unet(architecture: UNetArchitecture = UNetArchitecture((16, 16)), seed: int = 0) -> UNet:  # noqa: B008
    """A U-Net with such weights."""
    return random_network(lambda: UNet(architecture), seed)
