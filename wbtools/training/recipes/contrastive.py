"""Contrastive: pictures of the same class are close, others far (system S4).

As described: a Siamese DenseNet-121, pairs drawn anew each epoch, contrastive loss; classification by comparing with
labelled examples. The margin is not public. `plain=yes` trains the same network on the classes themselves, for
comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wbtools.datasets import Kind
from wbtools.model.families.contrastive import Contrastive
from wbtools.model.family import Network
from wbtools.training import pairs
from wbtools.training.loop.feeding import Plan, Shown, seed_of, shared_out
from wbtools.training.loop.learner import Learner
from wbtools.training.loop.selection import Criterion
from wbtools.training.recipes.labelled import Labelled
from wbtools.training.recipes.recipe import Answers, Material, Recipe, Task
from wbtools.training.settings import Settings, require_within

_SMALLEST = 32
"""Pixels that are left a single one by the network; smaller pictures are enlarged to this."""

_PAIRED = 1000
"""Validation pictures at most of which all pairs are looked at."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Options:
    """What contrastive can be told besides `Settings`.

    Parameters
    ----------
    label : str
        The column of the label.
    margin : float
        Distance beyond which pictures of other classes do not count; embeddings have length 1, so that 2 is the most.
    embedding : int
        How many values an embedding has.
    pairs : int
        How many of an epoch each picture is the first of; about half of them with one of its own class.
    examples : int
        Training pictures of each class; 0 takes all.
    plain : bool
        Whether the classes themselves are learned, by cross-entropy, instead of distances.
    steps : int
        Batches of an epoch, however many pictures there are; 0 makes an epoch of all pictures, `pairs` times each.
    """

    label: str = "class"
    margin: float = 1.0
    embedding: int = 128
    pairs: int = 1
    examples: int = 0
    plain: bool = False
    steps: int = 0

    def __post_init__(self) -> None:
        require_within(self, {"margin": 0, "embedding": 2, "pairs": 1, "examples": 0, "steps": 0})


def contrastive_loss(first: Tensor, second: Tensor, same: Tensor, margin: float) -> Tensor:
    """Mean over pairs of the squared distance, or of the square of what is missing to the margin (Hadsell 2006).

    Parameters
    ----------
    first, second : Tensor, (P, E)
        Of any length; distances are of unit vectors.
    same : Tensor, (P,), bool
    margin : float

    Examples
    --------
    >>> apart = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> round(float(contrastive_loss(*apart, torch.tensor([True]), 1.0)), 4)
    2.0
    """
    first, second = (nn.functional.normalize(each, dim=1) for each in (first, second))
    square = (first - second).square().sum(1)
    missing = (margin - square.clamp(min=1e-12).sqrt()).clamp(min=0)
    return torch.where(same, square, missing.square()).mean()


def shown(pictures: Tensor) -> Tensor:
    """Pictures (N, C, H, W) from 0 to 255 as networks take them: from 0 to 1, in three channels, not too small."""
    pictures = pictures / 255
    pictures = pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures
    least = min(pictures.shape[2:])
    if least >= _SMALLEST:
        return pictures
    size = [max(_SMALLEST, round(n * _SMALLEST / least)) for n in pictures.shape[2:]]
    return nn.functional.interpolate(pictures, size=size, mode="bilinear", align_corners=False)


def examples_of(rows: Rows, classes: NDArray[np.int64], count: int, seed: int) -> Rows:
    """As many rows of each class as are wanted, drawn by a seed; all if `count` is 0.

    Parameters
    ----------
    rows : ndarray, (N,), int
    classes : ndarray, (N,), int
        Of these rows.
    count : int
    seed : int
    """
    if not count:
        return rows
    order = np.random.default_rng(seed).permutation(len(rows))
    kept = [order[classes[order] == number][:count] for number in np.unique(classes)]
    return np.sort(rows[np.concatenate(kept)])


