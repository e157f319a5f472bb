"""People with lesions: dark, textured spots inside tissue, at places of their own, in any of the brain's lobes.

Whether a person has a lesion in one lobe is independent of all other lobes. A network that answers whether one lobe has
a lesion has to find lesions and to tell where they lie; a correct relevance map shows the lesions of that lobe and not
those elsewhere. Lesions are part of a person: they move with the head, and are the same in every scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wbtools.training.planted import Head
from wbtools.training.synthetic_twins import Conditions, origins, sample, splines
from wbtools.training.volumes import ANATOMY, Anatomies, VaryingHeads


def _lobe(*numbers: int) -> tuple[int, ...]:
    """Cortex and the white matter below it, both sides, of areas of the Desikan-Killiany atlas."""
    return tuple(base + n for base in (1000, 2000, 3000, 4000) for n in numbers)


LOBES: dict[str, tuple[int, ...]] = {
    "frontal lobe": _lobe(3, 12, 14, 17, 18, 19, 20, 24, 27, 28, 32),
    "temporal lobe": _lobe(1, 6, 7, 9, 15, 16, 30, 33, 34),
    "parietal lobe": _lobe(8, 22, 25, 29, 31),
    "occipital lobe": _lobe(5, 11, 13, 21),
    "deep grey matter": (10, 11, 12, 13, 26, 28, 49, 50, 51, 52, 58, 60),
}
"""FreeSurfer's keys of the parts of the brain that have lesions or have none."""

LESIONED = replace(ANATOMY, identity=0.7)
"""Differences between people; anatomy differs more smoothly than where volumes are the answer."""


@dataclass(frozen=True)
class Spots:
    """What lesions look like.

    Parameters
    ----------
    chance : float
        That a lobe has lesions: one, or as often two.
    radius : tuple of float
        The least and the largest, voxels.
    darkening : tuple of float
        The least and the largest share of the intensity that is lost in the mean of a lesion.
    texture : float
        Standard deviation of that share within a lesion, relative.
    ragged : float
        How far the rim differs from a ball: standard deviation of the squared relative radius.
    """

    chance: float = 0.5
    radius: tuple[float, float] = (2.4, 3.4)
    darkening: tuple[float, float] = (0.5, 0.8)
    texture: float = 0.3
    ragged: float = 0.35


@dataclass(frozen=True, eq=False)
class Patients:
    """People and their lesions.

    Parameters
    ----------
    anatomies : Anatomies
    darkening : Tensor, (N, 1, X, Y, Z)
        Share of the intensity that is lost, in the head before its deformation; 0 outside lesions.
    present : Tensor, (N, lobes), bool
        Which of LOBES have a lesion.
    """

    anatomies: Anatomies
    darkening: Tensor
    present: Tensor

    def __getitem__(self, chosen: Tensor) -> Patients:
        return Patients(self.anatomies[chosen], self.darkening[chosen], self.present[chosen])


class LesionedHeads(VaryingHeads):
    """Draws people with lesions, and their scans.

    Parameters
    ----------
    heads : sequence of Head
        As for `VaryingHeads`.
    conditions : Conditions
    spots : Spots
    seed : int
    """

    def __init__(
        self, heads: Sequence[Head], conditions: Conditions = LESIONED, spots: Spots = Spots(), seed: int = 0
    ) -> None:
        super().__init__(heads, conditions, seed)
        self.spots = spots
        shape = self.template.shape[2:]
        brains, labels = self._brains[:, 0], self._labels.view(-1, *shape)
        tissue = brains > 0.35 * brains.amax((1, 2, 3), keepdim=True)
        self._lobes = torch.stack([torch.isin(labels, torch.tensor(lobe)) & tissue for lobe in LOBES.values()], dim=1)
        self._counts = tuple(max(4, round(n / 2.5) + 3) for n in shape)
        self._fine = [splines(n, m) for n, m in zip(shape, self._counts, strict=True)]

    def patients(self, count: int) -> Patients:
        """`count` new people with their lesions."""
        anatomies = self.anatomies(count)
        x, y, z = self._fine
        noise = torch.einsum("ncijk,xi,yj,zk->ncxyz", self._normal(count, 2, *self._counts), x, y, z)
        present = torch.rand(count, len(LOBES), generator=self.generator) < self.spots.chance
        present &= self._lobes.any(-1).any(-1).any(-1)[anatomies.heads]
        darkening = torch.zeros(count, 1, *self.template.shape[2:])
        for i, head in enumerate(anatomies.heads.tolist()):
            for lobe in present[i].nonzero()[:, 0].tolist():
                inside = self._lobes[head, lobe]
                for _ in range(1 + int(self._uniform(0, 2))):
                    darkening[i, 0] = torch.maximum(darkening[i, 0], self._lesion(inside, noise[i]))
        return Patients(anatomies, darkening, present)

    def examined(self, patients: Patients) -> tuple[Tensor, Tensor, Tensor]:
        """Scans (N, 1, X, Y, Z) under new conditions, from which voxels of the heads theirs come, and lesions."""
        places = self.places(patients.anatomies)
        lost = sample(patients.darkening, places)
        heads = sample(self._brains[patients.anatomies.heads], places)
        return self._acquired(heads * (1 - lost)), origins(places), lost[:, 0] > 0.5 * self.spots.darkening[0]

    def _lesion(self, inside: Tensor, noise: Tensor) -> Tensor:
        """The darkening of a lesion around some voxel of a part of the brain, and within it, (X, Y, Z)."""
        voxels = inside.nonzero()
        centre = voxels[int(self._uniform(0, len(voxels)))].view(3, 1, 1, 1)
        radius, darkening = self._uniform(*self.spots.radius), self._uniform(*self.spots.darkening)
        distance = (self._voxels - centre).square().sum(0) / radius**2
        within = inside & (distance + self.spots.ragged * noise[0] * (distance < 4) < 1)
        within[tuple(centre.flatten().tolist())] = True
        return within * (darkening * (1 + self.spots.texture * noise[1])).clamp(0.3, 0.95)

    def _uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))
