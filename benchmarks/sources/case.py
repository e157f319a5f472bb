"""A trained network and the people it is asked about: `load` gives both, of a folder that `known_source.py` filled."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sources.heads import heads
from sources.networks import DESIGNS, card_of
from sources.tasks import TASKS, People, Planted, Sizes, Task
from wbtools.attribution import Answers, Images, Target, default
from wbtools.attribution.question import Question
from wbtools.attribution.reference import matched
from wbtools.attribution.references.made_up import FIRST_SEED, HEADS, displacement
from wbtools.attribution.references.of_card import drawn
from wbtools.datasets import Item, Kind, write_data
from wbtools.images import nifti
from wbtools.model import Model
from wbtools.model.family import Network
from wbtools.training.planted import Head, head_grid, learn
from wbtools.training.runs import references
from wbtools.training.supervised import Recipe, learn_answers, outputs, r2
from wbtools.training.synthetic_twins import sample

_log = logging.getLogger(__name__)

_LEARNED = 128
"""People of the training of whom references are made."""

OF_TRAINING = ("components", "brains")
"""The sets that `wbtools train` puts on a card: draws from components of training people, or eight of those."""


@dataclass(frozen=True)
class Case:
    """One network: what it was asked for, and by which seed."""

    task: str
    region: str
    family: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.task}-{self.region.replace(' ', '-')}-{self.family}-{self.seed}"

    @property
    def tells_twins(self) -> bool:
        """Whether its answer is an embedding."""
        return self.task == Planted.name and DESIGNS[self.family].embeds

    @property
    def outputs(self) -> int:
        """Of a network that answers: 1 for a number, 2 for classes."""
        return DESIGNS[self.family].outputs if self.task == "volume" else 2

    def network(self) -> Network:
        """Not yet trained."""
        design = DESIGNS[self.family]
        torch.manual_seed(1000 * self.seed + sum(map(ord, self.name)))
        return design.embedding() if self.tells_twins else design.answering(self.outputs)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what a network answers; none for an embedding."""
        if self.tells_twins:
            return ()
        return ("volume",) if self.outputs == 1 else ("without", "with") if self.task == "lesions" else ("low", "high")


@dataclass(frozen=True)
class Training:
    """How a training went.

    Parameters
    ----------
    auc : float
        Of people of the test: twins from others, or the sides of the median.
    r2 : float or None
        Squared correlation of answer and output; None of embeddings.
    seconds : float
        Of the processor.
    """

    auc: float
    r2: float | None
    seconds: float

    @property
    def learned(self) -> bool:
        """Whether it is asked for maps."""
        return self.auc >= 0.85 if self.r2 is None else self.r2 >= 0.4


def train(case: Case, task: Task, recipe: Recipe) -> tuple[Network, Training]:
    """Train a network."""
    network = case.network()
    start = time.process_time()
    if case.tells_twins:
        assert isinstance(task, Planted)
        plant = task.plant(case.region)
        auc = learn(network, task.heads[0], plant, case.seed, enough=0.9, rounds=recipe.rounds + 1).auc
        return network, Training(auc, None, time.process_time() - start)
    learning, held_out, test = task.examples(case.region)
    start = time.process_time()
    learn_answers(network, learning, held_out, recipe, case.seed)
    found = outputs(network, test.images)
    above = test.answers > test.answers.median() if case.task != "lesions" else test.answers > 0
    ahead = (found[above][:, None] > found[~above]).float().mean()
    return network, Training(float(ahead), r2(found, test.answers), time.process_time() - start)


class Store:
    """The folder that networks, people to learn from and figures are kept in.

    Parameters
    ----------
    work : Path
    brains : Path, optional
        Folder of other heads.
    sizes, recipe : optional
        How many people networks learn from, and how.
    """

    def __init__(
        self, work: Path, brains: Path | None = None, sizes: Sizes | None = None, recipe: Recipe | None = None
    ) -> None:
        self.work, self.recipe = work, recipe or Recipe()
        (work / "networks").mkdir(parents=True, exist_ok=True)
        (work / "figures").mkdir(exist_ok=True)
        self.heads: Mapping[str, Head] = heads(work, brains)
        self._tasks = {name: kind(self.heads, sizes or Sizes(), work / "pools") for name, kind in TASKS.items()}

    def task(self, case: Case) -> Task:
        """The task of a network."""
        return self._tasks[case.task]

    def has(self, case: Case) -> bool:
        """Whether the network was trained."""
        return self._path(case).exists()

    def training(self, case: Case) -> Training:
        """How the training of a network went that was trained."""
        return Training(**json.loads(torch.load(self._path(case), weights_only=True)["training"]))

    def _path(self, case: Case) -> Path:
        return self.work / "networks" / f"{case.name}.pt"

    def network(self, case: Case) -> tuple[Network, Training]:
        """The network, trained now or found."""
        path = self._path(case)
        if path.exists():
            network, kept = case.network(), torch.load(path, weights_only=True)
            network.load_state_dict(kept["model_state_dict"])
            return network, Training(**json.loads(kept["training"]))
        network, training = train(case, self.task(case), self.recipe)
        torch.save({"model_state_dict": network.state_dict(), "training": json.dumps(asdict(training))}, path)
        _log.info("%s: %s", case.name, training)
        return network, training

    def exam(self, case: Case, people: int) -> Exam:
        """The network and people it has not seen."""
        network, training = self.network(case)
        return Exam(case, network, training, self.task(case), people)


