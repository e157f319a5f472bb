"""All that a session is made of, written to files: volumes, metrics, labels, CIFTI and tables, with palettes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.atlas import mmp
from wbtools.exporting.explanation import HEATMAP, MAPS, RELEVANCE, Explanation
from wbtools.exporting.region_pairs import RegionPairs
from wbtools.images import cifti, gifti, nifti
from wbtools.native.cortex import STANDARD, Cortex, Values
from wbtools.native.person import Person
from wbtools.native.projection import Maps
from wbtools.output.publishing import OutputFolder
from wbtools.regions import Ranking
from wbtools.regions.heatmap import cifti_grid, on_cifti_grid
from wbtools.space.grid import Volume
from wbtools.space.resampling import resample_labels
from wbtools.subject import MeshName
from wbtools.surfaces import mesh as meshes
from wbtools.text import line
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette, PaletteName

CALIBRATED = "heatmap_calibrated"
PARCEL_MAPS = (RELEVANCE, HEATMAP, "rank", CALIBRATED, "z", "calibrated rank")
"""Names of the maps of parcels, in the order of their file; the last three only where there is a null."""

_Z_PALETTE = Palette(PaletteName.MAGMA, 0.0, 4.0, threshold=1.0)
"""One scale for every person; what stands out by less than a standard deviation is left transparent."""


@dataclass(frozen=True, eq=False)
class Results:
    """All that one export computed.

    Parameters
    ----------
    person : Person
    explanations : tuple of Explanation
    metrics : mapping of str to Maps
        Per mesh the maps of all explanations, `MAPS` of the first network, then of the second, ...
    pairings : mapping of str to RegionPairs
        By network, where two people were compared.
    notice : str
        What every reader must know about the data.
    """

    person: Person
    explanations: tuple[Explanation, ...]
    metrics: Mapping[MeshName, Maps]
    pairings: Mapping[str, RegionPairs]
    notice: str

    def maps_of(self, index: int, mesh: MeshName, side: Hemisphere) -> dict[str, Values]:
        """The maps of one network on one hemisphere, (V,) each."""
        first = index * len(MAPS)
        return dict(zip(MAPS, self.metrics[mesh][side][first : first + len(MAPS)], strict=True))

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
            explanation.trust.mark,
            f"{explanation.decision.caption()}.",
            "Research use only. Not for diagnosis.",
        )
        return " ".join(line(part) for part in parts if part)


def palettes_of(explanation: Explanation) -> dict[str, Palette]:
    """One scale per map, the same in the volume and on every surface."""
    relevance = explanation.volumes[RELEVANCE].data
    return dict.fromkeys(MAPS, palette.REGION_SCORES) | {RELEVANCE: palette.positive(relevance[relevance != 0])}


def write(out: OutputFolder, results: Results, threads: int) -> None:
    """Write every data file of an export.

    Parameters
    ----------
    out : OutputFolder
    results : Results
    threads : int
        Files are compressed side by side.
    """
    jobs = [*_shared(out, results)]
    for index, explanation in enumerate(results.explanations):
        jobs += _explained(out, results, index, explanation)
    with ThreadPoolExecutor(threads) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()


def _shared(out: OutputFolder, results: Results) -> list[Callable[[], None]]:
    """The subject's own T1w and surfaces, and the atlas."""
    areas, whole = mmp.regions(), results.person.atlas.whole
    note = _shortened(results.notice)
    out.t1w().parent.mkdir(parents=True, exist_ok=True)
    anatomy = palette.anatomy(results.person.t1w.data).xml()
    jobs: list[Callable[[], None]] = [
        partial(
            nifti.write_volume,
            out.t1w(),
            results.stored(results.person.t1w),
            palette_xml=anatomy,
            map_name="T1w",
            description=note,
        ),
        partial(
            nifti.write_volume,
            out.cortex_volume(mmp.NAME),
            results.stored(results.person.atlas.cortex.volume),
            regions=areas,
            map_name=mmp.NAME,
        ),
        partial(
            nifti.write_volume,
            out.atlas_volume(mmp.NAME),
            results.stored(whole.volume),
            regions=whole.regions,
            map_name=whole.name,
        ),
    ]
    jobs.append(partial(_write_text, out.lut(mmp.NAME), _lookup_table(whole.regions)))
    for cortex in results.person.cortices.values():
        jobs += _anatomy(out, results, cortex)
        if cortex.mesh == STANDARD:
            keys = {side: results.person.areas[STANDARD][side] for side in Hemisphere}
            rows = cifti.Greyordinates(cortex.mask)
            label = partial(cifti.write_dlabel, out.dlabel(mmp.NAME), rows.gather(keys), rows, areas, mmp.NAME)
            jobs.append(label)
    return jobs


def _anatomy(out: OutputFolder, results: Results, cortex: Cortex) -> list[Callable[[], None]]:
    """Surfaces, sulcal depth and areas on one mesh."""
    jobs: list[Callable[[], None]] = []
    for (side, kind), mesh in cortex.surfaces.items():
        path = out.surface(side, kind, cortex.mesh)
        path.parent.mkdir(parents=True, exist_ok=True)
        jobs.append(partial(meshes.write, path, mesh, kind))
    for side, depth in cortex.sulc.items():
        grey = {"sulc": palette.folding(depth).xml()}
        jobs.append(partial(gifti.write_metrics, out.sulc(side, cortex.mesh), {"sulc": depth}, side, grey))
    for side in Hemisphere:
        keys = results.person.areas[cortex.mesh][side]
        jobs.append(
            partial(gifti.write_labels, out.label(mmp.NAME, side, cortex.mesh), keys, mmp.regions(), side, mmp.NAME)
        )
    return jobs


