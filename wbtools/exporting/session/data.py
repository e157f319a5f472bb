"""All that one export computed, before anything of it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wbtools.anatomy import Hemisphere
from wbtools.exporting.explanation import MAPS, RELEVANCE, Explanation
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.exporting.region_pairs import RegionPairs
from wbtools.native.cortex import Values
from wbtools.native.person import Person
from wbtools.native.projection import Maps
from wbtools.space.grid import Volume
from wbtools.subject import MeshName
from wbtools.text import line
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette
from wbtools.workbench.scene.legend import NOTICE


@dataclass(frozen=True, eq=False)
class ExportData:
    """One person, explained by one or several networks.

    Parameters
    ----------
    person : Person
    explanations : tuple of Explanation
    metrics : mapping of str to Maps
        Per mesh `MAPS` of all `parts`, one after the other.
    pairings : mapping of str to RegionPairs
        By network, where two people were compared.
    notice : str
        What every reader must know about the data.
    whole_head : bool
        Whether the T1w shows more than the brain.
    """

    person: Person
    explanations: tuple[Explanation, ...]
    metrics: Mapping[MeshName, Maps]
    pairings: Mapping[str, RegionPairs]
    notice: str
    whole_head: bool = False

    @property
    def parts(self) -> tuple[MapsByMethod, ...]:
        """The maps by all methods, network by network."""
        return tuple(part for explanation in self.explanations for part in explanation.parts)

    def maps_of(self, explanation: Explanation, mesh: MeshName, side: Hemisphere) -> dict[str, Values]:
        """The maps of one network on one hemisphere by their names in files, (V,) each."""
        first = self.parts.index(explanation) * len(MAPS)
        names = [part.named(name) for part in explanation.parts for name in MAPS]
        return dict(zip(names, self.metrics[mesh][side][first : first + len(names)], strict=True))

    def stored(self, volume: Volume) -> Volume:
        """A volume on the T1w's grid, as files have it: in the order of the T1w's own file."""
        return self.person.scan.as_stored(volume)

    def notice_of(self, explanation: Explanation) -> str:
        """What every reader must know about the data and this network."""
        card = explanation.model.card
        parts = (
            self.notice,
            f"Network: {card.title}.",
            card.notice,
            explanation.attribution.meaning,
            *(part.mark for part in explanation.parts),
            explanation.also.notice if explanation.also else "",
            f"{explanation.decision.caption()}.",
            "Research use only. Not for diagnosis.",
        )
        return " ".join(line(part) for part in parts if part)

    def foot_of(self, explanation: Explanation, parts: Sequence[MapsByMethod] = ()) -> str:
        """What the foot of a picture says.

        Parameters
        ----------
        explanation : Explanation
            Of the network that the picture is about.
        parts : sequence of MapsByMethod
            Whose maps it shows; with one by a second method, it says which map to trust for what.
        """
        network = "Demonstration network, not for science" if explanation.model.card.built_in else ""
        advice = explanation.also.advice if explanation.also and any(part.by for part in parts) else ""
        texts = (self.notice, network, *(part.mark for part in parts), advice)
        said = (line(text).rstrip(".") for text in texts if text)
        return " ".join([*(f"{part}." for part in said), NOTICE])


def palettes_of(explanation: Explanation) -> dict[str, Palette]:
    """One scale per map by its name in files, the same in the volume and on every surface."""
    palettes: dict[str, Palette] = {}
    for part in explanation.parts:
        palettes |= dict.fromkeys(map(part.named, MAPS), palette.REGION_SCORES)
        palettes[part.named(RELEVANCE)] = palette.positive(part.volumes[RELEVANCE].data)
    return palettes
