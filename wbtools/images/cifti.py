"""CIFTI files: values on the cortex of both hemispheres, on subcortical voxels, and on parcels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import SUBCORTEX, Hemisphere, Region, Structure
from wbtools.errors import InputError
from wbtools.images import cifti_document, nifti
from wbtools.space.grid import Grid, Unit, Volume

if TYPE_CHECKING:
    from nibabel.cifti2 import Cifti2MatrixIndicesMap, Cifti2Volume
    from nibabel.cifti2.cifti2_axes import Axis

Sides = Mapping[Hemisphere, NDArray[Any]]
"""An array per hemisphere, (V,): a value for every vertex of its mesh."""


@dataclass(frozen=True, eq=False)
class Greyordinates:
    """The rows of a dense CIFTI file: left cortex, right cortex, then voxels structure by structure.

    Parameters
    ----------
    cortex : mapping of Hemisphere to ndarray, (V,), bool
        Which vertices are cortex; the medial wall is not.
    subcortex : Volume, optional
        Labels with FreeSurfer's keys. The structures of `anatomy.SUBCORTEX` become rows; other keys are ignored.
    parts : mapping of str to ndarray, (n, 3)
        Voxel indices, on the grid of `subcortex`, of regions that are no whole structures, by their names.

    Raises
    ------
    InputError
        If a hemisphere is missing, or the volume holds no labels.

    Examples
    --------
    >>> Greyordinates({side: np.array([True, True, False]) for side in Hemisphere}).rows
    4
    """

    cortex: Sides
    subcortex: Volume | None = None
    parts: Mapping[str, NDArray[np.intp]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.cortex) != set(Hemisphere):
            raise InputError("a CIFTI file needs the cortex of both hemispheres")
        if self.subcortex is not None and self.subcortex.unit is not Unit.LABEL:
            raise InputError("the subcortical structures must be given as a label volume")

    @cached_property
    def vertices(self) -> dict[Hemisphere, NDArray[np.intp]]:
        """Indices of the cortical vertices, ascending, (n,) per hemisphere."""
        return {side: np.flatnonzero(self.cortex[side]) for side in Hemisphere}

    @cached_property
    def voxels(self) -> dict[Structure, NDArray[np.intp]]:
        """Voxel indices (n, 3) of each structure that is present, first axis fastest, as Workbench orders them."""
        if self.subcortex is None:
            return {}
        flat = self.subcortex.data.ravel(order="F")
        found = {structure: np.flatnonzero(flat == structure.freesurfer_key) for structure in SUBCORTEX}
        shape = self.subcortex.grid.shape
        return {
            structure: np.stack(np.unravel_index(index, shape, order="F"), axis=1)
            for structure, index in found.items()
            if index.size
        }

    @property
    def rows(self) -> int:
        """The number of vertices and voxels."""
        return sum(map(len, self.vertices.values())) + sum(map(len, self.voxels.values()))

    def gather(self, cortex: Sides, subcortex: NDArray[Any] | None = None) -> NDArray[Any]:
        """Arrange the values of two meshes and a volume in the order of the rows.

        Parameters
        ----------
        cortex : mapping of Hemisphere to ndarray, (V,)
        subcortex : ndarray, (X, Y, Z), optional
            On the grid of `self.subcortex`; None gives 0.

        Returns
        -------
        ndarray, (rows,)

        Raises
        ------
        InputError
            If the values do not fit the meshes or the grid.
        """
        for side in Hemisphere:
            if cortex[side].shape != self.cortex[side].shape:
                raise InputError(
                    f"{cortex[side].shape} values for the {self.cortex[side].shape} vertices of {side.letter}"
                )
        parts = [cortex[side][self.vertices[side]] for side in Hemisphere]
        voxels = np.concatenate([*self.voxels.values(), np.empty((0, 3), np.intp)])
        if subcortex is None:
            parts.append(np.zeros(len(voxels), parts[0].dtype))
        elif self.subcortex is None or subcortex.shape != self.subcortex.grid.shape:
            raise InputError(f"a volume of shape {subcortex.shape} does not fit the subcortical voxels")
        else:
            parts.append(subcortex[tuple(voxels.T)])
        return np.concatenate(parts)

    def to_mapping(self, dim: int) -> Cifti2MatrixIndicesMap:
        """The rows as a dimension of a file, but for the indices of vertices and voxels (see `with_indices`)."""
        from nibabel.cifti2 import Cifti2BrainModel, Cifti2MatrixIndicesMap

        found: Cifti2MatrixIndicesMap = Cifti2MatrixIndicesMap([dim], "CIFTI_INDEX_TYPE_BRAIN_MODELS")
        place = 0
        for side, vertices in self.vertices.items():
            name, size = side.cortex.cifti, len(self.cortex[side])
            found.append(Cifti2BrainModel(place, len(vertices), "CIFTI_MODEL_TYPE_SURFACE", name, size))
            place += len(vertices)
        if self.subcortex and self.voxels:
            found.volume = _volume(self.subcortex.grid)
        for structure, voxels in self.voxels.items():
            found.append(Cifti2BrainModel(place, len(voxels), "CIFTI_MODEL_TYPE_VOXELS", structure.cifti))
            place += len(voxels)
        return found

    def with_indices(self, document: bytes) -> bytes:
        """The XML of a file with the indices that `to_mapping` leaves out: nibabel takes them one by one."""
        before, *models = document.split(b"<BrainModel ")
        texts = [
            f"<VertexIndices>{' '.join(map(str, each.tolist()))}</VertexIndices>" for each in self.vertices.values()
        ]
        for voxels in self.voxels.values():
            lines = "\n".join([f"{i} {j} {k}" for i, j, k in voxels.tolist()])
            texts.append(f"<VoxelIndicesIJK>{lines}</VoxelIndicesIJK>")
        pairs = zip(models, texts, strict=True)
        whole = (model.replace(b" />", f">{text}</BrainModel>".encode(), 1) for model, text in pairs)
        return b"<BrainModel ".join([before, *whole])


def _volume(grid: Grid) -> Cifti2Volume:
    """The grid that voxel indices of a CIFTI file refer to."""
    from nibabel.cifti2 import Cifti2TransformationMatrixVoxelIndicesIJKtoXYZ, Cifti2Volume

    return Cifti2Volume(grid.shape, Cifti2TransformationMatrixVoxelIndicesIJKtoXYZ(-3, grid.affine))


def write_dscalar(
    path: Path,
    maps: Mapping[str, NDArray[np.floating]],
    greyordinates: Greyordinates,
    palettes: Mapping[str, str] | None = None,
    notice: str = "",
) -> None:
    """Write maps with a value per vertex and voxel.

    Parameters
    ----------
    path : Path
        Ends in `.dscalar.nii`.
    maps : mapping of str to ndarray, (rows,)
        By map name, in file order, as returned by `Greyordinates.gather`.
    greyordinates : Greyordinates
    palettes : mapping of str to str, optional
        `PaletteColorMapping` elements by map name.
    notice : str
        Stored in the file's metadata.
    """
    _save(path, "ConnDenseScalar", _stack(maps), _scalars(maps, palettes), greyordinates, {"Notice": notice})


def write_dlabel(
    path: Path,
    keys: NDArray[np.integer],
    greyordinates: Greyordinates,
    regions: Sequence[Region],
    map_name: str,
    notice: str = "",
) -> None:
    """Write a label per vertex and voxel, with names and colours.

    Parameters
    ----------
    path : Path
        Ends in `.dlabel.nii`.
    keys : ndarray, (rows,), int
        As returned by `Greyordinates.gather`.
    greyordinates : Greyordinates
    regions : sequence of Region
        The label table; key 0 is added as `???`, invisible.
    map_name, notice : str
    """
    from nibabel.cifti2.cifti2_axes import LabelAxis

    table = {0: ("???", (1.0, 1.0, 1.0, 0.0))} | {region.key: (region.name, region.colour) for region in regions}
    _save(
        path,
        "ConnDenseLabel",
        _stack({map_name: keys}),
        LabelAxis([map_name], [table]),
        greyordinates,
        {"Notice": notice},
    )


def write_pscalar(
    path: Path,
    maps: Mapping[str, NDArray[np.floating]],
    labels: Sides,
    regions: Sequence[Region],
    palettes: Mapping[str, str] | None = None,
    notice: str = "",
) -> None:
    """Write maps with a value per cortical region.

    Parameters
    ----------
    path : Path
        Ends in `.pscalar.nii`.
    maps : mapping of str to ndarray, (R,)
        By map name; values in the order of `regions`.
    labels : mapping of Hemisphere to ndarray, (V,), int
        The region of every vertex.
    regions : sequence of Region, (R,)
        Cortical regions, each with a hemisphere.
    palettes : mapping of str to str, optional
    notice : str

    Raises
    ------
    InputError
        If a region has no hemisphere or no vertex.
    """
    _save(
        path, "ConnParcelScalr", _stack(maps), _scalars(maps, palettes), _parcels(labels, regions), {"Notice": notice}
    )


def write_pconn(
    path: Path,
    matrix: NDArray[np.floating],
    labels: Sides,
    regions: Sequence[Region],
    greyordinates: Greyordinates,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write a value per pair of regions.

    Parameters
    ----------
    path : Path
        Ends in `.pconn.nii`.
    matrix : ndarray, (R, R)
        Rows and columns in the order of `regions`.
    labels : mapping of Hemisphere to ndarray, (V,), int
        The cortical region of every vertex.
    regions : sequence of Region, (R,)
        Cortical regions, and subcortical ones named after CIFTI structures or parts of them.
    greyordinates : Greyordinates
        Holds the voxels of the subcortical regions.
    about : mapping of str to str, optional
        The file's metadata: `Notice`, and as `PaletteColorMapping` the element of all rows.

    Raises
    ------
    InputError
        If a region has neither a vertex nor a voxel.
    """
    parcels = _parcels(labels, regions, greyordinates)
    _save(path, "ConnParcels", np.asarray(matrix, np.float32), parcels, parcels, about or {})


