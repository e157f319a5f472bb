"""How networks of pictures meet images: pictures are taken from an image, and what is found of each is put in a row.

Each of these steps is a module, so that whoever follows a network sees it. None computes anything: values are moved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_AXES = ("LR", "AP", "SI")


class Pictures(nn.Module):
    """The axial slices of images, as pictures; a subclass turns, cuts, repeats or frames them. Nothing is computed.

    Parameters
    ----------
    orientation : str
        Where the image's axes run.
    """

    def __init__(self, orientation: str = "LAS") -> None:
        super().__init__()
        self.orientation = orientation

    def axis(self, which: int) -> int:
        """The axis of an image (N, 1, X, Y, Z) between right and left (0), back and front (1) or foot and head (2)."""
        return 2 + next(i for i, letter in enumerate(self.orientation) if letter in _AXES[which])

    def axial(self, x: Tensor) -> Tensor:
        """All slices of images (N, 1, X, Y, Z) as (N x S, 1, L, A): rows to the person's left, columns to the front."""
        for letter, which in (("R", 0), ("P", 1)):
            if letter in self.orientation:
                x = x.flip(self.axis(which))
        ordered = x.permute(0, self.axis(2), 1, self.axis(0), self.axis(1))
        return ordered.flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, X, Y, Z) to pictures (N x S, C, rows, columns)."""
        return self.axial(x)


class SideBySide(nn.Module):
    """Pairs: what was found of the first half of all pictures, and beside it what was found of the second half."""

    def forward(self, x: Tensor) -> Tensor:
        """Vectors (2 N, F) to (N, 2 F).

        Examples
        --------
        >>> SideBySide()(torch.tensor([[1], [2], [3], [4]])).tolist()
        [[1, 3], [2, 4]]
        """
        return torch.cat(x.chunk(2), 1)


class PerImage(nn.Module):
    """All that was found of an image's pictures, one after the other, as one vector."""

    def forward(self, x: Tensor, images: Tensor) -> Tensor:
        """Vectors (N x S, E) of the pictures of images (N, ...) to (N, S x E)."""
        return x.view(images.shape[0], -1)
