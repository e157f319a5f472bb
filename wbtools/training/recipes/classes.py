"""Classes: a label of every person, such as the sex, is told from the image (system S3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from wbtools.datasets import Kind
from wbtools.errors import InputError, UnknownChoice
from wbtools.model.conventions import PLANES
from wbtools.model.families.stacks import DEPTHS
from wbtools.model.family import Network
from wbtools.training import classification
from wbtools.training.backbones import Sizes
from wbtools.training.loop.feeding import Plan, Shown
from wbtools.training.loop.learner import Learner
from wbtools.training.loop.selection import Criterion
from wbtools.training.recipes.labelled import Labelled
from wbtools.training.recipes.recipe import Answers, Material, Recipe, Task
from wbtools.training.settings import Settings, require_within


@dataclass(frozen=True)
class Options:
    """What classes can be told besides `Settings`.

    Parameters
    ----------
    label : str
        The column of the label; its values are the classes, in alphabetical order.
    stack : int
        Of networks of stacks: neighbouring slices that are shown at a time, 3 or 5.
    plane : str
        Of networks of stacks: that of the slices, `axial`, `coronal` or `sagittal`.
    places : int
        Of networks of stacks: at how many places they are asked.
    """

    label: str = "sex"
    stack: int = 3
    plane: str = "axial"
    places: int = 8

    def __post_init__(self) -> None:
        if self.stack not in DEPTHS:
            raise InputError(
                f"stack={self.stack}: stacks have {' or '.join(map(str, DEPTHS))} slices", hint="give one of these"
            )
        if self.plane not in PLANES:
            raise UnknownChoice("plane", self.plane, tuple(PLANES))
        require_within(self, {"places": 1})


class Classes(Task):
    """A class for every image.

    Parameters
    ----------
    material : Material
    device : torch.device
    """

    criteria = (
        Criterion("auc", "auc"),
        Criterion("accuracy", "accuracy"),
        Criterion("balanced", "balanced"),
        Criterion("f1", "f1"),
        Criterion("loss", "loss", higher=False),
    )

    def __init__(self, material: Material, device: torch.device) -> None:
        super().__init__(material, device)
        self._labelled = Labelled(material, material.options.label)
        self.classes = self._labelled.classes

    @property
    def sizes(self) -> Sizes:
        """As in `Task`; and what networks of stacks read."""
        return replace(super().sizes, stack=self.material.options.stack)

    @property
    def batches(self) -> int:
        """As in `Task`."""
        return self._labelled.batches

    def plans(self, epoch: int) -> Sequence[Plan]:
        """As in `Task`."""
        return self._labelled.plans(epoch)

    def answers(self, network: Network, images: Tensor) -> Answers:
        """Logits (N, K)."""
        return (getattr(network, "logits")(images),)  # noqa: B009

    def loss(self, answers: Answers, keys: Answers | None, shown: Shown) -> Mapping[str, Tensor]:
        """Cross-entropy."""
        return {"loss": nn.functional.cross_entropy(answers[0], shown.targets["class"])}

    def validate(self, learner: Learner) -> Mapping[str, float]:
        """As in `Task`."""
        rows = self.material.rows("val")
        (logits,) = self.answered(learner, rows)
        truth = self._labelled.of(rows)
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(truth))
        people = {self.data.items[int(row)].person for row in rows}
        found = classification.figures(logits.softmax(1).numpy(), truth)
        return {"loss": float(loss), **found, "people": float(len(people)), "images": float(len(rows))}


RECIPE = Recipe(
    name="classes",
    title="classes, such as the sex, told from a brain",
    system="S3",
    kinds=(Kind.VOLUMES,),
    backbones=("mrinet", "mrinet-small", "stack-resnet", "stack-resnet-tiny"),
    settings=Settings(
        epochs=20,
        batch=45,
        optimiser="adam",
        rate=3e-4,
        weight_decay=1e-5,
        schedule="steps",
        milestones=(15,),
        factor=0.3,
        augment=False,
    ),
    options=Options(),
    task=Classes,
    of_label="{label} ({classes}), told from a brain",
    stratify=lambda options: str(options.label),
    bare=True,
    answer="classes",
)
