"""Three kinds of task whose answer has a known source: planted fields, volumes of regions, lesions of a lobe."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sources.networks import FAMILIES
from wbtools.errors import InputError, require_choice
from wbtools.training.lesions import LOBES, LesionedHeads
from wbtools.training.planted import REGIONS, Head, Plant, PlantedTwins
from wbtools.training.supervised import Examples
from wbtools.training.volumes import VaryingHeads, most_variable, relative_volume

_log = logging.getLogger(__name__)

Mask = NDArray[np.bool_]

OTHERS = 8
"""Other people of a task, as references."""

_BATCH = 40


@dataclass(frozen=True)
class Sizes:
    """How many people are drawn: to learn from, held out to end training, and to test.

    Parameters
    ----------
    learning, held_out : int
        As many are held out to end training as for the test.
    """

    learning: int = 6000
    held_out: int = 400

    @property
    def total(self) -> int:
        """All of them."""
        return self.learning + 2 * self.held_out

    def split(self, images: Tensor, answers: Tensor) -> tuple[Examples, Examples, Examples]:
        """People to learn from, held out, and of the test, with answers of mean 0 and spread 1."""
        answers = (answers - answers.mean()) / answers.std()
        counts = [self.learning, self.held_out, self.held_out]
        first, second, third = (
            Examples(*part) for part in zip(torch.split(images, counts), torch.split(answers, counts), strict=True)
        )
        return first, second, third


@dataclass(frozen=True, eq=False)
class People:
    """People whom a network has not seen, and where in their scans the source of its answer is.

    Parameters
    ----------
    images, again : Tensor, (N, 1, X, Y, Z)
        A scan of each person, and another.
    labels, labels_again : ndarray, (N, X, Y, Z), int
        FreeSurfer's keys of their voxels.
    origins : ndarray, (N, X, Y, Z), int
        The voxel of a flattened head that each voxel of `images` comes from.
    truth, decoy : ndarray, (N, X, Y, Z), bool
        Where the source is, and where something else varies that the answer does not depend on.
    regions : tuple of tuple of int, (N,)
        Labels in which the source lies.
    others : Tensor, (8, 1, X, Y, Z)
        Other people, as references.
    """

    images: Tensor
    again: Tensor
    labels: NDArray[np.int32]
    labels_again: NDArray[np.int32]
    origins: NDArray[np.int64]
    truth: Mask
    decoy: Mask
    regions: tuple[tuple[int, ...], ...]
    others: Tensor

    def __len__(self) -> int:
        return len(self.images)


class Task(ABC):
    """A kind of task, for the heads that people are made of.

    Parameters
    ----------
    heads : mapping of str to Head
        The template first.
    sizes : Sizes
    pools : Path
        Where people are kept that several networks learn from.
    """

    name: ClassVar[str]
    regions: ClassVar[tuple[str, ...]]
    """A cortical one, a subcortical one, and one at the brain's rim."""
    choices: ClassVar[tuple[str, ...]]
    """All that can be asked for."""
    usual: ClassVar[Mapping[str, str]]
    """One of `regions` for each family, which learned it with seed 0."""
    share: ClassVar[float] = 1.0
    """Of the people to learn from: how many are enough."""

    def __init__(self, heads: Mapping[str, Head], sizes: Sizes, pools: Path) -> None:
        self.heads = tuple(heads.values())
        self.sizes, self.pools = replace(sizes, learning=round(sizes.learning * self.share)), pools

    @abstractmethod
    def examples(self, region: str) -> tuple[Examples, Examples, Examples]:
        """People to learn from, to end training with, and to test, for a region of `choices`."""

    @abstractmethod
    def people(self, region: str, seed: int, count: int) -> People:
        """People for maps; the same seed gives the same people."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the images."""
        x, y, z = self.heads[0].template.shape
        return x, y, z

    def _pool(self, draw: VaryingHeads | PlantedTwins, region: str = "") -> tuple[Tensor, Tensor]:
        """Images, as half precision, and what is known of them, drawn once and kept."""
        name = "-".join(part.replace(" ", "-") for part in (self.name, region, str(self.sizes.total)) if part)
        path = self.pools / f"{name}.pt"
        if not path.exists():
            _log.info("drawing %d people for %s", self.sizes.total, name)
            counts = [min(_BATCH, self.sizes.total - k) for k in range(0, self.sizes.total, _BATCH)]
            drawn = [self._drawn(draw, count) for count in counts]
            self.pools.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            torch.save(
                {"images": torch.cat([d[0].half() for d in drawn]), "known": torch.cat([d[1] for d in drawn])}, partial
            )
            partial.replace(path)
        kept = torch.load(path, weights_only=True)
        return kept["images"], kept["known"]

    @abstractmethod
    def _drawn(self, draw: VaryingHeads | PlantedTwins, count: int) -> tuple[Tensor, Tensor]:
        """Scans of new people, and what is known of them."""


