"""What a data file is, read from its header: type, structure, vertices, number of maps.

Workbench decides by these whether it draws a file at all, and says nothing when it does not, so scenes and specs are
checked against them before they are written. Only headers are read; no imaging library is loaded.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree as ET

from wbtools.anatomy import Hemisphere, Structure
from wbtools.errors import InputError, MissingFile


class DataType(Enum):
    """The kinds of file that a session lists, as Workbench spells them."""

    SURFACE = "SURFACE"
    METRIC = "METRIC"
    LABEL = "LABEL"
    VOLUME = "VOLUME"
    DENSE_SCALAR = "CONNECTIVITY_DENSE_SCALAR"
    DENSE_LABEL = "CONNECTIVITY_DENSE_LABEL"
    PARCEL_SCALAR = "CONNECTIVITY_PARCEL_SCALAR"
    PARCEL_LABEL = "CONNECTIVITY_PARCEL_LABEL"
    PARCEL = "CONNECTIVITY_PARCEL"
    SCENE = "SCENE"


GIFTI = {DataType.SURFACE, DataType.METRIC, DataType.LABEL}
CIFTI = {
    DataType.DENSE_SCALAR,
    DataType.DENSE_LABEL,
    DataType.PARCEL_SCALAR,
    DataType.PARCEL_LABEL,
    DataType.PARCEL,
}

_ROUNDING = 1e-3  # of a voxel; more is an oblique axis

# Workbench itself tells types by these endings; the longer one of two that fit comes first.
_ENDINGS = {
    ".surf.gii": DataType.SURFACE,
    ".func.gii": DataType.METRIC,
    ".shape.gii": DataType.METRIC,
    ".label.gii": DataType.LABEL,
    ".dscalar.nii": DataType.DENSE_SCALAR,
    ".dlabel.nii": DataType.DENSE_LABEL,
    ".pscalar.nii": DataType.PARCEL_SCALAR,
    ".plabel.nii": DataType.PARCEL_LABEL,
    ".pconn.nii": DataType.PARCEL,
    ".scene": DataType.SCENE,
    ".nii.gz": DataType.VOLUME,
    ".nii": DataType.VOLUME,
}


@dataclass(frozen=True)
class DataFile:
    """A file and what its header says.

    Parameters
    ----------
    path : Path
    type : DataType
    structure : Structure or None
        The cortex that a GIFTI file belongs to; None for files of no single structure.
    vertices : mapping of Structure to int
        Number of vertices of each cortical mesh that the file is made for.
    maps : int
        How many maps (columns, volumes) it holds.
    extent : float
        The longest edge, mm, of the box along the world's axes that holds a volume's field of view; 0 for other files.
    oblique : bool
        Whether a volume's axes leave the world's.
    """

    path: Path
    type: DataType
    structure: Structure | None = None
    vertices: Mapping[Structure, int] = field(default_factory=dict)
    maps: int = 1
    extent: float = 0.0
    oblique: bool = False


def data_type(path: Path) -> DataType:
    """The type that a file's ending stands for.

    Examples
    --------
    >>> data_type(Path("100307.32k_fs_LR.dlabel.nii")).value
    'CONNECTIVITY_DENSE_LABEL'
    """
    for ending, kind in _ENDINGS.items():
        if path.name.endswith(ending):
            return kind
    raise InputError(f"{path} has an ending that Workbench does not know", hint=f"use one of {', '.join(_ENDINGS)}")


def read(path: Path) -> DataFile:
    """Read the header of a file.

    Raises
    ------
    InputError
        If the file is missing or damaged, or is a GIFTI file that does not say which cortex it belongs to.
    """
    kind = data_type(path)
    if not path.is_file():
        raise MissingFile(path)
    try:
        if kind in GIFTI:
            return _gifti(path, kind)
        if kind in CIFTI:
            return _cifti(path, kind)
        return _nifti(path) if kind is DataType.VOLUME else DataFile(path, kind)
    except (ET.ParseError, struct.error, EOFError, zlib.error, gzip.BadGzipFile, ValueError, LookupError) as error:
        raise InputError(f"{path} is damaged: its header cannot be read ({error})", hint="make it again") from None


def _gifti(path: Path, kind: DataType) -> DataFile:
    """Read up to the numbers of the array that gives the count of vertices."""
    name, declared, maps, vertices = "", "", 1, 0
    with path.open("rb") as file:
        for event, element in ET.iterparse(file, events=("start", "end")):
            if event == "end" and element.tag == "Name":
                name = element.text or ""
            elif event == "end" and element.tag == "Value" and name == "AnatomicalStructurePrimary":
                declared = declared or element.text or ""
            elif event == "start" and element.tag == "GIFTI":
                maps = int(element.attrib["NumberOfDataArrays"])
            elif event == "start" and element.tag == "DataArray":
                if kind is not DataType.SURFACE or element.attrib["Intent"] == "NIFTI_INTENT_POINTSET":
                    vertices = int(element.attrib["Dim0"])
            elif event == "start" and element.tag == "Data" and vertices:
                break
    if not declared.startswith("Cortex"):
        raise InputError(
            f"{path} does not say which cortex it belongs to",
            hint="set it with wb_command -set-structure FILE CORTEX_LEFT or CORTEX_RIGHT",
        )
    structure = Hemisphere.parse(declared).cortex
    return DataFile(path, kind, structure, {structure: vertices}, 1 if kind is DataType.SURFACE else maps)


def _order(header: bytes, size: int) -> str:
    """The byte order under which a NIfTI header gives its own size."""
    for order in "<>":
        if struct.unpack(order + "i", header[:4])[0] == size:
            return order
    raise ValueError("not a NIfTI header")


def _cifti(path: Path, kind: DataType) -> DataFile:
    """Read the XML that a CIFTI-2 file carries as NIfTI extension 32, right after its header of 540 bytes."""
    with path.open("rb") as file:
        order = _order(file.read(544), 540)
        size, code = struct.unpack(order + "ii", file.read(8))
        if code != 32:
            raise ValueError("not a CIFTI-2 file")
        root = ET.fromstring(file.read(size - 8).rstrip(b"\0"))
    vertices = {
        Hemisphere.parse(element.attrib["BrainStructure"]).cortex: int(element.attrib["SurfaceNumberOfVertices"])
        for element in root.iter()
        if "SurfaceNumberOfVertices" in element.attrib and "CORTEX" in element.attrib["BrainStructure"]
    }
    return DataFile(path, kind, None, vertices, max(1, sum(1 for _ in root.iter("NamedMap"))))


def _nifti(path: Path) -> DataFile:
    with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
        header = file.read(348)
    order = _order(header, 348)
    dim = struct.unpack(order + "8h", header[40:56])
    steps = struct.unpack(order + "8f", header[76:108])
    (placed,) = struct.unpack(order + "h", header[254:256])
    sform = [struct.unpack(order + "3f", header[start : start + 12]) for start in (280, 296, 312)]
    rows = sform if placed > 0 else [tuple(steps[1 + axis] * (axis == row) for axis in range(3)) for row in range(3)]
    maps = max(1, dim[4]) if dim[0] > 3 else 1
    extent = max(sum(abs(step) * n for step, n in zip(row, dim[1:4], strict=True)) for row in rows)
    # A column of the affine is the way from one voxel to the next; along the world's axes it has one entry.
    oblique = any(sorted(map(abs, way))[1] > _ROUNDING * max(map(abs, way)) for way in zip(*rows, strict=True))
    return DataFile(path, DataType.VOLUME, maps=maps, extent=extent, oblique=oblique)
