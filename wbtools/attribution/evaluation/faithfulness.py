"""What costs more and tells more about a map: what becomes of it, and of the score, when things are taken away.

- **Cascade**: the network's layers are randomised from the last to the first, and each map is compared with the first.
  A map that stays what it was does not depend on what those layers have learned.
- **Deletion and insertion**: cubes of 8 mm are replaced by the reference brain (by 0 without one), the most relevant
  first, or put back into it. The score has to change sooner than in random order.
- **Occlusion**: one atlas region after the other is replaced. The regions' relevance has to be in the order of what
  their loss does to the score.

References: Adebayo et al. 2018 (cascade), Samek et al. 2017 (deletion), Petsiuk et al. 2018 (insertion).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.evaluation.null_maps import FIRST_SEED
from wbtools.attribution.evaluation.similarity import Similarity
from wbtools.regions.correlation import spearman

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.attribution.method import Attribution, Method
    from wbtools.attribution.question import Question

_CUBE = 8.0
"""Edge of what is deleted or inserted at once, mm."""

_STEPS = 10
_RANDOM_ORDERS = 3

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Faithfulness:
    """Figures of the three experiments.

    Parameters
    ----------
    cascade : tuple of (str, float)
        The first randomised layer, from the last layer down to the first, and Spearman's correlation of the map with
        the trained network's.
    deletion, insertion : float
        How much sooner the score changes than in random order: the mean difference of the two curves, relative to the
        range of the score in all of them; above 0 if sooner.
    occlusion : float or None
        Spearman's correlation over regions of relevance and fall of the score; None without an atlas.
    """

    cascade: tuple[tuple[str, float], ...]
    deletion: float
    insertion: float
    occlusion: float | None

    @property
    def failures(self) -> tuple[str, ...]:
        """In words, what speaks against the map."""
        if max(self.deletion, self.insertion) > 0:
            return ()
        return ("the score changes no sooner when the most relevant places are taken first than in random order",)

    def as_record(self) -> dict[str, object]:
        """All figures as JSON values for the provenance."""
        return {
            "cascading_randomisation": [{"down_to": name, "spearman": value} for name, value in self.cascade],
            "deletion_against_random": self.deletion,
            "insertion_against_random": self.insertion,
            "agreement_with_occlusion": self.occlusion,
        }


def faithfulness_of(
    attribution: Attribution, question: Question, method: Method, regions: NDArray[np.integer] | None = None
) -> Faithfulness:
    """Run all three experiments: 8 maps, 80 forward passes, and one for each region.

    Parameters
    ----------
    attribution : Attribution
        The map.
    question : Question
        What it answers.
    method : Method
        By which it was made.
    regions : ndarray, (X, Y, Z), int, optional
        Keys of an atlas's regions on the map's grid.
    """
    from wbtools.attribution.evaluation.randomisation import cascade

    relevance = attribution.relevance.data
    brain = question.brain.numpy()
    found = []
    for name, network in cascade(question.model, question.shown, FIRST_SEED):
        changed = method.explain(question.for_network(network)).unpooled
        found.append((name, Similarity.of(attribution.unpooled[brain], changed[brain]).spearman))
    edges = np.maximum(1, np.round(_CUBE / attribution.relevance.grid.voxel_sizes)).astype(int)
    deletion, insertion = against_random(question, relevance, edges)
    return Faithfulness(tuple(found), deletion, insertion, _occluded(question, relevance, regions))


def against_random(question: Question, relevance: Array, edges: NDArray[np.integer]) -> tuple[float, float]:
    """Deletion and insertion, as in `Faithfulness`.

    Parameters
    ----------
    question : Question
    relevance : ndarray, (X, Y, Z)
    edges : ndarray, (3,), int
        Of the cubes, in voxels.
    """
    score, base = _score(question), question.base
    cubes, order = _ordered(relevance, (question.image != base)[0, 0].numpy(), edges)
    random = np.random.default_rng(0)
    orders = [order, *(random.permutation(order) for _ in range(_RANDOM_ORDERS))]
    curves = np.array([[_curve(score, a, b, cubes, each) for each in orders] for a, b in _ways(question.image, base)])
    span = float(np.ptp(curves))
    if span == 0:
        return 0.0, 0.0
    sooner = (curves[:, 0] - curves[:, 1:].mean(1)).mean(1) / span
    return round(float(-sooner[0]), 6), round(float(sooner[1]), 6)


def _ways(image: Tensor, base: Tensor) -> tuple[tuple[Tensor, Tensor], ...]:
    """From the image to the base, and back."""
    return (image, base), (base, image)


def _score(question: Question) -> Callable[[Tensor], float]:
    """The target's value; of several directions the mean distance from the base."""
    import torch

    def answers(image: Tensor) -> Tensor:
        with torch.no_grad():
            return question.objective.directions @ question.answer(image)[0]

    if len(question.objective.directions) == 1:
        return lambda image: float(answers(image)[0])
    start = answers(question.base)
    return lambda image: float((answers(image) - start).abs().mean())


def _ordered(
    relevance: Array, differing: NDArray[np.bool_], edges: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The cube (X, Y, Z) of every voxel, and the cubes that differ from the base, the most relevant first."""
    x, y, z = (np.arange(n) // int(edge) for n, edge in zip(relevance.shape, edges, strict=True))
    cubes = ((x[:, None, None] * (y[-1] + 1) + y[:, None]) * (z[-1] + 1) + z).astype(np.intp)
    sums = np.bincount(cubes.ravel(), relevance.ravel())
    present = np.flatnonzero(np.bincount(cubes[differing], minlength=len(sums)))
    return cubes, present[np.argsort(-sums[present], kind="stable")]


def _curve(
    score: Callable[[Tensor], float], start: Tensor, end: Tensor, cubes: NDArray[np.intp], order: NDArray[np.intp]
) -> list[float]:
    """The score after each of ten equal steps, cubes of `start` being replaced by those of `end` in this order."""
    import torch

    place = np.full(int(cubes.max()) + 1, len(order), np.intp)
    place[order] = np.arange(len(order))
    when = torch.from_numpy(place[cubes])
    return [score(torch.where(when < len(order) * step / _STEPS, end, start)) for step in range(1, _STEPS)]


def _occluded(question: Question, relevance: Array, regions: NDArray[np.integer] | None) -> float | None:
    """Spearman's correlation over regions of relevance and fall of the score."""
    import torch

    from wbtools.attribution.methods.occlusion import METHOD

    if regions is None:
        return None
    keys = torch.from_numpy(regions.astype(np.int64))
    fallen = METHOD.explain(replace(question, reference=question.base, regions=keys)).relevance
    sums = [
        np.bincount(regions.ravel(), values.ravel())[np.unique(regions[regions > 0])] for values in (relevance, fallen)
    ]
    constant = any(len(values) < 3 or np.ptp(values) == 0 for values in sums)
    return 0.0 if constant else round(spearman(*sums), 6)
