"""Attention maps: the coefficients with which a network's own spatial attention scales its features.

Signals pass one gate after the other, so their coefficients multiply; the root of the product keeps the scale of one
gate, 0 (closed) to 1 (open). The map is the same for every target: it says where features pass, not what they are for.

Reference: Woo et al. 2018 (attention).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wbtools.attribution.autograd.features import calls, placements, put_back, reading, shown, spread
from wbtools.attribution.autograd.gradients import differentiable
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.errors import InputError
from wbtools.model.junctions import Gate


def explain(question: Question) -> MethodOutput:
    """The geometric mean of all spatial attention maps, each laid over the image where its features look."""
    network = question.network
    made = calls(question)
    first = reading(made, METHOD.name)
    places, shape = placements(made, first), first.before[2:]
    maps: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        if _is_spatial(inputs[1], len(shape)):
            maps.append(inputs[1].detach()[:, 0])

    image = question.image.clone().requires_grad_()
    handles = [module.register_forward_hook(note) for module in network.modules() if isinstance(module, Gate)]
    try:
        with differentiable(network), shown(first.layer) as given:
            question.answer(image)
    finally:
        for handle in handles:
            handle.remove()
    if not maps:
        raise InputError("the network has no spatial attention that could be shown", hint="choose another --method")
    laid = (spread(weights, places.get(tuple(weights.shape[1:])), shape) for weights in maps)
    mean = torch.stack([weights.clamp(min=1e-12).log() for weights in laid]).mean(0).exp()
    return MethodOutput(put_back(mean, given[0], image)[0, 0].numpy())


def _is_spatial(coefficients: Tensor, axes: int) -> bool:
    """Whether a gate's coefficients are one number in [0, 1] for each voxel, the same for all channels."""
    shape = coefficients.shape
    if len(shape) != 2 + axes or shape[1] != 1 or max(shape[2:]) == 1:
        return False
    return bool(((coefficients >= 0) & (coefficients <= 1)).all())


METHOD = Method(
    name="attention",
    title="the network's own spatial attention",
    rules=(
        "coefficients of every spatial attention, laid over the image at the centres of what their features see",
        "several are combined by their geometric mean",
    ),
    caution=(
        "Attention maps are the same for every target. They show where features pass, not what the answer owes to "
        "them, and are often largest in the empty background."
    ),
    explain=explain,
    signed=False,
)