class Planted(Task):
    """Twins share a random field in one region; in the decoy it is drawn anew for every scan."""

    name = "planted"
    share = 1 / 3
    regions = ("superior frontal", "thalamus", "lateral occipital")
    choices = tuple(REGIONS)
    usual: ClassVar[Mapping[str, str]] = dict.fromkeys(FAMILIES, "superior frontal")

    def plant(self, region: str) -> Plant:
        """What is planted: intensity, or shape at the rim."""
        require_choice("region", region, self.choices)
        decoys = {"superior frontal": "lateral occipital", "thalamus": "hippocampus"}
        decoy = decoys.get(region, "superior temporal" if region != "superior temporal" else "precuneus")
        kind: Literal["intensity", "shape"] = "shape" if region == "lateral occipital" else "intensity"
        return Plant.named(region, decoy, kind)

    def examples(self, region: str) -> tuple[Examples, Examples, Examples]:
        """The mean of the field in the region, for networks without an embedding."""
        images, known = self._pool(PlantedTwins(self.heads[0], self.plant(region), seed=91), region)
        return self.sizes.split(images, known)

    def _drawn(self, draw: VaryingHeads | PlantedTwins, count: int) -> tuple[Tensor, Tensor]:
        assert isinstance(draw, PlantedTwins)
        people = draw.people(count)
        inside = torch.from_numpy(np.isin(draw.head.labels, draw.plant.region))
        # Of a displacement, the part along the body's axis from back to front.
        field = draw.fields(people)[:, 1 if draw.plant.kind == "shape" else 0]
        return draw.scans(people), field[:, inside].mean(1)

    def people(self, region: str, seed: int, count: int) -> People:
        """As `Task` says; the decoy is the region whose field is drawn anew."""
        plant = self.plant(region)
        twins = PlantedTwins(self.heads[0], plant, seed=1000 * seed + 7)
        drawn = twins.people(count)
        (images, origins), (again, from_again) = twins.scans_and_origins(drawn), twins.scans_and_origins(drawn)
        first, second = (images, twins.labels(origins)), (again, twins.labels(from_again))
        others = twins.scans(twins.people(OTHERS))
        return _people_of(first, second, origins, (plant.region, plant.decoy), others)


class Volumes(Task):
    """The volume of one region relative to the brain, where every region's volume varies; images are not altered."""

    name = "volume"
    regions = ("superior frontal", "thalamus", "lateral occipital")
    choices = tuple(REGIONS)
    usual: ClassVar[Mapping[str, str]] = {
        "unet": "superior frontal",
        "resnet": "lateral occipital",
        "densenet": "superior frontal",
        "mrinet": "thalamus",
        "ad3dcnn": "lateral occipital",
    }

    def examples(self, region: str) -> tuple[Examples, Examples, Examples]:
        """The region's relative volume."""
        require_choice("region", region, self.choices)
        draw = VaryingHeads(self.heads, seed=92)
        images, volumes = self._pool(draw)
        return self.sizes.split(images, relative_volume(volumes, draw.keys, REGIONS[region]))

    def _drawn(self, draw: VaryingHeads | PlantedTwins, count: int) -> tuple[Tensor, Tensor]:
        assert isinstance(draw, VaryingHeads)
        anatomies = draw.anatomies(count)
        return draw.shown(anatomies)[0], draw.volumes(anatomies)

    def people(self, region: str, seed: int, count: int) -> People:
        """As `Task` says; the decoy is the region whose volume varies most."""
        draw = VaryingHeads(self.heads, seed=1000 * seed + 17)
        anatomies = draw.anatomies(count)
        (images, origins), (again, from_again) = draw.shown(anatomies), draw.shown(anatomies)
        first, second = (images, draw.labels(anatomies, origins)), (again, draw.labels(anatomies, from_again))
        others = draw.shown(draw.anatomies(OTHERS))[0]
        candidates = [keys for name, keys in REGIONS.items() if name != region]
        decoy = most_variable(draw.volumes(draw.anatomies(200)), draw.keys, candidates)
        return _people_of(first, second, origins, (REGIONS[region], decoy), others)


