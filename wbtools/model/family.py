"""What a family of networks has to offer, so that its checkpoints can be recognised and built."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

from torch import Tensor, nn

from wbtools.errors import CheckpointError, InputError
from wbtools.model.card import ANSWERS, Card
from wbtools.text import lengths

Index = tuple[slice, ...]
"""Which part of an image (N, 1, X, Y, Z) is meant."""

Shapes = Mapping[str, tuple[int, ...]]
"""The names of a checkpoint's tensors, and their shapes."""


A = TypeVar("A", bound="Architecture")


@dataclass(frozen=True)
class Architecture(ABC):
    """What distinguishes one network of a family from another: widths, depths and the like, as fields."""

    @classmethod
    @abstractmethod
    def of(cls: type[A], shapes: Shapes) -> A:
        """Read the architecture from the names and shapes of a checkpoint's tensors."""

    def describe(self) -> dict[str, object]:
        """Its fields as plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


class Network(nn.Module):
    """What wbtools asks of every network.

    Attributes
    ----------
    answers : tuple of str
        Names of the methods whose output can be explained, `raw` or `logits`; the one meant by default comes first.
    hashes : bool
        Whether the signs of the embedding are the bits of a hash code.
    in_slices : bool
        Whether it looks at every slice alone, and answers for each.
    yes_or_no : bool
        Whether each value of `logits` is a yes or no of its own, by its sigmoid, not one of several classes.
    movable : bool
        Whether `to` takes all of it to a graphics card.
    alike : str
        What two people are whose embeddings are near each other.
    notice : str
        What every reader of its maps must know, such as what it does not see of a brain; may be empty.
    architecture : Architecture or None
        Of the families that are known; None for other networks.
    """

    answers: tuple[str, ...] = ("raw",)
    hashes = False
    in_slices = False
    yes_or_no = False
    movable = True
    alike = "twins"
    notice = ""
    architecture: Architecture | None = None

    def raw(self, x: Tensor) -> Tensor:
        """The embedding (N, E) before it is brought to length 1, of images (N, 1, X, Y, Z)."""
        raise NotImplementedError

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        raise NotImplementedError

    def adapt(self, card: Card) -> None:
        """Take what only the card knows: which of its answers the network is meant for.

        Raises
        ------
        CheckpointError
            If the network does not answer so.
        """
        meant = ANSWERS.get(card.answer, self.answers[0])
        if meant not in self.answers:
            raise CheckpointError(
                f"the card's answer is '{card.answer}', which {type(self).__name__} does not give",
                hint="leave the answer out of the card",
            )
        self.answers = (meant, *(answer for answer in self.answers if answer != meant))

    def parts(self, shape: tuple[int, ...], directions: Tensor) -> Iterator[tuple[Index, Tensor]]:
        """Pieces of an image that can be explained one after the other, because the network looks at each alone.

        Parameters
        ----------
        shape : tuple of int
            Of the image, (N, 1, X, Y, Z).
        directions : Tensor, (K, E)
            In the network's answer for the whole image.

        Yields
        ------
        tuple of slice
            The piece: the network takes `image[piece]` as it takes the image.
        Tensor, (K, e)
            The directions' part in its answer for that piece. The answers for all pieces, in this order, are the
            answer for the image.
        """
        yield tuple(slice(0, length) for length in shape), directions


class Classifier(Network):
    """A network that answers with classes."""

    answers = ("logits",)

    def logits(self, x: Tensor) -> Tensor:
        """One value (N, K) per class, before any softmax, of images (N, 1, X, Y, Z)."""
        raise NotImplementedError

    def each_place(self, x: Tensor) -> Tensor:
        """What is said of each of the places that are looked at, (N, P, K); the logits are the mean. Mostly of one."""
        return self.logits(x)[:, None]

    def raw(self, x: Tensor) -> Tensor:
        """Raise InputError: there is no embedding."""
        raise InputError(
            f"{type(self).__name__} answers with classes; it has no embedding that could be explained",
            hint="give a network with an embedding; `wbtools models` lists the families",
        )


def axes(shapes: Shapes, key: str, count: int) -> tuple[int, ...]:
    """The shape of one tensor, which must have `count` axes, none of them empty.

    Raises
    ------
    CheckpointError
        If the tensor is missing or of another shape.

    Examples
    --------
    >>> axes({"fc.weight": (2, 8)}, "fc.weight", 2)
    (2, 8)
    """
    shape, hint = shapes.get(key, ()), "export the state dict of the unchanged network"
    if len(shape) != count:
        found = list(shape) if key in shapes else "missing"
        raise CheckpointError(f"{key} is {found}, not a tensor of {count} axes", hint=hint)
    if 0 in shape:
        raise CheckpointError(f"{key} is empty: its axes have {lengths(shape)} values", hint=hint)
    return shape


def depths(shapes: Shapes, layer: str) -> tuple[int, ...]:
    r"""How many layers each block has, by a pattern of their tensors' names whose first group is the block's number.

    Examples
    --------
    >>> depths({"layer1.0.weight": (8, 1), "layer1.1.weight": (8, 8)}, r"layer(\d)\.\d\.weight")
    (2,)
    """
    found = Counter(match[1] for key in shapes if (match := re.fullmatch(layer, key)))
    return tuple(found[block] for block in sorted(found, key=lambda number: (len(number), number)))


@dataclass(frozen=True)
class Family(Generic[A]):
    """A family of networks: one file of `wbtools.model.families`, found through the registry there.

    Parameters
    ----------
    card : Card
        What is assumed of a checkpoint that comes without a card; its name is the registry's key.
    purpose : str
        What it makes of what, in a few words.
    recognises : callable
        Whether a checkpoint with these tensors belongs to the family.
    architecture : type of Architecture
        Reads widths, depth and so on from a checkpoint's tensors.
    network : callable
        The network, weights still random, of an architecture.
    """

    card: Card
    purpose: str
    recognises: Callable[[Shapes], bool]
    architecture: type[A]
    network: Callable[[A], Network]

    @property
    def name(self) -> str:
        """The registry's key, for example `unet`."""
        return self.card.family

    @property
    def title(self) -> str:
        """One line for people."""
        return f"{self.card.title}: {self.purpose}"

    def build(self, shapes: Shapes) -> Network:
        """The network, weights still random, that tensors of these shapes fit."""
        return self.network(self.architecture.of(shapes))
