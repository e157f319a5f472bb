"""The network of the MRI-Retrieval project (system S5): from one image to a code whose signs are bits, and to classes.

The published stages pool before their last ReLU; here the ReLU comes first. The two commute exactly, and what is pooled
is then never negative, which relevance needs. Their modules hold no parameters, so the names stay the published ones.

Source: https://github.com/AlexSisay/MRI-Retrieval (architecture only; the code is our own). Only that form of the names
is known: `feature_extractor.0 .. 34`, `classifier3.1`, `codes3.0`, `codes_classifier3.0`; any other is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.convolution import Conv3d
from wbtools.model.family import Architecture, Family, Network, Shapes, axes

_STAGE = 7
"""Modules of a stage: convolution, norm, ReLU, convolution, norm, ReLU, pool."""


@dataclass(frozen=True)
class AD3DCNNArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    widths : tuple of int
        Channels of each stage.
    positions : int
        Voxels that are left after the last pool: 1 x 2 x 1 of an image of 182 x 218 x 182.
    bits : int
        Length of the code.
    classes : int

    Examples
    --------
    >>> AD3DCNNArchitecture().features
    256
    """

    widths: tuple[int, ...] = (8, 16, 32, 64, 128)
    positions: int = 2
    bits: int = 16
    classes: int = 2

    def __post_init__(self) -> None:
        if not self.widths or min(*self.widths, self.positions, self.bits, self.classes) < 1:
            raise CheckpointError(f"{self} is no AD_3DCNN", hint="check its stages and heads")

    @property
    def features(self) -> int:
        """Inputs of the heads."""
        return self.positions * self.widths[-1]

    @classmethod
    def of(cls, shapes: Shapes) -> AD3DCNNArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        widths: list[int] = []
        while (key := f"feature_extractor.{_STAGE * len(widths)}.weight") in shapes:
            widths.append(axes(shapes, key, 5)[0])
        bits, features = axes(shapes, "codes3.0.weight", 2)
        classes = axes(shapes, "classifier3.1.weight", 2)[0]
        return cls(tuple(widths), features // widths[-1], bits, classes)


def _stage(inputs: int, outputs: int) -> list[nn.Module]:
    first = [Conv3d(inputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU()]
    return [*first, Conv3d(outputs, outputs, 3), nn.BatchNorm3d(outputs), nn.ReLU(), nn.MaxPool3d(2)]


class AD3DCNN(Network):
    """A network from one image (N, 1, X, Y, Z) to its code (N, B) in (-1, 1); the sign of each value is a bit.

    Parameters
    ----------
    architecture : AD3DCNNArchitecture
    """

    answers = ("raw", "logits")
    hashes = True

    architecture: AD3DCNNArchitecture

    def __init__(self, architecture: AD3DCNNArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        stages = zip((1, *architecture.widths), architecture.widths, strict=False)
        self.feature_extractor = nn.Sequential(*(module for sizes in stages for module in _stage(*sizes)))
        self.flatten = nn.Flatten()
        self.classifier3 = nn.Sequential(nn.Dropout(0.5), nn.Linear(architecture.features, architecture.classes))
        self.codes3 = nn.Sequential(nn.Linear(architecture.features, architecture.bits), nn.Tanh())
        self.codes_classifier3 = nn.Sequential(nn.Linear(architecture.bits, architecture.classes), nn.Tanh())

    def features(self, x: Tensor) -> Tensor:
        """What the heads are given (N, F), of images (N, 1, X, Y, Z)."""
        found: Tensor = self.flatten(self.feature_extractor(x))
        return found

    def raw(self, x: Tensor) -> Tensor:
        """The code (N, B) before it is squeezed into (-1, 1): the embedding that relevance starts from."""
        found: Tensor = self.codes3[0](self.features(x))
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The code (N, B)."""
        found: Tensor = self.codes3[1](self.raw(x))
        return found

    def logits(self, x: Tensor) -> Tensor:
        """One value (N, K) per class, from the features."""
        found: Tensor = self.classifier3(self.features(x))
        return found

    def code_logits(self, x: Tensor) -> Tensor:
        """One value (N, K) in (-1, 1) per class, from the code."""
        found: Tensor = self.codes_classifier3(self.forward(x))
        return found

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        names = [_STAGE * n + first for n in range(len(self.architecture.widths)) for first in (0, 3)]
        return [(f"feature_extractor.{i}", f"feature_extractor.{i + 1}") for i in names]


def _recognises(shapes: Shapes) -> bool:
    return "codes3.0.weight" in shapes and len(shapes.get("feature_extractor.0.weight", ())) == 5


FAMILY = Family(
    card=Card(
        name="ad3dcnn",
        title="AD_3DCNN for retrieval by hash codes (S5)",
        family="ad3dcnn",
        shape=(182, 218, 182),
        notice="AD_3DCNN was trained on images registered to MNI152 at 1 mm, with intensities divided by 255; "
        "wbtools gives it the person's own T1w field of view, scaled to [0, 1]",
    ),
    purpose="T1w image to code and classes",
    recognises=_recognises,
    architecture=AD3DCNNArchitecture,
    network=AD3DCNN,
)
