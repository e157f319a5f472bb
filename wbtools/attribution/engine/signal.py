"""What is carried forward through a network: activations, or their change from a reference's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

S = TypeVar("S", bound="Signal")
T = TypeVar("T")


class Signal(ABC):
    """The output of a layer for an image."""

    @property
    @abstractmethod
    def explained(self) -> Tensor:
        """What relevance is a part of: the activations, or their change, (1, ...)."""

    @property
    @abstractmethod
    def whole(self) -> Tensor:
        """The image's activations, (1, ...)."""

    @abstractmethod
    def each(self: S, function: Callable[[Tensor], Tensor]) -> S:
        """After a function of every tensor that only moves values about."""

    @classmethod
    @abstractmethod
    def joined(cls: type[S], parts: Sequence[S], axis: int) -> S:
        """Several signals one after the other along an axis."""


@dataclass(frozen=True, eq=False)
class Activation(Signal):
    """The activations of one image.

    Parameters
    ----------
    value : Tensor, (1, ...)
    share : Tensor, (1, ...), optional
        The part of each activation that comes from the image and not from biases, in [0, 1]; for rules that need it.
    """

    value: Tensor
    share: Tensor | None = None

    @property
    def explained(self) -> Tensor:
        """The activations themselves, (1, ...)."""
        return self.value

    @property
    def whole(self) -> Tensor:
        """The activations, (1, ...)."""
        return self.value

    @property
    def from_image(self) -> Tensor:
        """The part of the activations that comes from the image, (1, ...)."""
        return self.value if self.share is None else self.value * self.share

    def each(self, function: Callable[[Tensor], Tensor]) -> Activation:
        """After a function of every tensor that only moves values about."""
        return Activation(function(self.value), None if self.share is None else function(self.share))

    @classmethod
    def joined(cls, parts: Sequence[Activation], axis: int) -> Activation:
        """Several signals one after the other along an axis.

        Examples
        --------
        >>> Activation.joined([Activation(torch.ones(1, 1)), Activation(torch.zeros(1, 2))], 1).value
        tensor([[1., 0., 0.]])
        """
        shares = [part.share for part in parts if part.share is not None]
        return Activation(torch.cat([part.value for part in parts], axis), torch.cat(shares, axis) if shares else None)


@dataclass(frozen=True, eq=False)
class ActivationChange(Signal):
    """The activations of an image, and their change from those of a reference.

    Linear layers act on the change itself, so that biases and the offsets of batch norms cancel exactly, and equal
    images differ by exactly nothing. The image's own activations are the same whatever it is compared with.

    Parameters
    ----------
    change, image : Tensor, (1, ...)
    """

    change: Tensor
    image: Tensor

    @property
    def explained(self) -> Tensor:
        """The change, (1, ...)."""
        return self.change

    @property
    def whole(self) -> Tensor:
        """The image's activations, (1, ...)."""
        return self.image

    @property
    def reference(self) -> Tensor:
        """The reference's activations, (1, ...), made anew."""
        return self.between(1)

    def between(self, way: float) -> Tensor:
        """The activations on the straight way from the image, 0, to the reference, 1; a new tensor, (1, ...)."""
        return torch.sub(self.image, self.change, alpha=way)

    def each(self, function: Callable[[Tensor], Tensor]) -> ActivationChange:
        """After a function of every tensor that only moves values about."""
        return ActivationChange(function(self.change), function(self.image))

    @classmethod
    def joined(cls, parts: Sequence[ActivationChange], axis: int) -> ActivationChange:
        """Several signals one after the other along an axis."""
        return ActivationChange(
            torch.cat([part.change for part in parts], axis), torch.cat([part.image for part in parts], axis)
        )


def box(change: Tensor) -> tuple[tuple[int, int], ...] | None:
    """The first and the last voxel along each axis in which anything changes, (1, C, X, Y, Z); None if nothing does.

    Examples
    --------
    >>> box(torch.eye(4).view(1, 1, 4, 4, 1)[:, :, 1:3])
    ((0, 1), (1, 2), (0, 0))
    """
    if not change.numel():
        return None
    changed = change[0].abs().amax(0).ne(0).view(torch.uint8)  # the maximum of bytes is far quicker than `any`
    along = (changed.amax((1, 2)), changed.amax((0, 2)), changed.amax((0, 1)))
    if not along[0].any():
        return None
    return tuple((int(found[0]), int(found[-1])) for found in (some.nonzero().flatten() for some in along))


class Kept:
    """What layers compute of the image alone: in the first pass through a network, and given back in each further one.

    Layers ask in the same order in every pass. What is given back must not be changed.
    """

    def __init__(self) -> None:
        self._found: list[Any] = []
        self._next = 0

    def restart(self) -> None:
        """Begin a pass."""
        self._next = 0

    def __call__(self, compute: Callable[[], T]) -> T:
        """What `compute` gives, or gave in the pass before."""
        if self._next == len(self._found):
            self._found.append(compute())
        self._next += 1
        found: T = self._found[self._next - 1]
        return found


class Once(Protocol):
    """`Kept`, or `computed` where there is one pass only."""

    def __call__(self, compute: Callable[[], T]) -> T:
        """What `compute` gives."""


def computed(compute: Callable[[], T]) -> T:
    """What `compute` gives."""
    return compute()


Backward = Callable[[Tensor], tuple[Tensor | None, ...]]
"""The way back through a layer: from what arrives at its output, for K seeds at once, to what each of its inputs gets;
None for an input that gets nothing."""

LayerResult = tuple[S, Backward | None]
"""A layer's output and its way back; None for attention by rules, whose output counts as a constant."""

Pool = Callable[[Tensor], tuple[Tensor, Tensor]]
"""A maximum pool: the largest values, and their places in the flattened (X, Y, Z), int64."""
