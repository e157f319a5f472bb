"""What a network answers to images: each image is shown to it once for each kind of answer, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model import Model


@dataclass(frozen=True, eq=False)
class Images:
    """The images that a target is about, each (1, 1, X, Y, Z).

    Parameters
    ----------
    person : Tensor
        What is explained.
    people : tuple of Tensor
        The people that the target compares with, `--other` first.
    reference : Tensor, optional
        The image that differences are explained from.
    """

    person: Tensor
    people: tuple[Tensor, ...] = ()
    reference: Tensor | None = None


class Answers:
    """A network's answers to images, without gradients.

    The answer to an image is computed when it is first asked for, and kept. Images are told apart by identity and have
    to stay as they are.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._known: dict[tuple[int, str], tuple[Tensor, Tensor]] = {}

    def of(self, image: Tensor, kind: str) -> Tensor:
        """The answer of one kind, `raw` or `logits`, to an image (1, 1, X, Y, Z), (1, E)."""
        import torch

        if (id(image), kind) not in self._known:
            with torch.no_grad():
                self.keep(image, kind, getattr(self.model.network, kind)(image))
        return self._known[id(image), kind][1]

    def known(self, image: Tensor) -> Tensor:
        """The image of the same values that was asked about before, as answers are known of it; else the image."""
        same = (kept for kept, _ in self._known.values() if kept.shape == image.shape and kept.equal(image))
        return next(same, image)

    def knows(self, image: Tensor, kind: str) -> bool:
        """Whether the answer of one kind to an image needs no pass through the network."""
        return (id(image), kind) in self._known

    def keep(self, image: Tensor, kind: str, answer: Tensor) -> None:
        """Note an answer that was computed elsewhere, unless one is known."""
        # The image, too: its identity belongs to nothing else then.
        self._known.setdefault((id(image), kind), (image, answer))