class Exam:
    """A network, and people it has not seen.

    Parameters
    ----------
    case : Case
    network : Network
    training : Training
    task : Task
    people : int
        How many.
    """

    def __init__(self, case: Case, network: Network, training: Training, task: Task, people: int) -> None:
        self.case, self.training, self.task, self.head = case, training, task, task.heads[0]
        card = card_of(case.family, case.name, task.shape, case.classes)
        network = network.to(memory_format=torch.contiguous_format).eval().requires_grad_(False)
        self.model = Model(network, card, {}, "")
        self.people: People = task.people(case.region, case.seed, people)
        self.keys = np.array(self.head.keys())
        self.target: Target = default(self.model)

    @cached_property
    def made_up(self) -> Tensor:
        """Deformed copies of the template, as wbtools makes them where there is nobody else, (8, 1, X, Y, Z)."""
        grid, template = head_grid(), self.head.template
        places = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in template.shape), indexing="ij"))
        moved = [
            displacement(grid, template > 0, FIRST_SEED + k) / grid.voxel_sizes[:, None, None, None]
            for k in range(HEADS)
        ]
        brains = torch.from_numpy(template)[None, None].expand(HEADS, -1, -1, -1, -1)
        return sample(brains, torch.from_numpy(np.stack([places + step for step in moved]).astype(np.float32)))

    @cache  # noqa: B019 - exams are few, and dropped with their process
    def of_training(self, kind: str) -> Tensor:
        """The set that `wbtools train` writes of people whom the network learned from, (8, 1, X, Y, Z)."""
        images = self.task.examples(self.case.region)[0].images[:_LEARNED].float().numpy()
        items = [Item(n, f"p{n}", f"p{n}.nii.gz") for n in range(len(images))]
        with tempfile.TemporaryDirectory() as place:
            data = write_data(Path(place, "data"), Kind.VOLUMES, images, items, synthetic=True)
            found = references.write(Path(place), data, range(len(images)), kind, self.model.card)
            files = tuple(Path(place, name) for name in (*found.components, *found.brains))
            model = replace(self.model, reference=Path(place, found.mean), reference_set=files)
            brains = drawn(model, HEADS) if found.components else map(nifti.read_volume, files)
            return torch.from_numpy(np.stack([brain.data for brain in brains]))[:, None]

    def brains(self, references: str) -> Tensor:
        """Brains to compare with, (N, 1, X, Y, Z)."""
        if references in OF_TRAINING:
            return self.of_training(references)
        template = torch.from_numpy(self.head.template)[None, None]
        return {"template": lambda: template, "made-up": lambda: self.made_up, "people": lambda: self.people.others}[
            references
        ]()

    def references(self, image: Tensor, which: str) -> tuple[Tensor, ...]:
        """Brains to compare with, (1, 1, X, Y, Z) each, with the intensities of an image."""
        shown = image[0, 0].numpy()
        return tuple(torch.from_numpy(matched(brain[0].numpy(), shown))[None, None] for brain in self.brains(which))

    def question(self, image: Tensor, references: tuple[Tensor, ...] = (), model: Model | None = None) -> Question:
        """What is asked about an image (1, 1, X, Y, Z), against one reference, several or none."""
        model = model or self.model
        answers, reference = Answers(model), references[0] if references else None
        objective = self.target.objective(answers, Images(image, (), reference))
        several = references if len(references) > 1 else ()
        bounds = (float(image.min()), float(image.max()))
        return Question(answers, image, self.target, objective, (), reference, bounds=bounds, references=several)


def load(work: Path, case: Case, people: int = 8) -> Exam:
    """A network and people of a folder that `known_source.py --work` filled.

    Parameters
    ----------
    work : Path
    case : Case
    people : int
        The first are the same, however many there are.
    """
    return Store(work).exam(case, people)
