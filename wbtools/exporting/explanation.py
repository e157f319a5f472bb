"""What one network looked at in one brain: its relevance on the T1w grid, the ranking, and the maps drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas
from wbtools.attribution import Attribution, Method, Question, Target, default, default_method, method
from wbtools.attribution.decision import Decision, decide
from wbtools.attribution.evaluation.faithfulness import faithfulness_of
from wbtools.attribution.evaluation.null_maps import NullCache, NullMaps, asked_of_null, null_maps
from wbtools.attribution.evaluation.sanity_checks import Trust, assess
from wbtools.attribution.references.sets import ReferenceSource, once
from wbtools.attribution.registry import NO_SECOND, Companion, companion, default_companion
from wbtools.attribution.runtime.memory import reused
from wbtools.attribution.runtime.threads import torch_threads
from wbtools.exporting.maps_by_method import MapsByMethod, SecondMap, beside, require_kept
from wbtools.exporting.network_input import NetworkInput
from wbtools.model import Model, ModelInput, input_statistics, model_input
from wbtools.model.input import brain_only, said_of_scaling
from wbtools.regions import FEWEST_NETWORKS, Ranking, RegionMeans, calibrated, rank
from wbtools.regions.heatmap import paint, smooth_within
from wbtools.regions.levels import Levels
from wbtools.regions.planted import Planted
from wbtools.space.foreground import Scan
from wbtools.space.resampling import resample_density, resample_labels
from wbtools.text import line

RELEVANCE = "relevance"
HEATMAP = "heatmap"
HEATMAP_SMOOTH = "heatmap_smooth"
MAPS = (RELEVANCE, HEATMAP, HEATMAP_SMOOTH)
"""Names of the maps of one explanation, in the order of every file that holds all three."""


@dataclass(frozen=True, eq=False)
class Explanation(MapsByMethod):
    """One network, explained in one person's native T1w space.

    Parameters
    ----------
    decision : Decision
        What the network says of this person, and of those compared with.
    also : SecondMap or None
        The same, explained by a second method.
    shown : NetworkInput or None
        What the network was shown, as it may be drawn; None where nobody will draw it.
    """

    decision: Decision = field(default_factory=Decision)
    also: SecondMap | None = None
    shown: NetworkInput | None = None

    @property
    def parts(self) -> tuple[MapsByMethod, ...]:
        """The maps by the first method, and those by the second if there is one."""
        return (self, self.also.maps) if self.also else (self,)

    @property
    def said(self) -> tuple[str, ...]:
        """The decision in words, and which part of it the map explains."""
        decided = (f"Decision: {sentence}" for sentence in self.decision.sentences())
        return (*decided, f"Explained: {self.attribution.target}")

    @property
    def planted(self) -> Planted | None:
        """Where the map has what its network's card says was planted; None if the card says nothing."""
        card = self.model.card
        found = Planted.of(self.ranking, card.planted, card.decoy)
        return found and replace(found, planted_in=card.planted_in, decoy_in=card.decoy_in)

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        card = self.model.card
        return {
            "title": card.title,
            "family": card.family,
            "sha256": self.model.sha256,
            "network": dict(self.model.description),
            "card": "assumed from the family" if card.assumed else "given",
            "notice": card.notice,
            "input": list(self.remarks),
            "decision": {**self.decision.as_record(), "explained": self.attribution.target},
            **self.map_record(),
            **({"planted": self.planted.as_record()} if self.planted else {}),
            **({"also": self.also.as_record()} if self.also else {}),
        }


def _nobody(step: str) -> None:
    """Is told which step begins."""


@dataclass(frozen=True, eq=False)
class ShownPerson:
    """A person, and what a network is shown of them.

    Parameters
    ----------
    name : str
    image : ModelInput
        As `seen_by` gives it.
    """

    name: str
    image: ModelInput


