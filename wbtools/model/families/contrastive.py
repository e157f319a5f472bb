"""The contrastive Siamese network (system S4): a torchvision DenseNet that gives each slice an embedding.

Two images are alike if their embeddings lie close together. The study's network is DenseNet-121; narrower and deeper
ones of the same form are read from the checkpoint. It may hold the network under any name, with one input channel or
three (the slice is then given three times), and with any number of linear layers behind it, ReLU between them.

Source: "Siamese network for medical image classification" (architecture only; the code is our own). How the published
slices were cut is not stated: they are shown as radiologists see them, front up and the person's right on the left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import Card
from wbtools.model.families.slices import SHAPE, SliceNetwork
from wbtools.model.family import Architecture, Family, Shapes, axes, depths
from wbtools.model.imported.retrace import norms_after_convolutions, separated
from wbtools.model.pictures import Pictures

_INSIDE = "denseblock1.denselayer1.conv2.weight"
"""A tensor that every DenseNet has."""

_KNOWN: dict[tuple[int, ...], str] = {
    (6, 12, 24, 16): "densenet121",
    (6, 12, 32, 32): "densenet169",
    (6, 12, 48, 32): "densenet201",
}
"""torchvision's DenseNets with its usual widths, by the layers of their blocks."""


@dataclass(frozen=True)
class ContrastiveArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    features : str
        The name of the convolutional part in the checkpoint, such as `features` or `model.features`.
    channels : int
        Of the first convolution: 1, or 3 as for photographs.
    head : tuple of str
        Names of the linear layers behind it, in their order.
    units : tuple of int
        Inputs of the first of them, and outputs of each.
    layers : tuple of int
        Of each dense block.
    growth : int
        Channels that every layer adds.
    inner : int
        Channels between the two convolutions of a layer, a multiple of `growth`.
    stem : int
        Channels of the first convolution.

    Examples
    --------
    >>> ContrastiveArchitecture(head=("classifier",), units=(1024, 128)).embedding
    128
    """

    features: str = "features"
    channels: int = 3
    head: tuple[str, ...] = ()
    units: tuple[int, ...] = (1024,)
    layers: tuple[int, ...] = (6, 12, 24, 16)
    growth: int = 32
    inner: int = 128
    stem: int = 64

    def __post_init__(self) -> None:
        widths = (self.channels, self.growth, self.inner, self.stem)
        fits = len(self.units) == len(self.head) + 1 and bool(self.layers) and not self.inner % self.growth
        if not fits or min(*widths, *self.layers, *self.units) < 1:
            raise CheckpointError(f"{self} is no contrastive network", hint="check its last layers")

    @property
    def embedding(self) -> int:
        """Values of one slice's embedding."""
        return self.units[-1]

    def describe(self) -> dict[str, object]:
        """As in `Architecture`, what all have in common, and what follows."""
        usual = (self.growth, self.inner, self.stem) == (32, 128, 64)
        name = _KNOWN.get(self.layers, "densenet") if usual else "densenet"
        return {"backbone": name, **super().describe(), "embedding": self.embedding}

    @classmethod
    def of(cls, shapes: Shapes) -> ContrastiveArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        features = _found(shapes) or ""
        channels = axes(shapes, f"{features}.conv0.weight", 4)[1]
        linear = [key for key, shape in shapes.items() if key.endswith(".weight") and len(shape) == 2]
        units = [axes(shapes, key, 2) for key in linear]
        inputs = units[0][1:] if units else (axes(shapes, f"{features}.norm5.weight", 1)[0],)
        names = tuple(key.removesuffix(".weight") for key in linear)
        blocks = depths(shapes, rf"{re.escape(features)}\.denseblock(\d+)\.denselayer\d+\.conv1\.weight")
        growth, inner, *_ = axes(shapes, f"{features}.{_INSIDE}", 4)
        stem = axes(shapes, f"{features}.conv0.weight", 4)[0]
        return cls(features, channels, names, (*inputs, *(unit[0] for unit in units)), blocks, growth, inner, stem)


def _found(shapes: Shapes) -> str | None:
    """The name of a DenseNet's convolutional part."""
    matches = (re.fullmatch(rf"(.+)\.{re.escape(_INSIDE)}", key) for key, shape in shapes.items() if len(shape) == 4)
    return next((match[1] for match in matches if match), None)


class RadiologicalSlices(Pictures):
    """Axial slices as radiologists see them, repeated for every channel.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """All slices of x (N, 1, X, Y, Z), (N x S, C, rows, columns): front up, the person's right on the left."""
        return self.axial(x).flip(3).transpose(2, 3).expand(-1, self.channels, -1, -1)


class Contrastive(SliceNetwork):
    """A network from one image (N, 1, X, Y, Z) to the embeddings of its axial slices, one after the other (N, S x E).

    Parameters
    ----------
    architecture : ContrastiveArchitecture
    """

    alike = "one class"
    architecture: ContrastiveArchitecture

    def __init__(self, architecture: ContrastiveArchitecture) -> None:
        super().__init__(RadiologicalSlices(architecture.channels))
        import torchvision

        self.architecture = architecture
        growth, stem = architecture.growth, architecture.stem
        features = torchvision.models.DenseNet(
            growth, architecture.layers, stem, architecture.inner // growth, num_classes=1
        ).features
        features.conv0 = nn.Conv2d(architecture.channels, stem, 7, stride=2, padding=3, bias=False)
        self._place(architecture.features, separated(features))
        self.features_relu, self.avgpool, self.flatten = nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        for name, inputs, outputs in zip(architecture.head, architecture.units, architecture.units[1:], strict=False):
            self._place(name, nn.Linear(inputs, outputs))
        self.head_relus = nn.ModuleList(nn.ReLU() for _ in architecture.head[1:])

    def _place(self, name: str, module: nn.Module) -> None:
        """Put a module under a dotted name, with containers on the way."""
        place: nn.Module = self
        *parents, last = name.split(".")
        for parent in parents:
            if parent not in dict(place.named_children()):
                place.add_module(parent, nn.Module())
            place = place.get_submodule(parent)
        place.add_module(last, module)

    def raw(self, x: Tensor) -> Tensor:
        """The embeddings (N, S x E) of all slices, not brought to length 1."""
        found: Tensor = self.per_image(self.of_pictures(self.pictures(x)), x)
        return found

    def of_pictures(self, pictures: Tensor) -> Tensor:
        """The embeddings (N, E) of pictures (N, C, rows, columns), not brought to length 1."""
        maps = self.get_submodule(self.architecture.features)(pictures)
        embedding: Tensor = self.flatten(self.avgpool(self.features_relu(maps)))
        for i, name in enumerate(self.architecture.head):
            embedding = self.get_submodule(name)(self.head_relus[i - 1](embedding) if i else embedding)
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings of all slices as one vector (N, S x E) of length 1."""
        return nn.functional.normalize(self.raw(x), dim=1)

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        name = self.architecture.features
        pairs = norms_after_convolutions(self.get_submodule(name))
        return [(f"{name}.{conv}", f"{name}.{norm}") for conv, norm in pairs]


FAMILY = Family(
    card=Card(
        name="contrastive",
        title="contrastive Siamese network (S4)",
        family="contrastive",
        shape=SHAPE,
        notice="Contrastive network: how its slices were cut, and how their intensities were normalised, is in no "
        "checkpoint; wbtools gives it the T1w image's axial slices, scaled to [0, 1]",
    ),
    purpose="axial slices to an embedding each",
    recognises=lambda shapes: _found(shapes) is not None,
    architecture=ContrastiveArchitecture,
    network=Contrastive,
)
