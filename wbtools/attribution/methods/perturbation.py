"""Meaningful perturbation: the smallest part of the brain that has to be blurred for the answer to go away.

A mask m, 1 everywhere at first, mixes the image and a blurred copy of it, m x + (1 - m) b, and is changed by gradient
descent until little is left of the answer, while as little as possible is blurred:

    mean over jitters of relu(p - 0.05)  +  w (3 mean|1 - m| + TV(m))

p is the probability of the class; for an answer without classes, the part of the score that is left, 1 for the image
and 0 for its blurred copy. w grows from 0 to 1 over the first 60 steps. The relevance of a voxel is 1 - m.

The mask has a quarter of the image's resolution, is laid over it trilinearly, and smoothed; TV is the mean seventh
power of its steps from voxel to voxel. Each jitter shifts the mixed image by up to 5 voxels along each axis. Adam
without forgetting (AMSGrad), rate 0.3, a tenth of it after every 30 steps.

References: Fong & Vedaldi 2017, Kan et al. 2020 (for brains; the numbers are theirs).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv3d, interpolate, pad

from wbtools.attribution.autograd.gradients import Score, differentiable, require_one_direction
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.question import Question
from wbtools.errors import InputError
from wbtools.text import lengths

logger = logging.getLogger(__name__)

_LEFT = 0.05
"""So much of the answer may be left."""

_SCALE = 4
_SPREAD, _WIDTH = 10.0, 5
"""The Gaussian's standard deviation and width in voxels: cut so short, it is nearly a mean."""


@dataclass(frozen=True)
class Settings:
    """How long and how hard the mask is searched for.

    Parameters
    ----------
    steps : int
        Of the published 300. After 120 the rate is 3e-5, and all steps that follow move no value by .003.
    ramp : int
        Steps until the regulariser counts in full: a fifth of 300.
    jitters, reach : int
        How many shifted images a step averages over, and by how many voxels they are shifted at most.
    """

    steps: int = 120
    ramp: int = 60
    jitters: int = 10
    reach: int = 5


PUBLISHED = Settings()


def explain(question: Question, settings: Settings = PUBLISHED) -> MethodOutput:
    """Search for the mask."""
    require_one_direction(question, METHOD.name)
    image = question.image
    if min(image.shape[2:]) < _WIDTH:
        raise InputError(
            f"{METHOD.name} blurs over {_WIDTH} voxels, and this network looks at pieces of {lengths(image.shape[2:])}",
            hint="choose another --method, such as occlusion or grad-cam",
        )
    with differentiable(question.network):
        left = _part_left(question, smoothed(image))
        mask, _ = search(image, left, settings, question.empty)
        return MethodOutput((1 - laid_over(mask, image)).detach()[0, 0].numpy())


def _part_left(question: Question, blurred: Tensor) -> Callable[[Tensor], Tensor]:
    """How much of the answer is left in an image: a class's probability, or the part of a score that blurring takes."""
    objective, direction = question.objective, question.objective.directions[0]
    if objective.answer == "logits" and int((direction != 0).sum()) == 1 and direction.max() == 1:
        return _probability(question, int(direction.argmax()))
    return _remainder(question, blurred)


def _probability(question: Question, index: int) -> Callable[[Tensor], Tensor]:
    """That of one class.

    Raises
    ------
    InputError
        If it is as good as nothing already.
    """

    def part(x: Tensor) -> Tensor:
        logits = question.answer(x)
        return (logits.softmax(1) if logits.shape[1] > 1 else logits.sigmoid())[0, index]

    with torch.no_grad():
        now = float(part(question.image))
    if now <= _LEFT:
        raise InputError(
            f"the network gives this class a probability of {now:.1%}: there is nothing to take away",
            hint="explain the class that the network decides for, --target class",
        )
    return part


def _remainder(question: Question, blurred: Tensor) -> Callable[[Tensor], Tensor]:
    """What is left of the score: 1 for the image, 0 for its blurred copy.

    Raises
    ------
    InputError
        If both have the same score.
    """
    score = Score(question.network, question.objective.answer, question.objective.directions[0])
    with torch.no_grad():
        whole, least = float(score(question.image)), float(score(blurred))
    if abs(whole - least) <= 1e-6 * max(abs(whole), abs(least)):
        raise InputError("blurring the image does not change the network's answer", hint="use another --method")

    def part(x: Tensor) -> Tensor:
        value: Tensor = score(x)
        return (value[0] - least) / (whole - least)

    return part