@dataclass(frozen=True)
class ExplanationOptions:
    """How networks are to be explained.

    Parameters
    ----------
    method : str or None
        A name of `wbtools.attribution`; None takes the one that suits each network.
    also : str or None
        The method of a second map, or NO_SECOND; None takes what stands beside the first by default, if anything does.
    target : Target or None
        None explains what each network is for.
    null_networks : int or None
        How many randomised networks each map is compared with; None takes what the method's cost allows.
    thorough : bool
        Whether the costly checks are run, too.
    threads : int
    work : Path or None
        Keeps the maps of randomised networks.
    references : callable, optional
        Gives the brains that a person's is compared with, for methods that can take several; the method's own without.
    of_people : bool
        Whether these are other people's, whom no picture shows.
    told : callable
        Told which step begins.
    heatmaps : bool
        Whether scores are painted into the regions of the T1w, smoothed as well.
    """

    method: str | None = None
    target: Target | None = None
    null_networks: int | None = None
    thorough: bool = False
    threads: int = 1
    work: Path | None = None
    references: ReferenceSource | None = None
    also: str | None = None
    of_people: bool = False
    told: Callable[[str], None] = _nobody
    heatmaps: bool = True

    def target_of(self, model: Model) -> Target:
        """What is explained of a network."""
        return self.target or default(model)

    def method_of(self, model: Model) -> Method:
        """How it is explained."""
        return method(self.method or default_method(model, self.target_of(model)))

    def companion_of(self, model: Model) -> Companion | None:
        """By which method it is explained a second time.

        Raises
        ------
        InputError
            If that is the first method.
        """
        target = self.target_of(model)
        first = self.method or default_method(model, target)
        second = self.also or default_companion(target, first)
        return companion(first, second) if second and second != NO_SECOND else None

    def methods_of(self, model: Model) -> tuple[Method, ...]:
        """How it is explained, first and a second time if it is."""
        second = self.companion_of(model)
        return (self.method_of(model), *([method(second.method)] if second else []))

    def null_networks_of(self, how: Method, *, second: bool = False) -> int:
        """With how many randomised networks its maps are compared.

        A second map, often the mean of many passes, is compared only if the user asks for networks or for all checks.
        """
        if self.null_networks is not None:
            return self.null_networks
        return how.null_networks if self.thorough or not second else 0

    @property
    def cache(self) -> NullCache | None:
        """Where maps of randomised networks are kept."""
        return NullCache(self.work) if self.work else None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a network answers to a person's image, and why, on the network's own grid.

    `found` is by the first method, and by the second where there is one.
    """

    decision: Decision
    shown: NetworkInput
    remarks: tuple[str, ...]
    found: tuple[_Found, ...]


def answer(
    model: Model, people: Sequence[ShownPerson], atlas: Callable[[], Atlas], options: ExplanationOptions
) -> Answer:
    """Ask a network about a person's image, and explain its answer; the first part of `explain`.

    Parameters
    ----------
    model, people, options
        As in `explain`.
    atlas : callable
        Gives the person's atlas, on the T1w grid; called only for methods and checks that need regions.
    """
    image = people[0].image
    me = _Shown(image, atlas)
    shown = [person.image for person in people]
    how, target = options.method_of(model), options.target_of(model)
    companion = options.companion_of(model)
    with torch_threads(options.threads), reused():
        source = options.references or how.usual_references
        references = once(source) if source else None
        question = how.ask(model, shown, target, me.keys_for(how), references)
        decision = decide(question.answers, question.images, [person.name for person in people], target)
        found = [_explained(question, how, me, options)]
        if companion:
            other = method(companion.method)
            shared = options.references or other.usual_references is how.usual_references
            also = references if shared else None
            again = other.ask(model, shown, target, me.keys_for(other), also, question.answers)
            found.append(_explained(again, other, me, options, second=True))
    seen = NetworkInput.of([each.question for each in found], image.grid, of_people=options.of_people)
    return Answer(decision, seen, (*image.remarks, *_shown_twice(people)), tuple(found))


def carried(answered: Answer, model: Model, atlas: Atlas, options: ExplanationOptions) -> Explanation:
    """Carry what a network answered to the T1w's own grid, and rank the regions there; the second part of `explain`."""
    first, *others = answered.found
    explanation = replace(
        _on_t1w(first, model, atlas, Explanation),
        remarks=answered.remarks,
        decision=answered.decision,
        shown=answered.shown,
    )
    companion = options.companion_of(model)
    if not others or companion is None:
        return explanation
    brain = (first.question.brain | others[0].question.brain).numpy()
    shown_beside = _on_t1w(others[0], model, atlas, MapsByMethod)
    return replace(explanation, also=beside(explanation, shown_beside, brain, companion.advice))


def explain(model: Model, people: Sequence[ShownPerson], atlas: Atlas, options: ExplanationOptions) -> Explanation:
    """Explain a network's decision on a person's image, and carry the explanation to the T1w's own grid.

    Parameters
    ----------
    model : Model
        Its name is that in file names.
    people : sequence of ShownPerson
        The person, then those that the target compares with.
    atlas : Atlas
        Of the person, on the T1w grid.
    options : ExplanationOptions

    Raises
    ------
    CheckError
        If the way back to the T1w grid changed the total relevance by more than 1 %.
    """
    found = carried(answer(model, people, lambda: atlas, options), model, atlas, options)
    return with_heatmaps(found, atlas) if options.heatmaps else found


@dataclass(frozen=True, eq=False)
class _Shown:
    """What a network is shown of the person, and who gives their atlas."""

    image: ModelInput
    atlas: Callable[[], Atlas]

    @cached_property
    def keys(self) -> NDArray[np.integer]:
        """The keys of the atlas's regions in the image, (X, Y, Z)."""
        return resample_labels(self.atlas().volume, self.image.grid).data

    def keys_for(self, how: Method) -> NDArray[np.integer] | None:
        """The same where a method needs them: an atlas may still be in the making."""
        return self.keys if how.by_region else None


