"""Twins: a person's twin should be closer than anyone else (system S1).

As published: triplets with a margin of cosine distance, a small term against collapse, AdamW, one cycle. Put right
here: embeddings are mined in evaluation mode, over the whole split, the negatives of an anchor are different people,
validation mines as training does, and the threshold is chosen on validation pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wbtools.datasets import DataSet, Kind, few_pairs
from wbtools.errors import InputError, UnknownChoice
from wbtools.model.family import Network
from wbtools.text import counted
from wbtools.training import pairs
from wbtools.training.augmentation import TWINS
from wbtools.training.loop.feeding import Plan, Shown, seed_of, shared_out
from wbtools.training.loop.learner import Learner
from wbtools.training.loop.selection import Criterion
from wbtools.training.mining import MINING, Candidates, negatives
from wbtools.training.recipes.recipe import Answers, Material, Recipe, Task
from wbtools.training.settings import Settings, require_within

_LABEL = "twin"
LOSSES = ("triplets", "contrast")
"""Twins closer than mined others by a margin; or each twin found among everybody in the batch."""

Triplets = NDArray[np.int64]
"""Anchor, positive and negative, (T, 3), or the first two, (T, 2): rows of the data set."""


@dataclass(frozen=True)
class Options:
    """What twins can be told besides `Settings`.

    Parameters
    ----------
    mining : str
        How negatives are found: `hard`, `semi-hard` or `random`.
    negatives : int
        Other people that every anchor is compared with.
    nearest : int
        Further negatives: the nearest others of the batch, by its own embeddings. What is mined is as old as the
        epoch; these are not, and cost no further image.
    margin : float
        By which a twin should be closer, cosine distance.
    spread : float
        Weight of the term against collapse.
    loss : str
        `triplets`, or `contrast`, which compares everybody with everybody else in the batch, and looks for nobody:
        mining, negatives, nearest, margin and spread are those of `triplets`.
    temperature : float
        Of `contrast`: a difference of cosines that multiplies a probability by e.
    """

    mining: str = "hard"
    negatives: int = 3
    nearest: int = 0
    margin: float = 0.1
    spread: float = 0.01
    loss: str = LOSSES[0]
    temperature: float = 0.25

    def __post_init__(self) -> None:
        for name, known in (("mining", MINING), ("loss", LOSSES)):
            if getattr(self, name) not in known:
                raise UnknownChoice(name, getattr(self, name), known)
        require_within(self, {"negatives": 1, "nearest": 0, "margin": 0, "spread": 0, "temperature": 0.01})

    @property
    def contrasting(self) -> bool:
        """Whether others are those in the batch, and not mined."""
        return self.loss == "contrast"


class TripletLoss:
    """Triplets by cosine distance, and a term against collapse of the embeddings.

    Parameters
    ----------
    options : Options
    """

    def __init__(self, options: Options) -> None:
        from pytorch_metric_learning.distances import CosineSimilarity
        from pytorch_metric_learning.losses import TripletMarginLoss
        from pytorch_metric_learning.reducers import MeanReducer

        self._triplets = TripletMarginLoss(options.margin, distance=CosineSimilarity(), reducer=MeanReducer())
        self._spread = options.spread
        self._nearest = options.nearest

    def __call__(self, embeddings: Tensor, group: Tensor, triplets: Tensor) -> dict[str, Tensor]:
        """The loss and its parts.

        Parameters
        ----------
        embeddings : Tensor, (R, E)
            Of any length.
        group : Tensor, (R,), int
            People of one group need not be apart.
        triplets : Tensor, (T, 3), int
            Places among the embeddings.
        """
        units = nn.functional.normalize(embeddings, dim=1)
        apart = group[:, None] != group[None]
        distance = (2 - 2 * units @ units.T).clamp(min=1e-12).sqrt()
        if self._nearest:
            others = distance.detach().masked_fill(~apart, torch.inf)
            triplets = torch.cat((triplets, with_nearest(others, triplets[:, :2], self._nearest)))
        found = self._triplets(embeddings, indices_tuple=tuple(triplets.unbind(1)))
        spread = (torch.exp(-distance) * apart).sum() / apart.sum().clamp(min=1)
        return {"loss": found + self._spread * spread, "triplets": found.detach(), "spread": spread.detach()}


def with_nearest(others: Tensor, couples: Tensor, count: int) -> Tensor:
    """Triplets (T, 3) of couples and the nearest others of each anchor.

    Parameters
    ----------
    others : Tensor, (R, R)
        Distances, infinite between images that must not be compared.
    couples : Tensor, (P, 2), int
        Anchors and positives; those that occur more than once count once.
    count : int
        Of each anchor, fewer where there are not as many.

    Examples
    --------
    >>> others = torch.tensor([[torch.inf, torch.inf, 0.5, 0.2], [torch.inf, torch.inf, 0.1, 0.4]])
    >>> with_nearest(others, torch.tensor([[0, 1], [0, 1], [1, 0]]), 1).tolist()
    [[0, 1, 3], [1, 0, 2]]
    """
    couples = torch.unique(couples, dim=0)
    near = others[couples[:, 0]].topk(min(count, others.shape[1]), largest=False)
    triplets = torch.cat((couples.repeat_interleave(near.indices.shape[1], 0), near.indices.reshape(-1, 1)), 1)
    return triplets[near.values.flatten().isfinite()]


class ContrastLoss:
    """Cross entropy of finding each person's twin among everybody in the batch, by cosine.

    It learns from all others at once, and so from fewer images than triplets do.

    Parameters
    ----------
    options : Options
    """

    def __init__(self, options: Options) -> None:
        self._temperature = options.temperature

    def __call__(self, embeddings: Tensor, group: Tensor, triplets: Tensor) -> dict[str, Tensor]:
        """The loss, with the arguments of `TripletLoss`; of each triplet only anchor and positive count."""
        anchor, positive = triplets[:, 0], triplets[:, 1]
        units = nn.functional.normalize(embeddings, dim=1)
        alike = units[anchor] @ units.T / self._temperature
        hidden = group[anchor, None] == group[None]
        hidden[torch.arange(len(anchor)), positive] = False
        found = nn.functional.cross_entropy(alike.masked_fill(hidden, -torch.inf), positive)
        return {"loss": found}


class Twins(Task):
    """Embeddings in which twins are close.

    Parameters
    ----------
    material : Material
    device : torch.device
    """

    criteria = (
        Criterion("auc", "auc"),
        Criterion("f1", "f1"),
        Criterion("gap", "gap"),
        Criterion("separability", "separability"),
        Criterion("loss", "loss", higher=False),
    )
    changes = TWINS

    def __init__(self, material: Material, device: torch.device) -> None:
        super().__init__(material, device)
        self.options: Options = material.options
        self._parts = {part: _Part(material, part) for part in ("train", "val")}
        self.criterion = (ContrastLoss if self.options.contrasting else TripletLoss)(self.options)
        self._mined: Triplets = np.empty((0, 3), np.int64)

    @property
    def batches(self) -> int:
        """As in `Task`."""
        each = 1 if self.options.contrasting else self.options.negatives
        return len(shared_out(np.arange(self._parts["train"].count(each)), self.settings.batch))

    def begin(self, learner: Learner, epoch: int) -> None:
        """Find triplets among all training images, by embeddings made in evaluation mode; or only pairs of twins."""
        part, options = self._parts["train"], self.options
        seed = seed_of(self.settings.seed, epoch)
        if options.contrasting:
            self._mined = part.rows[np.stack(part.both(np.random.default_rng(seed)), axis=1)]
            return
        embeddings = None if options.mining == "random" else self._embedded(learner, part)
        self._mined = self.ranks.agreed_rows(lambda: part.triplets(embeddings, options, seed))

    def plans(self, epoch: int) -> Sequence[Plan]:
        """As in `Task`; every image of a batch is shown once, however many triplets it is in."""
        found = []
        for number, chosen in enumerate(shared_out(np.arange(len(self._mined)), self.settings.batch)):
            mined = self._mined[chosen]
            rows, places = np.unique(mined, return_inverse=True)
            group = self._parts["train"].group_of(rows)
            targets = {"triplets": places.reshape(mined.shape), "group": group}
            found.append(Plan(rows, seed_of(self.settings.seed, epoch, number), targets))
        return found

    def answers(self, network: Network, images: Tensor) -> Answers:
        """Embeddings (R, E) before they are brought to length 1."""
        return (network.raw(images),)

    def loss(self, answers: Answers, keys: Answers | None, shown: Shown) -> Mapping[str, Tensor]:
        """As in `Task`."""
        return self.criterion(answers[0], shown.targets["group"], shown.targets["triplets"])

    def validate(self, learner: Learner) -> Mapping[str, float]:
        """Figures of all pairs of the validation part, its triplets mined as those of training are."""
        part = self._parts["val"]
        embeddings = self._embedded(learner, part)
        distance = _cosine(embeddings)
        together, apart = part.pairs()
        triplets = part.places(part.triplets(embeddings, self.options, seed_of(self.settings.seed)))
        found = self.criterion(embeddings, torch.from_numpy(part.group), torch.from_numpy(triplets))
        measured = pairs.figures(distance[together], distance[apart])
        anchor, positive, negative = triplets.T
        violated = distance[anchor, positive] + self.options.margin > distance[anchor, negative]
        return {"loss": float(found["loss"]), **measured, "violations": float(violated.mean())}

    def _embedded(self, learner: Learner, part: _Part) -> Tensor:
        return self.answered(learner, part.rows)[0]


def _require_twins(data: DataSet) -> None:
    """Raise InputError for a data set with too few twins, or none, such as one that was made for classes."""
    if _LABEL in data.label_names:
        return few_pairs.require_enough(data)
    made_for = data.manifest.settings.get("recipe")
    purpose = f"was made for {made_for}, and " if made_for and made_for != "twins" else ""
    raise InputError(
        f"{data.folder} {purpose}does not say who is whose twin",
        hint="make a data set of twins with wbtools prepare twins",
    )


class _Part:
    """The people of a part of the split, and which of them are twins."""

    def __init__(self, material: Material, part: str) -> None:
        self.rows = material.rows(part)
        items = [material.data.items[row] for row in self.rows]
        twins = material.data.labels(_LABEL)
        self.twin = [twins[row] for row in self.rows]
        self.person = np.unique([item.person for item in items], return_inverse=True)[1].astype(np.int64)
        self.group = _groups(list(zip(self.person.tolist(), self.twin, (item.family for item in items), strict=True)))
        self.couples = self._couples(material, part)

    def _couples(self, material: Material, part: str) -> list[tuple[list[int], list[int]]]:
        """Places of both people's images, for every pair of twins."""
        found: dict[str, dict[int, list[int]]] = {}
        for place, twin in enumerate(self.twin):
            if twin:
                found.setdefault(twin, {}).setdefault(int(self.person[place]), []).append(place)
        for twin, people in found.items():
            if len(people) != 2:
                raise InputError(
                    f"{material.data.folder} has {counted(len(people), 'person')} of the twin pair {twin}, not 2",
                    hint="correct the label twin, and run wbtools prepare again",
                )
        if len(found) < few_pairs.EACH:
            raise InputError(
                f"the part {part} of {material.data.folder} has {counted(len(found), 'pair')} of twins, and needs "
                f"{few_pairs.EACH}; there are {few_pairs.pairs_of(material.data.items)} in all",
                hint=few_pairs.hint(material.data, material.split),
            )
        return [(first, second) for first, second in (people.values() for people in found.values())]

    def count(self, each: int) -> int:
        """How many triplets an epoch has."""
        return 2 * len(self.couples) * min(each, self.others)

    @cached_property
    def others(self) -> int:
        """How many people everybody can be compared with at least, of those who have twins."""
        places = [place for couple in self.couples for side in couple for place in side]
        return min(len(np.unique(self.person[self.group != self.group[place]])) for place in places)

    def both(self, dice: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of a scan of every twin, pairs in random order, and of a scan of their twins."""
        couples = [self.couples[place] for place in dice.permutation(len(self.couples))]
        chosen = np.array([[side[dice.integers(len(side))] for side in couple] for couple in couples])
        return chosen.ravel(), chosen[:, ::-1].ravel()

    def triplets(self, embeddings: Tensor | None, options: Options, seed: int) -> Triplets:
        """Rows of anchors, twins and others, in both directions, for a scan of every twin."""
        anchor, positive = self.both(np.random.default_rng(seed))
        distance = np.zeros((len(self.rows),) * 2) if embeddings is None else _cosine(embeddings)
        known = Candidates(distance, self.person, self.group)
        found = negatives(known, anchor, positive, options.mining, (min(options.negatives, self.others), seed))
        each = found.shape[1]
        places = np.stack([anchor.repeat(each), positive.repeat(each), found.ravel()], axis=1)
        found_rows: Triplets = self.rows[places]
        return found_rows

    def places(self, triplets: Triplets) -> Triplets:
        """Rows as places among this part's images."""
        return np.searchsorted(self.rows, triplets)

    def group_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The groups of rows."""
        return self.group[np.searchsorted(self.rows, rows)]

    def pairs(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which pairs of images are of twins, and which of people of different groups; each pair once."""
        upper = np.triu(np.ones((len(self.rows),) * 2, bool), 1)
        names = np.array(self.twin)
        twins = (names[:, None] == names[None]) & (names != "")[:, None]
        other = self.person[:, None] != self.person[None]
        return upper & twins & other, upper & (self.group[:, None] != self.group[None])


def _groups(bonds: Sequence[tuple[int, str, str]]) -> NDArray[np.int64]:
    """The number of the group of each image: people, twins and families that belong together."""
    found = np.arange(len(bonds))
    for kind in range(3):
        first: dict[object, int] = {}
        for place, bond in enumerate(bonds):
            if bond[kind] != "":
                other = first.setdefault(bond[kind], place)
                found[found == found[place]] = found[other]
    return np.asarray(np.unique(found, return_inverse=True)[1], np.int64)


def _cosine(embeddings: Tensor) -> NDArray[np.float32]:
    """Cosine distances (N, N)."""
    units = nn.functional.normalize(embeddings, dim=1)
    return np.asarray((1 - units @ units.T).clamp(min=0).numpy())


RECIPE = Recipe(
    name="twins",
    title="embeddings in which twins are closer than other people",
    system="S1",
    kinds=(Kind.VOLUMES,),
    backbones=(
        *("unet", "unet-medium", "unet-large", "unet-tiny"),
        *("resnet", "resnet-18", "resnet-34", "resnet-50", "resnet-tiny"),
        *("densenet", "densenet-169", "densenet-tiny"),
    ),
    settings=Settings(
        epochs=2000,
        batch=32,
        accumulate=16,
        optimiser="adamw",
        rate=1e-4,
        weight_decay=5e-4,
        schedule="one-cycle",
        clip=0.5,
    ),
    options=Options(),
    task=Twins,
    answer="embedding",
    require_known=_require_twins,
)
"""As published 512 triplets make a step; 32 at a time fit into a card's memory."""
