"""People whose regions vary in volume: random deformations of whole heads, images not altered otherwise.

A person is one of several heads, deformed twice: every region grows or shrinks by a factor of its own, and the whole
head is deformed smoothly. So anatomy differs everywhere, and what a region's volume is can mostly be seen there only.
Of smooth deformations alone, with as much variation, other regions' volumes tell 80 to 99 % of a region's variance: a
network need not look at it then. A network that answers one region's volume relative to the brain has to look at that
region, and a correct relevance map shows that. Tasks of this kind, known sources in unaltered images, are those of
Siegel et al. 2025 (arXiv 2508.02560).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.errors import InputError
from wbtools.training.planted import Head
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins, origins, sample

ANATOMY = Conditions(spacing=9.0, identity=0.4, per_scan=0.1, degrees=1.0, shift=0.3, gain=0.1, bias=0.05, noise=0.01)
"""Differences between people, and between two scans of a person; lengths in voxels of 6 mm."""

GROWTH = 0.4
"""Standard deviation of the growth asked of each label, relative; volumes of regions then vary by .13 to .17."""

_MOST = 0.6
"""Largest change of a label's volume: space is never folded."""


@dataclass(frozen=True, eq=False)
class Anatomies:
    """People: which head is theirs, and how it is deformed.

    Parameters
    ----------
    heads : Tensor, (N,), int
    controls : Tensor, (N, 3, a, b, c)
        Control points of the smooth deformations, voxels.
    growth : Tensor, (N, L)
        Change of every label's volume, relative.
    """

    heads: Tensor
    controls: Tensor
    growth: Tensor

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, chosen: Tensor) -> Anatomies:
        return Anatomies(self.heads[chosen], self.controls[chosen], self.growth[chosen])


class VaryingHeads(SyntheticTwins):
    """Draws people whose anatomy differs everywhere, and their scans.

    Parameters
    ----------
    heads : sequence of Head
        On the same grid; each person is a deformation of one of them.
    conditions : Conditions
    seed : int

    Raises
    ------
    InputError
        If there is no head, or their grids differ.
    """

    def __init__(self, heads: Sequence[Head], conditions: Conditions = ANATOMY, seed: int = 0) -> None:
        if len({head.template.shape for head in heads}) != 1:
            raise InputError("people need heads, all of them on one grid")
        super().__init__(heads[0].template, conditions, seed=seed)
        self.keys: NDArray[np.int32] = np.unique(np.concatenate([np.unique(head.labels) for head in heads]))
        self._brains = torch.from_numpy(np.stack([head.template for head in heads]))[:, None]
        self._labels = torch.from_numpy(np.stack([head.labels.ravel() for head in heads]))
        columns = np.stack([np.searchsorted(self.keys, head.labels).ravel() for head in heads])
        self._columns = torch.from_numpy(columns)
        self._growths = torch.stack([growth_fields(head.labels, self.keys) for head in heads])

    def anatomies(self, count: int) -> Anatomies:
        """`count` new people."""
        heads = torch.randint(len(self._brains), (count,), generator=self.generator)
        growth = _MOST * torch.tanh(self._normal(count, len(self.keys)) * GROWTH / _MOST)
        return Anatomies(heads, self.people(count), growth)

    def shown(self, anatomies: Anatomies) -> tuple[Tensor, Tensor]:
        """A scan of each person under new conditions, (N, 1, X, Y, Z), and from which of the head's voxels its come."""
        places = self.places(anatomies)
        return self._acquired(sample(self._brains[anatomies.heads], places)), origins(places)

    def places(self, anatomies: Anatomies) -> Tensor:
        """Where in the head each voxel of a new scan lies, (N, 3, X, Y, Z), voxels."""
        count, c = len(anatomies), self.conditions
        shape = self._field(anatomies.controls + self._normal(*anatomies.controls.shape) * c.per_scan)
        moved = self._moved(count)
        return self._grown(anatomies, moved + sample(shape, moved))

    def _grown(self, anatomies: Anatomies, places: Tensor) -> Tensor:
        """Where in the head places lie after every region has grown."""
        shape = self.template.shape[2:]
        fields = torch.empty(len(anatomies), 3 * shape.numel())
        for head in range(len(self._growths)):  # one product for all people of a head: the fields are read once
            mine = anatomies.heads == head
            fields[mine] = anatomies.growth[mine] @ self._growths[head].flatten(1)
        return places - sample(fields.view(-1, 3, *shape), places)

    def labels(self, anatomies: Anatomies, origins: Tensor) -> Tensor:
        """Labels (N, X, Y, Z) of voxels that come from these of the people's heads."""
        return self._labels[anatomies.heads].gather(1, origins.flatten(1)).view_as(origins)

    def volumes(self, anatomies: Anatomies) -> Tensor:
        """Volume of every label of `keys`, voxels, and of the brain, (N, L + 1): exact for linear interpolation."""
        places = self._grown(anatomies, self._voxels + self._field(anatomies.controls))
        weights = torch.zeros_like(places[:, :1]).requires_grad_()
        # The gradient of a sum of samples is how much of the scan each voxel of the head fills.
        (filled,) = torch.autograd.grad(sample(weights, places).sum(), weights)
        filled = filled.flatten(1)
        labels = torch.zeros(len(filled), len(self.keys)).scatter_add_(1, self._columns[anatomies.heads], filled)
        brain = (filled * (self._brains[anatomies.heads].flatten(1) > 0)).sum(1, keepdim=True)
        return torch.cat((labels, brain), dim=1)


