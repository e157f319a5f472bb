"""What is explained of a network's answer for one image: fixed directions in the space of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


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


def through_length(towards: Tensor, v: Tensor, before: Tensor) -> Tensor:
    """Directions in v that read the change of `towards` . v / |v| off the change of v, exactly.

    With n = 1 / |v| the change of v n is, by the product rule, that of v times the mean of n plus the mean of v times
    that of n; and the change of |v| is that of |v|^2 over the sum of both lengths.

    Parameters
    ----------
    towards : Tensor, (K, E)
    v, before : Tensor, (1, E)
        The embeddings of the image and of the reference, not of length 1.

    Examples
    --------
    >>> import torch
    >>> v, before = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])
    >>> direction = through_length(torch.tensor([[1.0, 0.0]]), v, before)
    >>> round(float((direction * (v - before)).sum()), 6)
    0.6
    """
    a, b = v.norm(), before.norm()
    if b <= 1e-6 * a:  # an embedding without a direction
        directions: Tensor = towards / a
        return directions
    both = v + before
    directions = towards * ((1 / a + 1 / b) / 2) - (towards @ both.T) * both / (2 * a * b * (a + b))
    return directions


def in_embedding(towards: Tensor, v: Tensor, before: Tensor | None) -> Tensor:
    """Directions in the embedding v that stand for directions (K, E) in z = v / |v|.

    Embeddings are compared by where they point. Without a reference the length |v| counts as a constant; with one, the
    direction is the secant of the division by the length, so that what is divided is the target's own change.
    """
    return towards / v.norm() if before is None else through_length(towards, v, before)
