"""Deviation LRP, smooth: relevance against several references, and how much its slopes depend on the context.

Where a brain differs from a reference everywhere, relevance (slope times difference) shows the differences as much as
what the network uses; where it differs in one place, nothing shows that place better. The slopes m_r of the deviation
from reference r know the rest: their variance over references is high where the network uses what is shown, in an
interplay with what surrounds it, as VarGrad finds with gradients. The map holds both in equal parts:

    map^2  ~  E / mean E  +  V / mean V,    E = mean over r of (m_r (x - r))^2,    V = variance over r of m_r,

E and V pooled over a neighbourhood, as few references make both noisy, and the map scaled to the size of sqrt(E). Each
m_r is taken between the person and a point halfway to the reference, with a little noise inside the brain: near enough
to the person to be about this brain, outside of which the map is 0. A linear network has no V; its map is sqrt(E).

References: Shrikumar et al. 2017 (DeepLIFT's multipliers), Lundberg & Lee 2017 (several references), Smilkov et al.
2017 (noise), Adebayo et al. 2018 (VarGrad), Erion et al. 2021 (points on the way to a reference).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.attribution.engine import DifferencePropagator, Kept
from wbtools.attribution.method import Method, MethodOutput
from wbtools.attribution.methods import deviation
from wbtools.attribution.noise import Noise
from wbtools.attribution.question import Question
from wbtools.attribution.references.sources import usual

PASSES = 8
"""At least so many: fewer references than these are taken several times, with other noise."""

NOISE = 0.05
"""Standard deviation, as a share of the person's range."""

_HALFWAY = 0.5
_POOLED = 1.0  # voxels of the network's grid, standard deviation of the Gaussian that pools E and V
_LINEAR = 1e-6  # of E: a smaller V is rounding
_DIRECTIONS = 16
"""Directions, at most, that are sent back one by one. More are mixed by random signs, which keeps the mean square."""

Array = NDArray[np.floating]


def explain(question: Question) -> MethodOutput:
    """Explain a network's answer by its deviation from several references.

    Parameters
    ----------
    question : Question
        With one or several references.

    Returns
    -------
    MethodOutput
        Magnitudes. Its sums are those of the signed relevance between the person and the points halfway, mean over
        passes.
    """
    moments, kept = _Moments(), Kept()
    differences = [_voxels(question.image - reference) for reference in question.compared]
    expected = actual = 0.0
    for number, halfway in _halfway(question):
        place = number % len(differences)
        multipliers, answer_change = _multipliers(question, place, halfway, kept)
        moments.add(multipliers[1:] if len(multipliers) > 1 else multipliers, differences[place])
        expected += answer_change
        actual += float((multipliers[0] * _voxels(question.image - halfway)).sum(dtype=np.float64))
    usual_square = np.mean([difference * difference for difference in differences], axis=0)
    brain = (question.image[0, 0] != question.empty).cpu().numpy()
    maps = [_combined(e, v, brain, usual_square) for e, v in zip(moments.relevance, moments.variance, strict=True)]
    relevance = np.mean(maps, axis=0).astype(np.float32)
    return MethodOutput(relevance, expected / moments.passes, actual / moments.passes)


class _Moments:
    """Sums over passes, from which E and V of K directions come."""

    def __init__(self) -> None:
        self.passes = 0
        self._mean: Array | float = 0.0
        self._squares: Array | float = 0.0
        self._relevance: Array | float = 0.0

    def add(self, multipliers: Array, difference: Array) -> None:
        """One pass, (K, X, Y, Z) and (X, Y, Z), by Welford's recurrence, which loses no digits."""
        self.passes += 1
        apart = multipliers - self._mean
        self._mean = self._mean + apart / self.passes
        self._squares = self._squares + apart * (multipliers - self._mean)
        self._relevance = self._relevance + np.square(multipliers * difference)

    @property
    def relevance(self) -> Array:
        """E: the mean square of relevance, (K, X, Y, Z)."""
        return np.asarray(self._relevance) / self.passes

    @property
    def variance(self) -> Array:
        """V: the variance of the multipliers, (K, X, Y, Z)."""
        return np.asarray(self._squares) / (self.passes - 1)


