"""Hashing: codes of a few bits, by which images of the same class are found (system S5).

As published: two networks of one shape, of which the second follows the first, a queue of its codes, triplets of the
batch against the queue, and cross-entropy. Put right here: queue and triplets hold the codes, not the logits of
classes, so that the code layer is trained; two terms bring codes to the corners and keep bits balanced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wbtools.datasets import Kind
from wbtools.errors import InputError
from wbtools.model.families.ad3dcnn import AD3DCNN
from wbtools.model.family import Network
from wbtools.training import classification, retrieval
from wbtools.training.augmentation import RETRIEVAL
from wbtools.training.loop.feeding import Plan, Shown
from wbtools.training.loop.learner import Learner
from wbtools.training.loop.selection import Criterion
from wbtools.training.recipes.labelled import Labelled
from wbtools.training.recipes.recipe import Answers, Material, Recipe, Task
from wbtools.training.settings import Settings, require_within


@dataclass(frozen=True)
class Options:
    """What hashing can be told besides `Settings`.

    Parameters
    ----------
    label : str
        The column of the label; images of the same value are to be found.
    bits : int
        How many a code has.
    queue : int
        Past codes that a batch is compared with.
    margin : float
        By which codes of the same class should be closer, cosine distance: twice the share of bits that differ.
    quantisation : float
        Weight of the term that brings codes to the corners.
    balance : float
        Weight of the term that keeps each bit as often 1 as 0.
    neighbours : int
        So many of the nearest are looked at in validation.
    """

    label: str = "sex"
    bits: int = 16
    queue: int = 256
    margin: float = 0.2
    quantisation: float = 0.1
    balance: float = 0.1
    neighbours: int = 10

    def __post_init__(self) -> None:
        require_within(self, {"bits": 2, "queue": 2, "neighbours": 1})
        require_within(self, {"margin": 0, "quantisation": 0, "balance": 0})


class CodeLoss:
    """Triplets of a batch's codes against a queue of past ones, and what codes should look like.

    Parameters
    ----------
    options : Options
    """

    def __init__(self, options: Options) -> None:
        from pytorch_metric_learning.distances import CosineSimilarity
        from pytorch_metric_learning.losses import CrossBatchMemory, TripletMarginLoss

        # Its mean is over triplets that violate the margin: "batch all".
        triplets = TripletMarginLoss(options.margin, distance=CosineSimilarity())
        self.options = options
        self.memory: Any = CrossBatchMemory(triplets, options.bits, memory_size=options.queue)

    def __call__(self, codes: Tensor, keys: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """Parts of the loss.

        Parameters
        ----------
        codes, keys : Tensor, (N, B)
            In (-1, 1), of the network that learns and of the one that follows it; the latter go into the queue.
        classes : Tensor, (N,), int
        """
        queued = torch.arange(2 * len(codes), device=codes.device) >= len(codes)
        return {
            "triplets": self.memory(torch.cat((codes, keys)), classes.repeat(2), enqueue_mask=queued),
            "quantisation": (codes.abs() - 1).square().mean(),
            "balance": codes.mean(0).square().mean(),
        }

    def total(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The parts, weighted."""
        weights = {"quantisation": self.options.quantisation, "balance": self.options.balance}
        return torch.stack([weights.get(name, 1.0) * value for name, value in parts.items()]).sum()


class Hashing(Task):
    """Codes by which images of the same class are found.

    Parameters
    ----------
    material : Material
    device : torch.device
    """

    criteria = (
        Criterion("map", "map"),
        Criterion("precision", "precision"),
        Criterion("accuracy", "accuracy"),
        Criterion("auc", "auc"),
        Criterion("loss", "loss", higher=False),
    )
    changes = RETRIEVAL

    def __init__(self, material: Material, device: torch.device) -> None:
        super().__init__(material, device)
        self.options: Options = material.options
        if self.options.queue < self.settings.batch:
            raise InputError(
                f"a queue of {self.options.queue} is shorter than a batch of {self.settings.batch}",
                hint="give --set queue=N with as many or more",
            )
        self._labelled = Labelled(material, self.options.label, least=2)
        self.classes = self._labelled.classes
        self.code = self.options.bits
        self.criterion = CodeLoss(self.options)

    @property
    def batches(self) -> int:
        """As in `Task`."""
        return self._labelled.batches

    def plans(self, epoch: int) -> Sequence[Plan]:
        """As in `Task`."""
        return self._labelled.plans(epoch)

    def answers(self, network: Network, images: Tensor) -> Answers:
        """Codes (N, B), and logits (N, K) from the features and from the codes."""
        assert isinstance(network, AD3DCNN)
        features = network.features(images)
        codes = network.codes3(features)
        return codes, network.classifier3(features), network.codes_classifier3(codes)

    def loss(self, answers: Answers, keys: Answers | None, shown: Shown) -> Mapping[str, Tensor]:
        """As in `Task`."""
        classes = shown.targets["class"]
        parts = self.criterion(answers[0], (keys or answers)[0].detach(), classes)
        parts["classes"] = nn.functional.cross_entropy(answers[1], classes)
        parts["code_classes"] = nn.functional.cross_entropy(answers[2], classes)
        return {"loss": self.criterion.total(parts), **{name: value.detach() for name, value in parts.items()}}

    def validate(self, learner: Learner) -> Mapping[str, float]:
        """Retrieval among validation images by Hamming distance, and by the codes' real values for comparison."""
        rows = self.material.rows("val")
        codes, logits, from_codes = self.answered(learner, rows)
        truth = self._labelled.of(rows)
        losses = [nn.functional.cross_entropy(each, torch.from_numpy(truth)) for each in (logits, from_codes)]
        found = retrieval.figures(retrieval.hamming(codes.numpy()), truth, self.options.neighbours)
        units = nn.functional.normalize(codes, dim=1)
        real = retrieval.figures((1 - units @ units.T).numpy(), truth, self.options.neighbours)
        share = (codes > 0).float().mean(0).clamp(1e-6, 1 - 1e-6)
        entropy = -(share * share.log2() + (1 - share) * (1 - share).log2())
        return {
            "loss": float(sum(losses)),
            **found,
            "map_real": real["map"],
            "entropy": float(entropy.mean()),
            **classification.figures(logits.softmax(1).numpy(), truth),
        }

    def state(self) -> dict[str, Any]:
        """The queue."""
        memory = self.criterion.memory
        return {
            "codes": memory.embedding_memory.cpu(),
            "classes": memory.label_memory.cpu(),
            "at": int(memory.queue_idx),
            "filled": bool(memory.has_been_filled),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the queue of an earlier run."""
        memory = self.criterion.memory
        memory.embedding_memory, memory.label_memory = state["codes"], state["classes"]
        memory.queue_idx, memory.has_been_filled = state["at"], state["filled"]


RECIPE = Recipe(
    name="hashing",
    title="codes of a few bits, by which images of the same class are found",
    system="S5",
    kinds=(Kind.VOLUMES,),
    backbones=("ad3dcnn",),
    settings=Settings(epochs=30, batch=8, optimiser="adam", rate=1e-4, average=0.999),
    options=Options(),
    task=Hashing,
    of_label="codes by which images of the same {label} ({classes}) are found",
    stratify=lambda options: str(options.label),
    keys=True,
    bare=True,
    answer="embedding",
)
