"""What is asked of a method: which part of which network's answer, for which image, against what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.attribution.engine import Differences
    from wbtools.attribution.target import Target
    from wbtools.model import Model
    from wbtools.model.family import Network


@dataclass(frozen=True, eq=False)
class Question:
    """All that a method is given.

    Parameters
    ----------
    answers : Answers
        Of the network, which is in evaluation mode and is not changed.
    image : Tensor, (1, 1, X, Y, Z)
        As the network is given it.
    target : Target
        What is explained, as the user said it.
    objective : Objective
        The same as directions in the network's answer.
    people : tuple of Tensor, (1, 1, X, Y, Z) each
        The people that the target compares with, `--other` first.
    reference : Tensor, (1, 1, X, Y, Z), optional
        For methods that explain the difference from another image; the first of `references`, where there are several.
    regions : Tensor, (X, Y, Z), int, optional
        Keys of the atlas's regions on the image's grid, 0 outside; for methods that treat a region as one.
    reference_record : mapping, optional
        What the reference is and how it was laid in place, for the provenance.
    empty : float
        The value that the network is given where there is no brain.
    bounds : tuple of float
        The lowest and the highest value that it is given.
    references : tuple of Tensor, (1, 1, X, Y, Z) each
        All images that differences are explained from, for methods that take several; empty for the others.
    objectives : tuple of Objective
        Against each of the references, where that cannot be read off the network's answers to them: in pieces of an
        image. Empty, if it can.
    differences : Differences, optional
        Those of the image from the references, where they were begun before the method is asked.
    """

    answers: Answers
    image: Tensor
    target: Target
    objective: Objective
    people: tuple[Tensor, ...] = ()
    reference: Tensor | None = None
    regions: Tensor | None = None
    reference_record: Mapping[str, object] | None = None
    empty: float = 0.0
    bounds: tuple[float, float] = (0.0, 1.0)
    references: tuple[Tensor, ...] = ()
    objectives: tuple[Objective, ...] = ()
    differences: Differences | None = None

    @property
    def model(self) -> Model:
        """The network, and what is known about it."""
        return self.answers.model

    @property
    def network(self) -> Network:
        """The network."""
        return self.answers.model.network

    def for_network(self, network: Network, known: Tensor | None = None) -> Question:
        """The same question, put to another network of the same kind: the target is read off its own answers.

        Parameters
        ----------
        network : Network
        known : Tensor, (1 or 2, E), optional
            What the network answers to `shown`, if that is known already.

        Raises
        ------
        InputError
            If the target does not exist in this network.
        """
        answers = Answers(replace(self.model, network=network))
        if known is not None:
            for image, answer in zip(self._shown, known.unsqueeze(1), strict=True):
                answers.keep(image, self.target.answer, answer)
        objective = self.target.objective(answers, self.images)
        return replace(self, answers=answers, objective=objective)

    def against(self, reference: Tensor) -> Question:
        """The same question with this reference alone: the objective is that of the difference from it.

        Answers are kept, so that each image passes the network once, whatever is asked of it.

        Parameters
        ----------
        reference : Tensor, (1, 1, X, Y, Z)
        """
        place = next((place for place, known in enumerate(self.references) if known is reference), None)
        if place is not None and self.objectives:
            objective = self.objectives[place]
        elif reference is self.reference:
            objective = self.objective
        else:
            objective = self.target.objective(self.answers, Images(self.image, self.people, reference))
        return replace(self, reference=reference, references=(), objectives=(), objective=objective)

    @property
    def score(self) -> float:
        """The target's value; where it depends on the reference, the mean over those the network was shown already."""
        kind = self.objective.answer
        shown = [reference for reference in self.references if self.objectives or self.answers.knows(reference, kind)]
        scores = [self.against(reference).objective.score for reference in shown]
        return sum(scores) / len(scores) if scores else self.objective.score

    def answer(self, image: Tensor) -> Tensor:
        """What the network answers to images (N, 1, X, Y, Z) in the way that is explained, (N, E), with gradients."""
        answer: Tensor = getattr(self.network, self.objective.answer)(image)
        return answer

    def known_answer(self, image: Tensor) -> Tensor:
        """The same without gradients, (1, E): each image is shown to the network once, whoever asks."""
        return self.answers.of(image, self.objective.answer)

    def require_reference(self) -> Tensor:
        """The reference; ValueError if the question has none."""
        if self.reference is None:
            raise ValueError("this method explains the difference from a reference, and the question has none")
        return self.reference

    def require_regions(self) -> Tensor:
        """The regions' keys; ValueError if the question has none."""
        if self.regions is None:
            raise ValueError("this method explains regions, and the question has none")
        return self.regions

    @property
    def brain(self) -> Tensor:
        """Voxels that show anything, in the image or in a reference, (X, Y, Z), bool."""
        shown = self.image[0, 0] != self.empty
        for reference in self.compared:
            shown = shown | (reference[0, 0] != self.empty)
        return shown

    @property
    def compared(self) -> tuple[Tensor, ...]:
        """All references, whether the method takes one or several; empty without."""
        return self.references or (() if self.reference is None else (self.reference,))

    @property
    def base(self) -> Tensor:
        """The reference, else no brain at all, (1, 1, X, Y, Z)."""
        return self.image.new_full(self.image.shape, self.empty) if self.reference is None else self.reference

    @property
    def images(self) -> Images:
        """The images that the target is about."""
        return Images(self.image, self.people, self.reference)

    @property
    def shown(self) -> Tensor:
        """The image, and the reference (the first of several) if there is one, (N, 1, X, Y, Z)."""
        import torch

        return torch.cat(self._shown)

    @property
    def _shown(self) -> tuple[Tensor, ...]:
        return (self.image,) if self.reference is None else (self.image, self.reference)
