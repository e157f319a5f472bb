"""Small networks of the published families, for each kind of answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from wbtools.model.card import Card
from wbtools.model.families import ad3dcnn, densenet, mrinet, resnet, unet
from wbtools.model.families.embedding_head import Embedder
from wbtools.model.family import Network


class _Answering(Embedder):
    """An embedder whose last layer holds numbers, not a direction: it answers with them as with classes."""

    answers = ("logits",)

    def logits(self, x: Tensor) -> Tensor:
        """One value (N, K) per number or class, of images (N, 1, X, Y, Z)."""
        return self.raw(x)


class AnsweringUNet(_Answering, unet.UNet):
    """The U-Net with another end."""


class AnsweringResNet(_Answering, resnet.ResNet):
    """The ResNet with another end."""


class AnsweringDenseNet(_Answering, densenet.DenseNet):
    """The DenseNet with another end."""


def _unet(outputs: int) -> unet.UNetArchitecture:
    return unet.UNetArchitecture((4, 12, 24, 24), attention=(3,), hidden=64, embedding=outputs)


def _resnet(outputs: int) -> resnet.ResNetArchitecture:
    return resnet.ResNetArchitecture(planes=(8, 16, 32, 32), stem=8, attention=(4,), hidden=64, embedding=outputs)


def _densenet(outputs: int) -> densenet.DenseNetArchitecture:
    return densenet.DenseNetArchitecture((3, 3, 3), 8, 16, 8, attention=(3,), hidden=64, embedding=outputs)


def _mrinet(outputs: int) -> Network:
    return mrinet.MriNet(mrinet.MriNetArchitecture(width=8, positions=2, classes=outputs))


def _ad3dcnn(answer: str, outputs: int) -> Network:
    network = ad3dcnn.AD3DCNN(ad3dcnn.AD3DCNNArchitecture((8, 16), positions=36, bits=32, classes=outputs))
    network.adapt(Card(name="ad3dcnn", title="", family="ad3dcnn", answer=answer))
    return network


@dataclass(frozen=True)
class Design:
    """A family in the form that fits `wbtools.training.planted.head_grid`.

    Parameters
    ----------
    embeds : bool
        Whether it can answer with an embedding; one that cannot is asked for classes where others tell twins.
    outputs : int
        What it answers with where a number is asked for: 1 for the number, 2 for the side of the median it lies on.
    embedding : callable
        The network whose answer is an embedding of 32 dimensions.
    answering : callable
        The network whose answer is one number or two classes.
    """

    embeds: bool
    outputs: int
    embedding: Callable[[], Network]
    answering: Callable[[int], Network]


DESIGNS = {
    "unet": Design(True, 1, lambda: unet.UNet(_unet(32)), lambda outputs: AnsweringUNet(_unet(outputs))),
    "resnet": Design(True, 2, lambda: resnet.ResNet(_resnet(32)), lambda outputs: AnsweringResNet(_resnet(outputs))),
    "densenet": Design(
        True, 1, lambda: densenet.DenseNet(_densenet(32)), lambda outputs: AnsweringDenseNet(_densenet(outputs))
    ),
    "mrinet": Design(False, 2, lambda: _mrinet(2), _mrinet),
    "ad3dcnn": Design(True, 2, lambda: _ad3dcnn("embedding", 2), lambda outputs: _ad3dcnn("classes", outputs)),
}
"""By the names of the families."""

FAMILIES = tuple(DESIGNS)


def card_of(family: str, title: str, shape: tuple[int, int, int], classes: tuple[str, ...]) -> Card:
    """The card of a network of these tasks, whose images are brains in [0, 1].

    Networks whose end is not the family's are of no family: randomised ones are made from their own layers.
    """
    kept = family if not classes or family in ("mrinet", "ad3dcnn") else f"{family} that answers"
    answer = "classes" if classes else "embedding"
    return Card(name=family, title=title, family=kept, shape=shape, answer=answer, classes=classes)
