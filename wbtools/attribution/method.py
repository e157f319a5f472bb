"""What an attribution method offers, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import Unit, Volume

if TYPE_CHECKING:
    from wbtools.attribution.question import Question
    from wbtools.attribution.reference import ReferenceBrain
    from wbtools.model import Card, ModelInput


@dataclass(frozen=True, eq=False)
class MethodOutput:
    """What a method found for one image.

    Parameters
    ----------
    relevance : ndarray, (X, Y, Z), float
        Per voxel, signed; the mean of the absolute maps if there were several directions.
    expected_sum : float, optional
        What the map's sum should be; None for methods that promise nothing about it.
    arrived : float, optional
        What it is, where that is not the sum of `relevance`.
    device : str
        What it was computed on.
    """

    relevance: NDArray[np.floating]
    expected_sum: float | None = None
    actual_sum: float | None = None
    device: str = "processor"

    @property
    def conservation(self) -> float | None:
        """The map's sum over what it should be; 1 if that is 0."""
        if self.expected_sum is None:
            return None
        actual_sum = float(self.relevance.sum(dtype=np.float64)) if self.actual_sum is None else self.actual_sum
        return actual_sum / self.expected_sum if self.expected_sum else 1.0


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
    reference : callable, optional
        For methods that explain the difference from another image: that image, from the network's card, the image, and
        the file that the card names, if any.
    by_region : bool
        Whether it treats the regions of an atlas as wholes, and needs them.
    on_cards : bool
        Whether graphics cards can do it.
    """

    name: str
    title: str
    rules: tuple[str, ...]
    caution: str
    explain: Callable[[Question], MethodOutput]
    reference: Callable[[Card, ModelInput, Path | None], ReferenceBrain] | None = None
    by_region: bool = False
    on_cards: bool = False


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
    reference : mapping or None
        What the image was compared with, and how that was laid in place.
    score : float
        The target's value: a cosine, a logit, a distance.
    expected_sum : float or None
        What the map's sum should be: the part of the score that was divided among the voxels; None for methods that
        divide nothing.
    conservation : float or None
        The map's sum over what it should be; 1 if nothing was lost, or nothing divided.
    cancellation : float or None
        Sum of |relevance| over what the map's sum should be; 1 if no positive and negative relevance cancel.
        The larger, the more the map is a small difference of large terms.
    background : float
        Share of |relevance| where the input is 0.
    seconds : float
    device : str
        What it was computed on.

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
    reference: Mapping[str, object] | None
    score: float
    expected_sum: float | None
    conservation: float | None
    cancellation: float | None
    background: float
    seconds: float
    device: str

    def __post_init__(self) -> None:
        if self.relevance.unit is not Unit.DENSITY:
            raise InputError("relevance is carried as a density (1/mm3)")

    def as_record(self) -> dict[str, object]:
        """Everything but the map, as JSON values for the provenance."""
        names = {"expected_sum": "put_in"}  # files say what earlier releases did
        return {
            names.get(field.name, field.name): getattr(self, field.name)
            for field in fields(self)
            if field.name != "relevance"
        }
