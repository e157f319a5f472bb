"""Whole files of torch.export."""

from __future__ import annotations

import io

import torch
from foreign_networks import SHAPE, Attentive, Residual
from random_networks import random_network


class Stages(torch.nn.Module):
    """The usual layers one after the other: pools, groups, norms, attention, padding, up and down."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv3d(1, 4, 3, padding=1, dilation=1)
        self.norm = torch.nn.GroupNorm(2, 4)
        self.pool = torch.nn.AvgPool3d(2, 2)
        self.most = torch.nn.AdaptiveMaxPool3d((2, 2, 2))
        self.last = torch.nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Two values."""
        f = torch.nn.functional
        x = f.silu(self.norm(self.conv(x)))
        x = f.pad(x, (1, 1, 0, 0, 0, 0), mode="replicate")[:, :, 1:]
        x = torch.cat([self.pool(x), f.max_pool3d(x, 2, 2)], 1)[:, :4].to(torch.float32)
        x = f.interpolate(x, size=(4, 4, 4), mode="nearest").roll(1, 2).repeat(1, 1, 1, 1, 1)
        a, b = self.most(x).flatten(1).split(16, 1)
        return f.log_softmax(self.last(torch.stack([a, b], 1).flatten(1).clamp(-3, 3)), 1)


def programs() -> dict[str, bytes]:
    """Exported networks by the names of their files."""
    found = {}
    for name, build in (("residual", Residual), ("attentive", Attentive), ("stages", Stages)):
        stream = io.BytesIO()
        torch.export.save(torch.export.export(random_network(build), (torch.zeros(1, 1, *SHAPE),)), stream)
        found[f"{name}.pt2"] = stream.getvalue()
    return found
