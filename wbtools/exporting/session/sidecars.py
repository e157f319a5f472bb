"""What sidecars say of the maps of a network: by which methods they are, and what the sign of relevance means."""

from __future__ import annotations

from collections.abc import Mapping

from wbtools.exporting.explanation import RELEVANCE, Explanation
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.output.kinds import OutputKind
from wbtools.regions.second_ranking import ALSO_COLUMNS

Sidecar = Mapping[str, object]

_SIDES = {"x": "to the right", "y": "to the front", "z": "upwards"}


def volume(part: MapsByMethod, kind: OutputKind) -> Sidecar:
    """Of a map in voxels."""
    shown = "Relevance density" if kind is OutputKind.RELEVANCE else "Every region painted with its score"
    place = "by the second method, " if part.by else "by "
    return {"Description": f"{shown}, {place}{_by(part)}", "Relevance": part.attribution.meaning}


def maps(explanation: Explanation) -> Sidecar:
    """Of a file with the maps of a network."""
    meaning = {part.attribution.method: part.attribution.meaning for part in explanation.parts}
    if explanation.also is None:
        return {"Relevance": meaning}
    second = explanation.also.maps
    also = f"then the same by {_by(second)}, named like '{second.named(RELEVANCE)}'"
    return {"Description": f"Maps by {_by(explanation)}, {also}", "Relevance": meaning}


def table(explanation: Explanation) -> Sidecar:
    """Of the ranking: what its relevance is, and its columns of the second method."""
    values = {"values": {"Description": explanation.attribution.meaning}}
    if explanation.also is None:
        return values
    return values | {name: {"Description": about} for name, about in ALSO_COLUMNS.items()}


def levels(part: MapsByMethod) -> Sidecar:
    """Of the levels of regions by one method, and of its columns."""
    place, meaning = " from the T1w's origin, mm", part.attribution.meaning
    columns = {
        "key": "Of the region in the label volume",
        **{axis: f"Centre of gravity of the region's voxels: {side}{place}" for axis, side in _SIDES.items()},
        "level": f"log2 of what the region is ranked by, over the median region, by {_by(part)}. {meaning}",
        "network_SEED": "level in the map of the randomised network of this seed, one column each",
    }
    return {name: {"Description": about} for name, about in columns.items()}


def _by(part: MapsByMethod) -> str:
    """The method, and what its relevance is."""
    return f"{part.attribution.method} ({part.ranking.values})"