def read_cortex(path: Path) -> dict[str, dict[Hemisphere, NDArray[np.float32]]]:
    """Read the cortical part of a dense scalar or label file onto complete meshes.

    Parameters
    ----------
    path : Path
        With or without the medial wall.

    Returns
    -------
    dict of str to dict of Hemisphere to ndarray, (V,), float32
        By map name; 0 where the file has no value.

    Raises
    ------
    InputError
        If the file is missing, damaged, or has no dense cortex.
    """
    from nibabel.cifti2.cifti2_axes import BrainModelAxis

    header, models, data = cifti_document.read(path)
    if not isinstance(models, BrainModelAxis) or not hasattr(header, "name"):
        raise InputError(f"{path} has no named maps of the cortex", hint="give a .dscalar.nii or .dlabel.nii file")
    maps: dict[str, dict[Hemisphere, NDArray[np.float32]]] = {str(name): {} for name in header.name}
    for structure, rows, part in models.iter_structures():
        if structure not in models.nvertices or structure not in {side.cortex.cifti for side in Hemisphere}:
            continue
        count = models.nvertices[structure] or 0
        if part.vertex.min(initial=0) < 0 or part.vertex.max(initial=-1) >= count:
            raise InputError(f"{path} names vertices beyond the {count:,} of its mesh", hint="make the file again")
        for name, values in zip(header.name, data, strict=True):
            whole = np.zeros(count, np.float32)
            whole[part.vertex] = values[rows]
            maps[str(name)][Hemisphere.parse(structure)] = whole
    return maps


