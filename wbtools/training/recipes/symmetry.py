"""Symmetry: does half of a slice mirror the other, or is there a lesion in one of them (system S2)?

As published: a Siamese network on both halves, binary cross-entropy, Adadelta, the rate times .7 after every epoch.
Put right here: lesions are seeded, lie inside tissue and come anew each epoch, slices are shuffled, and people, not
slices, are split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wbtools.datasets import Kind
from wbtools.errors import InputError, UnknownChoice
from wbtools.model.families.hemispheres import Hemispheres
from wbtools.model.family import Network
from wbtools.text import counted
from wbtools.training import classification
from wbtools.training.augmentation import Dice
from wbtools.training.loop.feeding import Plan, Shown, on_device, seed_of, shared_out
from wbtools.training.loop.learner import Learner, evaluating
from wbtools.training.loop.selection import Criterion
from wbtools.training.recipes.recipe import Answers, Material, Recipe, Task, require_answers
from wbtools.training.settings import Settings
from wbtools.training.simulated import GREY, PUBLISHED_SIDE, SHAPES, SIZES, TEXTURES, Lesion, lesioned

_EITHER = "both"
_CONTRAST, _BRIGHTNESS = 0.5, 0.2  # the exponent of 2 that grey values are raised to, and a share of them
_CONTROLS = (4, 8)  # points that are displaced at random, along a half's short and long side
_ALIKE, _ALONE = 0.036, 0.012  # the most that they are displaced, in both halves and in one, as shares of the long side
_SHRINKING = 0.75  # of the epochs


@dataclass(frozen=True)
class Options:
    """What symmetry can be told besides `Settings`.

    Parameters
    ----------
    sizes : tuple of int
        Of lesions, pixels across on the published grid of 290; each is as frequent.
    shape : str
        `disc`, `square` or `both`.
    texture : str
        `flat`, `textured` or `both`.
    begin : int
        Pixels across that the smallest lesions have in the first epoch; all of them shrink together, and have their
        sizes after three quarters of the epochs. 0: from the first epoch on, as published. Networks with random weights
        learn small lesions after large ones, and hardly without.
    """

    sizes: tuple[int, ...] = SIZES
    shape: str = _EITHER
    texture: str = "flat"
    begin: int = 0

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise InputError("sizes are numbers of pixels", hint="give for example --set sizes=23,27")
        if self.begin and self.begin < min(self.sizes):
            raise InputError(
                f"lesions that begin with {counted(self.begin, 'pixel')} cannot shrink to {min(self.sizes)}",
                hint="give begin a larger number, or 0",
            )
        for name, known in (("shape", SHAPES), ("texture", TEXTURES)):
            if getattr(self, name) not in (*known, _EITHER):
                raise UnknownChoice(name, getattr(self, name), (*known, _EITHER))

    def times(self, passed: float) -> float:
        """How many times as large as their sizes lesions are when this share of the epochs has passed.

        Examples
        --------
        >>> Options(sizes=(20, 40), begin=80).times(0.0), Options(sizes=(20, 40), begin=80).times(0.75)
        (4.0, 1.0)
        """
        left = max(0.0, 1 - passed / _SHRINKING)
        return float((self.begin / min(self.sizes)) ** left) if self.begin else 1.0

    def drawn(self, side: float, dice: np.random.Generator) -> Lesion:
        """A lesion for slices whose side has so many pixels."""

        def of(known: tuple[str, ...], wanted: str) -> str:
            return str(dice.choice(known)) if wanted == _EITHER else wanted

        size = int(dice.choice(self.sizes)) * side / PUBLISHED_SIDE
        return Lesion(size, of(SHAPES, self.shape), of(TEXTURES, self.texture), float(dice.uniform(*GREY)))


def bent(halves: NDArray[np.uint8], dice: Dice) -> NDArray[np.uint8]:
    """Pairs of halves (N, 2, H, W) as other people have them: both deformed alike, and each a little by itself.

    No brain is quite symmetric: a network that has seen few people takes what they have by nature for a lesion in
    somebody else, or learns it by heart.

    Parameters
    ----------
    halves : ndarray, (N, 2, H, W), uint8
    dice : Dice
        On the CPU.
    """
    count, _, height, width = halves.shape
    interpolate = nn.functional.interpolate

    def displacements(most: float, fields: int) -> Tensor:
        points = dice.uniform(-most, most, count, 2 * fields, *_CONTROLS)
        return interpolate(points, (height, width), mode="bicubic", align_corners=True).view(-1, 2, height, width)

    moved = displacements(_ALIKE, 1).repeat_interleave(2, 0) + displacements(_ALONE, 2)
    # grid_sample counts axes backwards, and from -1 to 1.
    scale = torch.tensor((2 / width, 2 / height)) * max(height, width)
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    places = torch.stack((columns, rows), -1) + moved.permute(0, 2, 3, 1) * scale
    images = torch.from_numpy(halves.astype(np.float32)).view(-1, 1, height, width)
    found = nn.functional.grid_sample(images, places, align_corners=True).round()
    return found.numpy().astype(np.uint8).reshape(halves.shape)


def varied(halves: Tensor, dice: Dice) -> Tensor:
    """Pairs of halves (N, 2, H, W) as other scanners and people would give them, both halves of a pair alike.

    Contrast and brightness differ, and front and back are exchanged in every second pair: slices of few people are
    otherwise learned by heart, and every slice of somebody else looks changed.

    Parameters
    ----------
    halves : Tensor, (N, 2, H, W)
        Grey values from 0 to 255; 0 stays 0.
    dice : Dice
    """

    def drawn(low: float, high: float) -> Tensor:
        return dice.uniform(low, high, len(halves)).view(-1, 1, 1, 1)

    changed = 255 * (halves / 255) ** 2 ** drawn(-_CONTRAST, _CONTRAST)
    changed = (changed * drawn(1 - _BRIGHTNESS, 1 + _BRIGHTNESS)).clamp(max=255)
    return torch.where(drawn(0, 1) < 0.5, changed.flip(3), changed)


class Symmetry(Task):
    """Whether the halves of a slice differ.

    Parameters
    ----------
    material : Material
    device : torch.device
    """

    criteria = (
        Criterion("auc", "auc"),
        Criterion("accuracy", "accuracy"),
        Criterion("f1", "f1"),
        Criterion("loss", "loss", higher=False),
    )

    def __init__(self, material: Material, device: torch.device) -> None:
        super().__init__(material, device)
        self.options: Options = material.options
        channels = self.data.manifest.shape[0]
        if channels != 2:
            raise InputError(
                f"slices of {self.data.folder} have {channels} halves, not 2", hint="prepare them with wbtools prepare"
            )

    @property
    def batches(self) -> int:
        """As in `Task`."""
        return len(shared_out(self.material.rows("train"), self.settings.batch))

    def plans(self, epoch: int) -> Sequence[Plan]:
        """All slices in a random order; a random half of them gets a lesion."""
        dice = np.random.default_rng(seed_of(self.settings.seed, epoch))
        rows = dice.permutation(self.material.rows("train"))
        sick = dice.permutation(np.arange(len(rows)) % 2).astype(np.float32)
        found = []
        for number, places in enumerate(shared_out(np.arange(len(rows)), self.settings.batch)):
            seed = seed_of(self.settings.seed, epoch, number)
            times = np.full(len(places), self.options.times(epoch / self.settings.epochs), np.float32)
            found.append(Plan(rows[places], seed, {"lesion": sick[places], "times": times}))
        return found

    def show(self, plan: Plan) -> Shown:
        """First halves, then second ones, (2 N, 1, H, W), in grey values from 0 to 255; both changed alike."""
        if not self.settings.augment:
            return self._side_by_side(self._halves(plan), plan)
        halves = self._halves(plan, Dice(plan.seed + 1, share=plan.share))
        return self._side_by_side(varied(halves, Dice(plan.seed, self.device, plan.share)), plan)

    def _halves(self, plan: Plan, dice: Dice | None = None) -> Tensor:
        return torch.from_numpy(self.halves(plan, dice).astype(np.float32)).to(self.device)

    def _side_by_side(self, halves: Tensor, plan: Plan) -> Shown:
        images = torch.cat((halves[:, :1], halves[:, 1:]))
        return Shown(self.ready(images), on_device(plan.targets, self.device), plan.share)

    def halves(self, plan: Plan, dice: Dice | None = None) -> NDArray[np.uint8]:
        """Both halves of the slices that are shown here (N, 2, H, W), with a lesion in one where it is wanted.

        Parameters
        ----------
        plan : Plan
        dice : Dice, optional
            With it, slices are bent before.
        """
        halves = np.array(self.data.images[plan.rows[plan.own]])
        if dice and len(halves):
            halves = bent(halves, dice)
        first = plan.own.start or 0
        for place in np.flatnonzero(plan.targets["lesion"][plan.own]):
            own = np.random.default_rng((plan.seed, first + int(place)))
            side = int(own.integers(2))
            times = float(plan.targets["times"][first + int(place)]) if "times" in plan.targets else 1.0
            lesion = self.options.drawn(max(halves.shape[2:]) * times, own)
            halves[place, side], _ = lesioned(halves[place, side], lesion, own)
        return halves

    def answers(self, network: Network, images: Tensor) -> Answers:
        """One value for each pair of halves, (N, 1)."""
        assert isinstance(network, Hemispheres)
        return (network.compared(images),)

    def loss(self, answers: Answers, keys: Answers | None, shown: Shown) -> Mapping[str, Tensor]:
        """Binary cross-entropy."""
        return {"loss": nn.functional.binary_cross_entropy_with_logits(answers[0][:, 0], shown.targets["lesion"])}

    def validate(self, learner: Learner) -> Mapping[str, float]:
        """Figures of all validation slices, each once as it is and once with a lesion, the same in all epochs."""
        rows = np.repeat(self.material.rows("val"), 2)
        truth = np.arange(len(rows)) % 2
        values: list[Tensor] = []
        with evaluating(learner):
            for places in shared_out(np.arange(len(rows)), self.settings.batch):
                seed = seed_of(self.settings.seed, 0, int(places[0]), 1)
                plan = self.ranks.shared(Plan(rows[places], seed, {"lesion": truth[places].astype(np.float32)}))
                images = self._side_by_side(self._halves(plan), plan).images
                (answers,) = self.answers(learner.network, images)
                values += self.ranks.gathered((answers[:, 0].to(self.dtype).cpu(),), plan.share)
        require_answers(values)
        logits = torch.cat(values)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(truth).float())
        sick = torch.sigmoid(logits).numpy()
        return {"loss": float(loss), **classification.figures(np.stack([1 - sick, sick], 1), truth)}


RECIPE = Recipe(
    name="symmetry",
    title="whether both halves of a slice look alike",
    system="S2",
    kinds=(Kind.SLICES,),
    backbones=(
        "resnet18",
        "vgg19",
        "mobilenet_v3_large",
        "resnext101_64x4d",
        "efficientnet_v2_l",
        "halves-resnet-tiny",
    ),
    settings=Settings(
        epochs=5,
        batch=32,
        optimiser="adadelta",
        rate=0.01,
        schedule="steps",
        milestones=(1, 2, 3, 4),
        factor=0.7,
        augment=False,
    ),
    options=Options(),
    task=Symmetry,
    bare=True,
)
