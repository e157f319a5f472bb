"""What sidecars say of files with the maps of two methods; of all others their kind says everything."""

from __future__ import annotations

from collections.abc import Mapping

from wbtools.exporting.explanation import RELEVANCE, Explanation
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.output.kinds import OutputKind
from wbtools.regions.second_ranking import ALSO_COLUMNS

Sidecar = Mapping[str, object]


def volume(part: MapsByMethod, kind: OutputKind) -> Sidecar:
    """Of a map in voxels."""
    if not part.by:
        return {}
    shown = "Relevance density" if kind is OutputKind.RELEVANCE else "Every region painted with its score"
    return {"Description": f"{shown}, by the second method, {part.by} ({part.ranking.values})"}


def maps(explanation: Explanation) -> Sidecar:
    """Of a file with the maps of a network."""
    if explanation.also is None:
        return {}
    first, second = explanation.attribution.method, explanation.also.method
    named = explanation.also.maps.named(RELEVANCE)
    sign = explanation.also.maps.ranking.values
    return {"Description": f"Maps by {first}, then the same by {second} ({sign}), named like '{named}'"}


def table(explanation: Explanation) -> Sidecar:
    """Of the ranking: its columns of the second method."""
    if explanation.also is None:
        return {}
    return {name: {"Description": about} for name, about in ALSO_COLUMNS.items()}
