"""The Siamese networks of the hemisphere-symmetry study (system S2): is half of a slice the mirror image of the other?

Each axial slice is cut at the middle of the field of view. Both halves, turned so that they look alike, go through one
torchvision network; the features of both, one after the other, through the layers of `fc`.

As published, a half lies in a black square with the midline 195/290 from its top. There the slices are rows of a file's
first axis: that this axis runs to the person's left is our reading of "left side only" beside the simulated lesions.

Source: https://github.com/agucciardi (architecture and preparation only; the code is our own).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.families.slices import SHAPE, SliceNetwork
from wbtools.model.family import Architecture, Family, Shapes, axes
from wbtools.model.imported.retrace import norms_after_convolutions, separated
from wbtools.model.pictures import Pictures, SideBySide

TINY = "resnet_tiny"
"""A narrow ResNet with one block in each layer, for few people or a slow machine: not published."""

BACKBONES: dict[str, tuple[str, tuple[int, ...]]] = {
    "resnext101_64x4d": ("6.22.conv2.weight", (1024, 16, 3, 3)),
    "resnet18": ("4.1.conv2.weight", (64, 64, 3, 3)),
    "mobilenet_v3_large": ("0.16.0.weight", (960, 160, 1, 1)),
    "efficientnet_v2_l": ("0.8.0.weight", (1280, 640, 1, 1)),
    "vgg19": ("0.34.weight", (512, 512, 3, 3)),
    TINY: ("4.0.conv2.weight", (16, 16, 3, 3)),
}
"""The networks that are known, torchvision's but for one, and a tensor that no other of them has."""

_MIDLINE = 195 / 290
"""Where the midline lies in the published squares, from top to bottom."""


@dataclass(frozen=True)
class HemispheresArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    backbone : str
        One of BACKBONES.
    attribute : str
        The name under which the checkpoint holds it, such as `resnet`, `vggnet` or `mobnet`.
    units : tuple of int
        Inputs and outputs of the layers of `fc`: twice the backbone's features first, 1 last.

    Examples
    --------
    >>> HemispheresArchitecture().units
    (1024, 256, 1)
    """

    backbone: str = "resnet18"
    attribute: str = "resnet"
    units: tuple[int, ...] = (1024, 256, 1)

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES or len(self.units) < 2 or self.units[-1] != 1 or not self.attribute:
            raise CheckpointError(f"{self} is no hemisphere network", hint="check its backbone and its last layers")

    @classmethod
    def of(cls, shapes: Shapes) -> HemispheresArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        attribute, backbone = _backbone(shapes) or ("", "")
        units = [axes(shapes, "fc.0.weight", 2)[1]]
        while (key := f"fc.{2 * len(units) - 2}.weight") in shapes:
            units.append(axes(shapes, key, 2)[0])
        return cls(backbone, attribute, tuple(units))


def _backbone(shapes: Shapes) -> tuple[str, str] | None:
    """The name before a known backbone's keys, and the backbone."""
    for name, (key, shape) in BACKBONES.items():
        for attribute in {found.partition(".")[0] for found in shapes}:
            if shapes.get(f"{attribute}.{key}") == shape:
                return attribute, name
    return None


