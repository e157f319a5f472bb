"""Grad-CAM and HiResCAM: which voxels of the last feature map raise the score.

Grad-CAM weighs each channel by its mean gradient and keeps what is positive; HiResCAM multiplies gradients and features
voxel by voxel. Where the features are averaged over all voxels before the last layers, both are the same but for the
sign. Their maps are as coarse as the features, and are laid over the image where those look.

References: Selvaraju et al. 2017 (Grad-CAM), Draelos & Carin 2020 (HiResCAM), Kokhlikyan et al. 2020 (captum).
"""

from __future__ import annotations

from collections.abc import Callable

from captum.attr import LayerGradCam, LayerGradientXActivation
from torch import Tensor, nn

from wbtools.attribution.autograd.features import calls, last_features, placements, put_back, reading, shown, spread
from wbtools.attribution.autograd.gradients import Score, explain_each
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question


def _grad_cam(score: Score, layer: nn.Module, image: Tensor) -> Tensor:
    found: Tensor = LayerGradCam(score, layer).attribute(image, relu_attributions=True)
    return found


def _hires_cam(score: Score, layer: nn.Module, image: Tensor) -> Tensor:
    found: Tensor = LayerGradientXActivation(score, layer).attribute(image)
    return found.sum(1, keepdim=True)


def _explain(question: Question, name: str, activation: Callable[[Score, nn.Module, Tensor], Tensor]) -> MethodOutput:
    """Lay the map of the last features over the image."""
    made = calls(question)
    first, last = reading(made, name), last_features(made)
    place = placements(made, first).get(last.after[2:])

    def find(score: Score, image: Tensor) -> Tensor:
        with shown(first.layer) as given:
            found = activation(score, last.layer, image).detach()[:, 0]
        return put_back(spread(found, place, first.before[2:]), given[0], image)

    return explain_each(question, find)


GRAD_CAM = Method(
    name="grad-cam",
    title="Grad-CAM on the last convolution's features, by captum",
    rules=(
        "features of the last convolution, after its batch norm, sum and activation, weighed by their mean gradients",
        "negative values are cut off",
        "laid over the image at the centres of what the features see, linear in between",
    ),
    caution=(
        "Grad-CAM maps are as coarse as the last features, often several centimetres: they can name a part of the "
        "brain, not a region, and reach into the background."
    ),
    explain=lambda question: _explain(question, "grad-cam", _grad_cam),
    signed=False,
)

HIRES_CAM = Method(
    name="hires-cam",
    title="HiResCAM on the last convolution's features, by captum",
    rules=(
        "features of the last convolution, after its batch norm, sum and activation, times their own gradients",
        "laid over the image at the centres of what the features see, linear in between",
    ),
    caution=(
        "HiResCAM maps are as coarse as the last features, often several centimetres: they can name a part of the "
        "brain, not a region, and reach into the background."
    ),
    explain=lambda question: _explain(question, "hires-cam", _hires_cam),
)
