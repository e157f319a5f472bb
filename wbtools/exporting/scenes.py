"""The finished session: scenes composed from the files of an export, their pictures, and one spec per mesh."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere, Kind
from wbtools.atlas import mmp
from wbtools.exporting.explanation import HEATMAP, HEATMAP_SMOOTH, MAPS, RELEVANCE, Explanation
from wbtools.exporting.files import CALIBRATED, PARCEL_MAPS, Results, palettes_of
from wbtools.native.cortex import NATIVE, STANDARD, Cortex
from wbtools.output.publishing import OutputFolder
from wbtools.space.grid import Volume
from wbtools.text import line
from wbtools.workbench import render, spec
from wbtools.workbench.palette import REGION_SCORES
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene import file, views
from wbtools.workbench.scene.scene import Layer, Scene
from wbtools.workbench.scene.views import Legend

_LEAST_SHOWN = 0.03
"""Share of the cortex that has to be coloured, so that a picture of it without colour must be wrong."""

_ROOM = (150.0, 300.0)  # mm
_LETTERS = 24.0  # mm that letters at both ends of a slice take
_LEAST_BRIGHT = 0.1  # of the bright end of a T1w image: what is darker is air
_LEAST_OF_SLICE = 0.002

_UNITS = {RELEVANCE: "relevance / mm3", HEATMAP: "region score", HEATMAP_SMOOTH: "region score"}


@dataclass(frozen=True)
class _Stage:
    """Where the maps of one network lie on one mesh, and what to show them on."""

    out: OutputFolder
    network: str
    cortex: Cortex

    def surfaces(self, kind: str) -> Mapping[Hemisphere, Path]:
        """The wanted kind, or the pial surface where the subject has no such."""
        shown = kind if kind in self.cortex.kinds else "pial"
        return {side: self.out.surface(side, shown, self.cortex.mesh) for side in Hemisphere}

    def overlays(self, key: str) -> tuple[Layer, ...]:
        """One map: a single CIFTI layer on the standard mesh, else one layer a side."""
        index = MAPS.index(key)
        if self.cortex.mesh == STANDARD:
            return (Layer(self.out.dscalar(self.network), index),)
        return tuple(Layer(self.out.metric(self.network, side, self.cortex.mesh), index) for side in Hemisphere)

    def shading(self) -> tuple[Layer, ...]:
        """Sulcal depth, where the subject has it."""
        return tuple(Layer(self.out.sulc(side, self.cortex.mesh)) for side in self.cortex.sulc)

    def areas(self) -> tuple[Path, ...]:
        """Label files."""
        if self.cortex.mesh == STANDARD:
            return (self.out.dlabel(mmp.NAME),)
        return tuple(self.out.label(mmp.NAME, side, self.cortex.mesh) for side in Hemisphere)


def scenes(out: OutputFolder, results: Results, explanation: Explanation) -> dict[str, Scene]:
    """The scenes of one network, by the names of their pictures.

    Parameters
    ----------
    out : OutputFolder
        Holds the files of `results` already.
    results : Results
    explanation : Explanation
    """
    name = explanation.name
    by_mesh = {cortex.mesh: _Stage(out, name, cortex) for cortex in results.person.cortices.values()}
    first = next(iter(by_mesh.values()))  # a subject without any mesh is refused when it is found
    folded, flat = by_mesh.get(NATIVE, by_mesh.get(STANDARD, first)), by_mesh.get(STANDARD, by_mesh.get(NATIVE, first))
    anatomy = Layer(out.t1w())
    volumes = {RELEVANCE: out.relevance(name), HEATMAP: out.heatmap(name), HEATMAP_SMOOTH: out.heatmap_smooth(name)}
    caption = f"{explanation.decision.caption()}. Explained: {line(explanation.attribution.target)}"
    notice, room = _notice(results, explanation), _room(results.person.t1w)
    sparse = _sparse(results, explanation, flat.cortex)

    def legend(what: str, unit: str) -> Legend:
        return Legend(f"{what}: subject {line(out.subject)}, network {name}", caption, notice, unit)

    def figure(label: str, key: str) -> Scene:
        made = views.overview_scene(
            f"{name}: {label[0].lower()}{label[1:]}",
            anatomy,
            Layer(volumes[key]),
            flat.surfaces("inflated"),
            flat.overlays(key),
            legend=legend(label, _UNITS[key]),
            room=room,
            shading=flat.shading(),
            areas=flat.areas(),
        )
        return replace(made, sparse=sparse[key])

    def montage(label: str, key: str, stage: _Stage, kind: str, outlined: bool) -> Scene:
        made = views.montage_scene(
            f"{name}: {label[0].lower()}{label[1:]}",
            stage.surfaces(kind),
            stage.overlays(key),
            legend=legend(label, _UNITS[key]),
            shading=stage.shading(),
            areas=stage.areas() if outlined else (),
        )
        return replace(made, sparse=sparse[key])

    slices = views.volume_scene(
        f"{name}: relevance on the T1w",
        anatomy,
        Layer(volumes[RELEVANCE]),
        legend=legend("Relevance", _UNITS[RELEVANCE]),
        room=room,
    )
    slices = replace(slices, sparse=sparse[RELEVANCE])
    made = {
        f"{name}.overview": figure("Overview", HEATMAP_SMOOTH),
        f"{name}.relevance-volume": slices,
        f"{name}.relevance-pial": montage("Relevance on the pial surface", RELEVANCE, folded, "pial", False),
        f"{name}.relevance-inflated": montage("Relevance with HCP-MMP 1.0 areas", RELEVANCE, flat, "inflated", True),
        f"{name}.region-heatmap": figure("Region heatmap", HEATMAP),
        f"{name}.heatmap-pial": montage("Smoothed heatmap on the pial surface", HEATMAP_SMOOTH, folded, "pial", False),
    }
    if flat.cortex.mesh == STANDARD and (share := _share_standing_out(results, explanation)):
        scene = _calibrated(flat, legend("Region heatmap against randomised networks", f"calibrated {_UNITS[HEATMAP]}"))
        made[f"{name}.region-heatmap-calibrated"] = replace(scene, sparse=share < _LEAST_SHOWN)
    return made


def _sparse(results: Results, explanation: Explanation, cortex: Cortex) -> dict[str, bool]:
    """Whether a map colours so little of a cortex that its picture may lack colours: a map may be all but empty."""
    index, palettes = results.explanations.index(explanation), palettes_of(explanation)
    sides = [results.maps_of(index, cortex.mesh, side) for side in Hemisphere]
    shares = {key: np.concatenate([palettes[key].shows(side[key]) for side in sides]).mean() for key in MAPS}
    return {key: bool(share < _LEAST_SHOWN) for key, share in shares.items()}


def _share_standing_out(results: Results, explanation: Explanation) -> float:
    """Share of the standard cortex in areas that can be seen against randomised networks."""
    rows = [row for row in explanation.ranking.rows if row.region and row.region.kind is Kind.CORTEX]
    seen = [row.region.key for row in rows if row.region and row.null and REGION_SCORES.shows(row.null.score)]
    sides = results.person.areas[STANDARD].values()
    return float(np.concatenate([np.isin(keys, seen) for keys in sides]).mean())


def _calibrated(stage: _Stage, legend: Legend) -> Scene:
    """The areas' scores beyond those of randomised networks, to be seen beside the heatmap."""
    return views.montage_scene(
        f"{stage.network}: region heatmap against randomised networks",
        stage.surfaces("inflated"),
        (Layer(stage.out.pscalar(stage.network, mmp.NAME), PARCEL_MAPS.index(CALIBRATED)),),
        legend=legend,
        shading=stage.shading(),
        areas=stage.areas(),
    )


