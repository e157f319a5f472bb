"""How networks of pictures meet images: pictures are taken from an image, and what is found of each is put in a row.

Each of these steps is a module, so that whoever follows a network sees it. None computes anything: values are moved.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wbtools.errors import InputError
from wbtools.model.conventions import PLANES
from wbtools.text import counted, shortened

_AXES = ("LR", "AP", "SI")

MIDDLE = 0.6
"""The part of an image's slices that stacks are taken from: the rest shows little of the brain, or none."""


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


class Stacks(Pictures):
    """Neighbouring slices as the channels of a picture, at several places of an image.

    Places are spread evenly over the middle of the image: each stands for an equal part of it.

    Parameters
    ----------
    depth : int
        Slices of a stack, an odd number: the place lies in the middle one.
    plane : str
        One of PLANES.
    places : int
    """

    def __init__(self, depth: int, plane: str, places: int) -> None:
        super().__init__()
        self.depth, self.plane, self.places = depth, plane, places

    @property
    def across(self) -> int:
        """The axis of an image (N, 1, X, Y, Z) along which slices follow each other."""
        return self.axis(PLANES[self.plane])

    def middles(self, count: int) -> list[int]:
        """The middle slice of each stack, of so many slices.

        Raises
        ------
        InputError
            If places coincide, or stacks do not fit.

        Examples
        --------
        >>> Stacks(3, "axial", 4).middles(20)
        [5, 8, 11, 14]
        """
        shown = MIDDLE * count
        if shown < self.places:
            raise self._too_few(count)
        part = shown / self.places
        found = [int((1 - MIDDLE) / 2 * count + part * (place + 0.5)) for place in range(self.places)]
        reach = self.depth // 2
        if found[0] < reach or found[-1] + reach >= count:
            raise self._too_few(count)
        return found

    def _too_few(self, count: int) -> InputError:
        """Of so many slices."""
        slices, places = counted(count, f"{self.plane} slice"), shortened(counted(self.places, "place"), 30)
        return InputError(
            f"{slices} {'is' if count == 1 else 'are'} too few for stacks of {self.depth} at {places} in the middle "
            f"{MIDDLE:.0%}",
            hint="ask at fewer places, or take larger images" if self.places > 1 else "take larger images",
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 1, X, Y, Z) to pictures (N x P, depth, rows, columns).

        Axial pictures have rows to the person's left and columns to the front, coronal ones rows to the left and
        columns up, sagittal ones rows to the front and columns up; slices follow each other to the left, front and top.
        """
        backwards = [letter for letter in "RPI" if letter in self.orientation]
        x = x.flip([self.axis("RPI".index(letter)) for letter in backwards])
        ordered = x.permute(0, 1, *(self.axis(which) for which in range(3)))
        axis = 2 + PLANES[self.plane]
        reach = self.depth // 2
        stacks = [ordered.narrow(axis, middle - reach, self.depth) for middle in self.middles(ordered.shape[axis])]
        return torch.stack(stacks, 1).movedim(axis + 1, 3)[:, :, 0].flatten(0, 1)


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


class Abreast(nn.Module):
    """The maps of all pictures of an image as planes of one volume."""

    def forward(self, x: Tensor, pictures: int) -> Tensor:
        """Maps (N x P, C, h, w) of so many pictures P of each image to (N, C, P, h, w)."""
        return x.view(-1, pictures, *x.shape[1:]).transpose(1, 2)


class Together(nn.Flatten):
    """What was found of all pictures of an image together, as a vector: (N, C, ...) to (N, F)."""


class PerImage(nn.Module):
    """All that was found of an image's pictures, one after the other, as one vector."""

    def forward(self, x: Tensor, images: Tensor) -> Tensor:
        """Vectors (N x S, E) of the pictures of images (N, ...) to (N, S x E)."""
        return x.view(images.shape[0], -1)
