"""Whether a network sees what is explained: how far its answer moves from what it answers to another image.

A map always shows something, also where the answer is the same whatever the network is shown. So the answer is compared
with that to the reference brain, where a method has one, else with those to an image without a brain and to the same
brain with its voxels in random order, which has its intensities and no anatomy.

How far is far has a scale of its own for every kind of answer, and does not depend on the network's output units:

- *classes*: logits. They are logarithms of odds, so a move by .01 changes no probability by more than .0025;
- *one value* for a class, which may be in any unit: a hundredth of its size, and .0001;
- *embedding*: directions count, so the answer is its angle: .001, where single precision ends to know the cosine;
- *a dimension*: .001 of what a dimension has on average, 1 / sqrt(E); *a bit*: .001 of a code's mean magnitude.

A target that compares with other people is judged by the embedding's angle: a cosine to somebody may be the same for
two brains that differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.attribution.question import Question

LEAST_LOGIT = 0.01
"""A map of a class fails if its logit moves less than this."""

LEAST_VALUE = 1e-4
"""Of a single value in any unit; and a hundredth of its size."""

LEAST_PART = 1e-3
"""A map of an embedding fails if its angle, or the part of it that is explained, moves less than this."""

_SEED = 0


@dataclass(frozen=True)
class Sensitivity:
    """How far the answer moved.

    Parameters
    ----------
    change : float
        In units of the answer: a difference of logits or values, an angle.
    least : float
        Below this the network is blind to what the map explains.
    compared : str
        With what it was compared.
    """

    change: float
    least: float
    compared: str

    @property
    def blind(self) -> bool:
        """Whether the answer hardly differs."""
        return not self.change >= self.least

    def as_record(self) -> dict[str, object]:
        """The figures as JSON values for the provenance."""
        return {"change": self.change, "least": self.least, "compared_with": self.compared}

    @property
    def failure(self) -> str:
        """In words; empty if the network sees."""
        if not self.blind:
            return ""
        figures = f"by {self.change:.2g}, {self.least:.2g} is the least"
        return f"the answer hardly differs from that to {self.compared} ({figures})"


def sensitivity_of(question: Question) -> Sensitivity:
    """Compare the answer to the image with those to the reference, or to images that show no anatomy.

    Parameters
    ----------
    question : Question
        As it was put to the method.
    """
    if question.compared:
        others, words = list(question.compared), "the reference"
    else:
        others, words = [question.base, _shuffled(question)], "an image without a brain, or without its anatomy"
    own, *found = (question.known_answer(image).double() for image in (question.image, *others))
    change, least = max(_change(question, own, other) for other in found)
    return Sensitivity(change, least, words)


def _shuffled(question: Question) -> Tensor:
    """The image with the brain's voxels in random order."""
    import torch

    image, brain = question.image.clone(), (question.image[0, 0] != question.empty)
    values = image[0, 0][brain]
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(_SEED))
    image[0, 0][brain] = values[order]
    return image


def _change(question: Question, own: Tensor, other: Tensor) -> tuple[float, float]:
    """How far the answer is from another, and how far it has to be."""
    directions = question.objective.directions.double()
    if question.objective.angular:
        return _angle(own, other), LEAST_PART
    change = float(((own - other) @ directions.T).abs().mean())
    if question.objective.answer == "logits":
        size = max(float((answer @ directions.T).abs().mean()) for answer in (own, other))
        return change, LEAST_LOGIT if own.shape[1] > 1 else max(LEAST_VALUE, LEAST_LOGIT * size)
    size = float(own.norm()) / own.shape[1] ** 0.5
    return change, LEAST_PART * max(size, 1e-30) * float(directions.norm(dim=1).mean())


def _angle(own: Tensor, other: Tensor) -> float:
    """Between two embeddings, radians; 0 if one has no direction."""
    from torch.nn.functional import normalize

    first, second = normalize(own, eps=0), normalize(other, eps=0)
    # Half the chord is the sine of half the angle: exact where the cosine would be 1.
    chord = float((first - second).norm())
    return 2 * math.asin(min(1.0, chord / 2)) if math.isfinite(chord) else 0.0