class ContrastivePairs(Task):
    """Embeddings in which pictures of a class are close.

    Parameters
    ----------
    material : Material
    device : torch.device
    """

    criteria = (
        Criterion("accuracy", "accuracy"),
        Criterion("auc", "auc"),
        Criterion("f1", "f1"),
        Criterion("gap", "gap"),
        Criterion("loss", "loss", higher=False),
    )

    def __init__(self, material: Material, device: torch.device) -> None:
        super().__init__(material, device)
        self.options: Options = material.options
        self._labelled = Labelled(material, self.options.label, least=2)
        self.code = len(self._labelled.classes) if self.options.plain else self.options.embedding
        rows = super().learned
        self._rows = examples_of(rows, self._labelled.of(rows), self.options.examples, self.settings.seed)

    @property
    def batches(self) -> int:
        """As in `Task`."""
        if self.options.steps:
            return self.options.steps
        return len(shared_out(np.arange(len(self._rows) * self._times), self.settings.batch))

    @property
    def learned(self) -> NDArray[np.int64]:
        """As in `Task`: the examples."""
        return self._rows

    @property
    def _times(self) -> int:
        """How often each picture is the first of a pair, or is shown alone, in an epoch of all pictures."""
        return 1 if self.options.plain else self.options.pairs

    def plans(self, epoch: int) -> Sequence[Plan]:
        """Pairs that are drawn for this epoch; the first picture of each, then the second ones."""
        dice = np.random.default_rng(seed_of(self.settings.seed, epoch))
        first, parts = self._first(dice)
        second = first if self.options.plain else self._partners(first, dice)
        found = []
        for number, places in enumerate(parts):
            rows = first[places] if self.options.plain else np.concatenate([first[places], second[places]])
            targets = {"class": self._labelled.of(rows)}
            found.append(Plan(rows, seed_of(self.settings.seed, epoch, number), targets))
        return found

    def _first(self, dice: np.random.Generator) -> tuple[Rows, list[Rows]]:
        """The pictures of an epoch in random order, each as often as any other or once more; and their batches."""
        if not self.options.steps:
            first = dice.permutation(np.tile(self._rows, self._times))
            return first, shared_out(np.arange(len(first)), self.settings.batch)
        count = self.options.steps * max(2, self.settings.batch)  # batch norms need two
        rounds = [dice.permutation(self._rows) for _ in range(-(-count // len(self._rows)))]
        return np.concatenate(rounds)[:count], np.split(np.arange(count), self.options.steps)

    def read(self, rows: Rows) -> Tensor:
        """Pictures (N, C, H, W) from 0 to 1, grey ones in three channels, small ones enlarged."""
        return shown(super().read(rows))

    def answers(self, network: Network, images: Tensor) -> Answers:
        """Embeddings (N, E) before they are brought to length 1; with `plain`, logits."""
        assert isinstance(network, Contrastive)
        return (network.of_pictures(images),)

    def loss(self, answers: Answers, keys: Answers | None, shown: Shown) -> Mapping[str, Tensor]:
        """As in `Task`."""
        classes = shown.targets["class"]
        if self.options.plain:
            return {"loss": nn.functional.cross_entropy(answers[0], classes)}
        first, second = answers[0].chunk(2)
        return {
            "loss": contrastive_loss(first, second, classes.chunk(2)[0] == classes.chunk(2)[1], self.options.margin)
        }

    def validate(self, learner: Learner) -> Mapping[str, float]:
        """Figures of all pairs of validation pictures, and how many are nearest to the examples of their own class."""
        rows = self.material.rows("val")
        (mine,) = self.answered(learner, rows)
        truth = self._labelled.of(rows)
        units = nn.functional.normalize(mine, dim=1)
        few = np.random.default_rng(self.settings.seed).permutation(len(rows))[:_PAIRED]
        distance = (1 - units[few] @ units[few].T).clamp(min=0).numpy()
        upper = np.triu(np.ones(distance.shape, bool), 1)
        same = truth[few][:, None] == truth[few][None]
        measured = pairs.figures(distance[upper & same], distance[upper & ~same])
        if self.options.plain:
            loss = nn.functional.cross_entropy(mine, torch.from_numpy(truth))
            told = mine.argmax(1).numpy()
        else:
            first, second = (mine[few[places]] for places in np.nonzero(upper))
            loss = contrastive_loss(first, second, torch.from_numpy(same[upper]), self.options.margin)
            told = self._told(learner, units)
        return {"loss": float(loss), "accuracy": float(np.mean(told == truth)), **measured}

    def _told(self, learner: Learner, units: Tensor) -> Rows:
        """The classes whose training examples are nearest, on average."""
        (examples,) = self.answered(learner, self._rows)
        near = units @ nn.functional.normalize(examples, dim=1).T
        classes = self._labelled.of(self._rows)
        means = [near[:, torch.from_numpy(classes == number)].mean(1) for number in range(len(self._labelled.classes))]
        return np.asarray(torch.stack(means, 1).argmax(1).numpy())

    def _partners(self, first: Rows, dice: np.random.Generator) -> Rows:
        """Another picture for each, of its class or not with the same chance."""
        classes, mine = self._labelled.of(self._rows), self._labelled.of(first)
        found = np.empty_like(first)
        for place, (row, number) in enumerate(zip(first, mine, strict=True)):
            alike = (classes == number) & (self._rows != row)
            others = classes != number
            wanted = alike if (dice.random() < 0.5 and alike.any()) else others
            found[place] = dice.choice(self._rows[wanted])
        return found


RECIPE = Recipe(
    name="contrastive",
    title="embeddings in which pictures of a class are close",
    system="S4",
    kinds=(Kind.PICTURES,),
    backbones=("densenet121", "densenet2d-tiny"),
    settings=Settings(epochs=30, batch=32, optimiser="adam", rate=1e-4, augment=False),
    options=Options(),
    task=ContrastivePairs,
    of_label="embeddings in which pictures of the same {label} are close",
    stratify=lambda options: str(options.label),
    answer="embedding",
)
