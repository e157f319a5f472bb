"""Images changed at random on the way to a network: whole batches at a time, on the network's device, from one seed.

Every change is a function of images (N, C, X, Y, Z) and of dice, and draws anew for every image of the batch. Written
here and not taken from a library, because a resumed run has to draw what the first one would have drawn: a batch's
changes follow from its seed alone, whichever thread makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wbtools.training.loop.feeding import Share


class Dice:
    """Random numbers of a batch: the same for the same seed on the same kind of device.

    What is drawn has a row for each image; of a share of a batch, the rows that a draw for the whole batch gives it.

    Parameters
    ----------
    seed : int
    device : torch.device or str
        Where noise is drawn, which is as large as images.
    share : Share, optional
        Of the batch; all of it without.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu", share: Share | None = None) -> None:
        self._few = torch.Generator().manual_seed(seed)
        self._many = torch.Generator(device).manual_seed(seed + 1)
        self.device = torch.device(device)
        self._share = share
        self._among: tuple[int, Tensor] | None = None

    def thrown(self, probability: float, count: int) -> tuple[Tensor, Dice]:
        """Which of so many images something happens to, (R,) on the CPU, and dice for these alone."""
        seed = int(torch.randint(2**62, (1,), generator=self._few))
        rows = (self._own(torch.rand(self._whole((count,)), generator=self._few)) < probability).nonzero().flatten()
        theirs = Dice(seed, self.device, self._share)
        theirs._among = (count, rows) if self._among is None else (self._among[0], self._among[1][rows])
        return rows, theirs

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Few numbers, evenly distributed."""
        return (low + (high - low) * self._own(torch.rand(self._whole(shape), generator=self._few))).to(self.device)

    def choice(self, count: int, *shape: int) -> Tensor:
        """Few whole numbers from 0 to `count - 1`."""
        return self._own(torch.randint(count, self._whole(shape), generator=self._few)).to(self.device)

    def normal(self, *shape: int) -> Tensor:
        """Many normal deviates."""
        return self._own(torch.randn(self._whole(shape), generator=self._many, device=self.device))

    def evenly(self, *shape: int) -> Tensor:
        """Many numbers between 0 and 1."""
        return self._own(torch.rand(self._whole(shape), generator=self._many, device=self.device))

    def _whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        own = shape[0] if self._among is None else self._among[0]
        return (own if self._share is None else self._share.total, *shape[1:])

    def _own(self, drawn: Tensor) -> Tensor:
        own = drawn if self._share is None else drawn[self._share.own]
        return own if self._among is None else own[self._among[1].to(own.device)]


Change = Callable[[Tensor, Dice], Tensor]
"""Changes images (N, C, X, Y, Z), each in a way of its own."""


@dataclass(frozen=True)
class Sometimes:
    """A change that happens to each image with a probability.

    Parameters
    ----------
    probability : float
    change : callable
    """

    probability: float
    change: Change

    def __call__(self, images: Tensor, dice: Dice) -> Tensor:
        """Images, some of them changed; the same tensor if none is."""
        rows, theirs = dice.thrown(self.probability, len(images))
        if not len(rows):
            return images
        rows = rows.to(images.device)
        return images.index_copy(0, rows, self.change(images[rows], theirs))


def augmented(images: Tensor, changes: Sequence[Change], dice: Dice) -> Tensor:
    """Images after one change after the other."""
    for change in changes:
        images = change(images, dice)
    return images


def turned(degrees: float) -> Change:
    """A rotation about one of the three axes through the middle, by up to so many degrees either way; 0 outside."""

    def change(images: Tensor, dice: Dice) -> Tensor:
        angle, axis = torch.deg2rad(dice.uniform(-degrees, degrees, len(images))), dice.choice(3, len(images)).tolist()
        found = torch.empty_like(images)
        for about in set(axis):
            rows = [row for row, each in enumerate(axis) if each == about]
            found[rows] = _turned(images[rows], angle[rows], about)
        return found

    return change


def _turned(images: Tensor, angle: Tensor, about: int) -> Tensor:
    """Images (N, C, X, Y, Z) with the planes across an axis turned by angles (N,) in radians; quicker than in space."""
    order = (0, 1, 2 + about, 2 + (about + 1) % 3, 2 + (about + 2) % 3)
    planes = images.permute(order)
    turn = torch.stack((angle.cos(), -angle.sin(), angle.sin(), angle.cos()), 1).view(-1, 2, 2)
    moved = _moved(planes.flatten(1, 2), turn, torch.zeros(len(images), 2, device=images.device))
    return moved.view(planes.shape).permute([order.index(axis) for axis in range(5)])


def shifted(share: float) -> Change:
    """A shift along every axis by up to this share of its length; 0 where nothing was."""

    def change(images: Tensor, dice: Dice) -> Tensor:
        lengths = torch.tensor(images.shape[2:], device=dice.device)
        shift = dice.uniform(-share, share, len(images), 3) * lengths
        return _moved(images, torch.eye(3, device=dice.device).repeat(len(images), 1, 1), shift)

    return change


def _moved(images: Tensor, turn: Tensor, shift: Tensor) -> Tensor:
    """Images of two or three axes whose voxels show what lies at `turn @ voxel + shift`, counted from the middle."""
    half = (torch.tensor(images.shape[2:], device=images.device) - 1).clamp(min=1) / 2
    # affine_grid counts axes backwards, and from -1 to 1.
    matrix = torch.cat((turn * half / half[:, None], (shift / half)[..., None]), 2)
    matrix = torch.cat((matrix[:, :, :-1].flip(2), matrix[:, :, -1:]), 2).flip(1)
    grid = torch.nn.functional.affine_grid(matrix, list(images.shape), align_corners=True)
    return torch.nn.functional.grid_sample(images, grid, align_corners=True)


def flipped(images: Tensor, dice: Dice) -> Tensor:
    """Mirrored along one of the three axes."""
    axis = dice.choice(3, len(images))
    return torch.stack([image.flip(1 + int(each)) for image, each in zip(images, axis, strict=True)])


def gained(low: float, high: float) -> Change:
    """Intensities times a number between two."""
    return lambda images, dice: images * dice.uniform(low, high, len(images), 1, 1, 1, 1)


def noisy(most: float) -> Change:
    """Gaussian noise whose standard deviation is up to this share of the image's range."""

    def change(images: Tensor, dice: Dice) -> Tensor:
        spread = dice.uniform(0, most, len(images), 1, 1, 1, 1) * _range(images)
        return images + spread * dice.normal(*images.shape)

    return change


