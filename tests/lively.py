"""Random weights far from trivial, as after training."""

from __future__ import annotations

from torch.nn.modules.batchnorm import _BatchNorm


def enliven(norm: _BatchNorm, spread: float = 0.1) -> None:
    """Draw a batch norm's weights and statistics; its means spread by this much."""
    assert norm.running_mean is not None and norm.running_var is not None
    norm.weight.data.uniform_(0.5, 1.5)
    norm.bias.data.normal_(0, 0.3)
    norm.running_mean.normal_(0, spread)
    norm.running_var.uniform_(0.3, 2)
