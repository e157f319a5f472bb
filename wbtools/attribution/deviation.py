"""Deviation LRP: what makes a network's answer differ from that for a reference brain, and where.

Layer-wise relevance propagation in which every contribution is a difference between the person's brain and a reference
brain in the same layers. Biases and the offsets of batch norms cancel, the empty background stays neutral, and nothing
is lost. With the answer v of the person, that of the reference v' and the target's direction d, what is divided is
d . (v - v'). For the embedding itself, d = z / |v| with z = v / |v|, that is

    z . (v - v') / |v|  =  1 - z . v' / |v|,

the part of the embedding, along its own direction, that the reference brain does not have already; |v| and z count as
constants. It is 0 for the reference itself, and below 0 where the reference goes further in this direction.

References: Bach et al. 2015 (LRP), Shrikumar et al. 2017 (contributions as differences from a reference), Montavon et
al. 2019 (gamma), Arras et al. 2017 (gates).
"""

from __future__ import annotations

import torch

from wbtools.attribution.engine import Walk, mean_absolute
from wbtools.attribution.method import Explanation, Method
from wbtools.attribution.question import Question
from wbtools.attribution.reference import reference_brain


def explain(question: Question) -> Explanation:
    """Propagate the difference of two answers back to the voxels.

    Parameters
    ----------
    question : Question
        With a reference.
    """
    assert question.reference is not None  # the registry gives one to this method
    walk = Walk(question.network, torch.cat([question.image, question.reference]), output=question.aim.answer)
    seeds = question.aim.directions * walk.change
    whole = seeds.mean(0, keepdim=True)
    put_in = float(whole.sum(dtype=torch.float64))
    relevance = walk.relevance(whole)[0, 0]
    if len(seeds) == 1:
        return Explanation(relevance.numpy(), put_in)
    return Explanation(mean_absolute(walk, seeds)[0].numpy(), put_in, float(relevance.sum(dtype=torch.float64)))


METHOD = Method(
    name="deviation",
    title="layer-wise relevance propagation of the difference from a reference brain",
    rules=(
        "every contribution is a difference from the reference brain in the same layer",
        "reference: nilearn's MNI152 template, laid in place by world coordinates, intensities matched by quantiles",
        "start: the answer's change from the reference brain's, in the target's direction",
        "convolutions: gamma 0.25 on the side of the output's sign, batch norm merged; biases cancel",
        "last two layers: in proportion to the contributions",
        "maximum pools: winner takes all, be it the person's or the reference's",
        "average pools, residual sums: in proportion to the parts of the sum's sign",
        "gates: signal takes all; where only the coefficient changed, the gate's other voxels take it",
        "batch norms before an activation: cancel",
    ),
    caution=(
        "Deviation maps explain the difference from a template that is laid in place by world coordinates and not "
        "registered: relevance also marks a different position, size or contrast of the brain. "
        "Do not read a ranking from one map alone: untrained networks rank regions much alike."
    ),
    explain=explain,
    reference=reference_brain,
)
