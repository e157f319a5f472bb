"""Gradient x input, and gradient x difference from the reference brain: what a linear network would owe each voxel.

The first terms of a Taylor series; their sum is the score, or its change, only as far as the network is linear there.

References: Shrikumar et al. 2016 (gradient x input), Kokhlikyan et al. 2020 (captum).
"""

from __future__ import annotations

from captum.attr import InputXGradient
from torch import Tensor

from wbtools.attribution.autograd.gradients import Score, explain_each, score_of
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.methods.gradient import gradient
from wbtools.attribution.question import Question
from wbtools.attribution.reference import reference_brain


def explain_input(question: Question) -> MethodOutput:
    """Multiply the image by its gradient."""
    return explain_each(question, lambda score, image: InputXGradient(score).attribute(image), score_of(question))


def explain_difference(question: Question) -> MethodOutput:
    """Multiply the difference from the reference by the image's gradient."""
    reference = question.require_reference()

    def find(score: Score, image: Tensor) -> Tensor:
        return gradient(score, image) * (image - reference)

    return explain_each(question, find, score_of(question, reference))


INPUT = Method(
    name="gradient-x-input",
    title="gradient x input, by captum",
    rules=("the score's gradient at the image, times the image",),
    caution=(
        "Gradient x input is exact for linear networks only, and follows the brightness of the image; "
        "do not read a ranking from one map alone."
    ),
    explain=explain_input,
    on_cards=True,
)

DIFFERENCE = Method(
    name="gradient-x-difference",
    title="gradient x difference from a reference brain, by captum",
    rules=(
        "the score's gradient at the image, times the image's difference from the reference brain",
        "reference: the brain the card names, else the MNI152 template; registered, intensities matched by quantiles",
    ),
    caution=(
        "The gradient is taken at the image alone: on the way to the reference it changes. Do not read a ranking from "
        "one map alone."
    ),
    explain=explain_difference,
    on_cards=True,
    reference=reference_brain,
)
