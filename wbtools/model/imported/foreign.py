"""Networks that wbtools knows nothing about but that they take one image."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from wbtools.errors import CheckpointError
from wbtools.model.card import ANSWERS, Card
from wbtools.model.compatibility import FAILURES
from wbtools.model.family import Network
from wbtools.model.imported.retrace import norms_after_convolutions
from wbtools.text import lengths, line


class Foreign(Network):
    """Any network from one image (N, 1, X, Y, Z) to one row of values (N, E).

    Whether they are an embedding or the logits of classes, only its card can tell; without one, both can be asked for.

    Parameters
    ----------
    network : Module
    single : bool
        Whether it takes one image at a time only.
    """

    answers: tuple[str, ...] = ("raw", "logits")
    movable = False  # who knows which tensors it makes as it runs

    def __init__(self, network: nn.Module, single: bool = False) -> None:
        super().__init__()
        self.network, self.single = network, single

    def adapt(self, card: Card) -> None:
        """As in `Network`; what the card calls an embedding is no class, and the reverse."""
        super().adapt(card)
        if card.answer:
            self.answers = (ANSWERS[card.answer],)

    def raw(self, x: Tensor) -> Tensor:
        """What it answers (N, E)."""
        symbolic: object = x
        if not isinstance(symbolic, Tensor):
            return self._answer(x)
        try:
            if self.single and len(x) > 1:
                return torch.cat([self._answer(image) for image in torch.split(x, 1)])
            return self._answer(x)
        except FAILURES as error:
            if x.device.type == "meta":
                raise
            said = line(str(error).partition("\n")[0], 200)
            raise CheckpointError(
                f"the network could not take an image of {lengths(x.shape[2:])} voxels ({said})",
                hint="run it in Python on such an image; if it works there, export it again",
            ) from error

    def _answer(self, x: Tensor) -> Tensor:
        answer: Tensor = self.network(x)
        return answer

    def logits(self, x: Tensor) -> Tensor:
        """What it answers (N, K)."""
        return self.raw(x)

    def forward(self, x: Tensor) -> Tensor:
        """What it answers (N, E)."""
        return self.raw(x)

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly, as far as the network can be followed."""
        if not isinstance(self.network, fx.GraphModule):
            return []
        return [(f"network.{conv}", f"network.{norm}") for conv, norm in norms_after_convolutions(self.network)]


def require_row(source: str, sizes: Sequence[int | None]) -> None:
    """Raise CheckpointError if a network answers for each voxel, as segmentations do, and not with one row of values.

    Parameters
    ----------
    source : str
        For messages.
    sizes : sequence of int or None
        Of its answer for one image; None along axes of any length.

    Examples
    --------
    >>> require_row("net.pt2", (1, 2, 1, 1, 1))
    """
    if sum(size != 1 for size in sizes[1:]) > 1:
        shape = lengths(sizes)
        raise CheckpointError(
            f"{source} answers with {shape} values: a map, as segmentations do, and neither classes nor an embedding",
            hint="let the network end in one row of values, such as the mean over the voxels of each class",
        )


def assumed(source: str, family: str, shape: tuple[int, int, int]) -> Card:
    """The card of a network that has none.

    Examples
    --------
    >>> assumed("lab.networks:build", "python", (86, 103, 86)).name
    'lab-networks-build'
    """
    return Card(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", source).strip("-") or family,
        title=f"{source}, a network without a card",
        family=family,
        shape=shape,
        notice="A network without a card: how its images were oriented, cropped and normalised, and whether it answers "
        "with an embedding or with classes, is unknown; wbtools gives it the T1w field of view, scaled to [0, 1]",
        assumed=True,
    )
