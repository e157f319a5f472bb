"""Two-dimensional networks on a three-dimensional image: every axial slice is looked at alone.

The network answers once per slice, in the order of the image's own index, so that slices can be left out, or explained
one after the other, and the explanation is a volume.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from wbtools.model.card import Card
from wbtools.model.family import Index, Network
from wbtools.model.pictures import PerImage, Pictures

SLAB = 2
"""So many slices are explained at a time: what a backward pass keeps of them fits into memory."""

SHAPE = (188, 224, 32)
"""Voxels of the image where no card says otherwise: slices of about 1 mm, in the proportions of a head."""


class SliceNetwork(Network):
    """Base of networks that look at axial slices, each alone.

    Parameters
    ----------
    pictures : Pictures
        What is taken of an image.
    """

    in_slices = True

    def __init__(self, pictures: Pictures) -> None:
        super().__init__()
        self.pictures, self.per_image = pictures, PerImage()

    def adapt(self, card: Card) -> None:
        """As in `Network`; and which of the image's axes runs where."""
        super().adapt(card)
        self.pictures.orientation = card.orientation

    def parts(self, shape: tuple[int, ...], directions: Tensor) -> Iterator[tuple[Index, Tensor]]:
        """As in `Network`: slabs of a few slices."""
        axis = self.pictures.axis(2)
        count = shape[axis]
        per_slice = directions.shape[1] // count
        for start in range(0, count, SLAB):
            stop = min(start + SLAB, count)
            piece = [slice(0, length) for length in shape]
            piece[axis] = slice(start, stop)
            yield tuple(piece), directions[:, start * per_slice : stop * per_slice]
