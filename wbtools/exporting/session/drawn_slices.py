"""Volumes as pictures need them: their slices alone, in files that exist while they are drawn.

Who draws reads every voxel of a volume, unpacks it, and counts its values, which takes as long as all the rest. Zeros
are unpacked and counted in a third of the time, and take no space.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from wbtools.exporting.session.data import ExportData
from wbtools.exporting.session.files import VOLUMES
from wbtools.images import nifti
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.written import Written, WrittenFiles
from wbtools.space.grid import Grid, Volume
from wbtools.workbench.scene.scene import Scene, View, VolumeView

_MARGIN = 1  # voxels on both sides of a slice: which of two is nearest is for those who draw to say

Scenes = Mapping[Output, Scene]
Point = tuple[float, float, float]
Volumes = Iterable[tuple[Written, Volume]]


@contextmanager
def slices_alone(scenes: Scenes, volumes: Volumes, folder: Path) -> Iterator[dict[Output, Scene]]:
    """The same scenes, whose views of volumes show files that hold little more than the slices; gone after the block.

    Oblique volumes, whose slices are not planes of voxels, stay as they are.

    Parameters
    ----------
    scenes : mapping of Output to Scene
    volumes : iterable of (Written, Volume)
        What files hold, in the order of their axes; those that no scene shows are passed over.
    folder : Path
        Receives a temporary folder.
    """
    views = [view for scene in scenes.values() for view in scene.views if isinstance(view, VolumeView)]
    centres = sorted({view.centre for view in views})
    shown = {layer.path for view in views for layer in view.layers}
    with TemporaryDirectory(prefix=".slices-", dir=folder) as place:
        instead = _write(Path(place), (each for each in volumes if each[0].path in shown), centres)
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


def _write(folder: Path, volumes: Volumes, centres: list[Point]) -> dict[Path, Path]:
    """Write slices through all centres; gives the new files by those whose slices they hold."""
    instead, blanks = dict[Path, Path](), dict[tuple[int, ...], NDArray[np.float32]]()
    for written, volume in volumes:
        if volume.grid.is_oblique:
            continue
        # One after the other in the same memory: what each volume overwrites is the last one's slices.
        shape = volume.grid.shape
        if shape not in blanks:
            blanks[shape] = np.zeros(shape, np.float32, order="F")
        blank = blanks[shape]
        for slices in _through(volume.grid, centres):
            blank[slices] = volume.data[slices]
        ((name, palette),) = written.maps.items()
        path = folder / f"{len(instead)}.nii.gz"
        thin = Volume(blank, volume.grid, volume.unit)
        nifti.write_volume(path, thin, palette_xml=palette.xml() if palette else None, map_name=name)
        instead[written.path] = path
    return instead


def _through(grid: Grid, centres: list[Point]) -> Iterator[tuple[slice, slice, slice]]:
    """The slices of a grid through points in the world, along each axis; its first or last ones for points outside."""
    for centre in centres:
        nearest = np.rint(grid.to_index(np.array(centre))).clip(0, np.array(grid.shape) - 1).astype(int)
        for axis, place in enumerate(nearest.tolist()):
            found = [slice(None)] * 3
            found[axis] = slice(max(place - _MARGIN, 0), place + _MARGIN + 1)
            yield found[0], found[1], found[2]


def _with(view: View, instead: Mapping[Path, Path]) -> View:
    if not isinstance(view, VolumeView):
        return view
    return replace(
        view, layers=tuple(replace(layer, path=instead.get(layer.path, layer.path)) for layer in view.layers)
    )
