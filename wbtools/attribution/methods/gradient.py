"""The gradient: how much the score would change with the brightness of each voxel.

Reference: Simonyan et al. 2014 (saliency maps, there without signs), Kokhlikyan et al. 2020 (captum).
"""

from __future__ import annotations

from captum.attr import Saliency
from torch import Tensor

from wbtools.attribution.autograd.gradients import Score, explain_each
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question


def gradient(score: Score, image: Tensor) -> Tensor:
    """The score's gradient at an image, both (1, 1, X, Y, Z)."""
    found: Tensor = Saliency(score).attribute(image, abs=False)
    return found


def explain(question: Question) -> MethodOutput:
    """Follow the score's gradient back to the voxels."""
    return explain_each(question, gradient)


METHOD = Method(
    name="gradient",
    title="the gradient, by captum",
    rules=("the score's gradient at the image",),
    caution=(
        "The gradient shows where the answer would react to a change of brightness, not what it owes to the image; "
        "positive where brighter voxels would raise the score. From voxel to voxel it is noisy."
    ),
    explain=explain,
    on_cards=True,
)
