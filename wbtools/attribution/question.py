"""What is asked of a method: which part of which network's answer, for which image, against what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model.family import Network


@dataclass(frozen=True, eq=False)
class Objective:
    """What is explained of a network's answer for one image: fixed directions in the space of its answers.

    Parameters
    ----------
    answer : str
        The network's method that answers: `raw` (the embedding before it is brought to length 1) or `logits`.
    directions : Tensor, (K, E)
        The score of direction k is `directions[k] . answer`. They were made from the image's own answer where the
        target asks for that, and count as constants. With K > 1 the map is the mean of the absolute maps.
    description : str
        The target in words.
    score : float
        The target's value as a reader expects it: a cosine, a logit, a distance.
    angular : bool
        Whether only where the answer points counts, and against whatever it is compared with.
    """

    answer: str
    directions: Tensor
    description: str
    score: float
    angular: bool = False


@dataclass(frozen=True, eq=False)
class Question:
    """All that a method is given.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is not changed.
    image : Tensor, (1, 1, X, Y, Z)
        As the network is given it.
    objective : Objective
    reference : Tensor, (1, 1, X, Y, Z), optional
        For methods that explain the difference from another image.
    regions : Tensor, (X, Y, Z), int, optional
        Keys of the atlas's regions on the image's grid, 0 outside; for methods that treat a region as one.
    reference_record : mapping, optional
        What the reference is and how it was laid in place, for the provenance.
    empty : float
        The value that the network is given where there is no brain.
    bounds : tuple of float
        The lowest and the highest value that it is given.
    """

    network: Network
    image: Tensor
    objective: Objective
    reference: Tensor | None = None
    regions: Tensor | None = None
    reference_record: Mapping[str, object] | None = None
    empty: float = 0.0
    bounds: tuple[float, float] = (0.0, 1.0)

    def answer(self, image: Tensor) -> Tensor:
        """What the network answers to images (N, 1, X, Y, Z) in the way that is explained, (N, E)."""
        answer: Tensor = getattr(self.network, self.objective.answer)(image)
        return answer

    def require_reference(self) -> Tensor:
        """The reference; ValueError if the question has none."""
        if self.reference is None:
            raise ValueError("this method explains the difference from a reference, and the question has none")
        return self.reference

    def require_regions(self) -> Tensor:
        """The regions' keys; ValueError if the question has none."""
        if self.regions is None:
            raise ValueError("this method explains regions, and the question has none")
        return self.regions

    @property
    def brain(self) -> Tensor:
        """Voxels that show anything, in the image or in the reference, (X, Y, Z), bool."""
        shown = self.image[0, 0] != self.empty
        return shown if self.reference is None else shown | (self.reference[0, 0] != self.empty)

    @property
    def base(self) -> Tensor:
        """The reference, else no brain at all, (1, 1, X, Y, Z)."""
        return self.image.new_full(self.image.shape, self.empty) if self.reference is None else self.reference