@dataclass(frozen=True, eq=False)
class _Found:
    """What one method found: its map; the map whose regions are compared, and those of randomised networks; checks."""

    question: Question
    attribution: Attribution
    compared: Attribution
    nulls: NullMaps
    trust: Trust


def _explained(
    question: Question, how: Method, shown: _Shown, options: ExplanationOptions, *, second: bool = False
) -> _Found:
    """Explain a person's image by one method."""
    attribution = how.attribute(question, shown.image)
    asked, count = asked_of_null(question), options.null_networks_of(how, second=second)
    nulls = null_maps(asked, how, count, options.cache, options.told)
    if how.pooled:  # such maps end where the person's brain ends
        nulls.maps[:] *= shown.image.brain
    compared = attribution if asked is question or not count else how.attribute(asked, shown.image)
    faithfulness = faithfulness_of(attribution, question, how, shown.keys) if options.thorough else None
    trust = assess(attribution, question, nulls.maps, faithfulness, compared.unpooled)
    return _Found(question, attribution, compared, nulls, trust)


Maps = TypeVar("Maps", bound=MapsByMethod)


def _on_t1w(found: _Found, model: Model, atlas: Atlas, kind: type[Maps]) -> Maps:
    """What was found, carried to the T1w's grid."""
    attribution = found.attribution
    relevance = resample_density(attribution.relevance, atlas.volume.grid)
    kept = require_kept(attribution.relevance, relevance)
    squares = attribution.squares and resample_density(attribution.squares, atlas.volume.grid)
    raw = replace(rank(relevance, atlas, squares), signed=attribution.signed)
    del squares  # a volume, before others are made
    ranking, levels = _compared(raw, atlas, found)
    return kind(
        name=model.name,
        model=model,
        attribution=attribution,
        trust=found.trust,
        ranking=ranking,
        levels=levels,
        volumes={RELEVANCE: relevance},
        kept=kept,
    )


def with_heatmaps(explanation: Explanation, atlas: Atlas) -> Explanation:
    """The explanation with all maps of `MAPS` in voxels, which nothing but files needs."""
    also = explanation.also and replace(explanation.also, maps=_painted(explanation.also.maps, atlas))
    return replace(_painted(explanation, atlas), also=also)


def _painted(maps: Maps, atlas: Atlas) -> Maps:
    heatmap = paint(maps.ranking.scores(), atlas.volume)
    smooth = smooth_within(heatmap, atlas.volume.data > 0)
    return replace(maps, volumes=dict(zip(MAPS, (maps.volumes[RELEVANCE], heatmap, smooth), strict=True)))


def _shown_twice(people: Sequence[ShownPerson]) -> list[str]:
    """Sentences about people of whom the network is shown the very image of the first, the exported person."""
    person, *others = people
    same = [other.name for other in others if np.array_equal(person.image.data, other.image.data)]
    return [
        f"The other person ({line(name)}) has the very image of {line(person.name)}: no comparison." for name in same
    ]


def seen_by(model: Model, scan: Scan) -> ModelInput:
    """A person's scan as a network is to see it, with or without skull, and with what had to be decided for it."""
    shown, remarks = brain_only(scan, model.card)
    image = model_input(shown, model.card)
    unusual = input_statistics.remark(model, image)
    said = (*said_of_scaling(model.card, image), *([unusual] if unusual else []))
    return replace(image, remarks=(*remarks, *image.remarks, *said))


def _compared(ranking: Ranking, atlas: Atlas, found: _Found) -> tuple[Ranking, Levels]:
    """The ranking, against randomised networks where there are enough of them: by the maps on the network's grid."""
    compared, nulls = found.compared, found.nulls
    alone = Levels.alone(ranking, pooled=compared.squares is not None)
    if len(nulls.maps) < FEWEST_NETWORKS:
        return ranking, alone
    maps = np.concatenate((compared.unpooled[None], nulls.maps))
    means = RegionMeans.of(atlas, compared.relevance.grid)
    levels = means(maps) if compared.squares is None else means.root_mean_squares(maps)  # as they are ranked
    against = calibrated(ranking, levels[0] * _unit(ranking, levels[0]), levels[1:])
    if against.null is None:
        return against, alone
    return replace(against, null=replace(against.null, method=compared.method)), Levels.compared(levels, nulls.seeds)


def _unit(ranking: Ranking, observed: NDArray[np.float64]) -> float:
    """What makes the median of means over regions, in the order of their keys, that of the ranking's."""
    rows = sorted((row.region.key, row.abs_mean) for row in ranking.rows if row.region)
    here, there = np.nanmedian([mean for _, mean in rows]), np.nanmedian(observed)
    return float(here / there) if here > 0 and there > 0 else 1.0