def peppered(share: float) -> Change:
    """Voxels at random, this share of all, set to the image's lowest or highest value."""

    def change(images: Tensor, dice: Dice) -> Tensor:
        drawn = dice.evenly(*images.shape)
        low, high = images.amin((1, 2, 3, 4), keepdim=True), images.amax((1, 2, 3, 4), keepdim=True)
        return torch.where(drawn < share / 2, low, torch.where(drawn > 1 - share / 2, high, images))

    return change


def shaded(most: float, order: int = 3) -> Change:
    """An inhomogeneity of the field: times the exponential of a polynomial with coefficients up to `most`."""

    def change(images: Tensor, dice: Dice) -> Tensor:
        axes = [torch.linspace(-1, 1, n, device=dice.device) for n in images.shape[2:]]
        powers = [torch.stack([axis**n for n in range(order + 1)]) for axis in axes]
        coefficients = dice.uniform(-most, most, len(images), order + 1, order + 1, order + 1)
        degree = sum(torch.meshgrid(*(torch.arange(order + 1, device=dice.device),) * 3, indexing="ij"))
        coefficients = coefficients * (degree <= order)
        field = torch.einsum("nijk,ix,jy,kz->nxyz", coefficients, *powers)
        return images * field.exp()[:, None]

    return change


def ghosted(most: int, strength: float = 0.5) -> Change:
    """Up to so many ghosts: faint copies that motion repeats at equal steps along one of the axes."""

    def change(images: Tensor, dice: Dice) -> Tensor:
        axis, ghosts = dice.choice(3, len(images)), 1 + dice.choice(most, len(images))
        weight = dice.uniform(0, strength, len(images))
        found = []
        for image, along, count, share in zip(images, axis.tolist(), ghosts.tolist(), weight, strict=True):
            step = image.shape[1 + along] // (count + 1)
            copies = sum(image.roll(step * n, 1 + along) for n in range(1, count + 1)) / count
            found.append((1 - share) * image + share * copies)
        return torch.stack(found)

    return change


def _range(images: Tensor) -> Tensor:
    """Highest minus lowest value of each image, (N, 1, 1, 1, 1)."""
    return images.amax((1, 2, 3, 4), keepdim=True) - images.amin((1, 2, 3, 4), keepdim=True)


TWINS: tuple[Change, ...] = (
    Sometimes(0.5, turned(20.0)),
    Sometimes(0.5, flipped),
    Sometimes(0.5, gained(0.9, 1.1)),
    Sometimes(0.5, noisy(0.02)),
)
"""As published for the twin-identification networks (S1)."""

RETRIEVAL: tuple[Change, ...] = (
    Sometimes(0.5, shaded(0.5)),
    Sometimes(0.5, peppered(0.01)),
    Sometimes(0.5, noisy(0.02)),
    Sometimes(0.5, shifted(30 / 182)),
    Sometimes(0.5, turned(10.0)),
    Sometimes(0.5, ghosted(4)),
)
"""As published for retrieval (S5), its 30 voxels as a share of the published grid."""
