"""The scenes of every network, composed from the files that were written; `scene_types.py` says what each shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere, Kind
from wbtools.exporting.explanation import Explanation
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.exporting.region_pairs import RegionPairs
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.session.files import VOLUMES
from wbtools.exporting.session.greyordinates import CALIBRATED, pair_palette
from wbtools.exporting.session.scene_types import DENSITY, FLAT, PAIRS, SCENES, WHAT, SceneType
from wbtools.native.cortex import STANDARD
from wbtools.output.kinds import OutputKind
from wbtools.output.written import Written, WrittenFiles
from wbtools.space.grid import Volume
from wbtools.subject import MeshName
from wbtools.text import line
from wbtools.workbench.palette import REGION_SCORES, Palette
from wbtools.workbench.scene.describing import SLICES, Description
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene

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
    network = _Network(files, explanation.name, tuple(data.person.cortices), data.pairings.get(explanation.name))
    room = _room(data.person.t1w)
    shares = _shares(network, data, explanation)
    made = {}
    for kind in SCENES:
        parts = _by_methods(kind, explanation)
        if not parts or not network.has(kind) or (kind.only_if_found and not _found(parts[-1])):
            continue
        part, words = parts[-1], _Words(network, data, explanation, parts)
        share, shown = shares.get(network.named(kind, part), 0.0), words.filled(kind.title)
        title, listed = f"{shown}: subject {line(subject)}, network {network.name}", kind.listed or shown
        foot = data.foot_of(explanation, parts)
        scene = figure(
            f"{network.name}: {listed[0].lower()}{listed[1:]}",
            Legend(title, _caption(kind, explanation, parts), foot, _unit(kind, part), words.about(kind)),
            network.slices(kind, part, room) if kind.slices else None,
            *network.surfaces(kind, parts),
        )
        made[kind.name] = replace(scene, sparse=share < _LEAST_SHOWN)
    return made


@dataclass(frozen=True)
class _Words:
    """The words of a scene: of whom, by which network and methods."""

    network: _Network
    data: ExportData
    explanation: Explanation
    parts: Sequence[MapsByMethod]

    def filled(self, text: str) -> str:
        """With the atlas, the methods and the seed of pairs in their places."""
        pairing = self.network.pairing
        return text.format(
            atlas=self.data.person.atlas.source.title,
            first=self.explanation.attribution.method,
            method=self.parts[-1].attribution.method,
            seed=pairing.seed.name if pairing else "",
        )

    def about(self, kind: SceneType) -> tuple[str, ...]:
        """What the scene shows, on what, in which colours, by which network."""
        mesh = self.network.mesh(kind.meshes)
        surfaces = f"the {self.network.surface(kind.surface, mesh)} surfaces of the {mesh} mesh"
        two = self.filled(" (above {first}, below {method})") if len(self.parts) > 1 else ""
        more = "A click on an area, which turns white, shows pairs with that area of the other." if kind.live else ""
        made = Description(
            self.filled(WHAT[kind.shows]) + two,
            tuple(place for place in (SLICES if kind.slices else "", surfaces if kind.surface else "") if place),
            "the subject's own T1w space",
            _unit(kind, self.parts[-1]),
            self.network.palette(kind, self.parts[-1]),
            self.data.person.atlas.source.title if kind.areas else "",
            (*([more] if more else []), f"Network {self.network.name}: {line(self.explanation.model.card.title)}."),
        )
        return made.sentences()


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
    pairing : RegionPairs or None
        Where two people were compared.
    """

    files: WrittenFiles
    name: str
    meshes: tuple[MeshName, ...]
    pairing: RegionPairs | None = None

    def has(self, kind: SceneType) -> bool:
        """Whether there are the files that a scene cannot do without."""
        return all(self.files.of(needed, network=self.name) for needed in (kind.file, kind.live) if needed)

    def named(self, kind: SceneType, part: MapsByMethod) -> str:
        """The name of the map that a scene shows, in files."""
        return self.pairing.seed_map if self.pairing and kind.shows == PAIRS else part.named(kind.shows)

    def palette(self, kind: SceneType, part: MapsByMethod) -> Palette | None:
        """The palette of the map that a scene shows."""
        wanted = kind.file or OutputKind.METRIC
        return self.files.of(wanted, network=self.name)[0].maps[self.named(kind, part)]

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
            [
                Layer(file.path, file.index(self.named(kind, part)), live=self._live(kind))
                for file in self._first(wanted, mesh, self.name)
            ],
            [Layer(file.path) for file in self.files.of(OutputKind.SULC, mesh=mesh)],
            [file.path for file in self._first([OutputKind.DLABEL, OutputKind.LABEL], mesh)] if kind.areas else [],
        )

    def _live(self, kind: SceneType) -> Layer | None:
        """The matrix of which the map is a row."""
        if not kind.live or not self.pairing:
            return None
        (matrix,) = self.files.of(kind.live, network=self.name)
        return Layer(matrix.path, row=matrix.index(self.pairing.seed.name))

    def surface(self, wanted: str, mesh: MeshName) -> str:
        """The wanted surface, or the pial one where not both sides have it."""
        both = len(self.files.of(OutputKind.SURFACE, mesh=mesh, surface=wanted)) == len(Hemisphere)
        return wanted if both else "pial"

    def _shown(self, surface: str, mesh: MeshName) -> Mapping[Hemisphere, Path]:
        """That surface of each side."""
        found = self.files.of(OutputKind.SURFACE, mesh=mesh, surface=self.surface(surface, mesh))
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
    if mesh == STANDARD and network.pairing:
        shares[network.pairing.seed_map] = _share_of_pairs(data, network.pairing)
    return shares


