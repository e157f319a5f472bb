"""Planted regions: synthetic twins whose identity lives in one region of the brain, so that a map's answer is known.

Twins share a smooth random field, of intensity or of shape, that exists in one region only. In a second region, the
decoy, a field of the same strength is drawn anew for every scan: it differs from the template just as much, but carries
no information. Rotation, shift, a small deformation, gain, bias field and noise differ between any two scans. A network
that distinguishes twins from others has to use the planted region and ignore the decoy, and a correct relevance map
shows that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from wbtools.attribution.reference import template_on
from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.images.installed import installed_file
from wbtools.model.family import Network
from wbtools.space.grid import Grid, Unit
from wbtools.space.resampling import resample_labels
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins, origins, sample, splines
from wbtools.training.triplet import Recipe, Scores, distances, fit, scores

_log = logging.getLogger(__name__)

REGIONS: dict[str, tuple[int, ...]] = {
    "caudate": (11, 50),
    "cerebellum": (8, 47),
    "fusiform": (1007, 2007),
    "hippocampus": (17, 53),
    "inferior parietal": (1008, 2008),
    "insula": (1035, 2035),
    "lateral occipital": (1011, 2011),
    "lingual": (1013, 2013),
    "middle temporal": (1015, 2015),
    "postcentral": (1022, 2022),
    "precentral": (1024, 2024),
    "precuneus": (1025, 2025),
    "putamen": (12, 51),
    "rostral middle frontal": (1027, 2027),
    "superior frontal": (1028, 2028),
    "superior parietal": (1029, 2029),
    "superior temporal": (1030, 2030),
    "thalamus": (10, 49),
}
"""FreeSurfer's keys of the regions that are planted, left and right."""

RECIPE = Recipe(steps=160, pairs=12, rate=4e-3, clip=1.0)
"""One round of training."""

NUISANCE = Conditions(spacing=9.0, per_scan=0.2, degrees=2.0, shift=0.35)
"""Differences between two scans of a head; lengths in voxels of 6 mm."""


@dataclass(frozen=True, eq=False)
class Head:
    """The template brain of all people, and its regions.

    Parameters
    ----------
    template : ndarray, (X, Y, Z), float32
        In [0, 1], 0 outside.
    labels : ndarray, (X, Y, Z), int32
        FreeSurfer's keys, 0 outside.

    Raises
    ------
    InputError
        If their shapes differ.
    """

    template: NDArray[np.float32]
    labels: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.template.shape != self.labels.shape:
            raise InputError(f"a template of shape {self.template.shape} with labels of shape {self.labels.shape}")

    def keys(self, least: int = 8) -> tuple[int, ...]:
        """Keys of the regions with at least `least` voxels."""
        found, counts = np.unique(self.labels[self.labels > 0], return_counts=True)
        return tuple(found[counts >= least].tolist())


def head_grid(spacing: float = 6.0) -> Grid:
    """A grid of this spacing (mm) around the MNI152 brain, RAS."""
    low, high = np.array([-75.0, -110.0, -74.0]), np.array([75.0, 76.0, 86.0])
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = low + spacing / 2
    shape = np.rint((high - low) / spacing).astype(int)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def mni_head(spacing: float = 6.0) -> Head:
    """Nilearn's MNI152 brain with HCP's average FreeSurfer labels, on `head_grid`."""
    grid = head_grid(spacing)
    template = template_on(grid)
    average = nifti.read_volume(installed_file("wbtools", "data", "Avgwmparc.nii.gz"), Unit.LABEL)
    template = template / template.max()
    return Head(
        template * (template > 0.02),
        resample_labels(average, grid).data.astype(np.int32),
    )


@dataclass(frozen=True)
class Plant:
    """A field that carries identity, and its region.

    Parameters
    ----------
    region, decoy : tuple of int
        Keys of the labels that carry identity, and of those whose field is drawn anew for every scan.
    kind : str
        `intensity`: the field is a relative change of the intensity; `shape`: a displacement.
    strength : float
        Standard deviation of the field: relative, or in voxels along each axis.
    spacing : float
        Distance of the field's control points, voxels.
    """

    region: tuple[int, ...]
    decoy: tuple[int, ...]
    kind: Literal["intensity", "shape"] = "intensity"
    strength: float = 0.6
    spacing: float = 3.5

    @classmethod
    def named(cls, region: str, decoy: str, kind: Literal["intensity", "shape"] = "intensity") -> Plant:
        """From names in REGIONS, with a strength that small networks can learn."""
        return cls(REGIONS[region], REGIONS[decoy], kind, 0.6 if kind == "intensity" else 1.5)


