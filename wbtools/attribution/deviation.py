"""Deviation LRP: what makes the embedding of a brain differ from that of a reference brain, and where.

Layer-wise relevance propagation in which every contribution is a difference between the person's brain and a reference
brain in the same layers. Biases and the offsets of batch norms cancel, the empty background stays neutral, and nothing
is lost. With the embedding v of the person, its direction z = v / |v| and the reference's embedding v', the score is

    z . (v - v') / |v|  =  1 - z . v' / |v|,

the part of the embedding, along its own direction, that the reference brain does not have already; |v| and z count as
constants. It is 0 for the reference itself, and below 0 where the reference goes further in this direction.

References: Bach et al. 2015 (LRP), Shrikumar et al. 2017 (contributions as differences from a reference), Montavon et
al. 2019 (gamma), Arras et al. 2017 (gates).
"""

from __future__ import annotations

import torch
from torch import Tensor

from wbtools.attribution.engine import Walk, embedding_seed
from wbtools.attribution.method import Explanation, Method
from wbtools.attribution.reference import reference_brain
from wbtools.model.family import Network


def explain(network: Network, images: Tensor) -> Explanation:
    """Propagate the difference of two embeddings back to the voxels.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    images : Tensor, (2, 1, X, Y, Z)
        The person's brain, and the reference brain.
    """
    walk = Walk(network, images)
    seed = embedding_seed(walk)
    relevance = walk.relevance(seed)
    total = float(seed.sum(dtype=torch.float64))
    return Explanation(relevance[0, 0].numpy(), total, total)


METHOD = Method(
    name="deviation",
    title="layer-wise relevance propagation of the difference from a reference brain",
    rules=(
        "every contribution is a difference from the reference brain in the same layer",
        "reference: nilearn's MNI152 template, laid in place by world coordinates, intensities matched by quantiles",
        "start: embedding before normalisation, its length and direction constant",
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
    target="what makes the embedding differ from the reference brain's: z . (v - v') / |v|",
)
