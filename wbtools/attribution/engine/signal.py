"""What is carried forward through a network: activations, or their change from a reference's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from wbtools.attribution.engine.rules import Pull


@dataclass(frozen=True, eq=False)
class Signal:
    """The output of a layer for an image.

    Parameters
    ----------
    change : Tensor, (1, ...)
        From the reference's activations; without a reference the activations themselves.
    base : Tensor, (1, ...), optional
        The reference's activations.
    share : Tensor, (1, ...), optional
        What part of each activation is owed to the image and not to biases, in [0, 1]; without a reference only.
    """

    change: Tensor
    base: Tensor | None = None
    share: Tensor | None = None

    @property
    def reference(self) -> Tensor:
        """The reference's activations, which have to be there, (1, ...)."""
        assert self.base is not None
        return self.base

    @property
    def whole(self) -> Tensor:
        """The image's activations, (1, ...)."""
        return self.change if self.base is None else self.base + self.change

    @property
    def owed(self) -> Tensor:
        """The part of the activations that is owed to the image, (1, ...)."""
        return self.change if self.share is None else self.change * self.share

    def through(self, function: Callable[[Tensor], Tensor]) -> Signal:
        """After a function that is not linear; shares stay what they are."""
        if self.base is None:
            return Signal(function(self.change), share=self.share)
        base = function(self.base)
        return Signal(function(self.whole) - base, base)

    def each(self, function: Callable[[Tensor], Tensor]) -> Signal:
        """After a function of every tensor that only moves values about."""
        tensors = (self.change, self.base, self.share)
        return Signal(*(None if tensor is None else function(tensor) for tensor in tensors))  # type: ignore[arg-type]


Result = tuple[Signal, Pull | None]
"""A layer's output and its way back; None for attention, whose output counts as a constant."""

Pooled = Callable[[Tensor], tuple[Tensor, Tensor]]
"""A maximum pool: the largest values, and their places in the flattened (X, Y, Z), int64."""
