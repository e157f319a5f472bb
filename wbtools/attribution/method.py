"""What an attribution method offers, and what comes out of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.noise import Noise
from wbtools.attribution.objective import Objective
from wbtools.attribution.question import Question
from wbtools.attribution.references.sets import ReferenceSet, ReferenceSource
from wbtools.errors import CheckError, InputError
from wbtools.space.grid import Unit, Volume

if TYPE_CHECKING:
    from wbtools.attribution.reference import ReferenceBrain
    from wbtools.attribution.target import Target
    from wbtools.model import Card, Model, ModelInput


@dataclass(frozen=True, eq=False)
class MethodOutput:
    """What a method found for one image.

    Parameters
    ----------
    relevance : ndarray, (X, Y, Z), float
        Per voxel; the mean of the absolute maps if there were several directions.
    expected_sum : float, optional
        What the map's sum should be; None for methods that promise nothing about it.
    actual_sum : float, optional
        What it is, where that is not the sum of `relevance`.
    device : str
        What it was computed on.
    squares : ndarray, (X, Y, Z), float, optional
        Squares of the map before it was pooled.
    """

    relevance: NDArray[np.floating]
    expected_sum: float | None = None
    actual_sum: float | None = None
    device: str = "processor"
    squares: NDArray[np.floating] | None = None

    @property
    def unpooled(self) -> NDArray[np.floating]:
        """The map as it was before it was pooled, if it was."""
        return self.relevance if self.squares is None else np.sqrt(self.squares)

    @property
    def conservation(self) -> float | None:
        """The map's sum over what it should be; 1 if that is 0."""
        if self.expected_sum is None:
            return None
        actual_sum = float(self.relevance.sum(dtype=np.float64)) if self.actual_sum is None else self.actual_sum
        return actual_sum / self.expected_sum if self.expected_sum else 1.0


@dataclass(frozen=True, eq=False)
class Attribution:
    """The relevance of one image for one network, and how far the map can be trusted.

    Parameters
    ----------
    relevance : Volume
        Density (1/mm3) on the grid of the network's input, float32.
    method : str
    signed : bool
        Whether its sign tells what speaks for the answer from what speaks against it; magnitudes if not, as those of
        some methods, and of every method if there were several directions.
    rules : tuple of str
    caution : str
        As in `Method`.
    target : str
        What was explained.
    reference : mapping or None
        What the image was compared with, and how that was laid in place.
    score : float
        The target's value: a cosine, a logit, a distance.
    expected_sum : float or None
        What the map's sum should be: the part of the score that was divided among the voxels; None for methods that
        divide nothing.
    conservation : float or None
        The map's sum over what it should be; 1 if nothing was lost, or nothing divided.
    cancellation : float or None
        Sum of |relevance| over what the map's sum should be; 1 if no positive and negative relevance cancel.
        The larger, the more the map is a small difference of large terms.
    background : float
        Share of |relevance|, before pooling, where the input is 0; maps that are pooled are 0 there afterwards.
    seconds : float
    device : str
        What it was computed on.
    noise : mapping or None
        What was added to the images that the network was shown: draws, level, seed.
    squares : Volume or None
        Density of the squares of relevance before pooling, relative to the largest, 0 where the input is: regions are
        ranked by their means. None for maps that are not pooled.

    Raises
    ------
    InputError
        If the relevance is not a density.
    """

    relevance: Volume
    method: str
    signed: bool
    rules: tuple[str, ...]
    caution: str
    target: str
    reference: Mapping[str, object] | None
    score: float
    expected_sum: float | None
    conservation: float | None
    cancellation: float | None
    background: float
    seconds: float
    device: str
    noise: Mapping[str, float] | None = None
    squares: Volume | None = None

    def __post_init__(self) -> None:
        if self.relevance.unit is not Unit.DENSITY:
            raise InputError("relevance is carried as a density (1/mm3)")

    @property
    def unpooled(self) -> NDArray[np.floating]:
        """The map as it was before it was pooled, if it was; in units of its own then."""
        return self.relevance.data if self.squares is None else np.sqrt(self.squares.data)

    @property
    def meaning(self) -> str:
        """What the sign of relevance says, in a sentence."""
        if self.signed:
            return "Relevance is signed: above 0 for what is explained, below 0 against it."
        return "Relevance is a magnitude: it says where, not whether for or against."

    def as_record(self) -> dict[str, object]:
        """Everything but the map, as JSON values for the provenance."""
        names = {"expected_sum": "put_in"}  # files say what earlier releases did
        return {
            names.get(field.name, field.name): getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("relevance", "squares")
        }


