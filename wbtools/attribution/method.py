"""What an attribution method offers, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.grid import Unit, Volume

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model import Card, ModelInput
    from wbtools.model.family import Network


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a method found for one image.

    Parameters
    ----------
    relevance : ndarray, (X, Y, Z), float
        Per voxel, signed.
    seed : float
        The relevance that was put in at the output; the map's sum would equal it if nothing were lost.
    score : float
        The value of the target.
    """

    relevance: NDArray[np.floating]
    seed: float
    score: float


@dataclass(frozen=True)
class Method:
    """An attribution method: one file of `wbtools.attribution`, found through the registry there.

    Parameters
    ----------
    name : str
        The registry's key.
    title : str
        One line for people.
    rules : tuple of str
        What is done at which kind of layer.
    caution : str
        What a reader of its maps has to know; repeated in outputs.
    explain : callable
        From a network and an image (1, 1, X, Y, Z); with a reference, from both as (2, 1, X, Y, Z).
    reference : callable, optional
        For methods that explain the difference from another image: that image, from the network's card and the image.
    target : str
        What is explained.
    """

    name: str
    title: str
    rules: tuple[str, ...]
    caution: str
    explain: Callable[[Network, Tensor], Explanation]
    reference: Callable[[Card, ModelInput], ModelInput] | None = None
    target: str = "the embedding itself: what makes it point where it points (z . z)"


@dataclass(frozen=True, eq=False)
class Attribution:
    """The relevance of one image for one network, and how far the map can be trusted.

    Parameters
    ----------
    relevance : Volume
        Density (1/mm3) on the grid of the network's input, signed, float32.
    method : str
    rules : tuple of str
    caution : str
        As in `Method`.
    target : str
        What was explained.
    score : float
        The target's value: 1 for the embedding with itself, less with a reference.
    conservation : float
        The map's sum over the relevance that was put in; 1 if nothing was lost, or nothing put in.
    cancellation : float
        Sum of |relevance| over the relevance that was put in; 1 if no positive and negative relevance cancel. The
        larger, the more the map is a small difference of large terms.
    background : float
        Share of |relevance| where the input is 0.
    seconds : float

    Raises
    ------
    InputError
        If the relevance is not a density.
    """

    relevance: Volume
    method: str
    rules: tuple[str, ...]
    caution: str
    target: str
    score: float
    conservation: float
    cancellation: float
    background: float
    seconds: float

    def __post_init__(self) -> None:
        if self.relevance.unit is not Unit.DENSITY:
            raise InputError("relevance is carried as a density (1/mm3)")

    def as_record(self) -> dict[str, object]:
        """Everything but the map, as JSON values for the provenance."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "relevance"}
