"""Integrated gradients: the score's change from a baseline image, collected along the straight way to the person's.

The map sums to the score's difference between image and baseline, as far as the steps follow the gradient. What the map
shows depends on the baseline, which therefore is part of the method's name: the reference brain, the person's own brain
without detail, or nothing at all.

References: Sundararajan et al. 2017, Sturmfels et al. 2020 (baselines), Kokhlikyan et al. 2020 (captum).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from captum.attr import IntegratedGradients
from torch import Tensor

from wbtools.attribution.autograd.gradients import Score, explain_each, require_one_direction, score_of
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.attribution.reference import ReferenceBrain, reference_brain
from wbtools.model import Card, ModelInput

STEPS = 32
"""Images on the way, at the nodes of Gauss-Legendre quadrature."""

_BLUR = 10.0
"""Standard deviation in mm: wider than a gyrus, narrower than a lobe."""


def empty(card: Card, image: ModelInput, file: Path | None = None) -> ReferenceBrain:
    """No brain at all."""
    return ReferenceBrain(image.taken(np.zeros_like(image.plain)), image.grid, source="an empty image")


def blurred(card: Card, image: ModelInput, file: Path | None = None) -> ReferenceBrain:
    """The person's brain without its detail: each voxel the Gaussian mean of the brain around it, 0 outside."""
    from scipy.ndimage import gaussian_filter

    data = image.plain
    brain = (data > 0).astype(np.float32)
    sigma = _BLUR / image.grid.voxel_sizes
    weight, summed = (gaussian_filter(part, sigma, mode="constant") for part in (brain, data))
    # The filter's tails end after four deviations; inside the brain its weight is never 0.
    smooth = brain * summed / np.maximum(weight, np.float32(1e-6))
    return ReferenceBrain(image.taken(smooth), image.grid, source=f"the brain itself, blurred by {_BLUR:g} mm")


def explain(question: Question) -> MethodOutput:
    """Integrate the gradient from the reference to the image."""
    require_one_direction(question, "integrated-gradients")
    reference = question.require_reference()

    def find(score: Score, image: Tensor) -> Tensor:
        # One image at a time: a batch of large images does not fit into memory.
        found: Tensor = IntegratedGradients(score).attribute(image, reference, n_steps=STEPS, internal_batch_size=1)
        return found.to(image.dtype)

    return explain_each(question, find, score_of(question, reference))


def _method(
    name: str, words: str, reference: Callable[[Card, ModelInput, Path | None], ReferenceBrain], caution: str
) -> Method:
    return Method(
        name=name,
        title=f"integrated gradients from {words}, by captum",
        rules=(f"gradients at {STEPS} images between the baseline and the person's", f"baseline: {words}"),
        caution=f"{caution} Do not read a ranking from one map alone.",
        explain=explain,
        on_cards=True,
        reference=reference,
    )


TEMPLATE = _method(
    "integrated-gradients",
    "the reference brain",
    reference_brain,
    "The images between two brains are like none the network has seen.",
)

ZERO = _method(
    "integrated-gradients-zero",
    "an empty image",
    empty,
    "From an empty image, dark voxels can have no relevance, and the map follows the brightness of the brain.",
)

BLURRED = _method(
    "integrated-gradients-blurred",
    f"the brain blurred by {_BLUR:g} mm",
    blurred,
    "Against the blurred brain, only detail can have relevance: what differs over centimetres, such as a gain or a "
    "wide region's intensity, is not seen.",
)
