"""Activation-gradient maps: which voxels the channels of the last convolution react to, whatever the answer is.

For every channel of the last convolution, its sum over all places is followed back to the image as a gradient is. The
map is the mean over channels of the magnitudes: signs of different channels have nothing to do with one another.

Reference: Kan et al. 2020, where they are called attention maps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wbtools.attribution.autograd.features import calls, last_convolution, reading
from wbtools.attribution.autograd.gradients import differentiable
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question


def explain(question: Question) -> MethodOutput:
    """The mean over channels of the magnitude of their gradients."""
    made = calls(question)
    reading(made, METHOD.name)  # there is a convolution
    layer, noted = made[last_convolution(made)].layer, []

    def note(module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        noted.append(output)

    mean, image = torch.zeros_like(question.image), question.image.clone().requires_grad_()
    handle = layer.register_forward_hook(note)
    try:
        with differentiable(question.network):
            question.answer(image)
            sums = noted[-1].transpose(0, 1).flatten(1).sum(1).unbind()
            for channel in sums:
                (gradient,) = torch.autograd.grad(channel, image, retain_graph=True)
                mean += gradient.abs() / len(sums)
    finally:
        handle.remove()
    return MethodOutput(mean[0, 0].cpu().numpy())


METHOD = Method(
    name="activation-gradients",
    title="mean magnitude of the gradients of the last convolution's channels",
    rules=(
        "of each channel of the last convolution, before batch norm and activation: the gradient of its sum",
        "the mean of their magnitudes",
    ),
    caution=(
        "Activation-gradient maps are the same for every target: they show what the last features react to, whether "
        "the answer uses these features or not, and are noisy from voxel to voxel."
    ),
    explain=explain,
    on_cards=True,
    signed=False,
)
