"""Deviation LRP against several references: one pass of the person's image for all, and means of the maps.

Against a single reference, relevance is 0 wherever the person happens to be like it, whatever the network uses there,
and its sign depends on which of the two is brighter. Over several references such accidents differ. Whatever the mean
is taken of, what is reported as conserved is the mean of the signed maps' sums. Of several directions, the map against
a reference is the mean of their absolute maps.

References: Lundberg & Lee 2017 (DeepLIFT averaged over references: DeepSHAP).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wbtools.attribution.engine import DifferencePropagator, Differences
from wbtools.attribution.method import MethodOutput
from wbtools.attribution.question import Question
from wbtools.attribution.relevance_map import relevance_map

Array = NDArray[np.float64]

Mean = Literal["signed", "magnitude", "square"]


def _itself(values: Array) -> Array:
    return values


_MEANS: dict[Mean, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "signed": (_itself, _itself),
    "magnitude": (np.abs, _itself),
    "square": (np.square, np.sqrt),
}
"""What the mean is taken of, and what becomes of it: the unit is always that of a single map."""


def explain_over(question: Question, over: Mean = "signed", by_magnitude: bool = True) -> MethodOutput:
    """Explain the difference from every reference of a question, and give one map.

    Parameters
    ----------
    question : Question
        With one or several references.
    over : {"signed", "magnitude", "square"}
        The mean of the maps, of their magnitudes, or the root of the mean of their squares.
    by_magnitude : bool
        Whether the convolution that sees the image shares relevance by the magnitudes of contributions; each voxel has
        its slope times its difference otherwise.
    """
    question.require_reference()
    references, (of, back) = question.compared, _MEANS[over]
    differences = question.differences or Differences(
        question.network, question.image, question.objective.answer, len(references), by_magnitude
    )
    total, expected, actual = np.zeros(question.image.shape[2:]), 0.0, 0.0
    for reference in references:  # one after the other: each needs much memory
        found = _map_against(question, differences, reference)
        total += of(found.relevance.astype(np.float64))
        expected += found.expected_sum or 0.0
        actual += found.actual_sum or 0.0
    count = len(references)
    return MethodOutput(back(total / count).astype(np.float32), expected / count, actual / count)


def _map_against(question: Question, differences: Differences, reference: Tensor) -> MethodOutput:
    """The map of one reference; what the network kept for it is given back before the next one."""
    propagator = differences.against(reference)
    return relevance_map(propagator, _directions(question, reference, propagator))


def _directions(question: Question, reference: Tensor, propagator: DifferencePropagator) -> Tensor:
    """Of the objective against this reference, which need not pass the network again for it."""
    question.answers.keep(reference, question.objective.answer, propagator.output - propagator.change)
    return question.against(reference).objective.directions