def search(
    image: Tensor, left: Callable[[Tensor], Tensor], settings: Settings = PUBLISHED, empty: float = 0.0
) -> tuple[Tensor, list[float]]:
    """Change the mask step by step.

    Parameters
    ----------
    image : Tensor, (1, 1, X, Y, Z)
    left : callable
        From a mixed image to the part of the answer that is left.
    settings : Settings
    empty : float
        What stands where a shifted image moved away.

    Returns
    -------
    Tensor, (1, 1, x, y, z)
        The mask in [0, 1], at a quarter of the image's resolution.
    list of float
        What every step started from: the evidence left over, and the regulariser counted in full.
    """
    generator = torch.Generator().manual_seed(0)
    blurred, losses = smoothed(image), []
    mask = torch.ones((1, 1, *(max(1, n // _SCALE) for n in image.shape[2:]))).requires_grad_()
    optimiser = torch.optim.Adam([mask], lr=0.3, betas=(0.9, 0.99), amsgrad=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=30, gamma=0.1)
    for step in range(settings.steps):
        optimiser.zero_grad()
        evidence = 0.0
        for _ in range(settings.jitters):
            # Each jitter's gradient is taken at once: ten graphs of a large network would not fit into memory.
            over = laid_over(mask, image)
            shift = torch.randint(-settings.reach, settings.reach + 1, (3,), generator=generator).tolist()
            part = (left(shifted(over * image + (1 - over) * blurred, shift, empty)) - _LEFT).relu() / settings.jitters
            torch.autograd.backward(part)
            evidence += float(part.detach())
        cost = _cost(mask, image)
        torch.autograd.backward(min(1.0, step / settings.ramp) * cost)
        losses.append(evidence + float(cost.detach()))
        if step % 10 == 0:
            logger.info("meaningful perturbation, step %d of %d: loss %.3f", step, settings.steps, losses[-1])
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            mask.clamp_(0, 1)
    return mask.detach(), losses


def _cost(mask: Tensor, image: Tensor) -> Tensor:
    """How much is blurred, and how ragged it is."""
    over = laid_over(mask, image)
    ragged = torch.stack([over.diff(dim=axis).abs().pow(7).mean() for axis in (2, 3, 4)]).sum()
    return 3 * (1 - mask).abs().mean() + ragged


def laid_over(mask: Tensor, image: Tensor) -> Tensor:
    """The mask on the image's grid, smoothed."""
    return smoothed(interpolate(mask, image.shape[2:], mode="trilinear"))


def smoothed(image: Tensor) -> Tensor:
    """Gaussian mean around each voxel (N, 1, X, Y, Z); voxels at the edge are repeated beyond it.

    Examples
    --------
    >>> torch.allclose(smoothed(torch.ones(1, 1, 3, 3, 3)), torch.ones(1, 1, 3, 3, 3))
    True
    """
    half = _WIDTH // 2
    weights = torch.exp(-0.5 * (torch.arange(-half, half + 1.0) / _SPREAD).square())
    for axis in range(3):
        shape, margin = [1] * 5, [0] * 6
        shape[2 + axis] = _WIDTH
        margin[4 - 2 * axis] = margin[5 - 2 * axis] = half
        image = conv3d(pad(image, margin, mode="replicate"), (weights / weights.sum()).view(shape))
    return image


def shifted(image: Tensor, shift: list[int], empty: float = 0.0) -> Tensor:
    """The image moved by whole voxels, `empty` where it moved away.

    Examples
    --------
    >>> shifted(torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 3, 1, 1), [1, 0, 0]).flatten().tolist()
    [0.0, 1.0, 2.0]
    """
    margin = [side for by in reversed(shift) for side in (by, -by)]
    return pad(image, margin, value=empty)


METHOD = Method(
    name="meaningful-perturbation",
    title="meaningful perturbation: the least that has to be blurred for the answer to go away",
    rules=(
        "a mask at a quarter of the image's resolution mixes the image with its own mean over 5 voxels",
        "class: its probability falls to .05; otherwise: .05 of what the score loses when everything is blurred",
        "regulariser: 3 mean|1 - mask| and the mean seventh power of its steps; 10 jitters of up to 5 voxels",
        "Adam (AMSGrad), rate .3, a tenth after every 30 steps, 120 steps",
    ),
    caution=(
        "Meaningful perturbation finds one small set of places that is enough to take the answer away, not all that "
        "the network uses; it cannot see what blurring over 5 voxels leaves as it is, such as the size of a structure."
    ),
    explain=explain,
    signed=False,
)
