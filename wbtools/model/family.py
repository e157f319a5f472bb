"""What a family of networks has to offer, so that its checkpoints can be recognised and built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from wbtools.model.card import Card

Shapes = Mapping[str, tuple[int, ...]]
"""The names of a checkpoint's tensors, and their shapes."""


class Network(nn.Module):
    """What wbtools asks of every network."""

    def raw(self, x: Tensor) -> Tensor:
        """The embedding (N, E) before it is brought to length 1, of images (N, 1, X, Y, Z)."""
        raise NotImplementedError

    def batch_norms(self) -> list[tuple[str, str]]:
        """Names of (convolution, batch norm) that follow each other directly."""
        raise NotImplementedError


@dataclass(frozen=True)
class Family:
    """A family of networks: one file of `wbtools.model`, found through the registry there.

    Parameters
    ----------
    name : str
        The registry's key, for example `unet`.
    title : str
        One line for people.
    recognises : callable
        Whether a checkpoint with these tensors belongs to the family.
    build : callable
        The network, weights still random, that tensors of these shapes fit.
    describe : callable
        Widths, depth and so on of a network of the family, as plain JSON values.
    card : Card
        What is assumed of a checkpoint that comes without a card.
    """

    name: str
    title: str
    recognises: Callable[[Shapes], bool]
    build: Callable[[Shapes], Network]
    describe: Callable[[Network], dict[str, object]]
    card: Card