def _halfway(question: Question) -> Iterator[tuple[int, Tensor]]:
    """Points halfway to every reference, with noise where either shows anything, as often as is needed."""
    references = question.compared
    passes = len(references) * -(-PASSES // len(references))
    noise = Noise(passes, NOISE).added(torch.zeros_like(question.image), question.bounds)
    for number, drawn in zip(range(passes), noise, strict=True):
        reference = references[number % len(references)]
        inside = (question.image != question.empty) | (reference != question.empty)
        yield number, torch.lerp(question.image, reference, _HALFWAY) + drawn * inside


def _multipliers(question: Question, place: int, halfway: Tensor, kept: Kept) -> tuple[Array, float]:
    """Multipliers (K, X, Y, Z), and what they divide.

    Of several directions, those of their mean come first, and then those of each, or of mixtures of them.
    """
    propagator = DifferencePropagator(
        question.network,
        question.image,
        halfway,
        question.objective.answer,
        magnitudes=False,
        multipliers=True,
        kept=kept,
    )
    v, change = propagator.output, propagator.change
    # Both answers are known now, so that the objective against the point halfway needs no further pass.
    name = question.objective.answer
    answers = question.answers.knowing(((question.image, name, v), (halfway, name, v - change)))
    there = question.compared[place] if question.objectives else halfway
    directions = replace(question, answers=answers).against(there).objective.directions
    mean = directions.mean(0, keepdim=True)
    sent = mean if len(directions) == 1 else torch.cat((mean, _mixed(directions)))
    found = propagator.send(sent, propagator.last, 0)[:, 0]
    return found.cpu().numpy(), float((mean * change).sum(dtype=torch.float64))


def _mixed(directions: Tensor) -> Tensor:
    """At most 16 directions; of more, mixtures with the same mean square of every linear function, in expectation."""
    if len(directions) <= _DIRECTIONS:
        return directions
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (_DIRECTIONS, len(directions)), generator=generator) * 2 - 1
    mixed: Tensor = signs.to(directions) @ directions / len(directions) ** 0.5
    return mixed


def _combined(relevance: Array, variance: Array, brain: NDArray[np.bool_], difference: Array) -> Array:
    """The map from E and V; `difference` is the mean square of the person's difference from the references."""
    from scipy.ndimage import gaussian_filter

    def pooled(values: Array) -> Array:
        found: Array = gaussian_filter(values.astype(np.float64), _POOLED, mode="constant") * brain
        return found

    relevance, variance = pooled(relevance), pooled(variance)
    if not relevance.any():  # the person is the reference, or nothing depends on the image
        return relevance
    size = np.sqrt(relevance)
    both = relevance / relevance.sum()
    if (variance * difference).sum() > _LINEAR * relevance.sum():
        both = both + variance / variance.sum()
    mixed: Array = np.sqrt(both)
    mixed *= size.sum() / mixed.sum()
    return mixed


def _voxels(image: Tensor) -> Array:
    found: Array = image[0, 0].cpu().numpy()
    return found


METHOD = Method(
    name="deviation-smooth",
    title="deviation LRP over several reference brains: relevance, and how its slopes vary with the reference",
    rules=(
        "multipliers: layer-wise relevance propagation of the difference between the person and a point halfway to "
        "each reference, by the rules of `deviation` without shares by magnitude",
        f"at least {PASSES} points; noise inside the brain, standard deviation {NOISE:g} of the image's range, seed 0",
        "E: mean square of multiplier x difference from the reference; V: variance of the multipliers",
        f"both pooled by a Gaussian of {_POOLED:g} voxel; map: root of E / mean E + V / mean V, at the size of root E",
    ),
    caution=(
        "Magnitudes: where relevance lies, not whether it speaks for or against. Relevance marks what is used here and "
        "different from other brains, not what is ill. Pooled over neighbouring voxels: regions beside a "
        "source rank high, too, and deviation-magnitude ordered regions better where the source was in one place. Read "
        "ranks beside those of randomised networks."
    ),
    explain=explain,
    reference=deviation.METHOD.reference,
    several_references=True,
    usual_references=usual,
    on_cards=True,
    signed=False,
    noise=Noise(PASSES, NOISE),
)