class Lesions(Task):
    """Whether one lobe has a lesion; lesions of other lobes are decoys."""

    name = "lesions"
    share = 1 / 3
    regions = ("temporal lobe", "deep grey matter", "occipital lobe")
    choices = tuple(LOBES)
    usual: ClassVar[Mapping[str, str]] = {
        "unet": "temporal lobe",
        "resnet": "occipital lobe",
        "densenet": "occipital lobe",
        "mrinet": "temporal lobe",
        "ad3dcnn": "deep grey matter",
    }

    def examples(self, region: str) -> tuple[Examples, Examples, Examples]:
        """Presence in the lobe: 1 or -1, nearly, as half of the people have one."""
        require_choice("lobe", region, self.choices)
        images, present = self._pool(LesionedHeads(self.heads, seed=93))
        return self.sizes.split(images, present[:, self.choices.index(region)])

    def _drawn(self, draw: VaryingHeads | PlantedTwins, count: int) -> tuple[Tensor, Tensor]:
        assert isinstance(draw, LesionedHeads)
        patients = draw.patients(count)
        return draw.examined(patients)[0], patients.present.float()

    def people(self, region: str, seed: int, count: int) -> People:
        """Patients with a lesion in the lobe and another elsewhere; references are people of any kind."""
        lobe = self.choices.index(region)
        draw = LesionedHeads(self.heads, seed=1000 * seed + 27)
        patients = draw.patients(8 * count)
        suited = torch.nonzero(patients.present[:, lobe] & (patients.present.sum(1) > 1))[:count, 0]
        if len(suited) < count:
            raise InputError("too few people have a lesion here and elsewhere", hint="draw others with another --seed")
        chosen = patients[suited]
        (images, origins, spots), (again, from_again, _) = draw.examined(chosen), draw.examined(chosen)
        labels, labels_again = (draw.labels(chosen.anatomies, found) for found in (origins, from_again))
        brain = (images[:, 0] > 0).numpy()
        keys, found = labels.numpy(), spots.numpy() & brain
        inside = np.isin(keys, LOBES[region])
        truth = found & inside
        regions = tuple(_affected(k[mask]) for k, mask in zip(keys, truth, strict=True))
        others = draw.examined(draw.patients(OTHERS))[0]
        return People(
            images, again, keys, labels_again.numpy(), origins.numpy(), truth, found & ~inside, regions, others
        )


def _affected(labels: NDArray[np.int32]) -> tuple[int, ...]:
    """Labels that hold at least a fifth of the lesions' voxels, and the one that holds most."""
    keys, counts = np.unique(labels, return_counts=True)
    return tuple(keys[counts >= min(0.2 * len(labels), counts.max(initial=0))].tolist())


def _people_of(
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    origins: Tensor,
    marked: tuple[tuple[int, ...], tuple[int, ...]],
    others: Tensor,
) -> People:
    """People whose source is a region of the atlas, from two scans and their labels; `marked` is source and decoy."""
    (images, labels), (again, labels_again) = first, second
    keys, brain = labels.numpy(), (images[:, 0] > 0).numpy()
    truth, other = (np.isin(keys, wanted) & brain for wanted in marked)
    regions = marked[:1] * len(images)
    return People(images, again, keys, labels_again.numpy(), origins.numpy(), truth, other, regions, others)


TASKS: dict[str, type[Task]] = {task.name: task for task in (Planted, Volumes, Lesions)}


def regions_of(task: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """The regions to ask for: those that are wanted and that the task has, or its own three."""
    return tuple(r for r in wanted if r in TASKS[task].choices) or TASKS[task].regions
