"""SmoothGrad, SmoothGrad squared and VarGrad: moments of the gradient over noisy copies of the image.

The gradient g of a network with many kinks changes from voxel to voxel without meaning. Over copies of the image with
noise, its mean keeps what they have in common (SmoothGrad), its mean square where the answer is sensitive at all
(SmoothGrad squared), its variance where it changes (VarGrad). With d the image or its difference from a reference, the
products are mean(g) d, mean(g^2) d^2 and var(g) d^2: the same moments of g d.

The loop is not captum's NoiseTunnel, which draws from torch's global generator on the network's own device, and takes
the variance as a difference of float32 squares, which can be negative; the tests compare both.

References: Smilkov et al. 2017 (SmoothGrad), Hooker et al. 2019 (squared), Adebayo et al. 2018 (VarGrad).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wbtools.attribution.autograd.gradients import Score, explain_each
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.methods.gradient import gradient
from wbtools.attribution.noise import Noise
from wbtools.attribution.question import Question
from wbtools.attribution.reference import reference_brain

NOISE = Noise(draws=25, level=0.1)
"""Within the 10 to 20 % of the range, and the number of draws, that Smilkov et al. recommend."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Of the gradient over noisy copies of an image.

    Parameters
    ----------
    mean, variance : Tensor, (1, 1, X, Y, Z)
        The variance over the draws themselves, not an estimate for more of them.
    """

    mean: Tensor
    variance: Tensor

    @property
    def square(self) -> Tensor:
        """Mean of the squares."""
        return self.mean.square() + self.variance


def moments(score: Score, image: Tensor, bounds: tuple[float, float], noise: Noise | None = None) -> Moments:
    """Moments of a score's gradient, one copy at a time: a batch of large images does not fit into memory.

    Parameters
    ----------
    score : Score
    image : Tensor, (1, 1, X, Y, Z)
    bounds : tuple of float
        The lowest and the highest value of the image that it is, or is a piece of.
    noise : Noise, optional
        `NOISE` without.
    """
    mean, squares, count = torch.zeros_like(image), torch.zeros_like(image), 0
    for count, noisy in enumerate((noise or NOISE).added(image, bounds), start=1):
        found = gradient(score, noisy.requires_grad_())
        before = found - mean
        mean = mean + before / count
        squares = squares + before * (found - mean)  # Welford 1962: nothing large is subtracted
    return Moments(mean.detach(), squares.detach() / count)


Form = Callable[[Moments, Tensor], Tensor]
"""From the gradient's moments and a factor d, (1, 1, X, Y, Z), or 1, to the same moment of their product."""


def mean(found: Moments, factor: Tensor) -> Tensor:
    """SmoothGrad."""
    return found.mean * factor


def squared(found: Moments, factor: Tensor) -> Tensor:
    """SmoothGrad squared."""
    return found.square * factor.square()


def variance(found: Moments, factor: Tensor) -> Tensor:
    """VarGrad."""
    return found.variance * factor.square()


def alone(question: Question) -> Tensor:
    """No factor."""
    return torch.ones_like(question.image)


def times_input(question: Question) -> Tensor:
    """The image."""
    return question.image


def times_difference(question: Question) -> Tensor:
    """The image's difference from the reference."""
    return question.image - question.require_reference()


@dataclass(frozen=True)
class _Moment:
    """One of the three forms, for people."""

    name: str
    title: str
    form: Form
    rule: str
    caution: str
    signed: bool = False


@dataclass(frozen=True)
class _Factor:
    """What a moment is multiplied by, for people."""

    suffix: str
    title: str
    of: Callable[[Question], Tensor]
    words: str
    caution: str = ""
    compares: bool = False


_MEAN = _Moment(
    "smoothgrad",
    "SmoothGrad",
    mean,
    "mean of the score's gradients at the image with each draw",
    "SmoothGrad shows where the answer would react, not what it owes to the image; gradients that change their sign "
    "between draws cancel.",
    signed=True,
)
_SQUARED = _Moment(
    "smoothgrad-squared",
    "SmoothGrad squared",
    squared,
    "mean of the squares of the score's gradients at the image with each draw",
    "Squares: where the answer would react, not whether for or against, and strong places count more than in other "
    "maps.",
)
_VARIANCE = _Moment(
    "vargrad",
    "VarGrad",
    variance,
    "variance of the score's gradients at the image with each draw",
    "A variance: where the gradient changes, not whether for or against; where the network is linear it is 0, however "
    "much the answer owes to that place.",
)
_ALONE = _Factor("", "", alone, "")
_INPUT = _Factor(
    "-x-input", " x input", times_input, "the image", "Times the image, the map follows the brightness of the brain."
)
_DIFFERENCE = _Factor(
    "-x-difference",
    " x difference from a reference brain",
    times_difference,
    "the image's difference from the reference brain",
    "Times the difference, the map is 0 wherever the brain happens to be as bright as the reference.",
    compares=True,
)


def _method(moment: _Moment, factor: _Factor = _ALONE) -> Method:
    def explain(question: Question) -> MethodOutput:
        """One moment of the gradient, times its factor, for every direction by the same noise."""
        by = factor.of(question)
        return explain_each(question, lambda score, image: moment.form(moments(score, image, question.bounds), by))

    reference = (
        "reference: the brain the card names, else the MNI152 template; registered, intensities matched by quantiles"
    )
    return Method(
        name=f"{moment.name}{factor.suffix}",
        title=f"{moment.title}{factor.title}: moments of the gradient under noise",
        rules=(
            NOISE.words(),
            moment.rule,
            *((f"times {factor.words}{'' if moment.signed else ', squared'}",) if factor.words else ()),
            *((reference,) if factor.compares else ()),
        ),
        caution=f"{moment.caution} {factor.caution}".strip(),
        explain=explain,
        reference=reference_brain if factor.compares else None,
        on_cards=True,
        signed=moment.signed,
        noise=NOISE,
    )


MEAN, MEAN_X_INPUT, MEAN_X_DIFFERENCE = (_method(_MEAN, factor) for factor in (_ALONE, _INPUT, _DIFFERENCE))
SQUARED, SQUARED_X_INPUT, SQUARED_X_DIFFERENCE = (_method(_SQUARED, factor) for factor in (_ALONE, _INPUT, _DIFFERENCE))
VARIANCE, VARIANCE_X_INPUT, VARIANCE_X_DIFFERENCE = (
    _method(_VARIANCE, factor) for factor in (_ALONE, _INPUT, _DIFFERENCE)
)