class PlantedTwins(SyntheticTwins):
    """Draws people who differ in one region only, and their scans.

    Parameters
    ----------
    head : Head
    plant : Plant
    conditions : Conditions
        Of the scans; `identity` is not used.
    seed : int

    Raises
    ------
    InputError
        If region or decoy has no voxel, or they share one.
    """

    def __init__(self, head: Head, plant: Plant, conditions: Conditions = NUISANCE, seed: int = 0) -> None:
        super().__init__(head.template, conditions, seed=seed)
        self.head, self.plant = head, plant
        self._labels = torch.from_numpy(head.labels)
        region, decoy = (torch.isin(self._labels, torch.tensor(keys)) for keys in (plant.region, plant.decoy))
        if not region.any() or not decoy.any() or set(plant.region) & set(plant.decoy):
            raise InputError(
                "region and decoy need voxels of their own",
                hint="choose other labels or a finer grid",
            )
        self._region, self._decoy = region.float(), decoy.float()
        self._counts = tuple(max(4, round(n / plant.spacing) + 3) for n in head.labels.shape)
        self._fine = [splines(n, m) for n, m in zip(head.labels.shape, self._counts, strict=True)]

    def people(self, count: int) -> Tensor:
        """Control points (N, 1 or 3, a, b, c) of `count` personal fields."""
        return self._normal(count, 3 if self.plant.kind == "shape" else 1, *self._counts)

    def scans(self, people: Tensor) -> Tensor:
        """One scan of each person under new conditions, (N, 1, X, Y, Z), in [0, 1]."""
        return self.scans_and_origins(people)[0]

    def scans_and_origins(self, people: Tensor) -> tuple[Tensor, Tensor]:
        """Scans as from `scans`, and the head's voxels (N, X, Y, Z) that theirs come from."""
        count = len(people)
        places = self._moved(count)
        places = places + self._field(self._normal(count, 3, *self.controls) * self.conditions.per_scan)
        field = sample(self.marks(people), places)
        template = self.template.expand(count, -1, -1, -1, -1)
        if self.plant.kind == "shape":
            heads = sample(template, places + field)
        else:
            heads = sample(template, places) * (1 + field).clamp(min=0.1)
        return self._acquired(heads), origins(places)

    def labels(self, origins: Tensor) -> Tensor:
        """Labels (N, X, Y, Z) of voxels that come from these of the head."""
        return self._labels.flatten()[origins]

    def marks(self, people: Tensor) -> Tensor:
        """What is planted in people's heads, and a decoy drawn anew, (N, 1 or 3, X, Y, Z)."""
        field = self.fields(people) * self._region + self.fields(self._normal(*people.shape)) * self._decoy
        return self.plant.strength * field

    def fields(self, people: Tensor) -> Tensor:
        """Personal fields (N, 1 or 3, X, Y, Z) of standard deviation 1, not yet confined to a region."""
        x, y, z = self._fine
        return torch.einsum("ncijk,xi,yj,zk->ncxyz", people, x, y, z)


def contrast(first: Tensor, second: Tensor, recipe: Recipe, temperature: float = 0.25) -> Tensor:
    """Cross entropy of finding each person's twin among everyone in the batch, by cosine.

    It learns from all others at once, and needs fewer examples than triplets.

    Parameters
    ----------
    first, second : Tensor, (P, E)
        Embeddings of length 1; row i of both is a twin pair.
    recipe : Recipe
        Not used.

    Examples
    --------
    >>> apart = torch.eye(4)
    >>> bool(contrast(apart, apart, RECIPE) < contrast(apart, apart.roll(1, 0), RECIPE))
    True
    """
    people = torch.cat((first, second))
    alike = (people @ people.T / temperature).fill_diagonal_(-torch.inf)
    twin = torch.arange(len(people), device=people.device).roll(len(first))
    return functional.cross_entropy(alike, twin)


_HELD_OUT = 60
"""Pairs for validation, and as many for the test."""


def learn(
    network: Network,
    head: Head,
    plant: Plant,
    seed: int = 0,
    enough: float = 0.93,
    rounds: int = 4,
) -> Scores:
    """Train a network in place, round by round, until it distinguishes twins from others well enough.

    In the first round the plant is twice as strong, so that it is found sooner.

    Parameters
    ----------
    network : Network
        With an embedding.
    head : Head
    plant : Plant
    seed : int
        Of the people; the caller initialises the weights.
    enough : float
        Training ends when the AUC of people drawn for validation reaches this.
    rounds : int
        Largest number of rounds.

    Returns
    -------
    Scores
        Of people drawn for the test.
    """
    # People are drawn from a continuous distribution: other seeds give other people.
    easy = PlantedTwins(head, replace(plant, strength=2 * plant.strength), seed=1000 * seed + 3)
    people, validation, test = (PlantedTwins(head, plant, seed=1000 * seed + i) for i in range(3))
    for i in range(rounds):
        fit(network, people if i else easy, RECIPE, contrast)
        reached = scores(distances(network, validation, _HELD_OUT)).auc
        _log.info("validation AUC %.3f", reached)
        if reached >= enough:
            break
    return scores(distances(network, test, _HELD_OUT))
