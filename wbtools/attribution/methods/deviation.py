"""Deviation LRP: what makes a network's answer differ from that for a reference brain, and where.

Layer-wise relevance propagation in which every contribution is a difference between the person's brain and a reference
brain in the same layers, and every layer hands relevance on in proportion to those differences, the first convolution
in proportion to their magnitudes. Biases and the offsets of batch norms cancel, the empty background stays neutral, and
nothing is lost. With the answer v of the person, that of the reference v' and the target's direction d, what is divided
is d . (v - v'). For the embedding itself d is made so that this is 1 - cos(v, v'), the cosine distance to the reference
brain (see `wbtools.attribution.target`): 0 for the reference itself, and never negative.

References: Bach et al. 2015 (LRP), Shrikumar et al. 2017 (DeepLIFT: contributions as differences from a reference).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from wbtools.attribution.engine import DifferencePropagator, Kept
from wbtools.attribution.method import Method
from wbtools.attribution.methods.several_references import explain_over
from wbtools.attribution.reference import reference_brain
from wbtools.attribution.references.sets import ReferenceSource
from wbtools.attribution.references.sources import template, usual
from wbtools.model import Model, ModelInput


def propagators_of(
    model: Model, image: ModelInput, references: ReferenceSource | None = None
) -> Iterator[DifferencePropagator]:
    """A person's brain and each of its references in a network, ready for any number of seeds.

    Parameters
    ----------
    model : Model
    image : ModelInput
        Of the person.
    references : callable, optional
        Gives the references; without, it is the single reference brain.

    Yields
    ------
    DifferencePropagator
        One after the other: each needs much memory.
    """
    brains, person = (references or template)(model, image).brains, torch.from_numpy(image.data)
    kept = Kept() if len(brains) > 1 else None
    for brain in brains:
        yield DifferencePropagator(model.network, person, torch.from_numpy(brain.data), kept=kept)


_BY_MAGNITUDE = "the convolution that sees the image: in proportion to the magnitudes of the voxels' contributions"
_BY_CONTRIBUTION = (
    "other convolutions, linear layers, averages, sums: in proportion to the contributions; biases cancel"
)
_POOLED = 1.5  # voxels of the network's grid
_RULES = (
    "every contribution is a difference from the reference brain in the same layer",
    "start: the answer's change from the reference brain's, in the target's direction",
    _BY_MAGNITUDE,
    _BY_CONTRIBUTION,
    "activations and sigmoids: the secant between both brains",
    "maximum pools: shared by the person's and the reference's largest voxel; both changes make up the maximum's",
    "gates: signal and coefficient by the product rule; attention is followed back, too",
    "batch norms: their scale; offsets cancel",
)
_CAUTION = (
    "A deviation map explains the difference from a reference brain: relevance marks what is different here and "
    "used, not what is ill. Read ranks beside those of randomised networks."
)

METHOD = Method(
    name="deviation",
    title="layer-wise relevance propagation of the difference from a reference brain",
    rules=(*_RULES, "of several references: the mean of the maps"),
    caution=_CAUTION,
    explain=explain_over,
    reference=reference_brain,
    several_references=True,
    by_magnitude=True,
    on_cards=True,
)

MAGNITUDE = replace(
    METHOD,
    name="deviation-magnitude",
    title="deviation LRP, mean magnitude over several reference brains",
    rules=(*_RULES, "of several references: the mean of the maps' magnitudes"),
    caution=f"Magnitudes: where relevance lies, not whether it speaks for or against. {_CAUTION}",
    explain=partial(explain_over, over="magnitude"),
    usual_references=usual,
    signed=False,
)

SMOOTH = replace(
    MAGNITUDE,
    name="deviation-smooth",
    title="deviation LRP, root mean square over several reference brains and neighbouring voxels",
    rules=(
        *(rule for rule in _RULES if rule not in (_BY_MAGNITUDE, _BY_CONTRIBUTION)),
        "all convolutions, linear layers, averages, sums: in proportion to the contributions; biases cancel",
        "of several references: the root of the mean of the maps' squares",
        f"squares pooled by a Gaussian of {_POOLED:g} voxels; regions ranked by the squares before that",
    ),
    caution=(
        "Magnitudes: where relevance lies, not whether it speaks for or against. The map is pooled over neighbouring "
        "voxels, the ranks of regions are not. Where the volume of a deep structure was the answer, gradients "
        f"(gradient, smoothgrad-squared) ranked it higher. {_CAUTION}"
    ),
    explain=partial(explain_over, over="square", by_magnitude=False),
    by_magnitude=False,
    pooled=_POOLED,
)
"""The default: what neighbouring voxels and several references show together; how it was chosen is on record in
`docs/evidence/known-source.md`."""

SQUARED = replace(
    MAGNITUDE,
    name="deviation-squared",
    title="deviation LRP, root mean square over several reference brains",
    rules=(*_RULES, "of several references: the root of the mean of the maps' squares"),
    explain=partial(explain_over, over="square"),
)
