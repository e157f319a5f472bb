"""Guided backpropagation: gradients that only positive evidence passes.

At every ReLU negative gradients are cut off, too. The maps are sharp and pleasing, and close to those of a network with
randomised weights: what they show is mostly the image's own edges.

References: Springenberg et al. 2015, Adebayo et al. 2018 (the sanity check it fails), Kokhlikyan et al. 2020 (captum).
"""

from __future__ import annotations

import warnings

from captum.attr import GuidedBackprop
from torch import Tensor, nn

from wbtools.attribution.gradients import Score, explain_each
from wbtools.attribution.method import Explanation, Method
from wbtools.attribution.question import Question
from wbtools.errors import InputError


def explain(question: Question) -> Explanation:
    """Propagate the score's gradient back to the voxels, negative parts cut off at every ReLU."""
    if not any(isinstance(module, nn.ReLU) for module in question.network.modules()):
        raise InputError(
            "--method guided-backprop needs a network whose ReLUs are layers that can be seen",
            mend="use --method integrated-gradients or gradient-x-difference, which need nothing but gradients",
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
        "Guided backpropagation shows the edges of the image more than what the network uses: maps of networks with "
        "randomised weights look almost the same."
    ),
    explain=explain,
)
