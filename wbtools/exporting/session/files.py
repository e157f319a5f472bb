"""Every data file of an export: what it holds and how it is written.

The functions below list the files once, as values; `write` writes them and says what it wrote. A new file is one more
`File` in the list of the person, of a mesh or of a network, and a pattern in every naming convention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wbtools.anatomy import Hemisphere, Region
from wbtools.attribution.runtime.memory import give_back
from wbtools.exporting.explanation import HEATMAP, HEATMAP_SMOOTH, RELEVANCE, Explanation
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.exporting.network_input import NetworkInput
from wbtools.exporting.session import greyordinates, input_picture, sidecars
from wbtools.exporting.session.data import ExportData, palettes_of
from wbtools.exporting.session.greyordinates import Palettes
from wbtools.images import gifti, nifti
from wbtools.native.cortex import STANDARD, Cortex
from wbtools.native.defacing import SOURCES
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names import OutputFolder
from wbtools.output.written import Written, WrittenFiles
from wbtools.space.grid import Unit, Volume
from wbtools.surfaces import mesh as surface_files
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.standard_affine import affine_to_average, to_mni
from wbtools.text import line, tsv
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette

VOLUMES = {
    RELEVANCE: OutputKind.RELEVANCE,
    HEATMAP: OutputKind.HEATMAP,
    HEATMAP_SMOOTH: OutputKind.HEATMAP_SMOOTH,
}
"""Which file has each map of an explanation in voxels."""


@dataclass(frozen=True)
class File:
    """A file that is to be written.

    Parameters
    ----------
    what : Output
    write : callable
        Takes the path.
    maps : mapping of str to Palette or None
    sidecar : mapping of str to object
        As `Written` has them.
    """

    what: Output
    write: Callable[[Path], None]
    maps: Mapping[str, Palette | None] = field(default_factory=dict)
    sidecar: Mapping[str, object] = field(default_factory=dict)


def write(out: OutputFolder, data: ExportData, threads: int, *, drawn: bool = True) -> WrittenFiles:
    """Write every data file of an export.

    Parameters
    ----------
    out : OutputFolder
    data : ExportData
    threads : int
        Files are compressed side by side.
    drawn : bool
        Whether what networks were shown is drawn, which needs no Workbench.
    """
    give_back()  # the space of volumes that were cut
    files = [*_of_person(data)]
    for cortex in data.person.cortices.values():
        files += _of_mesh(data, cortex)
    for explanation in data.explanations:
        files += _of_network(data, explanation)
        if drawn and explanation.shown:
            files.append(_of_input(out.subject, data, explanation, explanation.shown))
    written = [Written(file.what, out.path(file.what), file.maps, file.sidecar) for file in files]
    for folder in {file.path.parent for file in written}:
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(file.write, place.path) for file, place in zip(files, written, strict=True)]
        for job in jobs:
            job.result()
    return WrittenFiles(tuple(written))


def _of_person(data: ExportData) -> Iterator[File]:
    """The T1w, and the atlas in its voxels."""
    t1w, atlas = data.person.t1w, data.person.atlas
    name = atlas.source.name
    grey = palette.anatomy(t1w.data)
    yield File(
        Output(OutputKind.T1W, whole_head=data.whole_head),
        partial(_write_map, volume=data.stored(t1w), name="T1w", shown=grey, about=data.notice),
        {"T1w": grey},
    )
    yield from _of_brain_mask(data)
    areas = {
        OutputKind.CORTEX_VOLUME: (atlas.cortex.volume, atlas.cortex.regions, name),
        OutputKind.ATLAS_VOLUME: (atlas.whole.volume, atlas.whole.regions, atlas.whole.name),
    }
    for kind, (labels, regions, map_name) in areas.items():
        stored = data.stored(labels)
        write = partial(nifti.write_volume, volume=stored, regions=regions, map_name=map_name)
        yield File(Output(kind, atlas=name), write)
    yield File(Output(OutputKind.LUT, atlas=name), partial(_write_text, text=_lookup_table(atlas.whole.regions)))


def _of_brain_mask(data: ExportData) -> Iterator[File]:
    """The brain in a head without a mask of its own."""
    scan = data.person.scan
    if scan.inside is not None and scan.mask_of != "subject":
        mask = Volume(scan.inside.astype(np.uint8), scan.t1w.grid, Unit.LABEL)
        write = partial(nifti.write_volume, volume=data.stored(mask), map_name="brain mask")
        yield File(Output(OutputKind.BRAIN_MASK), write, sidecar={"Description": f"Brain: {SOURCES[scan.mask_of]}"})


def _of_mesh(data: ExportData, cortex: Cortex) -> Iterator[File]:
    """Surfaces, sulcal depth and areas on one mesh."""
    for (side, kind), surface in cortex.surfaces.items():
        what = Output(OutputKind.SURFACE, hemisphere=side, mesh=cortex.mesh, surface=kind)
        yield File(what, partial(surface_files.write, mesh=surface, geometry=kind))
    for side, depth in cortex.sulc.items():
        grey = palette.folding(depth)
        write = partial(gifti.write_metrics, maps={"sulc": depth}, hemisphere=side, palettes={"sulc": grey.xml()})
        yield File(Output(OutputKind.SULC, hemisphere=side, mesh=cortex.mesh), write, {"sulc": grey})
    atlas = data.person.atlas.cortex
    for side in Hemisphere:
        what = Output(OutputKind.LABEL, hemisphere=side, mesh=cortex.mesh, atlas=atlas.name)
        keys = data.person.areas[cortex.mesh][side]
        write = partial(gifti.write_labels, keys=keys, regions=atlas.regions, hemisphere=side, map_name=atlas.name)
        yield File(what, write)
    if cortex.mesh == STANDARD:
        what = Output(OutputKind.DLABEL, mesh=cortex.mesh, atlas=atlas.name)
        yield File(what, partial(greyordinates.write_areas, data=data))


def _of_network(data: ExportData, explanation: Explanation) -> Iterator[File]:
    """Volumes, metrics, CIFTI and tables of one network."""
    name, card = explanation.name, explanation.model.card
    palettes, notice = palettes_of(explanation), data.notice_of(explanation)
    xml = greyordinates.as_xml(palettes)
    for part in explanation.parts:
        yield from _volumes(data, part, palettes)
        yield from _in_standard_space(data, part, palettes)
        yield from _levels(data, part)
    for cortex in data.person.cortices.values():
        for side in Hemisphere:
            maps = data.maps_of(explanation, cortex.mesh, side)
            write = partial(gifti.write_metrics, maps=maps, hemisphere=side, palettes=xml, notice=notice)
            yield File(Output(OutputKind.METRIC, name, side, cortex.mesh), write, palettes, sidecars.maps(explanation))
    if STANDARD in data.person.cortices:
        yield from _of_greyordinates(data, explanation, palettes)
    if name in data.pairings:
        yield File(Output(OutputKind.PAIRS, name), partial(_write_text, text=data.pairings[name].to_tsv()))
    table = explanation.ranking.table(card.title, explanation.attribution.method)
    text = tsv(explanation.also.ranked.beside(explanation.ranking, table) if explanation.also else table)
    about = sidecars.table(explanation)
    yield File(Output(OutputKind.REGIONS, name), partial(_write_text, text=text), sidecar=about)


def _volumes(data: ExportData, part: MapsByMethod, palettes: Mapping[str, Palette]) -> Iterator[File]:
    """The maps by one method in voxels.

    Each is a file of one map: programs that know no Workbench take a file of several for a time series.
    """
    for key, kind in VOLUMES.items():
        name = part.named(key)
        volume, shown = data.stored(part.volumes[key]), palettes[name]
        about = f"{name}, {part.ranking.values}; {part.model.card.title}"
        write = partial(_write_map, volume=volume, name=name, shown=shown, about=about)
        yield File(Output(kind, part.name, by=part.by), write, {name: shown}, sidecars.volume(part, kind))


def _in_standard_space(data: ExportData, part: MapsByMethod, palettes: Mapping[str, Palette]) -> Iterator[File]:
    """Relevance in MNI space, coarse enough for a group's mean to be quick, of people with a standard mesh."""
    cortex = data.person.cortices.get(STANDARD)
    surfaces = {side: cortex.surfaces.get((side, "midthickness")) for side in Hemisphere} if cortex else {}
    present = {side: surface for side, surface in surfaces.items() if surface is not None}
    if len(present) == len(Hemisphere):
        name = part.named(RELEVANCE)
        about = f"{name}, {part.ranking.values}, affine to MNI152; {part.model.card.title}"
        write = partial(_write_in_standard_space, relevance=part.volumes[RELEVANCE], surfaces=present)
        write = partial(write, name=name, shown=palettes[name], about=about)
        yield File(
            Output(OutputKind.RELEVANCE_MNI, part.name, by=part.by),
            write,
            {name: palettes[name]},
            sidecars.volume(part, OutputKind.RELEVANCE),
        )


