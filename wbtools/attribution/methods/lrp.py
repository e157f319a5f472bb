"""Plain layer-wise relevance propagation (LRP), for networks of convolutions, gates and residual sums.

Stock composites do not conserve relevance on these networks: they know no rule for residual sums and gates, let it pass
through the normalisation of the embedding, where it cancels, and lose it in biases. Here

- relevance starts at the embedding before normalisation, whose length counts as a constant: R = v z / |v|;
- batch norms are merged into the convolutions before them;
- biases are left out of every denominator, and an activation counts only as far as it comes from the image: relevance
  of what biases alone make, as in the empty background, would be lost;
- in the last two layers contributions of the output's own sign count. Epsilon's denominators, a sum of both signs, come
  close to zero there, and the map becomes a small difference of terms up to fifty times as large.

References: Bach et al. 2015 (LRP), Montavon et al. 2017 (z-plus), Arras et al. 2017 (gates).
"""

from __future__ import annotations

from torch import nn

from wbtools.attribution.engine import RelevancePropagator
from wbtools.attribution.engine.graph import NoRelevanceRule
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.attribution.relevance_map import relevance_map
from wbtools.errors import InputError
from wbtools.model.family import Network


def explain(question: Question) -> MethodOutput:
    """Propagate the relevance of a network's answer back to the voxels.

    By the engine of wbtools; by zennit, which takes three times as long, where a layer is unknown there.

    Raises
    ------
    InputError
        If no rule is known for a convolution.
    """
    if question.bounds[0] < 0:
        raise InputError(
            "--method lrp divides what is positive, and this network is given negative intensities",
            hint="choose another --method, such as deviation or lrp-box",
        )
    try:
        propagator = RelevancePropagator(
            question.network, question.image, output=question.objective.answer, empty=question.empty
        )
    except InputError:
        _require_known(question.network)
        from wbtools.attribution.autograd import lrp_by_zennit

        return lrp_by_zennit.explain(question)
    return relevance_map(propagator, question.objective.directions)


def _require_known(network: Network) -> None:
    """Raise InputError if zennit's rules do not fit a convolution: it is not three-dimensional, or is grouped."""
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.conv._ConvNd) and not (isinstance(module, nn.Conv3d) and module.groups == 1):
            raise NoRelevanceRule.of(name, module, kind="convolution")


METHOD = Method(
    name="lrp",
    title="plain layer-wise relevance propagation (z-plus)",
    rules=(
        "start: embedding before normalisation, its length constant",
        "convolutions: z-plus, batch norm merged, without biases",
        "last two layers: contributions of the sign of the output (gamma 1000), without biases",
        "maximum pools: winner takes all",
        "average pool: proportional to the inputs",
        "gates: signal takes all",
        "residual sums: proportional to the positive parts",
        "activations: the part owed to the image and not to biases",
    ),
    caution=(
        "Plain z-plus maps follow the brightness and the centre of the brain more than what the network uses; "
        "do not read a ranking from one map alone."
    ),
    explain=explain,
    on_cards=True,
)