def growth_fields(labels: NDArray[np.int32], keys: NDArray[np.integer]) -> Tensor:
    """Displacements by which each label grows and nothing else does, (L, 3, X, Y, Z), voxels.

    The displacement is the gradient of a potential whose Laplacian is the growth: 1 in the label, 0 elsewhere.

    Parameters
    ----------
    labels : ndarray, (X, Y, Z), int
    keys : ndarray, (L,), int
        0, the background, does not grow.
    """
    padded = [2 * n for n in labels.shape]
    waves = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in padded), indexing="ij")
    square = sum(wave**2 for wave in waves)
    square[0, 0, 0] = np.inf  # the mean of a potential is free
    inside = tuple(slice(0, n) for n in labels.shape)
    fields = np.zeros((len(keys), 3, *labels.shape), np.float32)
    for field, key in zip(fields, keys.tolist(), strict=True):
        if key == 0:
            continue
        potential = -np.fft.fftn((labels == key).astype(np.float64), padded, (0, 1, 2)) / square
        for axis, wave in enumerate(waves):
            field[axis] = np.fft.ifftn(1j * wave * potential).real[inside]
    return torch.from_numpy(fields)


def relative_volume(volumes: Tensor, keys: NDArray[np.integer], region: Sequence[int]) -> Tensor:
    """Logarithm of a region's volume relative to the brain, (N,).

    Parameters
    ----------
    volumes : Tensor, (N, L + 1)
        As from `VaryingHeads.volumes`.
    keys : ndarray, (L,), int
        Labels of its columns.
    region : sequence of int
        Labels of the region.

    Examples
    --------
    >>> relative_volume(torch.tensor([[2.0, 3.0, 10.0]]), np.array([4, 5]), (4, 5)).exp()
    tensor([0.5000])
    """
    chosen = torch.from_numpy(np.isin(keys, region))
    return (volumes[:, :-1][:, chosen].sum(1) / volumes[:, -1]).log()


def most_variable(volumes: Tensor, keys: NDArray[np.integer], candidates: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The region whose relative volume varies most between people: what a map shows that only shows differences."""
    spreads = [float(relative_volume(volumes, keys, region).std()) for region in candidates]
    return candidates[int(np.argmax(spreads))]