def draw(out: OutputFolder, made: Mapping[str, Scene], workbench: Workbench, threads: int) -> dict[str, Scene]:
    """Render every scene to `figures/`, and give each its thumbnail.

    Raises
    ------
    CheckError
        If a picture is blank, lacks an overlay that its map has, or Workbench reported an error in loading.
    """
    folder = out.figure("x").parent
    folder.mkdir(exist_ok=True)

    def one(sheet: Mapping[str, Scene]) -> dict[str, Scene]:
        by_picture = {out.figure(name): scene for name, scene in sheet.items()}
        pictures = render.render_sheet(workbench, by_picture, out.folder)
        thumbnails = (render.thumbnail(picture.path) for picture in pictures)
        return {name: replace(sheet[name], thumbnail=small) for name, small in zip(sheet, thumbnails, strict=True)}

    with ThreadPoolExecutor(threads) as pool:
        drawn = {name: scene for part in pool.map(one, render.together(made)) for name, scene in part.items()}
    return {name: drawn[name] for name in made}


def write(out: OutputFolder, made: Mapping[str, Scene], results: Results) -> None:
    """Write the scene file, and a spec for each mesh that lists everything made for it."""
    file.write(out.scene(), list(made.values()))
    for cortex in results.person.cortices.values():
        spec.write(out.spec(cortex.mesh), [*_files(out, results, cortex), out.scene()])


def _files(out: OutputFolder, results: Results, cortex: Cortex) -> list[Path]:
    """The files of one mesh, and the volumes, which go with every mesh."""
    names = [explanation.name for explanation in results.explanations]
    files = [out.surface(side, kind, cortex.mesh) for side, kind in cortex.surfaces]
    files += [out.sulc(side, cortex.mesh) for side in cortex.sulc]
    files += [out.label(mmp.NAME, side, cortex.mesh) for side in Hemisphere]
    files += [out.metric(name, side, cortex.mesh) for name in names for side in Hemisphere]
    if cortex.mesh == STANDARD:
        files += [out.dlabel(mmp.NAME), *map(out.dscalar, names)]
        files += [out.pscalar(name, mmp.NAME) for name in names]
        files += [out.pconn(name, mmp.NAME) for name in results.pairings]
    files += [out.t1w(), out.cortex_volume(mmp.NAME), out.atlas_volume(mmp.NAME)]
    for name in names:
        files += [out.relevance(name), out.heatmap(name), out.heatmap_smooth(name)]
    return files


def _room(t1w: Volume) -> float:
    """Space that slices of an image need around the middle of its field of view, letters included, mm."""
    some = t1w.data[::3, ::3, ::3]
    bright = np.percentile(some[some > 0], 98) * _LEAST_BRIGHT if (some > 0).any() else 0.0
    inside = t1w.data > bright
    spans = []
    for axis in range(3):
        share = inside.mean(axis=tuple(other for other in range(3) if other != axis))
        used = np.flatnonzero(share > _LEAST_OF_SLICE)  # single bright voxels far out are noise
        spans.append((used[0] - 0.5, used[-1] + 0.5) if used.size else (-0.5, len(share) - 0.5))
    corners = t1w.grid.to_world(np.stack(np.meshgrid(*spans, indexing="ij"), -1).reshape(-1, 3))
    middle = t1w.grid.corners().mean(axis=0)
    return float(np.clip(2 * np.abs(corners - middle).max() + _LETTERS, *_ROOM))


def _notice(results: Results, explanation: Explanation) -> str:
    """What the foot of a picture says."""
    network = "Demonstration network, not for science" if explanation.model.card.built_in else ""
    return " ".join(
        [
            *(f"{line(part).rstrip('.')}." for part in (results.notice, network, explanation.trust.mark) if part),
            views.NOTICE,
        ]
    )
