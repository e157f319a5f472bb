"""The end that the three networks of the twin-identification study (system S1) share: from features to an embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wbtools.model.family import Network, Shapes, axes


class Embedder(Network):
    """Base of networks from one image (N, 1, X, Y, Z) to its embedding (N, E) of length 1.

    The names are the published ones, including `bn_fc1` and `bn_fc2`, which nothing uses.
    """

    def _add_head(self, channels: int, hidden: int, embedding: int) -> None:
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.flatten = nn.Flatten()
        self.fc_dropout = nn.Dropout(0.3)
        self.fc1, self.bn_fc1 = nn.Linear(channels, hidden), nn.BatchNorm1d(hidden)
        self.fc_relu = nn.ReLU()
        self.fc2, self.bn_fc2 = nn.Linear(hidden, embedding), nn.BatchNorm1d(embedding)

    def trunk(self, x: Tensor) -> Tensor:
        """Features (N, C, x, y, z), never negative, of images (N, 1, X, Y, Z)."""
        raise NotImplementedError

    def raw(self, x: Tensor) -> Tensor:
        """The embedding (N, E) before it is brought to length 1, of images (N, 1, X, Y, Z)."""
        pooled = self.fc_dropout(self.flatten(self.avgpool(self.trunk(x))))
        embedding: Tensor = self.fc2(self.fc_relu(self.fc1(pooled)))
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """The embedding (N, E) of length 1."""
        return torch.nn.functional.normalize(self.raw(x), dim=1)


def sizes(shapes: Shapes) -> tuple[int, int]:
    """Units of the two last layers.

    Raises
    ------
    CheckpointError
        If the last layer is missing.

    Examples
    --------
    >>> sizes({"fc2.weight": (128, 256)})
    (256, 128)
    """
    embedding, hidden = axes(shapes, "fc2.weight", 2)
    return hidden, embedding
