"""The sex-classification network of "Interpretation of 3D CNNs for Brain MRI Data Classification" (system S3).

It is published in two forms of one architecture: `hidden1..3` and `linear`, which answers with the logarithm of the
softmax, and `features` and `classifier`, which answers with logits.

Source: https://arxiv.org/abs/2006.15969 and the authors' notebooks (architecture only; the code is our own).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.convolution import Conv3d
from wbtools.model.family import Architecture, Classifier, Family, Network, Shapes, axes

_LAST = re.compile(r"classifier\.(\d+)\.weight")


@dataclass(frozen=True)
class MriNetArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    width : int
        Channels of the first convolution; the second has twice, the third four times as many.
    positions : int
        Voxels that are left after the last pool: 5 x 7 x 5 of an image of 58 x 70 x 58.
    classes : int
    twin : bool
        The form with `features` and `classifier`.
    last : int
        In that form, the place of the linear layer: 3 where it follows a dropout, else 2.

    Examples
    --------
    >>> MriNetArchitecture.of({"hidden1.0.weight": (32, 1, 3, 3, 3), "linear.weight": (2, 22400)})
    MriNetArchitecture(width=32, positions=175, classes=2, twin=False, last=3)
    """

    width: int = 32
    positions: int = 175
    classes: int = 2
    twin: bool = False
    last: int = 3

    def __post_init__(self) -> None:
        if min(self.width, self.positions, self.classes) < 1 or self.last not in (2, 3):
            raise CheckpointError(f"{self} is no MriNet", hint="check its last layer")

    def describe(self) -> dict[str, object]:
        """The form, and those fields of `Architecture` that say more than it."""
        form = "features and classifier" if self.twin else "hidden1..3 and linear"
        return {"form": form, "width": self.width, "positions": self.positions, "classes": self.classes}

    @classmethod
    def of(cls, shapes: Shapes) -> MriNetArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        twin = "features.0.weight" in shapes
        last = next((int(found[1]) for key in shapes if (found := _LAST.fullmatch(key))), 0) if twin else 3
        width = axes(shapes, "features.0.weight" if twin else "hidden1.0.weight", 5)[0]
        classes, inputs = axes(shapes, f"classifier.{last}.weight" if twin else "linear.weight", 2)
        return cls(width, inputs // (4 * width), classes, twin, last)


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    return [Conv3d(inputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU(), nn.MaxPool3d(2)]


class MriNet(Classifier):
    """A network from one image (N, 1, X, Y, Z) to the log-probabilities of its classes (N, K).

    Parameters
    ----------
    architecture : MriNetArchitecture
    """

    architecture: MriNetArchitecture

    def __init__(self, architecture: MriNetArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        c = architecture.width
        self.hidden1 = nn.Sequential(*_stage(1, c))
        self.hidden2 = nn.Sequential(*_stage(c, 2 * c))
        self.hidden3 = nn.Sequential(*_stage(2 * c, 4 * c))
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(4 * c * architecture.positions, architecture.classes)

    def logits(self, x: Tensor) -> Tensor:
        """One value (N, K) per class, of images (N, 1, X, Y, Z)."""
        features = self.flatten(self.hidden3(self.hidden2(self.hidden1(x))))
        found: Tensor = self.linear(self.dropout(features))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The logarithm of the softmax (N, K)."""
        return torch.nn.functional.log_softmax(self.logits(x), dim=1)

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        return [(f"hidden{n}.0", f"hidden{n}.1") for n in (1, 2, 3)]


class MriNetTwin(Classifier):
    """The same network in its second form, which answers with logits (N, K).

    Parameters
    ----------
    architecture : MriNetArchitecture
    """

    architecture: MriNetArchitecture

    def __init__(self, architecture: MriNetArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        c = architecture.width
        *features, pool = [*_stage(1, c), *_stage(c, 2 * c), *_stage(2 * c, 4 * c)]
        dropout = [nn.Dropout(0.5)] * (architecture.last - 2)
        linear = nn.Linear(4 * c * architecture.positions, architecture.classes)
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(pool, nn.Flatten(), *dropout, linear)

    def logits(self, x: Tensor) -> Tensor:
        """One value (N, K) per class, of images (N, 1, X, Y, Z)."""
        found: Tensor = self.classifier(self.features(x))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The logits (N, K)."""
        return self.logits(x)

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        return [(f"features.{i}", f"features.{i + 1}") for i in (0, 4, 8)]


def _recognises(shapes: Shapes) -> bool:
    first = {"hidden1.0.weight", "features.0.weight"} & shapes.keys()
    last = "linear.weight" in shapes or any(_LAST.fullmatch(key) for key in shapes)
    return last and any(len(shapes[key]) == 5 for key in first)


def _network(architecture: MriNetArchitecture) -> Network:
    """The network in the form that the architecture says."""
    return MriNetTwin(architecture) if architecture.twin else MriNet(architecture)


FAMILY = Family(
    card=Card(
        name="mrinet",
        title="MriNet for sex classification (S3)",
        family="mrinet",
        shape=(58, 70, 58),
        intensity="raw",
        training_data="HCP, T1w or FA (the checkpoint does not say which)",
        notice="MriNet without a card: it is given the T1w field of view divided into 58 x 70 x 58 voxels, in the "
        "intensities of the file, as it was trained on those of HCP's T1w images; classes are named by their number",
    ),
    purpose="T1w or FA image to two classes",
    recognises=_recognises,
    architecture=MriNetArchitecture,
    network=_network,
)