def _share_standing_out(data: ExportData, explanation: Explanation) -> float:
    """Share of the standard cortex in areas that can be seen against randomised networks."""
    rows = [row for row in explanation.ranking.rows if row.region and row.region.kind is Kind.CORTEX]
    return _share_of_areas(
        data, [row.region.key for row in rows if row.region and row.null and REGION_SCORES.shows(row.null.score)]
    )


def _share_of_pairs(data: ExportData, pairing: RegionPairs) -> float:
    """Share of the standard cortex in areas whose pairs with the seed can be seen."""
    seen = pair_palette(pairing).shows(pairing.with_seed())
    areas = [region for region in pairing.regions if region.kind is Kind.CORTEX]
    return _share_of_areas(data, [region.key for region, shown in zip(areas, seen, strict=True) if shown])


def _share_of_areas(data: ExportData, keys: Sequence[int]) -> float:
    sides = data.person.areas[STANDARD].values()
    return float(np.concatenate([np.isin(areas, keys) for areas in sides]).mean())


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
    if kind.unit is not DENSITY:
        return kind.unit
    return f"positive {DENSITY}" if part.attribution.signed else f"magnitude of {DENSITY}"


def _by_methods(kind: SceneType, explanation: Explanation) -> tuple[MapsByMethod, ...]:
    """By which methods a scene shows maps, from above; none if it is about a second method and there is none."""
    if not kind.second:
        return (explanation,)
    return explanation.parts[0 if kind.under_first and explanation.also else 1 :]


def _caption(kind: SceneType, explanation: Explanation, parts: Sequence[MapsByMethod]) -> str:
    """What stands below the title: the decision, and what of it was explained how."""
    if kind.shows == PAIRS:
        target = line(explanation.attribution.target)
        return f"{explanation.decision.caption()}. Explained: {target}, by pairs of regions (deviation, signed)"
    targets: dict[str, list[str]] = {}
    for part in parts:
        by = f"{part.attribution.method} ({part.ranking.values})"
        targets.setdefault(line(part.attribution.target), []).append(by)
    explained = "; ".join(f"{target}, by {' and '.join(methods)}" for target, methods in targets.items())
    return f"{explanation.decision.caption()}. Explained: {explained}"
