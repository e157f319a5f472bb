"""Deviation LRP against several references: one pass of the person's image for all, and forms of the mean of the maps.

Against a single reference, relevance is 0 wherever the person happens to be like it, whatever the network uses there,
and its sign depends on which of the two is brighter. Over several references such accidents differ. With R_r the map
against reference r, m_r its multipliers (R_r = m_r (x - r), without shares by magnitude) and d_r = x - r, a `Form` is

    signed     mean R_r             mean m_r     mean m_r * mean d_r
    magnitude  mean |R_r|           mean |m_r|   mean |m_r| * mean |d_r|
    square     root of mean R_r^2   of m_r^2     root of mean m_r^2 * mean d_r^2
               relevance            multiplier   typical

Whatever the form, what is reported as conserved is the mean over r of the signed maps' sums. Of several directions,
R_r stands for the mean of their absolute maps.

References: Lundberg & Lee 2017 (DeepLIFT averaged over references: DeepSHAP), Smilkov et al. 2017 (noise).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from wbtools.attribution.answers import Images
from wbtools.attribution.engine import DifferencePropagator, Kept
from wbtools.attribution.method import MethodOutput
from wbtools.attribution.noise import Noise
from wbtools.attribution.question import Question
from wbtools.attribution.relevance_map import relevance_map

_PERSON_SEED, _REFERENCE_SEED, _SHIFT_SEED = 0, 1, 7_206_100

Array = NDArray[np.float64]


def _itself(values: Array) -> Array:
    return values


_MOMENTS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "signed": (_itself, _itself),
    "magnitude": (np.abs, _itself),
    "square": (np.square, np.sqrt),
}
"""What the mean is taken of, and what becomes of it: a form always has the unit of a single map."""


@dataclass(frozen=True)
class Form:
    """How maps against several references become one.

    Parameters
    ----------
    over : {"signed", "magnitude", "square"}
        What the mean is taken of.
    of : {"relevance", "multiplier", "typical"}
        Relevance; the slope alone; or the slope times the difference from the references, each averaged by itself.
    noise : float
        Standard deviation of normal noise on the person and, independently, on each reference, as a share of the
        person's range. Every pass has its own.
    draws : int
        Passes for each reference, with noise or shifts.
    shifts : int
        By how many voxels, at most, both images are shifted along each axis before a pass; the map is shifted back.

    Raises
    ------
    ValueError
        If several passes would all be the same.
    """

    over: Literal["signed", "magnitude", "square"] = "signed"
    of: Literal["relevance", "multiplier", "typical"] = "relevance"
    noise: float = 0.0
    draws: int = 1
    shifts: int = 0

    def __post_init__(self) -> None:
        if self.draws > 1 and not self.varied:
            raise ValueError("without noise or shifts, every draw is the same")

    @property
    def varied(self) -> bool:
        """Whether each pass sees the images in another way."""
        return self.noise > 0 or self.shifts > 0


@dataclass(frozen=True, eq=False)
class _Pass:
    """A map of one pass.

    Parameters
    ----------
    propagator : DifferencePropagator
        Of the images as they are shown to the network.
    person, reference : Tensor, (1, 1, X, Y, Z)
        These images.
    compared : Tensor, (1, 1, X, Y, Z)
        The reference as it was.
    shift : tuple of int, (3,)
        How they are shifted.
    """

    propagator: DifferencePropagator
    person: Tensor
    reference: Tensor
    compared: Tensor
    shift: tuple[int, int, int] = (0, 0, 0)


def explain_over(question: Question, form: Form | None = None) -> MethodOutput:
    """Explain the difference from every reference of a question, and give one map.

    Parameters
    ----------
    question : Question
        With one or several references.
    form : Form, optional
        The signed mean without.
    """
    question.require_reference()
    form = form or Form()
    moment, back = _MOMENTS[form.over]
    count = len(question.compared) * form.draws
    total, expected, actual = np.zeros(question.image.shape[2:]), 0.0, 0.0
    for each in _passes(question, form):
        found = relevance_map(each.propagator, _directions(question, each, form.varied))
        total += moment(_shifted(torch.from_numpy(found.relevance), [-s for s in each.shift]).double().numpy())
        expected += found.expected_sum or 0.0
        actual += found.actual_sum or 0.0
    relevance = back(total / count)
    if form.of == "typical":
        differences = (question.image - reference for reference in question.compared)
        sizes = [moment(difference[0, 0].double().cpu().numpy()) for difference in differences]
        relevance *= back(np.mean(sizes, axis=0))
    return MethodOutput(relevance.astype(np.float32), expected / count, actual / count)


def _directions(question: Question, each: _Pass, varied: bool) -> Tensor:
    """Of this pass's objective; the propagator has seen both images, which need not pass the network again for it."""
    objective = question.objective
    v, change = each.propagator.output, each.propagator.change
    if varied and not question.objectives:
        answers = question.answers.knowing(
            ((each.person, objective.answer, v), (each.reference, objective.answer, v - change))
        )
        images = Images(each.person, question.people, each.reference)
        return question.target.objective(answers, images).directions
    if each.compared is not question.reference and not question.objectives:
        question.answers.keep(each.compared, objective.answer, v - change)
    return question.against(each.compared).objective.directions


def _passes(question: Question, form: Form) -> Iterator[_Pass]:
    """One after the other: each needs much memory."""
    references, relevance = question.compared, form.of == "relevance"
    pair = partial(
        DifferencePropagator,
        question.network,
        output=question.objective.answer,
        magnitudes=relevance,
        multipliers=not relevance,
    )
    if form.varied:
        for person, reference, compared, shift in _varied(question, form):
            yield _Pass(pair(person, reference), person, reference, compared, shift)
        return
    kept = Kept() if len(references) > 1 else None
    for reference in references:
        yield _Pass(pair(question.image, reference, kept=kept), question.image, reference, reference)


def _varied(question: Question, form: Form) -> Iterator[tuple[Tensor, Tensor, Tensor, tuple[int, int, int]]]:
    """Person and reference as they are shown in every pass, the reference as it was, and the shift."""
    references = question.compared
    generator = torch.Generator().manual_seed(_SHIFT_SEED)
    people = _noisy(question.image, form, len(references) * form.draws, _PERSON_SEED, question.bounds)
    for number, compared in enumerate(references):
        for reference in _noisy(compared, form, form.draws, _REFERENCE_SEED + number, question.bounds):
            x, y, z = torch.randint(-form.shifts, form.shifts + 1, (3,), generator=generator).tolist()
            both = (_shifted(image, (x, y, z), question.empty) for image in (next(people), reference))
            yield (*both, compared, (x, y, z))  # type: ignore[misc]


def _noisy(image: Tensor, form: Form, count: int, seed: int, bounds: tuple[float, float]) -> Iterator[Tensor]:
    return Noise(count, form.noise, seed).added(image, bounds) if form.noise else repeat(image, count)


def _shifted(image: Tensor, shift: tuple[int, ...] | list[int], empty: float = 0.0) -> Tensor:
    """An image (..., X, Y, Z) shifted by whole voxels; what comes in is empty."""
    for axis, voxels in enumerate(shift, start=image.dim() - 3):
        if voxels:
            kept = image.narrow(axis, max(0, -voxels), image.shape[axis] - abs(voxels))
            margins = [0, 0] * (image.dim() - 1 - axis) + [max(0, voxels), max(0, -voxels)]
            image = functional.pad(kept, margins, value=empty)
    return image
