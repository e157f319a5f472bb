"""Occlusion by region: how far the score falls when a region looks as it does in the reference brain.

The network is run once for each region of the atlas, with that region's voxels taken from the reference brain, and the
rest of the brain, outside the atlas, is one more region. No gradient and no rule is involved; what a region does only
together with another is counted for both.

References: Zeiler & Fergus 2014 (occlusion), Kokhlikyan et al. 2020 (captum).
"""

from __future__ import annotations

import torch
from captum.attr import FeatureAblation
from torch import Tensor

from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.attribution.reference import reference_brain


def explain(question: Question) -> MethodOutput:
    """Replace one region after the other, and divide the fall of the score among its voxels."""
    image, reference, regions = question.image, question.require_reference(), question.require_regions()
    keys, index = torch.unique(regions, return_inverse=True)
    changed = (image != reference)[0, 0]  # where nothing is replaced, as in empty space, nothing is owed

    def scores(present: Tensor) -> Tensor:
        mixed = torch.where(present[0, index].bool(), image, reference)
        return question.answer(mixed) @ question.objective.directions.T

    with torch.no_grad():
        falls: Tensor = FeatureAblation(scores).attribute(torch.ones(1, len(keys))).reshape(-1, len(keys))
    voxels = torch.bincount(index[changed], minlength=len(keys)).clamp(min=1)
    per_region = falls[0] if len(falls) == 1 else falls.abs().mean(0)
    return MethodOutput(((per_region / voxels)[index] * changed).numpy())


METHOD = Method(
    name="occlusion",
    title="occlusion of one atlas region after the other, by captum",
    rules=(
        "a region's voxels are replaced by the reference brain's; its relevance is the fall of the score, in equal "
        "parts for its voxels",
        "what lies outside the atlas is one more region",
        "reference: the brain the card names, else the MNI152 template; registered, intensities matched by quantiles",
    ),
    caution=(
        "Occlusion maps are flat within a region. Replacing a region makes edges that the network may react to, and "
        "regions that say the same can stand in for one another and then show nothing."
    ),
    explain=explain,
    reference=reference_brain,
    by_region=True,
)
