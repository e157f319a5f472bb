"""What a person's report gives the interactive viewer, out of the export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from wbtools.anatomy import Hemisphere, Kind
from wbtools.reading.finished import Export
from wbtools.reading.results import NetworkResults
from wbtools.report.viewer.fragment import fragment
from wbtools.report.viewer.shown import ANATOMICAL, OF_RELEVANCE, NetworkMaps, Point, Sides, SurfaceMap, ViewerData
from wbtools.space.grid import Volume
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette

if TYPE_CHECKING:
    from wbtools.surfaces.mesh import Mesh

_MESH = "32k_fs_LR"
SURFACES = ("inflated", "pial", "midthickness")
"""Kinds of surfaces that the viewer offers."""
_RELEVANCE, _HEATMAP = "relevance", "heatmap"


def viewer_of(export: Export) -> str:
    """The viewer of an export; of slices alone where there is no 32k mesh."""
    networks = tuple(_maps(results) for results in export.networks.values())
    if not _has_cortex(export):
        return fragment(ViewerData(export.t1w, networks, places=_places(export)))
    keys = export.areas(_MESH)
    data = ViewerData(
        t1w=export.t1w,
        networks=networks,
        surfaces={kind: _sides(export, kind) for kind in SURFACES if export.has_surface(_MESH, kind)},
        areas={side: keys[side.letter] for side in Hemisphere},
        names={region.key: region.name for region in export.regions if region.kind is Kind.CORTEX},
        folding=export.sulc(_MESH),
        places=_places(export),
    )
    return fragment(data)


def _has_cortex(export: Export) -> bool:
    anatomical = any(export.has_surface(_MESH, kind) for kind in SURFACES if kind in ANATOMICAL)
    return _MESH in export.meshes and anatomical


def _sides(export: Export, kind: str) -> dict[Hemisphere, Mesh]:
    return {side: export.surface(side, _MESH, kind) for side in Hemisphere}


def _maps(results: NetworkResults) -> NetworkMaps:
    found = results.metrics.get(_MESH)
    sides = {name: {side: found[side.letter][name] for side in Hemisphere} for name in found["L"]} if found else {}
    return maps_of(results.name, results.relevance, sides)


def maps_of(name: str, relevance: Volume, metrics: Mapping[str, Sides]) -> NetworkMaps:
    """Relevance in voxels, and all maps of the cortex, in the colours of the scenes.

    Parameters
    ----------
    name : str
        Of the network.
    relevance : Volume
        1/mm3.
    metrics : mapping of str to mapping of Hemisphere to ndarray, (V,), float32
        By their names in files.
    """
    shown = palette.positive(relevance.data) if relevance.data.any() else Palette()
    found = {}
    for each, values in metrics.items():
        unit = "score" if _HEATMAP in each else OF_RELEVANCE
        found[each] = SurfaceMap(values, shown if each == _RELEVANCE else _palette(each, values), unit)
    return NetworkMaps(name, relevance, shown, found)


def _palette(name: str, values: Sides) -> Palette:
    if name.startswith(_HEATMAP):
        return palette.REGION_SCORES
    both = np.concatenate(list(values.values()))
    return palette.positive(both) if both.any() else Palette()


def _places(export: Export) -> dict[str, Point]:
    """The centres of subcortical structures, which no vertex has, mm."""
    levels = next(iter(export.networks.values())).level_rows
    deep = [row for row in levels.rows if row.words["kind"] == Kind.SUBCORTEX.value] if levels else []
    points = {row.name: (row.numbers["x"], row.numbers["y"], row.numbers["z"]) for row in deep}
    return {name: point for name, point in points.items() if np.isfinite(point).all()}
