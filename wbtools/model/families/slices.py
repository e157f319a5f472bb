"""Two-dimensional networks on a three-dimensional image: every axial slice is looked at alone.

The network answers once per slice, in the order of the image's own index, so that slices can be left out, or explained
one after the other, and the explanation is a volume.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from wbtools.model.card import Card
from wbtools.model.family import Index, Network

SLAB = 2
"""So many slices are explained at a time: what a backward pass keeps of them fits into memory."""

SHAPE = (188, 224, 32)
"""Voxels of the image where no card says otherwise: slices of about 1 mm, in the proportions of a head."""

_AXES = ("LR", "AP", "SI")


class SliceNetwork(Network):
    """Base of networks that look at axial slices, each alone."""

    orientation = "LAS"

    def adapt(self, card: Card) -> None:
        """As in `Network`; and which of the image's axes runs where."""
        super().adapt(card)
        self.orientation = card.orientation

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

    def parts(self, shape: tuple[int, ...], directions: Tensor) -> Iterator[tuple[Index, Tensor]]:
        """As in `Network`: slabs of a few slices."""
        axis = self.axis(2)
        count = shape[axis]
        per_slice = directions.shape[1] // count
        for start in range(0, count, SLAB):
            stop = min(start + SLAB, count)
            piece = [slice(0, length) for length in shape]
            piece[axis] = slice(start, stop)
            yield tuple(piece), directions[:, start * per_slice : stop * per_slice]
