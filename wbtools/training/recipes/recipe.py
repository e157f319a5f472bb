"""What a recipe is: a value that says what can be learned from what, and a task that the shared loop asks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet, Kind, Split
from wbtools.errors import CheckError, InputError, UnknownChoice
from wbtools.model.family import Network
from wbtools.text import line
from wbtools.training.augmentation import Change, Dice, augmented
from wbtools.training.backbones import Sizes
from wbtools.training.loop.feeding import Plan, Shown, on_device
from wbtools.training.loop.learner import Learner, evaluating
from wbtools.training.loop.ranks import ALONE, Ranks
from wbtools.training.loop.selection import Criterion
from wbtools.training.settings import Settings

_NAMED = 6
"""Classes in a title."""

Answers = tuple[Tensor, ...]
"""What a network says of a batch, in single precision at least."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a task is made of.

    Parameters
    ----------
    data : DataSet
    split : Split
    settings : Settings
    options : object
        The recipe's own settings.
    ranks : Ranks
        The processes that train together.
    """

    data: DataSet
    split: Split
    settings: Settings
    options: Any
    ranks: Ranks = ALONE

    def rows(self, part: str) -> NDArray[np.int64]:
        """Rows of a part of the split."""
        return np.array(self.split.parts[part], np.int64)


class Task(ABC):
    """What is learned from a data set: which batches, which loss, which figures.

    Parameters
    ----------
    material : Material
        Checked here, before anything heavy is done.
    device : torch.device

    Raises
    ------
    InputError
        If the data set cannot teach it.
    """

    criteria: ClassVar[tuple[Criterion, ...]]
    """What the best epochs are chosen by; the first one decides when training stops, and is the one to use."""
    changes: ClassVar[tuple[Change, ...]] = ()
    """How images are changed at random."""

    classes: tuple[str, ...] = ()
    code: int = 0

    def __init__(self, material: Material, device: torch.device) -> None:
        self.material = material
        self.data, self.settings, self.ranks = material.data, material.settings, material.ranks
        self.device = device
        self.dtype = torch.float64 if self.settings.precision == "double" else torch.float32

    @property
    def sizes(self) -> Sizes:
        """What the network has to fit."""
        return Sizes(self.data.manifest.shape, len(self.classes), self.code)

    @property
    @abstractmethod
    def batches(self) -> int:
        """How many batches an epoch has, the same for all."""

    @property
    def learned(self) -> NDArray[np.int64]:
        """Rows of the images that are learned from."""
        return self.material.rows("train")

    def begin(self, learner: Learner, epoch: int) -> None:
        """What an epoch needs before its batches are planned."""
        return None

    @abstractmethod
    def plans(self, epoch: int) -> Sequence[Plan]:
        """The batches of an epoch; they depend on the run's seed, the epoch, and what `begin` found."""

    @abstractmethod
    def answers(self, network: Network, images: Tensor) -> Answers:
        """What the network says, for the loss; sends images through all of it that has batch norms, once."""

    @abstractmethod
    def loss(self, answers: Answers, keys: Answers | None, shown: Shown) -> Mapping[str, Tensor]:
        """The loss of a batch as `loss`, and its parts by name.

        Parameters
        ----------
        answers : tuple of Tensor
        keys : tuple of Tensor, optional
            What the average of the network says, if the recipe asks for it.
        shown : Shown
        """

    @abstractmethod
    def validate(self, learner: Learner) -> Mapping[str, float]:
        """Figures of the validation part; `threshold` if the checkpoint has one."""

    def state(self) -> dict[str, Any]:
        """What the next batch depends on, besides weights and seeds."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the state of an earlier run."""
        return None

    def show(self, plan: Plan) -> Shown:
        """The images of a plan on the device, changed at random as the settings want it."""
        images = self.read(plan.rows[plan.own])
        if self.settings.augment and self.changes and len(images):
            images = augmented(images, self.changes, Dice(plan.seed, self.device, plan.share))
        return Shown(self.ready(images), on_device(plan.targets, self.device), plan.share)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Images as they are, on the device, as floats.

        Raises
        ------
        InputError
            If one has a value that is no number.
        """
        images = self.data.images[rows].astype(np.float32)
        require_finite(self.data, rows, images)
        return torch.from_numpy(images).to(self.device)

    def ready(self, images: Tensor) -> Tensor:
        """Images as the network takes them: of its precision, in the order of memory that is fast."""
        return in_fast_order(images.to(self.dtype))

    def answered(self, learner: Learner, rows: NDArray[np.int64], batch: int = 16) -> Answers:
        """What a network in evaluation mode says of images, on the CPU."""
        found: list[Answers] = []
        share = self.ranks.share_of(len(rows))
        with evaluating(learner):
            for part in _parts(rows if share is None else rows[share.own], batch):
                given = self.answers(learner.network, self.ready(self.read(part)))
                found.append(tuple(each.to(self.dtype).cpu() for each in given))
        # Of all processes, so that all of them end if one has no numbers.
        whole = self.ranks.gathered(tuple(torch.cat(each) for each in zip(*found, strict=True)), share)
        require_answers(whole)
        return whole


def _parts(rows: NDArray[np.int64], batch: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, max(1, len(rows)), batch):  # no rows have answers, too: none, of as many values
        yield rows[start : start + batch]


def require_answers(answers: Iterable[Tensor]) -> None:
    """Raise CheckError if a network says something that is no number: its weights grew without limit."""
    if not all(bool(torch.isfinite(answer).all()) for answer in answers):
        raise diverged("what the network says is no number any more")


def diverged(what: str) -> CheckError:
    """The error of a training whose weights grew without limit."""
    return CheckError(what, hint="lower the learning rate (--rate), or limit gradients (--set clip=1), in a new --out")


def in_fast_order(images: Tensor) -> Tensor:
    """Images in the order of memory in which convolutions are fast."""
    orders = {5: torch.channels_last_3d, 4: torch.channels_last}
    return images.contiguous(memory_format=orders.get(images.ndim, torch.contiguous_format))


def require_finite(data: DataSet, rows: Sequence[int] | NDArray[np.int64], images: NDArray[np.float32]) -> None:
    """Raise InputError that names the first image with a value that is no number."""
    for row, image in zip(rows, images, strict=True):
        if not np.isfinite(image).all():
            raise InputError(
                f"the image of {data.items[int(row)].source} has values that are no numbers",
                hint="leave it out, and run wbtools prepare again",
            )


@dataclass(frozen=True)
class Recipe:
    """What a network can be taught.

    Parameters
    ----------
    name : str
        Its name on the command line.
    title : str
        For people, one line.
    system : str
        Which published system it follows.
    kinds : tuple of Kind
        Data sets it learns from.
    backbones : tuple of str
        Names of the networks it can train; the first is meant by default.
    settings : Settings
        The published ones.
    options : object
        A dataclass of settings of its own.
    task : callable
        Makes the task.
    stratify : callable
        The label whose values are to be as frequent in every part of a split, from the options; empty for none.
    of_label : str
        The title of a network that learned from a label: `{label}` is its name, `{classes}` its values; empty for none.
    keys : bool
        Whether the loss compares with what the average of the network says. Else the average, if there is one, is what
        is validated and published.
    bare : bool
        Whether the published file is the state dict itself.
    answer, notice, use : str
        Fields of the card.
    require_known : callable
        Raises InputError for a data set of which is not known what is to be learned, however it is split.
    """

    name: str
    title: str
    system: str
    kinds: tuple[Kind, ...]
    backbones: tuple[str, ...]
    settings: Settings
    options: Any
    task: Callable[[Material, torch.device], Task]
    stratify: Callable[[Any], str] = lambda options: ""
    of_label: str = ""
    keys: bool = False
    bare: bool = False
    answer: str = ""
    notice: str = ""
    use: str = "research only; not for diagnosis"
    require_known: Callable[[DataSet], None] = lambda data: None

    def titled(self, options: Any, classes: Sequence[str]) -> str:
        """What a network has learned, with the label that it learned from and its classes."""
        if not self.of_label:
            return self.title
        more = f" and {len(classes) - _NAMED} more" if len(classes) > _NAMED else ""
        listed = ", ".join(line(name, 40) for name in classes[:_NAMED])
        return self.of_label.format(label=line(options.label, 40), classes=f"{listed}{more}")

    def require_backbone(self, name: str) -> None:
        """Raise UnknownChoice for a network that the recipe cannot train."""
        if name not in self.backbones:
            raise UnknownChoice(f"backbone of {self.name}", name, self.backbones)

    def require_kind(self, data: DataSet) -> None:
        """Raise InputError for a data set of another kind, or one that it cannot learn from."""
        kind = data.manifest.kind
        if kind not in self.kinds:
            wanted = " or ".join(known.value for known in self.kinds)
            raise InputError(
                f"{data.folder} holds {kind.value}, and {self.name} learns from {wanted}",
                hint=f"make a data set with wbtools prepare {self.name}",
            )
        self.require_known(data)