def _parcels(labels: Sides, regions: Sequence[Region], greyordinates: Greyordinates | None = None) -> Axis:
    """Regions as a nibabel parcels axis: cortical ones by their vertices, subcortical ones by their voxels."""
    from nibabel.cifti2.cifti2_axes import ParcelsAxis

    found = {**_whole_structures(greyordinates), **greyordinates.parts} if greyordinates else {}
    voxels = [found.get(region.name, np.empty((0, 3), np.intp)) for region in regions]
    vertices = [{} if len(inside) else _parcel(region, labels) for region, inside in zip(regions, voxels, strict=True)]
    sizes = {side.cortex.cifti: len(labels[side]) for side in Hemisphere}
    grid = greyordinates.subcortex.grid if greyordinates and greyordinates.subcortex else None
    names = [region.name for region in regions]
    return ParcelsAxis(names, voxels, vertices, grid and grid.affine, grid and grid.shape, sizes)


def _whole_structures(greyordinates: Greyordinates) -> dict[str, NDArray[np.intp]]:
    return {structure.value: index for structure, index in greyordinates.voxels.items()}


def _parcel(region: Region, labels: Sides) -> dict[str, NDArray[np.intp]]:
    """The vertices of a cortical region, by CIFTI structure name."""
    found = np.flatnonzero(labels[region.hemisphere] == region.key) if region.hemisphere else np.empty(0, np.intp)
    if region.hemisphere is None or not found.size:
        raise InputError(f"the region {region.name} has no vertex", hint="give labels that fit the atlas")
    return {region.hemisphere.cortex.cifti: found}


def _stack(maps: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Maps as rows of a float32 matrix; Workbench stores labels as float32 too."""
    return np.stack([np.asarray(values, np.float32) for values in maps.values()])


def _scalars(maps: Mapping[str, NDArray[Any]], palettes: Mapping[str, str] | None) -> Axis:
    """The axis of map names, each with its palette."""
    from nibabel.cifti2.cifti2_axes import ScalarAxis

    palettes = palettes or {}
    return ScalarAxis(
        list(maps), [{"PaletteColorMapping": palettes[name]} if name in palettes else {} for name in maps]
    )


def _save(
    path: Path,
    intent: str,
    data: NDArray[np.float32],
    maps: Axis,
    elements: Axis | Greyordinates,
    about: Mapping[str, str],
) -> None:
    """Write a CIFTI file whose rows are maps and whose columns are elements; given twice, an axis is that of both.

    It is what nibabel's `Cifti2Image` writes, which makes the axes anew, vertex by vertex, for each look at their size,
    and the numbers element by element.
    """
    from nibabel import Nifti2Header, Nifti2Image
    from nibabel.cifti2 import Cifti2Header, Cifti2Matrix, Cifti2MetaData
    from nibabel.nifti1 import Nifti1Extension

    matrix = Cifti2Matrix()
    matrix.append(maps.to_mapping(0))
    if elements is maps:
        matrix[0].applies_to_matrix_dimension = (0, 1)
    else:
        matrix.append(elements.to_mapping(1))
    if told := {key: text for key, text in about.items() if text}:
        matrix.metadata = Cifti2MetaData(told)
    header = Nifti2Header()
    header.set_data_dtype(data.dtype)
    header.set_intent(intent, name=intent)
    document: bytes = Cifti2Header(matrix).to_xml()
    if isinstance(elements, Greyordinates):
        document = elements.with_indices(document)
    header.extensions.append(Nifti1Extension("cifti", document))
    image = Nifti2Image(data[np.newaxis, np.newaxis, np.newaxis, np.newaxis], None, header)
    with path.open("wb") as file:
        file.writelines([nifti.before_data(image), np.ascontiguousarray(data.T).data])