@dataclass(frozen=True)
class Method:
    """An attribution method: a file of `wbtools.attribution.methods`, found through the registry.

    Parameters
    ----------
    name : str
        The registry's key.
    title : str
        One line for people.
    rules : tuple of str
        What is done at which kind of layer.
    caution : str
        What a reader of its maps has to know; repeated in outputs.
    explain : callable
    reference : callable, optional
        For methods that explain the difference from another image: that image, from the network's card, the image, and
        the file that the card names, if any.
    several_references : bool
        Whether it can explain the difference from several images, such as other people's.
    usual_references : callable, optional
        Gives these images unless the user says; without, it is the single one of `reference`.
    by_magnitude : bool, optional
        For methods that send back the differences that a question may hold (see `Question`): whether the convolution
        that sees the image shares relevance by magnitudes.
    by_region : bool
        Whether it treats the regions of an atlas as wholes, and needs them.
    on_cards : bool
        Whether graphics cards can do it.
    signed : bool
        Whether the sign of a map of one direction tells for from against; if not, nothing in it is negative.
    noise : Noise, optional
        For methods that show the network noisy images: which noise.
    pooled : float
        Standard deviation of the Gaussian that squares of its maps are pooled by, voxels of the network's grid; 0 for
        maps that are not pooled.
    null_networks : int
        With how many randomised networks a map is compared unless the user says; the registry knows.
    """

    name: str
    title: str
    rules: tuple[str, ...]
    caution: str
    explain: Callable[[Question], MethodOutput]
    reference: Callable[[Card, ModelInput, Path | None], ReferenceBrain] | None = None
    several_references: bool = False
    usual_references: ReferenceSource | None = None
    by_magnitude: bool | None = None
    by_region: bool = False
    on_cards: bool = False
    signed: bool = True
    noise: Noise | None = None
    pooled: float = 0.0
    null_networks: int = 1

    def ask(
        self,
        model: Model,
        inputs: Sequence[ModelInput],
        target: Target,
        regions: NDArray[np.integer] | None = None,
        references: ReferenceSource | None = None,
        answers: Answers | None = None,
    ) -> Question:
        """The question about an image that this method answers.

        Parameters
        ----------
        model : Model
        inputs : sequence of ModelInput
            What the network is shown of the person, then of those that the target compares with.
        target : Target
        regions : ndarray, (X, Y, Z), int, optional
            Keys of an atlas's regions on the image's grid, for methods that need them.
        references : callable, optional
            Gives the images that are compared with, for methods that can take several; `usual_references` without.
        answers : Answers, optional
            Of the network, from a question about the same person: it is not shown again what it was shown before.

        Raises
        ------
        InputError
            If regions or people are lacking that are needed, or no reference can be laid in place.
        """
        import torch

        if self.by_region and regions is None:
            raise InputError(f"--method {self.name} needs the regions of an atlas")
        image = inputs[0]
        answers = answers or Answers(model)
        person, *people = (answers.known(torch.from_numpy(shown.data)) for shown in inputs)
        source = (references or self.usual_references) if self.several_references else None
        brains = source(model, image) if source else self._single(model, image)
        several = tuple(answers.known(torch.from_numpy(brain.data)) for brain in brains.brains) if brains else ()
        reference = several[0] if several else None
        return Question(
            answers=answers,
            image=person,
            target=target,
            objective=target.objective(answers, Images(person, tuple(people), reference)),
            people=tuple(people),
            reference=reference,
            regions=torch.from_numpy(regions.astype(np.int64)) if self.by_region and regions is not None else None,
            reference_record=brains.as_record() if brains else None,
            empty=image.empty,
            bounds=(float(image.data.min()), float(image.data.max())),
            references=several if source else (),
        )

    def _single(self, model: Model, image: ModelInput) -> ReferenceSet | None:
        """The one image that this method compares with, if it does."""
        return ReferenceSet((self.reference(model.card, image, model.reference),)) if self.reference else None

    def attribute(self, question: Question, image: ModelInput) -> Attribution:
        """Explain a network's answer, with all that can be said of the map at once.

        Parameters
        ----------
        question : Question
            As `ask` gives it.
        image : ModelInput
            Of the person.

        Raises
        ------
        CheckError
            If the relevance is not finite.
        """
        start = time.perf_counter()
        output = self.explain(question)
        seconds = time.perf_counter() - start
        shown = image.brain if self.pooled else True  # a pooled map has no rim outside the brain
        relevance, expected = output.relevance * shown, output.expected_sum
        if not np.isfinite(relevance).all():
            name = question.model.name
            raise CheckError(f"the relevance of {name} is not finite", hint="try another checkpoint or method")
        size = float(np.abs(relevance).sum(dtype=np.float64))
        unpooled = np.abs(output.unpooled)
        outside = float(unpooled[~image.brain].sum(dtype=np.float64))
        whole = float(unpooled.sum(dtype=np.float64))

        def density(values: NDArray[np.floating]) -> Volume:
            return Volume((values / image.grid.voxel_volume).astype(np.float32), image.grid, Unit.DENSITY)

        return Attribution(
            relevance=density(relevance),
            squares=None if output.squares is None else density(output.squares * shown / (output.squares.max() or 1.0)),
            method=self.name,
            signed=self.signed_for(question.objective),
            rules=self.rules,
            caution=self.caution,
            target=question.objective.description,
            reference=question.reference_record,
            score=question.score,
            expected_sum=expected,
            conservation=output.conservation,
            cancellation=size / abs(expected) if expected else None,
            background=outside / whole if whole else 0.0,
            seconds=seconds,
            device=output.device,
            noise=self.noise.as_record(question.bounds) if self.noise else None,
        )

    def signed_for(self, objective: Objective) -> bool:
        """Whether the sign of its map tells for from against; that of several directions holds magnitudes."""
        return self.signed and len(objective.directions) == 1
