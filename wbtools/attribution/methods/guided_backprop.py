"""Guided backpropagation: gradients that only positive evidence passes.

At every ReLU negative gradients are cut off, too. On photographs the maps are sharp and show edges, whatever the
network has learned; they are a sensitivity, not a part of the score, and reach outside the brain.

References: Springenberg et al. 2015, Adebayo et al. 2018 (maps that do not depend on what was learned), Kokhlikyan et
al. 2020 (captum).
"""

from __future__ import annotations

import warnings

from captum.attr import GuidedBackprop
from torch import Tensor, nn

from wbtools.attribution.autograd.gradients import Score, explain_each
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.errors import InputError


def explain(question: Question) -> MethodOutput:
    """Propagate the score's gradient back to the voxels, negative parts cut off at every ReLU."""
    if not any(isinstance(module, nn.ReLU) for module in question.network.modules()):
        raise InputError(
            "--method guided-backprop needs a network whose ReLUs are layers that can be seen",
            hint="use --method integrated-gradients or gradient-x-difference, which need nothing but gradients",
        )

    def find(score: Score, image: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Setting backward hooks")  # they are removed again
            found: Tensor = GuidedBackprop(score).attribute(image)
        return found

    return explain_each(question, find)


METHOD = Method(
    name="guided-backprop",
    title="guided backpropagation, by captum",
    rules=("the score's gradient at the image; at every ReLU, negative gradients are cut off",),
    caution=(
        "Guided backpropagation shows where the answer would react, not what it owes to the image, and much of it lies "
        "outside the brain; on photographs its maps were found to show edges whatever the network had learned."
    ),
    explain=explain,
    on_cards=True,
)
