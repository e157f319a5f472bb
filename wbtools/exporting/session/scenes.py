"""The scenes of every network: a table of what each shows, composed from the files that were written.

A new scene is a new entry of `SCENES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere, Kind
from wbtools.exporting.explanation import HEATMAP, HEATMAP_SMOOTH, RELEVANCE, Explanation
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.session.files import VOLUMES
from wbtools.exporting.session.greyordinates import CALIBRATED
from wbtools.native.cortex import NATIVE, STANDARD
from wbtools.output.kinds import OutputKind
from wbtools.output.written import Written, WrittenFiles
from wbtools.space.grid import Volume
from wbtools.subject import MeshName
from wbtools.text import line
from wbtools.workbench.palette import REGION_SCORES
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene

FOLDED: tuple[MeshName, ...] = (NATIVE, STANDARD)
FLAT: tuple[MeshName, ...] = (STANDARD, NATIVE)


@dataclass(frozen=True)
class SceneType:
    """What a scene shows, of any network.

    Parameters
    ----------
    name : str
        Of its picture, after the network's.
    title : str
        Above the picture, and in wb_view's list.
    shows : str
        Name of the map.
    unit : str
        Of the map, above the colour bar.
    slices : bool
        Whether the map is shown on slices of the T1w.
    surface : str
        Which surface it is shown on: `pial` or `inflated`; empty for none. A person without inflated surfaces gets the
        pial one.
    meshes : tuple of MeshName
        The first one of these that the person has is shown, else any.
    areas : bool
        Whether the borders of areas are drawn on the surface.
    listed : str
        Title in wb_view's list, if another.
    file : OutputKind or None
        What the surface shows; None takes the maps of the network, as CIFTI or as one file a side.
    only_if_found : bool
        Whether the scene is left out where no area stands out from randomised networks.
    second : bool
        Whether it shows the map of the second method; it is left out where there is none.
    under_first : bool
        Whether the first method's map is shown above that of the second, on the same surface.
    """

    name: str
    title: str
    shows: str
    unit: str
    slices: bool = False
    surface: str = ""
    meshes: tuple[MeshName, ...] = FLAT
    areas: bool = False
    listed: str = ""
    file: OutputKind | None = None
    only_if_found: bool = False
    second: bool = False
    under_first: bool = False


_DENSITY, _SCORE = "relevance / mm3", "region score"

SCENES = (
    SceneType("overview", "Overview", HEATMAP_SMOOTH, _SCORE, slices=True, surface="inflated", areas=True),
    SceneType("relevance-volume", "Relevance", RELEVANCE, _DENSITY, slices=True, listed="Relevance on the T1w"),
    SceneType("relevance-pial", "Relevance on the pial surface", RELEVANCE, _DENSITY, surface="pial", meshes=FOLDED),
    SceneType(
        "relevance-inflated", "Relevance with {atlas} areas", RELEVANCE, _DENSITY, surface="inflated", areas=True
    ),
    SceneType("region-heatmap", "Region heatmap", HEATMAP, _SCORE, slices=True, surface="inflated", areas=True),
    SceneType(
        "heatmap-pial", "Smoothed heatmap on the pial surface", HEATMAP_SMOOTH, _SCORE, surface="pial", meshes=FOLDED
    ),
    SceneType(
        "region-heatmap-calibrated",
        "Region heatmap against randomised networks",
        CALIBRATED,
        "calibrated region score",
        surface="inflated",
        areas=True,
        file=OutputKind.PSCALAR,
        only_if_found=True,
    ),
    SceneType(
        "also-relevance",
        "Relevance by {method}",
        RELEVANCE,
        _DENSITY,
        slices=True,
        surface="inflated",
        areas=True,
        second=True,
    ),
    SceneType(
        "also-region-heatmap",
        "Region heatmaps by {first} (above) and {method} (below)",
        HEATMAP,
        _SCORE,
        surface="inflated",
        areas=True,
        second=True,
        under_first=True,
    ),
)
"""The scenes of every network, in the order of wb_view's list."""

_LEAST_SHOWN = 0.03
"""Share of the cortex that has to be coloured, so that a picture of it without colour must be wrong."""

_ROOM = (150.0, 300.0)  # mm
_LETTERS = 24.0  # mm that letters at both ends of a slice take
_LEAST_BRIGHT = 0.1  # of the bright end of a T1w image: what is darker is air
_LEAST_OF_SLICE = 0.002


def compose(subject: str, files: WrittenFiles, data: ExportData, explanation: Explanation) -> dict[str, Scene]:
    """The scenes of one network, by the names of their types.

    Parameters
    ----------
    subject : str
        Its id, for titles.
    files : WrittenFiles
        The files of `data`, written already.
    data : ExportData
    explanation : Explanation
    """
    network = _Network(files, explanation.name, tuple(data.person.cortices))
    room = _room(data.person.t1w)
    shares = _shares(network, data, explanation)
    made = {}
    for kind in SCENES:
        parts = _by_methods(kind, explanation)
        if not parts or (kind.only_if_found and not _found(parts[-1])):
            continue
        part = parts[-1]
        share = shares.get(part.named(kind.shows), 0.0)
        shown = kind.title.format(
            atlas=data.person.atlas.source.title,
            first=explanation.attribution.method,
            method=part.attribution.method,
        )
        title, listed = f"{shown}: subject {line(subject)}, network {network.name}", kind.listed or shown
        scene = figure(
            f"{network.name}: {listed[0].lower()}{listed[1:]}",
            Legend(title, _caption(explanation, parts), data.foot_of(explanation, parts), _unit(kind, part)),
            network.slices(kind, part, room) if kind.slices else None,
            *network.surfaces(kind, parts),
        )
        made[kind.name] = replace(scene, sparse=share < _LEAST_SHOWN)
    return made


