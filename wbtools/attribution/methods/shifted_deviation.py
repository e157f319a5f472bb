"""Deviation LRP from a reference brain in four slightly different places: the mean of the magnitudes of the maps.

Against one reference, relevance is 0 wherever the brain happens to be as bright as the reference, whatever the network
uses there. Between four references, each turned and shifted a little, such places differ, and the network's use of a
region shows as a whole. Each of the four maps conserves; their mean magnitude says where, and no longer for or against.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.methods import deviation
from wbtools.attribution.methods.several_references import explain_over
from wbtools.attribution.question import Question

PLACES = 4
_DEGREES = 2.5
_SHIFT = 0.8  # voxels


def shifted_reference(reference: Tensor, seed: int) -> Tensor:
    """A brain turned about its centre and shifted, by normal deviates of 2.5 degrees and 0.8 voxels for each axis.

    Parameters
    ----------
    reference : Tensor, (1, 1, X, Y, Z)
    seed : int
        The same seed gives the same place.
    """
    generator = torch.Generator().manual_seed(seed)
    angle, shift = torch.randn(2, 3, generator=generator)
    x, y, z = torch.deg2rad(_DEGREES * angle).tolist()
    turn = torch.linalg.matrix_exp(torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]))
    # grid_sample counts axes backwards and measures each in halves of its own length.
    size = torch.tensor(reference.shape[:1:-1]) / 2.0
    matrix = torch.cat((turn * size / size[:, None], (_SHIFT * shift / size)[:, None]), dim=1)
    places = affine_grid(matrix[None], list(reference.shape), align_corners=False)
    return grid_sample(reference, places, align_corners=False)


def explain(question: Question) -> MethodOutput:
    """Explain the difference from each of the shifted references.

    Parameters
    ----------
    question : Question
        With a reference.
    """
    shown = question.require_reference() - question.empty  # 0 beyond the image, as where there is no brain
    places = tuple(shifted_reference(shown, seed) + question.empty for seed in range(PLACES))
    # The same is asked against each of them.
    moved = replace(question, references=places, objectives=(question.objective,) * PLACES)
    return explain_over(moved, "magnitude")


METHOD = Method(
    name="deviation-moved",
    title="deviation LRP, mean magnitude over four places of the reference brain",
    rules=(*deviation.METHOD.rules, f"mean of the magnitudes of the maps against {PLACES} moved references"),
    caution=(
        "Magnitudes: where relevance lies, not whether it speaks for or against. A deviation map marks what is "
        "different here and used, not what is ill. Read ranks beside those of randomised networks."
    ),
    explain=explain,
    reference=deviation.METHOD.reference,
    signed=False,
)
