"""What one network looked at in one brain: its relevance on the T1w grid, the ranking, and the maps drawn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas
from wbtools.attribution import Attribution, Method, Target, default, default_method, method
from wbtools.attribution.decision import Decision, decide
from wbtools.attribution.evaluation.faithfulness import faithfulness_of
from wbtools.attribution.evaluation.null_maps import NullCache, null_maps
from wbtools.attribution.evaluation.sanity_checks import Trust, assess
from wbtools.attribution.references.sets import ReferenceSource
from wbtools.attribution.runtime.memory import reused
from wbtools.attribution.runtime.threads import torch_threads
from wbtools.errors import CheckError
from wbtools.model import Model, ModelInput, input_statistics, model_input
from wbtools.model.input import brain_only
from wbtools.regions import FEWEST_NETWORKS, Ranking, abs_means, calibrated, rank
from wbtools.regions.heatmap import bounding_box, paint, smooth_within
from wbtools.space.foreground import Scan
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import resample_density, resample_labels
from wbtools.text import line

_TOTAL_TOLERANCE = 0.01
_LEAST_TOTAL = 0.05  # of all magnitudes; a smaller total is what signed relevance leaves over, and no measure of a loss

RELEVANCE = "relevance"
HEATMAP = "heatmap"
HEATMAP_SMOOTH = "heatmap_smooth"
MAPS = (RELEVANCE, HEATMAP, HEATMAP_SMOOTH)
"""Names of the maps of one explanation, in the order of every file that holds all three."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One network, explained in one person's native T1w space.

    Parameters
    ----------
    name : str
        Of the network in file names; unique in an export.
    model : Model
    attribution : Attribution
        On the network's own grid.
    trust : Trust
        What else is known of the map.
    ranking : Ranking
    volumes : mapping of str to Volume
        The maps of `MAPS` on the T1w grid: relevance as density (1/mm3), both heatmaps as scores.
    kept : float
        Relevance on the T1w grid divided by that on the network's grid.
    remarks : tuple of str
        What had to be decided to show the brain to the network.
    decision : Decision
        What the network says of this person, and of those compared with.
    """

    name: str
    model: Model
    attribution: Attribution
    trust: Trust
    ranking: Ranking
    volumes: Mapping[str, Volume]
    kept: float
    remarks: tuple[str, ...] = ()
    decision: Decision = field(default_factory=Decision)

    @property
    def said(self) -> tuple[str, ...]:
        """The decision in words, and which part of it the map explains."""
        decided = (f"Decision: {sentence}" for sentence in self.decision.sentences())
        return (*decided, f"Explained: {self.attribution.target}")

    @property
    def cautions(self) -> tuple[str, ...]:
        """What has to be said of the map, without the verdict on it."""
        note = str((self.attribution.reference or {}).get("note", ""))
        return tuple(text for text in (*self.remarks, self.attribution.caution, note) if text)

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
            "attribution": self.attribution.as_record(),
            "trust": self.trust.as_record(),
            "against_randomised_networks": self.ranking.null.as_record() if self.ranking.null else None,
            "relevance_on_model_grid": self.attribution.relevance.total(),
            "relevance_on_t1w_grid": self.ranking.total,
            "relevance_kept": self.kept,
            "share_inside_atlas": 1 - self.ranking.outside.share,
        }


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
    """

    method: str | None = None
    target: Target | None = None
    null_networks: int | None = None
    thorough: bool = False
    threads: int = 1
    work: Path | None = None
    references: ReferenceSource | None = None

    def target_of(self, model: Model) -> Target:
        """What is explained of a network."""
        return self.target or default(model)

    def method_of(self, model: Model) -> Method:
        """How it is explained."""
        return method(self.method or default_method(model, self.target_of(model)))

    def null_networks_of(self, how: Method) -> int:
        """With how many randomised networks its maps are compared."""
        return how.null_networks if self.null_networks is None else self.null_networks

    @property
    def cache(self) -> NullCache | None:
        """Where maps of randomised networks are kept."""
        return NullCache(self.work) if self.work else None


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

    Returns
    -------
    Explanation

    Raises
    ------
    CheckError
        If the way back to the T1w grid changed the total relevance by more than 1 %.
    """
    image = people[0].image
    keys = resample_labels(atlas.volume, image.grid).data
    how, target = options.method_of(model), options.target_of(model)
    with torch_threads(options.threads), reused():
        question = how.ask(model, [person.image for person in people], target, keys, options.references)
        decision = decide(question.answers, question.images, [person.name for person in people], target)
        attribution = how.attribute(question, image)
        nulls = null_maps(question, how, options.null_networks_of(how), options.cache)
        faithfulness = faithfulness_of(attribution, question, how, keys) if options.thorough else None
    relevance = resample_density(attribution.relevance, atlas.volume.grid)
    kept = _require_kept(attribution.relevance, relevance)
    ranking = replace(_ranked(relevance, atlas, nulls, image.grid), signed=attribution.signed)
    return Explanation(
        name=model.name,
        model=model,
        attribution=attribution,
        trust=assess(attribution, question, nulls, faithfulness),
        ranking=ranking,
        volumes=_maps(relevance, ranking, atlas),
        kept=kept,
        remarks=(*image.remarks, *_shown_twice(people)),
        decision=decision,
    )


def _maps(relevance: Volume, ranking: Ranking, atlas: Atlas) -> dict[str, Volume]:
    """The maps of `MAPS`."""
    heatmap = paint(ranking.scores(), atlas.volume)
    smooth = smooth_within(heatmap, atlas.volume.data > 0)
    return dict(zip(MAPS, (relevance, heatmap, smooth), strict=True))


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
    return replace(image, remarks=(*remarks, *image.remarks, *([unusual] if unusual else [])))


def _ranked(relevance: Volume, atlas: Atlas, nulls: NDArray[np.float32], grid: Grid) -> Ranking:
    """The ranking, against randomised networks where there are enough of them."""
    ranking = rank(relevance, atlas)
    if len(nulls) < FEWEST_NETWORKS:
        return ranking
    maps = (Volume(null / grid.voxel_volume, grid, Unit.DENSITY) for null in nulls)
    near = replace(atlas, volume=atlas.volume.within(bounding_box(atlas.volume.data != 0)))
    means = [abs_means(resample_density(density, near.volume.grid), near) for density in maps]
    return calibrated(ranking, np.array(means))


def _require_kept(before: Volume, after: Volume) -> float:
    """The part of the total that arrived; CheckError if it is not all of it."""
    total = before.total()
    scale = float(abs(before.data).sum(dtype="float64")) * before.grid.voxel_volume
    kept = after.total() / total if total else 1.0
    if abs(after.total() - total) > _TOTAL_TOLERANCE * max(abs(total), _LEAST_TOTAL * scale):
        raise CheckError(
            f"relevance on the T1w grid sums to {kept:.1%} of that on the network's grid; 99 % is required"
        )
    return kept
