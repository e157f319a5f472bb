"""The CIFTI files of an export: areas, maps over cortex and subcortical voxels, parcels, pairs of regions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere, Kind
from wbtools.exporting.explanation import HEATMAP, MAPS, RELEVANCE, Explanation
from wbtools.exporting.region_pairs import RegionPairs
from wbtools.exporting.session.data import ExportData
from wbtools.images import cifti
from wbtools.images.cifti import Greyordinates
from wbtools.native.cortex import STANDARD, Values
from wbtools.regions import Ranking
from wbtools.regions.heatmap import cifti_grid, on_cifti_grid
from wbtools.space.resampling import resample_labels
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette, PaletteName

Palettes = Mapping[str, Palette | None]

CALIBRATED = "heatmap_calibrated"
PARCEL_MAPS = (RELEVANCE, HEATMAP, "rank", CALIBRATED, "z", "calibrated rank")
"""Names of the maps of parcels, in the order of their file; the last three only where there is a null."""

_Z_PALETTE = Palette(PaletteName.MAGMA, 0.0, 4.0, threshold=1.0)
"""One scale for every person; what stands out by less than a standard deviation is left transparent."""


def write_areas(path: Path, data: ExportData) -> None:
    """The areas of both hemispheres."""
    rows, atlas = Greyordinates(data.person.cortices[STANDARD].mask), data.person.atlas.cortex
    keys = {side: data.person.areas[STANDARD][side] for side in Hemisphere}
    cifti.write_dlabel(path, rows.gather(keys), rows, atlas.regions, atlas.name)


def write_maps(path: Path, data: ExportData, explanation: Explanation, palettes: Palettes) -> None:
    """Cortex of both sides, and subcortical voxels on a grid of the T1w's axes that is as coarse as HCP's."""
    sides = {side: data.maps_of(explanation, STANDARD, side) for side in Hemisphere}
    rows = _rows(data)
    maps = {}
    for part, key in product(explanation.parts, MAPS):
        voxels = on_cifti_grid(part.volumes[key]).data if data.person.segmentation else None
        name = part.named(key)
        maps[name] = rows.gather({side: sides[side][name] for side in Hemisphere}, voxels)
    cifti.write_dscalar(path, maps, rows, as_xml(palettes), data.notice_of(explanation))


def write_pairs(path: Path, data: ExportData, explanation: Explanation) -> None:
    """The pairs of regions that both people have, without the rest and the reference."""
    pairing, rows = data.pairings[explanation.name], _rows(data)
    kept = _paired(pairing, rows)
    matrix, regions = pairing.between_regions[np.ix_(kept, kept)], [pairing.regions[index] for index in kept]
    about = {"Notice": data.notice_of(explanation), "PaletteColorMapping": pair_palette(pairing).xml()}
    cifti.write_pconn(path, matrix, data.person.areas[STANDARD], regions, rows, about)


def rows_of_pairs(data: ExportData, explanation: Explanation) -> Palettes:
    """The rows of the file of pairs by the names of their regions, in its order, each with the palette of all."""
    pairing = data.pairings[explanation.name]
    shown = pair_palette(pairing)
    return {pairing.regions[index].name: shown for index in _paired(pairing, _rows(data))}


def pair_palette(pairing: RegionPairs) -> Palette:
    """Blue below zero, yellow above, on the scale of the seed's pairs."""
    return palette.signed(pairing.with_seed())


def _paired(pairing: RegionPairs, rows: Greyordinates) -> list[int]:
    """Which regions have a row in the file of pairs: cortical ones, and others that have voxels of their own."""
    there = {structure.value for structure in rows.voxels} | set(rows.parts)
    return [place for place, region in enumerate(pairing.regions) if region.kind is Kind.CORTEX or region.name in there]


def write_parcels(path: Path, data: ExportData, explanation: Explanation, palettes: Palettes) -> None:
    """The ranking's cortical values as parcels: mean relevance, score and ranks, as in the table; pairs of the seed."""
    areas, regions = data.person.areas[STANDARD], data.person.atlas.cortex.regions
    parcels = _parcels(data, explanation)
    cifti.write_pscalar(path, parcels, areas, regions, as_xml(palettes), data.notice_of(explanation))


def parcel_palettes(data: ExportData, explanation: Explanation, palettes: Palettes) -> Palettes:
    """The maps of parcels that there are, in the order of their file, with their palettes."""
    known: dict[str, Palette | None] = {**palettes}
    for part in explanation.parts:
        known |= {part.named(CALIBRATED): palette.REGION_SCORES, part.named("z"): _Z_PALETTE}
    if pairing := data.pairings.get(explanation.name):
        known[pairing.seed_map] = pair_palette(pairing)
    return {name: known.get(name) for name in _parcels(data, explanation)}


def as_xml(palettes: Palettes) -> dict[str, str]:
    """The palettes as files carry them, by the names of their maps."""
    return {name: palette.xml() for name, palette in palettes.items() if palette}


def _rows(data: ExportData) -> Greyordinates:
    """The vertices of the standard mesh, and the coarse voxels of subcortical structures where they are known."""
    segmentation = data.person.segmentation
    coarse = segmentation and resample_labels(segmentation, cifti_grid(data.person.t1w.grid))
    return Greyordinates(data.person.cortices[STANDARD].mask, coarse, _parts(data))


def _parts(data: ExportData) -> dict[str, NDArray[np.intp]]:
    """Coarse voxels of the regions of further sources of labels that have some."""
    atlas = data.person.atlas
    regions = [each.region for placed in atlas.deep for each in placed.regions]
    if not regions:
        return {}
    coarse = resample_labels(atlas.whole.volume, cifti_grid(data.person.t1w.grid)).data
    found = {region.name: np.argwhere(coarse == region.key) for region in regions}
    return {name: voxels for name, voxels in found.items() if len(voxels)}


def _parcels(data: ExportData, explanation: Explanation) -> dict[str, Values]:
    """Maps (R,) over the cortical areas, method by method, and of pairs with the seed where two people are compared."""
    found = {
        part.named(name): values for part in explanation.parts for name, values in _parcels_by(part.ranking).items()
    }
    if pairing := data.pairings.get(explanation.name):
        found[pairing.seed_map] = pairing.with_seed()
    return found


def _parcels_by(ranking: Ranking) -> dict[str, Values]:
    """Maps (R,) over the cortical areas; the last three only where there is a null."""
    found = {row.region.key: row for row in ranking.rows if row.region and row.region.kind is Kind.CORTEX}
    rows = [found[key] for key in sorted(found)]
    values: list[list[float]] = [
        [0.0 if np.isnan(row.mean) else row.mean for row in rows],
        [row.score for row in rows],
        [row.rank or 0 for row in rows],
    ]
    if ranking.null:
        values.append([row.null.score if row.null else 0.0 for row in rows])
        values.append([row.null.z if row.null else 0.0 for row in rows])
        values.append([row.null.rank if row.null else 0 for row in rows])
    return {name: np.array(column, np.float32) for name, column in zip(PARCEL_MAPS, values, strict=False)}
