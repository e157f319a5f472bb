"""Reading of FreeSurfer surface files in scanner coordinates, without a FreeSurfer installation.

The position of a surface is given by the file's footer, or else by `mri/orig.mgz`. It is applied here, once (see
`scanner_space`), so that no other module has to handle FreeSurfer's surface coordinates.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.images import diagnosis, limits, mgz
from wbtools.images.stream import InputStream
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.scanner_space import tkr_points_in_scanner

VOLUMES = ("orig.mgz", "T1.mgz", "brain.mgz", "brainmask.mgz", "aseg.mgz")
"""Files of `mri/` that share the grid of the surfaces, the best known first."""

_SURFACE, _VALUES, _LIST = "FreeSurfer surface", "FreeSurfer file of values per vertex", "FreeSurfer list of vertices"
_TRIANGLES, _PER_VERTEX = b"\xff\xff\xfe", b"\xff\xff\xff"
_REAL_RAS, _GEOMETRY = b"\0\0\0\2", b"\0\0\0\x14"  # tags of the footer
_FOOTER = 2**24  # bytes at most; it ends with the command lines that made the file
_TEXT = 2**26  # bytes of a list
_AGAIN = "copy the file again, or run recon-all again"


@dataclass(frozen=True)
class _Footer:
    """The footer of a surface file.

    Parameters
    ----------
    in_scanner : bool
        The points are in scanner coordinates already (`mris_convert --to-scanner`).
    geometry : mapping of str to str
        Geometry of the volume that the surface was made on, by FreeSurfer's keywords; empty if not given.
    """

    in_scanner: bool
    geometry: dict[str, str]


def read(path: Path, hemisphere: Hemisphere) -> Mesh:
    """Read an anatomical surface (white, pial, ...) in scanner coordinates.

    Parameters
    ----------
    path : Path
        `surf/?h.NAME` of a recon-all folder.
    hemisphere : Hemisphere

    Returns
    -------
    Mesh
        Vertices in scanner coordinates, mm, RAS+.

    Raises
    ------
    InputError
        If the file is missing, empty, truncated or not a surface.
    SubjectError
        If neither the file nor `mri/` gives the surface's position.
    """
    points, triangles, footer = _read(path)
    try:
        return Mesh(_scanner(points, path, footer), triangles, hemisphere)
    except SubjectError:
        raise
    except InputError as error:
        raise error.about(path) from None


def read_unplaced(path: Path, hemisphere: Hemisphere) -> Mesh:
    """Read a surface without a position in the head (a sphere or an inflated surface), unchanged.

    Raises
    ------
    InputError
        As `read`.
    """
    points, triangles, _ = _read(path)
    try:
        return Mesh(points, triangles, hemisphere)
    except InputError as error:
        raise error.about(path) from None


def read_values(path: Path) -> NDArray[np.float32]:
    """Read a value per vertex (`?h.sulc`, `?h.curv`, `?h.thickness`), (V,).

    Raises
    ------
    InputError
        If the file is missing, empty or truncated.
    """
    with InputStream(path, _VALUES, _AGAIN) as stream:
        start = stream.peek(diagnosis.HEAD)
        if start[:3] != _PER_VERTEX and diagnosis.kind_of(start):
            raise stream.damaged()
        magic = stream.read(3)
        # The old format has no magic bytes, begins with the number of vertices, and holds hundredths.
        old = magic != _PER_VERTEX
        count = int.from_bytes(magic if old else stream.read(4), "big")
        stream.read(3 if old else 4)
        each = 1 if old else int.from_bytes(stream.read(4), "big")
        if not 0 < count <= limits.VERTICES or each != 1:
            raise stream.damaged(f"it announces {count:,} vertices with {each:,} values each")
        numbers = np.frombuffer(stream.read(count * (2 if old else 4)), ">i2" if old else ">f4")
        stream.finish(_FOOTER)
    return numbers.astype(np.float32) / np.float32(100) if old else numbers.astype(np.float32)


def read_label(path: Path, count: int) -> NDArray[np.bool_]:
    """Read a label file (`label/?h.cortex.label`) as a mask, (V,).

    Parameters
    ----------
    path : Path
    count : int
        Number of vertices of the mesh.

    Raises
    ------
    InputError
        If the file is missing or not a list of vertices.
    SubjectError
        If it names vertices beyond those of the mesh.
    """
    with InputStream(path, _LIST, _AGAIN) as stream:
        if stream.peek(2)[:1] != b"#":
            raise stream.damaged("it does not begin with '#!ascii label'")
        _, _, text = stream.rest(_TEXT).partition(b"\n")
        announced, _, rows = text.partition(b"\n")
        vertices = _first_column(rows)
        if vertices is None or not re.fullmatch(rb"\s*[0-9]{1,9}\s*", announced):
            raise stream.damaged("it has lines that do not begin with a vertex")
        if len(vertices) < int(announced):
            raise stream.damaged(f"it has {len(vertices):,} of the {int(announced):,} vertices that it announces")
    if not vertices.size or vertices.min() < 0 or vertices.max() >= count:
        raise SubjectError(
            f"{path} names vertex {int(vertices.max(initial=-1))}, but the mesh has {count}",
            hint="take surf/ and label/ from one run of recon-all",
        )
    mask = np.zeros(count, bool)
    mask[vertices] = True
    return mask


def _first_column(rows: bytes) -> NDArray[np.int64] | None:
    """The integers at the beginning of the lines; None if a line begins with something else."""
    if not rows.strip():
        return np.empty(0, np.int64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older releases of numpy only warn about a word that is not an integer
            found = np.loadtxt(io.BytesIO(rows), np.int64, comments=None, usecols=0, ndmin=1, encoding="latin-1")
    except (ValueError, OverflowError, DeprecationWarning):
        return None
    return np.asarray(found, np.int64)


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int32], _Footer]:
    """Points, triangles and footer of a surface file."""
    with InputStream(path, _SURFACE, _AGAIN) as stream:
        if stream.peek(3) != _TRIANGLES:
            raise stream.damaged()
        # After the magic bytes: a line on the file's creation, and an empty line.
        ends = [match.end() for match in re.finditer(rb"\n", stream.peek(diagnosis.HEAD))][:2]
        if len(ends) < 2:
            raise stream.damaged("its first lines have no end")
        stream.skip(ends[1])
        points, triangles = (int.from_bytes(stream.read(4), "big", signed=True) for _ in range(2))
        if not (0 < points <= limits.VERTICES and 0 <= triangles <= limits.TRIANGLES):
            raise stream.damaged(f"it announces {points:,} vertices and {triangles:,} triangles")
        stream.require_size(stream.position + 12 * (points + triangles))
        vertices = np.frombuffer(stream.read(12 * points), ">f4").reshape(-1, 3).astype(np.float32)
        corners = np.frombuffer(stream.read(12 * triangles), ">i4").reshape(-1, 3).astype(np.int32)
        return vertices, corners, _footer(stream.rest(_FOOTER))


def _footer(data: bytes) -> _Footer:
    """Parse the bytes after the triangles."""
    in_scanner = data[:4] == _REAL_RAS and data[4:8] == b"\0\0\0\1"
    start = 8 if data[:4] == _REAL_RAS else 0
    if data[start : start + 4] != _GEOMETRY:
        return _Footer(in_scanner, {})
    lines = data[start + 4 : start + 4 + 2**14].decode("latin-1").split("\n")[:8]
    pairs = [line.partition("=") for line in lines if "=" in line]
    return _Footer(in_scanner, {key.strip(): value.strip() for key, _, value in pairs})


def _scanner(points: NDArray[np.float32], path: Path, footer: _Footer) -> NDArray[np.floating]:
    """The points of a file in scanner coordinates."""
    if footer.in_scanner:
        return points
    with np.errstate(over="ignore", invalid="ignore"):  # `Mesh` rejects non-finite coordinates
        if footer.geometry.get("valid", "").startswith("1"):
            axes = np.stack([_vector(footer, name) for name in ("xras", "yras", "zras")], axis=1)
            return tkr_points_in_scanner(points.astype(np.float64), axes, _vector(footer, "cras"))
        matrix = mgz.tkr_to_scanner(_volume_of(path))
        shifted: NDArray[np.float64] = points @ matrix[:3, :3].T + matrix[:3, 3]
        return shifted


def _vector(footer: _Footer, name: str) -> NDArray[np.float64]:
    """A vector from the footer."""
    words = footer.geometry.get(name, "").split()
    try:
        numbers = np.array([float(word) for word in words[:3]])
    except ValueError:
        numbers = np.empty(0)
    if numbers.shape != (3,):
        raise InputError(f"its footer does not say where it lies ({name} is damaged)", hint=_AGAIN)
    return numbers


def _volume_of(path: Path) -> Path:
    """The volume on whose grid a surface without a footer was made."""
    folder = path.parent.parent / "mri"
    found = next((folder / name for name in VOLUMES if (folder / name).is_file()), None)
    if found is None:
        raise SubjectError(
            f"{path} does not say where it lies in the head, and {folder} has none of {', '.join(VOLUMES)}",
            hint="add mri/orig.mgz of the same run of recon-all",
        )
    return found
