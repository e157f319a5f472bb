"""The two-dimensional variant of the sex-classification study (system S3): a ResNet-18 on a few neighbouring slices.

Three or five neighbouring slices of the image are the channels of one picture. The network is asked at several places
of the image, and its answers vote: what counts is the mean of its logits over all places. Everything after the last
convolutions is linear, so that this is what its last layer says of the mean features; an explanation of the vote is the
sum of what each place contributes. `wbtools evaluate` counts majorities beside it.

Source: https://arxiv.org/abs/2006.15969 (that there were three or five slices, and votes); the network is torchvision's
ResNet under its names. How slices were cut and how many places were asked is our own choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from wbtools.errors import CheckpointError, InputError
from wbtools.model.card import Card
from wbtools.model.families.blocks import initialise
from wbtools.model.family import Architecture, Classifier, Family, Shapes, axes, depths
from wbtools.model.junctions import Add
from wbtools.model.pictures import Abreast, Stacks, Together
from wbtools.text import counted

DEPTHS = (3, 5)
"""Slices that a stack may have."""

_PLANE, _PLACES = "axial", 8
"""What is meant where no card says anything."""


@dataclass(frozen=True)
class StacksArchitecture(Architecture):
    """What distinguishes one network of the family from another.

    Parameters
    ----------
    blocks : tuple of int
        Residual blocks of each layer; ResNet-18 has two in each of four.
    width : int
        Channels of the first convolution and the first layer; each further layer has twice as many.
    stack : int
        Slices that are shown at a time, one of DEPTHS: the channels that the first convolution reads.
    classes : int

    Examples
    --------
    >>> shapes = {"conv1.weight": (8, 3, 7, 7), "layer1.0.conv1.weight": (8, 8, 3, 3), "fc.weight": (2, 8)}
    >>> StacksArchitecture.of(shapes)
    StacksArchitecture(blocks=(1,), width=8, stack=3, classes=2)
    """

    blocks: tuple[int, ...] = (2, 2, 2, 2)
    width: int = 64
    stack: int = 3
    classes: int = 2

    def __post_init__(self) -> None:
        if self.stack not in DEPTHS:
            raise CheckpointError(
                f"its first convolution reads {self.stack} channels, and stacks have 3 or 5 slices",
                hint="train a network of stacks with wbtools train classes --backbone stack-resnet",
            )
        if not self.blocks or min(*self.blocks, self.width, self.classes) < 1:
            raise CheckpointError(f"{self} is no network of stacks", hint="check its layers")

    @classmethod
    def of(cls, shapes: Shapes) -> StacksArchitecture:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""
        width, stack, *_ = axes(shapes, "conv1.weight", 4)
        return cls(depths(shapes, r"layer(\d+)\.\d+\.conv1\.weight"), width, stack, axes(shapes, "fc.weight", 2)[0])


class Block(nn.Module):
    """Two convolutions plus the shortcut, as torchvision's `BasicBlock`.

    Parameters
    ----------
    inputs, outputs, stride : int
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu1, self.add, self.relu = nn.ReLU(), Add(), nn.ReLU()
        self.downsample: nn.Sequential | None = None
        if inputs != outputs or stride != 1:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h, w), each axis divided by the stride."""
        branch = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        summed: Tensor = self.relu(self.add(branch, x if self.downsample is None else self.downsample(x)))
        return summed

    def batch_norms(self) -> list[tuple[str, str]]:
        """As `Network.batch_norms`, within the block."""
        pairs = [("conv1", "bn1"), ("conv2", "bn2")]
        return pairs if self.downsample is None else [*pairs, ("downsample.0", "downsample.1")]


class StackNetwork(Classifier):
    """A network from one image (N, 1, X, Y, Z) to the votes for its classes (N, K).

    Parameters
    ----------
    architecture : StacksArchitecture
    """

    architecture: StacksArchitecture

    def __init__(self, architecture: StacksArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.pictures = Stacks(architecture.stack, _PLANE, _PLACES)
        channels = architecture.width
        self.conv1 = nn.Conv2d(architecture.stack, channels, 7, 2, 3, bias=False)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        for n, count in enumerate(architecture.blocks):
            outputs = architecture.width * 2**n
            layer = nn.Sequential(Block(channels, outputs, stride=2 if n else 1))
            layer.extend(Block(outputs, outputs, stride=1) for _ in range(count - 1))
            self.add_module(f"layer{n + 1}", layer)
            channels = outputs
        self.abreast, self.avgpool, self.flatten = Abreast(), nn.AdaptiveAvgPool3d(1), Together()
        self.fc = nn.Linear(channels, architecture.classes)
        initialise(self)

    def adapt(self, card: Card) -> None:
        """As in `Network`; and which slices are shown.

        Raises
        ------
        CheckpointError
            Also if images of the card's shape have too few slices.
        """
        super().adapt(card)
        shown = self.pictures
        shown.orientation, shown.plane, shown.places = card.orientation, card.plane or _PLANE, card.places or _PLACES
        try:
            shown.middles(card.shape[shown.across - 2])
        except InputError as error:
            raise CheckpointError(str(error), hint=error.hint) from None
        stacks = f"{counted(shown.places, 'stack')} of {self.architecture.stack} {shown.plane} slices"
        self.notice = f"The network sees {stacks} alone: what lies between them has no relevance."

    def logits(self, x: Tensor) -> Tensor:
        """The mean over places of one value per class, (N, K), of images (N, 1, X, Y, Z)."""
        features = self.flatten(self.avgpool(self.abreast(self._maps(x), self.pictures.places)))
        found: Tensor = self.fc(features)
        return found

    def each_place(self, x: Tensor) -> Tensor:
        """As in `Classifier`, (N, P, K)."""
        found: Tensor = self.fc(self._maps(x).mean((2, 3)))
        return found.view(x.shape[0], self.pictures.places, found.shape[1])

    def _maps(self, x: Tensor) -> Tensor:
        """The last maps (N x P, C, h, w) of the stacks of all images, one image after the other."""
        maps: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(self.pictures(x)))))
        for n in range(len(self.architecture.blocks)):
            maps = self.get_submodule(f"layer{n + 1}")(maps)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """As `logits`."""
        return self.logits(x)

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        blocks = [(name, module) for name, module in self.named_modules() if isinstance(module, Block)]
        pairs = [(f"{name}.{conv}", f"{name}.{norm}") for name, block in blocks for conv, norm in block.batch_norms()]
        return [("conv1", "bn1"), *pairs]


def _recognises(shapes: Shapes) -> bool:
    """Whether these are tensors of a ResNet of pictures with basic blocks and one linear layer, as torchvision's."""
    flat = all(len(shapes.get(key, ())) == 4 for key in ("conv1.weight", "layer1.0.conv1.weight"))
    return flat and "fc.weight" in shapes and "layer1.0.conv3.weight" not in shapes


FAMILY = Family(
    card=Card(
        name="stacks",
        title="ResNet on stacks of slices (S3)",
        family="stacks",
        shape=(58, 70, 58),
        intensity="raw",
        plane=_PLANE,
        places=_PLACES,
        training_data="unknown",
        notice="Network of stacks without a card: it is asked at 8 places of the T1w field of view divided into "
        "58 x 70 x 58 voxels, each time about neighbouring axial slices, in the intensities of the file; which slices "
        "it was trained on, and how they were scaled, is in no checkpoint",
    ),
    purpose="a few neighbouring slices at several places, whose answers vote, to classes",
    recognises=_recognises,
    architecture=StacksArchitecture,
    network=StackNetwork,
)