def _tiny_layers(width: int = 16) -> list[nn.Module]:
    """The layers of torchvision's ResNets, in their order, with a quarter of the channels and one block in each."""
    from torchvision.models.resnet import BasicBlock

    stem = nn.Conv2d(1, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    layers: list[nn.Module] = [*stem, nn.Sequential(BasicBlock(width, width))]
    for inputs in (width, 2 * width, 4 * width):
        shortcut = nn.Sequential(nn.Conv2d(inputs, 2 * inputs, 1, 2, bias=False), nn.BatchNorm2d(2 * inputs))
        layers.append(nn.Sequential(BasicBlock(inputs, 2 * inputs, 2, shortcut)))
    return [*layers, nn.AdaptiveAvgPool2d(1)]


def _features(backbone: str) -> nn.Module:
    """A network with one input channel and without its last layers."""
    import torchvision

    if backbone == TINY:
        return separated(nn.Sequential(*_tiny_layers()))
    network = getattr(torchvision.models, backbone)(weights=None)
    features = nn.Sequential(*list(network.children())[:-1])
    for name, module in features.named_modules():
        if isinstance(module, nn.Conv2d):
            geometry: Any = {key: getattr(module, key) for key in ("kernel_size", "stride", "padding")}
            first = nn.Conv2d(1, module.out_channels, bias=module.bias is not None, **geometry)
            features.set_submodule(name, first)
            break
    return separated(features)


class Halves(Pictures):
    """Both halves of axial slices, turned so that they look alike, the midline at the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """The left halves of all slices of x (N, 1, X, Y, Z), then the right ones, as (2 x N x S, 1, side, side)."""
        slices = self.axial(x)
        rows, columns = slices.shape[2:]
        width, side = rows // 2, max(rows, columns)
        right, left = slices[:, :, :width], slices[:, :, rows - width :].flip(2)
        above = max(0, round(_MIDLINE * side) - width)
        beside = (side - columns) // 2
        frame = (beside, side - columns - beside, above, side - width - above)
        return nn.functional.pad(torch.cat((left, right)), frame)


class HalvesBelow(Pictures):
    """Both halves of slices that are cut already, the second one below the first."""

    def forward(self, x: Tensor) -> Tensor:
        """The first halves of all slices of x (N, 1, 2 h, w, S), then the second ones, as (2 x N x S, 1, h, w)."""
        return torch.cat(self.axial(x).chunk(2, 2))


class Hemispheres(SliceNetwork):
    """A network from one image (N, 1, X, Y, Z) to one value per axial slice (N, S): above 0, its halves differ.

    Parameters
    ----------
    architecture : HemispheresArchitecture
    """

    answers = ("logits", "raw")
    yes_or_no = True

    architecture: HemispheresArchitecture

    def __init__(self, architecture: HemispheresArchitecture) -> None:
        super().__init__(Halves())
        self.architecture = architecture
        self.add_module(architecture.attribute, _features(architecture.backbone))
        last: list[nn.Module] = []
        for inputs, outputs in zip(architecture.units, architecture.units[1:], strict=False):
            last += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.fc = nn.Sequential(*last[:-1])
        self.flatten, self.side_by_side = nn.Flatten(), SideBySide()

    def raw(self, x: Tensor) -> Tensor:
        """One value (N, S) per slice, before the sigmoid."""
        found: Tensor = self.per_image(self.compared(self.pictures(x)), x)
        return found

    def compared(self, halves: Tensor) -> Tensor:
        """One value (N, 1) per pair of halves, before the sigmoid; first halves, then second ones (2 N, 1, h, w)."""
        features = self.flatten(self.get_submodule(self.architecture.attribute)(halves))
        answer: Tensor = self.fc(self.side_by_side(features))
        return answer

    def logits(self, x: Tensor) -> Tensor:
        """As `raw`."""
        return self.raw(x)

    def of_halves(self) -> Hemispheres:
        """A copy that takes slices that are cut already: images (N, 1, 2 h, w, S), the second half below the first."""
        found = copy.deepcopy(self)
        found.pictures = HalvesBelow()
        return found

    def forward(self, x: Tensor) -> Tensor:
        """The probability (N, S) of each slice that its halves differ."""
        return torch.sigmoid(self.raw(x))

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        name = self.architecture.attribute
        pairs = norms_after_convolutions(self.get_submodule(name))
        return [(f"{name}.{conv}", f"{name}.{norm}") for conv, norm in pairs]


def _recognises(shapes: Shapes) -> bool:
    return "fc.0.weight" in shapes and _backbone(shapes) is not None


FAMILY = Family(
    card=Card(
        name="hemispheres",
        title="Siamese network for hemisphere symmetry (S2)",
        family="hemispheres",
        shape=SHAPE,
        intensity="uint8",
        training_data="slices of neonatal brains with simulated lesions (the checkpoint does not say which)",
        notice="Hemisphere network: trained on slices of newborns that were turned to an annotated midline, in grey "
        "values from 0 to 255; wbtools scales the T1w image to those, and cuts at the middle of the field of view; "
        "which half of the published slices is the left one is inferred",
    ),
    purpose="axial slices to one value each",
    recognises=_recognises,
    architecture=HemispheresArchitecture,
    network=Hemispheres,
)
