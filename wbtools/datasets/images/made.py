"""What every kind of image has, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from wbtools.datasets.manifest import Kind


@dataclass(frozen=True, eq=False)
class Made:
    """A row of the array.

    Parameters
    ----------
    array : ndarray, (C, ...)
    remarks : tuple of str
        What had to be decided to make it, without the person's name.
    """

    array: NDArray[Any]
    remarks: tuple[str, ...] = ()


class SourceImage(Protocol):
    """An image that is still in its file; can be sent to another process."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""

    def check(self) -> None:
        """Raise InputError if its header already shows that it cannot be read."""


ImageT = TypeVar("ImageT", bound=SourceImage, contravariant=True)


class Preparation(Protocol[ImageT]):
    """How images of a kind become rows of an array; can be sent to another process."""

    @property
    def kind(self) -> Kind:
        """What the rows are."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row."""

    @property
    def card(self) -> Mapping[str, Any]:
        """Fields for the card of a network."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that decides what is made of an image, as JSON values."""

    def make(self, image: ImageT) -> Made:
        """The row of an image; InputError with a sentence about it if none can be made."""