def _write_in_standard_space(path: Path, relevance: Volume, surfaces: Mapping[Hemisphere, Mesh], **shown: Any) -> None:
    _write_map(path, to_mni(relevance, affine_to_average(surfaces)), **shown)


def _levels(data: ExportData, part: MapsByMethod) -> Iterator[File]:
    """The levels of regions by one method: by the second one only if it was compared with randomised networks."""
    if part.levels.seeds or not part.by:
        text = tsv(part.levels.table(data.person.atlas.whole))
        about = sidecars.levels(part)
        yield File(Output(OutputKind.LEVELS, part.name, by=part.by), partial(_write_text, text=text), sidecar=about)


def _of_input(subject: str, data: ExportData, explanation: Explanation, shown: NetworkInput) -> File:
    """The picture of what a network was shown."""
    title = f"What the network was shown: subject {line(subject)}, network {explanation.name}"
    words = input_picture.Words(title, explanation.name, data.foot_of(explanation))
    what = Output(OutputKind.INPUT, explanation.name)
    return File(what, partial(input_picture.write, shown=shown, words=words))


def _of_greyordinates(data: ExportData, explanation: Explanation, dense: Palettes) -> Iterator[File]:
    """The CIFTI files of one network."""
    name, atlas = explanation.name, data.person.atlas.source.name
    parcels = greyordinates.parcel_palettes(data, explanation, dense)
    maps = partial(greyordinates.write_maps, data=data, explanation=explanation, palettes=dense)
    about = sidecars.maps(explanation)
    yield File(Output(OutputKind.DSCALAR, name, mesh=STANDARD), maps, dense, about)
    scores = partial(greyordinates.write_parcels, data=data, explanation=explanation, palettes=parcels)
    yield File(Output(OutputKind.PSCALAR, name, mesh=STANDARD, atlas=atlas), scores, parcels, about)
    if name in data.pairings:
        pairs = partial(greyordinates.write_pairs, data=data, explanation=explanation)
        rows = greyordinates.rows_of_pairs(data, explanation)
        yield File(Output(OutputKind.PCONN, name, mesh=STANDARD, atlas=atlas), pairs, rows)


def _write_map(path: Path, volume: Volume, name: str, shown: Palette, about: str) -> None:
    nifti.write_volume(path, volume, palette_xml=shown.xml(), map_name=name, description=_shortened(about))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _lookup_table(regions: Sequence[Region]) -> str:
    """A lookup table in FSLeyes' format: key, red, green, blue in [0, 1], name."""
    rows = ((region.key, " ".join(f"{part:.5f}" for part in region.colour[:3]), region.name) for region in regions)
    return "".join(f"{key} {colour} {name}\n" for key, colour, name in rows)


def _shortened(text: str) -> str:
    """As much of a text as a NIfTI header's description holds."""
    return line(text).encode()[:79].decode(errors="ignore")
