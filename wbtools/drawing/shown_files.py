"""The files of scenes as drawing needs them: maps of meshes and volumes with what says how they are coloured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.drawing import colouring
from wbtools.drawing.colouring import Colours, LabelTable, Scale, Values
from wbtools.drawing.slicing import Cut
from wbtools.errors import InputError
from wbtools.images import bounded_xml, cifti_document, gifti_document, nifti
from wbtools.space.grid import Unit, Volume
from wbtools.surfaces import mesh
from wbtools.surfaces.mesh import Mesh
from wbtools.text import counted
from wbtools.workbench import datafile
from wbtools.workbench.datafile import CIFTI, DataFile, DataType
from wbtools.workbench.scene.elements import Layer

Thing = TypeVar("Thing")

_SOME = 2**18  # numbers of a volume


@dataclass(frozen=True, eq=False)
class Column:
    """A map of a file.

    Parameters
    ----------
    sides : mapping of Hemisphere to ndarray, (V,), float32
        For maps of meshes; NaN where the file has nothing. Labels are their keys.
    palette : str
        The `PaletteColorMapping` element of the file; empty if it has none.
    labels : dict of int to (str, Colour), or None
        For maps of labels.
    some : ndarray
        For volumes: enough of its numbers to scale a palette in percent of them.
    """

    sides: Mapping[Hemisphere, Values]
    palette: str = ""
    labels: LabelTable | None = None
    some: Values = field(default_factory=lambda: np.empty(0, np.float32))

    def numbers(self) -> Values:
        """Numbers of the map."""
        together = np.concatenate([self.some, *self.sides.values()])
        return np.asarray(together[np.isfinite(together)])


class ShownFiles:
    """The files of some scenes, each read once, when it is first needed. Of volumes only slices stay in memory.

    Parameters
    ----------
    cuts : mapping of Path to sequence of (Cut, Path)
        By volume: every way in which it is cut, and the volume whose field of view is fitted there.
    """

    def __init__(self, cuts: Mapping[Path, Sequence[tuple[Cut, Path]]]) -> None:
        self._cuts = cuts
        self._read: dict[object, Any] = {}
        self._locks: dict[object, Lock] = {}
        self._lock = Lock()

    def header(self, path: Path) -> DataFile:
        """What a file's header says."""
        return self._kept(("header", path), partial(datafile.read, path))

    def surface(self, path: Path) -> Surface:
        """A surface."""
        return self._kept(path, partial(_surface, self.header(path)))

    def column(self, layer: Layer) -> Column:
        """The map that a layer shows.

        Raises
        ------
        InputError
            If the file cannot be read, or is of a kind that no layer shows.
        """
        header = self.header(layer.path)
        if header.type is DataType.VOLUME:
            return self._volume(layer.path)[0]
        columns: list[Column] = self._kept(layer.path, partial(_columns, header))
        if layer.map_index >= len(columns):
            raise InputError(
                f"{layer.path.name} has {counted(len(columns), 'map')}, a layer wants number {layer.map_index}"
            )
        return columns[layer.map_index]

    def slices(self, layer: Layer, cut: Cut) -> list[Values]:
        """What of a layer's volume lies in the three slices of a cut, (R, C) each; InputError for other files."""
        if layer.path not in self._cuts:
            raise InputError(
                f"{layer.path.name} is no volume, and slices show nothing else", hint="give a .nii.gz file"
            )
        return self._volume(layer.path)[1][cut]

    def scale(self, layer: Layer) -> Scale:
        """The palette of a layer, else that of its file."""

        def make() -> Scale:
            if layer.palette:
                return colouring.scale(layer.palette.xml(), np.empty(0), layer.path.name)
            column = self.column(layer)
            return colouring.scale(column.palette, column.numbers(), layer.path.name)

        return self._kept(("scale", layer.path, layer.map_index, layer.palette), make)

    def paint(self, layer: Layer, values: NDArray[np.floating]) -> Colours:
        """The colours of numbers of a layer's map."""
        labels = self.column(layer).labels
        return colouring.paint_labels(values, labels) if labels is not None else self.scale(layer).paint(values)

    def _volume(self, path: Path) -> tuple[Column, dict[Cut, list[Values]]]:
        def make() -> tuple[Column, dict[Cut, list[Values]]]:
            column, volume = _volume(path)
            return column, {cut: cut.of(volume, nifti.read_grid(fitted)) for cut, fitted in self._cuts.get(path, ())}

        return self._kept(path, make)

    def _kept(self, key: object, make: Callable[[], Thing]) -> Thing:
        """What `make` gives, made by whichever thread comes first."""
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._read:
                self._read[key] = make()
            found: Thing = self._read[key]
            return found


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh, and how much its vertices face a viewer at the left or right, 0 to 1, (V, 1), float32."""

    mesh: Mesh
    facing: NDArray[np.float32]


def _surface(header: DataFile) -> Surface:
    if header.type is not DataType.SURFACE or header.structure is None or header.structure.hemisphere is None:
        raise InputError(f"{header.path.name} is not a surface", hint="give a .surf.gii file")
    found = mesh.read(header.path, header.structure.hemisphere, placed=True)
    return Surface(found, np.abs(found.normals()[:, :1]).astype(np.float32))


def _columns(header: DataFile) -> list[Column]:
    """All maps of a file."""
    if header.type in {DataType.METRIC, DataType.LABEL}:
        return _gifti(header)
    if header.type in CIFTI - {DataType.PARCEL}:
        return _cifti(header.path)
    raise InputError(f"{header.path.name} holds no map to draw", hint="give one of its rows as a .pscalar.nii file")


def _gifti(header: DataFile) -> list[Column]:
    assert header.structure is not None and header.structure.hemisphere is not None
    document = gifti_document.read(header.path)
    labels = document.labels if header.type is DataType.LABEL else None
    return [
        Column(
            {header.structure.hemisphere: np.asarray(array.data, np.float32).reshape(-1)},
            array.meta.get("PaletteColorMapping", ""),
            labels,
        )
        for array in document.arrays
    ]


def _volume(path: Path) -> tuple[Column, Volume]:
    """A volume, with its palette or labels from the extension that Workbench writes."""
    caret = nifti.read_caret(path)
    information = None
    if caret:
        try:
            bounded_xml.parse([caret], lambda *_: None, lambda _: None, lambda _: None)
            information = ET.fromstring(caret).find("VolumeInformation")
        except (bounded_xml.XmlFault, ET.ParseError) as error:
            raise InputError(f"{path.name} has a damaged header extension of Workbench: {error}") from None
    table = information.find("LabelTable") if information is not None else None
    palette = information.find("PaletteColorMapping") if information is not None else None
    volume = nifti.read_volume(path, Unit.INTENSITY if table is None else Unit.LABEL)
    column = Column(
        {},
        "" if palette is None else ET.tostring(palette, "unicode"),
        None if table is None else {int(label.get("Key", 0)): _label(label) for label in table},
        volume.data.ravel()[:: 1 + volume.data.size // _SOME].astype(np.float32),
    )
    return column, volume


def _label(label: ET.Element) -> tuple[str, tuple[float, float, float, float]]:
    red, green, blue, alpha = (float(label.get(part, 0)) for part in ("Red", "Green", "Blue", "Alpha"))
    return label.text or "", (red, green, blue, alpha)


def _cifti(path: Path) -> list[Column]:
    """Maps of vertices or parcels, on whole meshes."""
    from nibabel.cifti2.cifti2_axes import BrainModelAxis, LabelAxis, ParcelsAxis, ScalarAxis

    maps, elements, data = cifti_document.read(path)
    if not isinstance(maps, LabelAxis | ScalarAxis) or not isinstance(elements, BrainModelAxis | ParcelsAxis):
        raise InputError(f"{path.name} has no maps of the cortex", hint="give a dense or parcellated map")
    rows = _rows(elements)
    columns = []
    for index, values in enumerate(data):
        sides = {side: np.append(values, np.float32(np.nan))[places] for side, places in rows.items()}
        labels = dict(maps.label[index]) if isinstance(maps, LabelAxis) else None
        columns.append(Column(sides, maps.meta[index].get("PaletteColorMapping", ""), labels))
    return columns


def _rows(elements: Any) -> dict[Hemisphere, NDArray[np.intp]]:
    """For every vertex of both meshes, which element of a CIFTI file it takes its number from; -1 for none."""
    from nibabel.cifti2.cifti2_axes import BrainModelAxis

    sides = {side.cortex.cifti: side for side in Hemisphere}
    found = {side: np.full(elements.nvertices[name], -1) for name, side in sides.items() if name in elements.nvertices}
    if isinstance(elements, BrainModelAxis):
        for structure, rows, part in elements.iter_structures():
            if structure in sides and sides[structure] in found:
                found[sides[structure]][part.vertex] = np.arange(len(elements))[rows]
    else:
        for index, parcel in enumerate(elements.vertices):
            for structure, vertices in parcel.items():
                if structure in sides:
                    found[sides[structure]][vertices] = index
    return found
