"""How far a map can be trusted: what it shares with maps that know nothing of what the network has learned.

Two maps are compared by the magnitude of their relevance over the voxels of the brain (of either brain, where there is
a reference). A map that is much like the map of a network with randomised weights shows brains and architectures, not
learning; one that is much like the image, or like the image's difference from the reference, shows what could be seen
without any network. And a network that answers the same to the reference has nothing that a map could divide
(`wbtools.attribution.evaluation.sensitivity`).

References: Adebayo et al. 2018 (randomised weights), Kindermans et al. 2019 (maps that are the image).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from wbtools.attribution.evaluation.faithfulness import Faithfulness
from wbtools.attribution.evaluation.sensitivity import Sensitivity, sensitivity_of
from wbtools.attribution.evaluation.similarity import Map, Similarity

if TYPE_CHECKING:
    from wbtools.attribution.method import Attribution
    from wbtools.attribution.question import Question

TOO_ALIKE = 0.8
"""A map that is correlated more than this with maps that know nothing fails."""

CONSERVED = 0.1
"""A map of a method that divides the score fails if more than this part of it is missing or superfluous."""

_COMPARED = 8
"""Randomised networks that a map is correlated with: their mean needs no more."""

OUTSIDE = 0.5
"""A map fails if more than this part of it lies where there is no brain."""


@dataclass(frozen=True)
class Trust:
    """What is known of a map beside the map.

    Parameters
    ----------
    networks : int
        Randomised networks that it was compared with.
    randomised : Similarity or None
        With their maps, on average; None without any.
    image : Similarity
        With the image itself.
    difference : Similarity or None
        With the image's difference from the reference, for methods that have one; the mean magnitude for several.
    outside : float
        Share of the map where there is no brain: neither the person's nor the reference's.
    conservation : float or None
        As in `Attribution`.
    faithfulness : Faithfulness or None
        What costs more, where it was asked for.
    sensitivity : Sensitivity or None
        How far the answer moves with what is shown; None where it was not asked.
    """

    networks: int
    randomised: Similarity | None
    image: Similarity
    difference: Similarity | None
    outside: float
    conservation: float | None
    faithfulness: Faithfulness | None = None
    sensitivity: Sensitivity | None = None

    @property
    def failures(self) -> tuple[str, ...]:
        """In words, what speaks against the map; empty if it passed."""
        compared = (
            (self.randomised, "that of networks with randomised weights"),
            (self.image, "the image itself"),
            (
                self.difference,
                "the bare difference of the image from the reference brain",
            ),
        )
        found = [
            f"the map is much like {other} (correlation {similarity.highest:.2f})"
            for similarity, other in compared
            if similarity and similarity.highest > TOO_ALIKE
        ]
        if self.conservation is not None and abs(self.conservation - 1) > CONSERVED:
            found.append(
                f"the relevance sums to {self.conservation:.0%} of the score that it should divide among voxels"
            )
        if self.outside > OUTSIDE:
            found.append(f"{self.outside:.0%} of the relevance lies outside the brain")
        blind = (self.sensitivity.failure,) if self.sensitivity and self.sensitivity.blind else ()
        return (*blind, *found, *(self.faithfulness.failures if self.faithfulness else ()))

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        if self.failures:
            return f"Not to be trusted: {'; '.join(self.failures)}."
        if self.randomised is None:
            return "Not compared with networks with randomised weights."
        return (
            f"The map passed its checks: correlation {self.randomised.highest:.2f} with maps of networks with "
            f"randomised weights, {self.image.highest:.2f} with the image (at most {TOO_ALIKE:g} each)."
        )

    @property
    def mark(self) -> str:
        """What every output of a failing map says; empty if it passed."""
        return f"Map failed its check: {self.failures[0]}." if self.failures else ""

    def as_record(self) -> dict[str, object]:
        """All figures as JSON values for the provenance."""
        return {
            "verdict": self.verdict,
            "passed": not self.failures,
            "failures": list(self.failures),
            "randomised_networks": self.networks,
            "correlation_with_randomised": asdict(self.randomised) if self.randomised else None,
            "correlation_with_image": asdict(self.image),
            "correlation_with_difference_from_reference": asdict(self.difference) if self.difference else None,
            "share_outside_brain": self.outside,
            "conservation": self.conservation,
            "curves": self.faithfulness.as_record() if self.faithfulness else None,
            "answer": self.sensitivity.as_record() if self.sensitivity else None,
        }


def assess(
    attribution: Attribution,
    question: Question,
    nulls: Map,
    faithfulness: Faithfulness | None = None,
    own: Map | None = None,
) -> Trust:
    """Compare a map, before pooling, with maps that know nothing.

    Parameters
    ----------
    attribution : Attribution
    question : Question
        What the map answers.
    nulls : ndarray, (K, X, Y, Z)
        Maps of randomised networks, as `null_maps` gives them; K may be 0. The first 8 are compared.
    faithfulness : Faithfulness, optional
        As `faithfulness_of` gives it.
    own : ndarray, (X, Y, Z), optional
        The network's map that was made as theirs are; that of the attribution without.
    """
    relevance = attribution.unpooled  # smoothness alone makes maps alike
    image = question.image[0, 0].numpy()
    differences = [abs(image - reference[0, 0].numpy()) for reference in question.compared]
    # Maps that are pooled are shown in the person's brain only; zeros that maps share elsewhere say nothing.
    brain = (question.brain if attribution.squares is None else question.image[0, 0] != question.empty).numpy()
    size = float(np.abs(relevance).sum(dtype=np.float64))
    shown = relevance[brain]
    like = shown if own is None else own[brain]
    alike = [Similarity.of(like, null[brain]) for null in nulls[:_COMPARED]]
    return Trust(
        networks=len(alike),
        randomised=Similarity.mean(alike) if alike else None,
        image=Similarity.of(shown, image[brain]),
        difference=Similarity.of(shown, np.mean(differences, axis=0)[brain]) if differences else None,
        outside=max(0.0, round(1 - float(np.abs(shown).sum(dtype=np.float64)) / size, 6)) if size else 0.0,
        conservation=attribution.conservation,
        faithfulness=faithfulness,
        sensitivity=sensitivity_of(question),
    )
