"""Volumes as pictures need them: the slices alone, each in a file of its own, while they are drawn.

Workbench reads every voxel of a volume, unpacks, counts and colours it: two thirds of the time that a sheet takes. A
plane of voxels is read at once. It lies exactly where the view cuts, and is too thin to be seen from its edge: where
two planes of a view cross, each voxel is drawn once. Workbench fits a view to its lowest layer, which is therefore a
single voxel as large as the whole field of view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from wbtools.exporting.session.data import ExportData
from wbtools.exporting.session.files import VOLUMES
from wbtools.images import nifti
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.written import Written, WrittenFiles
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.workbench.scene.scene import Scene, View, VolumeView

_THICKNESS = 1e-4
"""Of a plane, mm: less than Workbench's rasteriser can tell from nothing, more than its numbers are rounded by."""
_UNDECIDED = 1e-3
"""Of a voxel: nearer to the border of two, which one is shown is a matter of rounding."""

Scenes = Mapping[Output, Scene]
Point = tuple[float, float, float]
Volumes = Iterable[tuple[Written, Volume]]


@contextmanager
def slices_alone(scenes: Scenes, volumes: Volumes, folder: Path) -> Iterator[dict[Output, Scene]]:
    """The same scenes, whose views of volumes show files that hold the slices alone; gone after the block.

    Views of volumes that lean, however little, stay as they are, as do those that cut beside a volume or between two
    voxels: there a slice is no plane of voxels, and Workbench cuts what leans in steps of the shortest edge.

    Parameters
    ----------
    scenes : mapping of Output to Scene
    volumes : iterable of (Written, Volume)
        What files hold, in the order of their axes; those that no scene shows are passed over.
    folder : Path
        Receives a temporary folder.
    """
    views = [view for scene in scenes.values() for view in scene.views if isinstance(view, VolumeView)]
    centres = sorted({view.centre for view in views if view.letters})
    shown = {layer.path for view in views for layer in view.layers}
    with TemporaryDirectory(prefix=".slices-", dir=folder) as place:
        instead = {
            written.path: _cut(Path(place) / str(number), written, _in_order(volume), centres)
            for number, (written, volume) in enumerate(volumes)
            if written.path in shown and _is_upright(volume.grid)
        }
        yield {
            what: replace(scene, views=tuple(_with(view, instead) for view in scene.views))
            for what, scene in scenes.items()
        }


def volumes_of(data: ExportData, files: WrittenFiles) -> Iterator[tuple[Written, Volume]]:
    """The volumes of an export that pictures may show, as its files have them."""
    known = {Output(OutputKind.T1W, whole_head=data.whole_head): data.person.t1w}
    for part in data.parts:
        known |= {Output(VOLUMES[key], part.name, by=part.by): volume for key, volume in part.volumes.items()}
    for written in files:
        if written.what in known:
            yield written, data.stored(known[written.what])


@dataclass(frozen=True)
class _Slices:
    """The files that stand for a volume: its field of view, and its planes by where views cut it."""

    field: Path
    planes: dict[Point, tuple[Path, ...]]


def _is_upright(grid: Grid) -> bool:
    """Whether its axes are exactly those of the world, in the numbers that a file has."""
    return int(np.count_nonzero(grid.affine[:3, :3].astype(np.float32))) == 3


def _in_order(volume: Volume) -> Volume:
    """With the axes in the world's order: Workbench distorts what has them in another and edges of unequal lengths."""
    letters = volume.grid.orientation
    return reorient(volume, "".join(letter for pair in ("LR", "PA", "IS") for letter in letters if letter in pair))


def _cut(folder: Path, written: Written, volume: Volume, centres: Iterable[Point]) -> _Slices:
    """Write the planes of a volume through points in the world."""
    folder.mkdir()
    ((name, palette),) = written.maps.items()

    def write(file: str, values: NDArray[np.float32], affine: NDArray[np.float64]) -> Path:
        path = folder / f"{file}.nii"
        part = Volume(values, Grid(values.shape, affine), volume.unit)
        nifti.write_volume(path, part, palette_xml=palette.xml() if palette else None, map_name=name)
        return path

    planes = dict[Point, tuple[Path, ...]]()
    for number, centre in enumerate(centres):
        index = volume.grid.to_index(np.array(centre))
        voxel = np.rint(index).astype(int)
        if (abs(index - voxel) > 0.5 - _UNDECIDED).any() or (voxel < 0).any() or (voxel >= volume.grid.shape).any():
            continue
        planes[centre] = tuple(
            write(
                f"{number}-{axis}",
                volume.data.take([place], axis).astype(np.float32, copy=False),
                _plane(volume.grid, axis, centre),
            )
            for axis, place in enumerate(voxel.tolist())
        )
    return _Slices(write("field", np.zeros((1, 1, 1), np.float32), volume.grid.covering((1, 1, 1)).affine), planes)


def _plane(grid: Grid, axis: int, centre: Point) -> NDArray[np.float64]:
    """The affine of a plane of a grid's voxels across an axis, moved to where a view cuts."""
    affine = grid.affine.copy()
    across = affine[:3, axis].copy()
    affine[:3, axis] *= _THICKNESS / np.linalg.norm(across)
    world = np.abs(across).argmax()
    affine[world, 3] = centre[world]
    return affine


def _with(view: View, instead: Mapping[Path, _Slices]) -> View:
    if not isinstance(view, VolumeView) or any(layer.path not in instead for layer in view.layers):
        return view
    parts = [instead[layer.path] for layer in view.layers]
    if not view.letters:  # there is no slice worth drawing
        fields = tuple(replace(layer, path=part.field) for layer, part in zip(view.layers, parts, strict=True))
        return replace(view, layers=fields)
    if any(view.centre not in part.planes for part in parts):
        return view
    layers = [
        replace(layer, path=path, colour_bar=None if number else layer.colour_bar)
        for layer, part in zip(view.layers, parts, strict=True)
        for number, path in enumerate(part.planes[view.centre])
    ]
    return replace(view, layers=(*layers, replace(view.layers[-1], path=parts[-1].field, colour_bar=None)))