def _explained(
    out: OutputFolder, results: Results, index: int, explanation: Explanation
) -> Sequence[Callable[[], None]]:
    """Volumes, metrics, CIFTI and table of one network."""
    name, card = explanation.name, explanation.model.card
    notice = results.notice_of(explanation)
    palettes = {key: value.xml() for key, value in palettes_of(explanation).items()}
    paths = (out.relevance(name), out.heatmap(name), out.heatmap_smooth(name))
    jobs: list[Callable[[], None]] = []
    for key, path in zip(MAPS, paths, strict=True):
        note = _shortened(f"{key}; {card.title}")
        volume = results.stored(explanation.volumes[key])
        jobs.append(
            partial(nifti.write_volume, path, volume, palette_xml=palettes[key], map_name=key, description=note)
        )
    for cortex in results.person.cortices.values():
        for side in Hemisphere:
            maps = results.maps_of(index, cortex.mesh, side)
            path = out.metric(name, side, cortex.mesh)
            jobs.append(partial(gifti.write_metrics, path, maps, side, palettes, notice))
        if cortex.mesh == STANDARD:
            jobs.append(partial(_write_dscalar, out, results, index, explanation, cortex, palettes))
            jobs.append(partial(_write_pscalar, out, results, explanation, palettes))
    if name in results.pairings:
        jobs.append(partial(_write_text, out.pairs(name), results.pairings[name].to_tsv()))
        if STANDARD in results.person.cortices:
            jobs.append(partial(_write_pconn, out, results, explanation))
    table = explanation.ranking.to_tsv(card.title, explanation.attribution.method)
    jobs.append(partial(_write_text, out.regions(name), table))
    return jobs


def _write_dscalar(
    out: OutputFolder,
    results: Results,
    index: int,
    explanation: Explanation,
    cortex: Cortex,
    palettes: Mapping[str, str],
) -> None:
    """Cortex of both sides, and subcortical voxels on a grid of the T1w's axes that is as coarse as HCP's."""
    sides = {side: results.maps_of(index, cortex.mesh, side) for side in Hemisphere}
    segmentation = results.person.segmentation
    coarse = cifti_grid(results.person.t1w.grid)
    rows = cifti.Greyordinates(cortex.mask, segmentation and resample_labels(segmentation, coarse))
    maps = {}
    for key in MAPS:
        voxels = on_cifti_grid(explanation.volumes[key]).data if segmentation else None
        maps[key] = rows.gather({side: sides[side][key] for side in Hemisphere}, voxels)
    notice = results.notice_of(explanation)
    cifti.write_dscalar(out.dscalar(explanation.name), maps, rows, palettes, notice)


def _write_pconn(out: OutputFolder, results: Results, explanation: Explanation) -> None:
    """The pairs of regions that both people have, without the rest and the reference."""
    person, pairing = results.person, results.pairings[explanation.name]
    segmentation = person.segmentation
    coarse = segmentation and resample_labels(segmentation, cifti_grid(person.t1w.grid))
    rows = cifti.Greyordinates(person.cortices[STANDARD].mask, coarse)
    there = {structure.value for structure in rows.voxels}
    kept = [i for i, one in enumerate(pairing.regions) if one.kind is Kind.CORTEX or one.name in there]
    matrix, regions = pairing.between_regions[np.ix_(kept, kept)], [pairing.regions[i] for i in kept]
    path, notice = out.pconn(explanation.name, mmp.NAME), results.notice_of(explanation)
    cifti.write_pconn(path, matrix, person.areas[STANDARD], regions, rows, notice)


def _write_pscalar(out: OutputFolder, results: Results, explanation: Explanation, palettes: Mapping[str, str]) -> None:
    """The ranking's cortical values as parcels: mean relevance, score and ranks, as in the table."""
    cifti.write_pscalar(
        out.pscalar(explanation.name, mmp.NAME),
        _parcels(explanation.ranking),
        results.person.areas[STANDARD],
        mmp.regions(),
        {**palettes, CALIBRATED: palette.REGION_SCORES.xml(), "z": _Z_PALETTE.xml()},
        results.notice_of(explanation),
    )


def _parcels(ranking: Ranking) -> dict[str, Values]:
    """Maps (R,) over the cortical areas; the last three only where there is a null."""
    found = {row.region.key: row for row in ranking.rows if row.region}
    rows = [found[area.key] for area in mmp.regions()]
    values: list[list[float]] = [
        [0.0 if np.isnan(row.mean) else row.mean for row in rows],
        [row.score for row in rows],
        [row.rank or 0 for row in rows],
    ]
    if ranking.null:
        values.append([row.null.score if row.null else 0.0 for row in rows])
        values.append([row.null.z if row.null else 0.0 for row in rows])
        values.append([row.null.rank if row.null else 0 for row in rows])
    return {name: np.array(one, np.float32) for name, one in zip(PARCEL_MAPS, values, strict=False)}


def _lookup_table(regions: Sequence[Region]) -> str:
    """A lookup table in FSLeyes' format: key, red, green, blue in [0, 1], name."""
    rows = ((one.key, " ".join(f"{part:.5f}" for part in one.colour[:3]), one.name) for one in regions)
    return "".join(f"{key} {colour} {name}\n" for key, colour, name in rows)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _shortened(text: str) -> str:
    """As much of a text as a NIfTI header's description holds."""
    return line(text).encode()[:79].decode(errors="ignore")