def _found(part: MapsByMethod) -> bool:
    """Whether a cortical area stands out from randomised networks."""
    return any(row.region and row.region.kind is Kind.CORTEX for row in part.ranking.significant())


@dataclass(frozen=True)
class _Network:
    """The files of one network, and what to show them on.

    Parameters
    ----------
    files : WrittenFiles
    name : str
    meshes : tuple of MeshName
        Those that the person has; a person without any is refused when it is found.
    """

    files: WrittenFiles
    name: str
    meshes: tuple[MeshName, ...]

    def mesh(self, wanted: tuple[MeshName, ...]) -> MeshName:
        """The first of some meshes that the person has, else any."""
        return next(mesh for mesh in (*wanted, *self.meshes) if mesh in self.meshes)

    def slices(self, kind: SceneType, part: MapsByMethod, room: float) -> Slices:
        """The map by one method over the T1w."""
        (anatomy,) = self.files.of(OutputKind.T1W)
        (overlay,) = self.files.of(VOLUMES[kind.shows], network=self.name, by=part.by)
        return Slices(Layer(anatomy.path), Layer(overlay.path), room=room)

    def surfaces(self, kind: SceneType, parts: Sequence[MapsByMethod]) -> list[Surfaces]:
        """The maps by some methods on surfaces, which say whose they are if there are several."""
        found = [self._surfaces(kind, part) for part in parts] if kind.surface else []
        if len(found) < 2:
            return found
        return [replace(row, about=part.attribution.method) for row, part in zip(found, parts, strict=True)]

    def _surfaces(self, kind: SceneType, part: MapsByMethod) -> Surfaces:
        mesh = self.mesh(kind.meshes)
        wanted = [kind.file] if kind.file else [OutputKind.DSCALAR, OutputKind.METRIC]
        return Surfaces(
            self._shown(kind.surface, mesh),
            [Layer(file.path, file.index(part.named(kind.shows))) for file in self._first(wanted, mesh, self.name)],
            [Layer(file.path) for file in self.files.of(OutputKind.SULC, mesh=mesh)],
            [file.path for file in self._first([OutputKind.DLABEL, OutputKind.LABEL], mesh)] if kind.areas else [],
        )

    def _shown(self, surface: str, mesh: MeshName) -> Mapping[Hemisphere, Path]:
        """The wanted surface, or the pial one where not both sides have it."""
        found = self.files.of(OutputKind.SURFACE, mesh=mesh, surface=surface)
        if len(found) < len(Hemisphere):
            found = self.files.of(OutputKind.SURFACE, mesh=mesh, surface="pial")
        return {side: file.path for side in Hemisphere for file in found if file.what.hemisphere is side}

    def _first(self, kinds: Sequence[OutputKind], mesh: MeshName, network: str = "") -> list[Written]:
        """The files of the first kind that the mesh has: one of CIFTI, or one a side."""
        found = (self.files.of(kind, network=network, mesh=mesh) for kind in kinds)
        return next(filter(None, found))


def _shares(network: _Network, data: ExportData, explanation: Explanation) -> dict[str, float]:
    """The share of a cortex that each map colours: a map may be all but empty, and then its picture lacks colours."""
    mesh = network.mesh(FLAT)
    sides = [data.maps_of(explanation, mesh, side) for side in Hemisphere]
    palettes = network.files.of(OutputKind.METRIC, network=network.name, mesh=mesh)[0].maps
    shares = {
        key: float(np.concatenate([palette.shows(side[key]) for side in sides]).mean())
        for key, palette in palettes.items()
        if palette
    }
    if mesh == STANDARD:
        shares[CALIBRATED] = _share_standing_out(data, explanation)
    return shares


def _share_standing_out(data: ExportData, explanation: Explanation) -> float:
    """Share of the standard cortex in areas that can be seen against randomised networks."""
    rows = [row for row in explanation.ranking.rows if row.region and row.region.kind is Kind.CORTEX]
    seen = [row.region.key for row in rows if row.region and row.null and REGION_SCORES.shows(row.null.score)]
    sides = data.person.areas[STANDARD].values()
    return float(np.concatenate([np.isin(keys, seen) for keys in sides]).mean())


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


def _unit(kind: SceneType, part: MapsByMethod) -> str:
    """What the colour bar counts: palettes show nothing below 0."""
    if kind.unit is not _DENSITY:
        return kind.unit
    return f"positive {_DENSITY}" if part.attribution.signed else f"magnitude of {_DENSITY}"


def _by_methods(kind: SceneType, explanation: Explanation) -> tuple[MapsByMethod, ...]:
    """By which methods a scene shows maps, from above; none if it is about a second method and there is none."""
    if not kind.second:
        return (explanation,)
    return explanation.parts[0 if kind.under_first and explanation.also else 1 :]


def _caption(explanation: Explanation, parts: Sequence[MapsByMethod]) -> str:
    """What stands below the title: the decision, and what of it was explained how."""
    targets: dict[str, list[str]] = {}
    for part in parts:
        by = f"{part.attribution.method} ({part.ranking.values})"
        targets.setdefault(line(part.attribution.target), []).append(by)
    explained = "; ".join(f"{target}, by {' and '.join(methods)}" for target, methods in targets.items())
    return f"{explanation.decision.caption()}. Explained: {explained}"
