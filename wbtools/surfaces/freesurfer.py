"""FreeSurfer's own surface files, in scanner coordinates.

FreeSurfer writes surfaces in coordinates that are centred on its conformed volume (`tkr`). What leads to scanner
coordinates, for a conformed volume the shift by `c_ras`, stands in the file's footer, or else in `mri/orig.mgz` beside
it. It is applied here, once, and nothing of it is passed on. No FreeSurfer installation is needed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.images import mgz
from wbtools.surfaces.mesh import Mesh

VOLUMES = ("orig.mgz", "T1.mgz", "brain.mgz", "brainmask.mgz", "aseg.mgz")
"""Files of `mri/` that share the grid of the surfaces, the best known first."""

_TKR_AXES = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Columns: the directions of a conformed volume's three axes, right-anterior-superior."""

_REAL_RAS, _GEOMETRY = 2, 20  # tags of the footer


def read(path: Path, hemisphere: Hemisphere) -> Mesh:
    """Read an anatomical surface (white, pial, ...) into scanner coordinates.

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
        If the file is missing, empty, cut short or no surface.
    SubjectError
        If neither the file nor `mri/` says where the surface lies.
    """
    points, triangles, footer = _read(path)
    try:
        return Mesh(_scanner(points, path, len(triangles), footer).astype(np.float32), triangles, hemisphere)
    except SubjectError:
        raise
    except InputError as error:
        raise InputError(f"{path}: {error}", mend=error.mend) from None


def read_unplaced(path: Path, hemisphere: Hemisphere) -> Mesh:
    """Read a surface that lies nowhere in the head: a sphere or an inflated surface, as it is.

    Raises
    ------
    InputError
        As `read`.
    """
    points, triangles, _ = _read(path)
    try:
        return Mesh(points.astype(np.float32), triangles, hemisphere)
    except InputError as error:
        raise InputError(f"{path}: {error}", mend=error.mend) from None


def read_values(path: Path) -> NDArray[np.float32]:
    """Read one value per vertex (`?h.sulc`, `?h.curv`, `?h.thickness`), (V,).

    Raises
    ------
    InputError
        If the file is missing, empty or cut short.
    """
    from nibabel.freesurfer import read_morph_data

    with _readable(path, "file of values per vertex"):
        size = path.stat().st_size
        values: NDArray[np.float32] = np.asarray(read_morph_data(path), np.float32)
        # Of a file that is cut short, nibabel returns what there is.
        if size < 4 or len(values) < _promised(path):
            raise ValueError
    return values


def read_label(path: Path, count: int) -> NDArray[np.bool_]:
    """Read a vertex list (`label/?h.cortex.label`) as a mask, (V,).

    Parameters
    ----------
    path : Path
    count : int
        Vertices of the mesh.

    Raises
    ------
    InputError
        If the file is missing or no vertex list.
    SubjectError
        If it names vertices that the mesh does not have.
    """
    from nibabel.freesurfer import read_label as vertices_of

    with _readable(path, "list of vertices"):
        vertices = np.atleast_1d(vertices_of(path))
    if not vertices.size or vertices.min() < 0 or vertices.max() >= count:
        raise SubjectError(
            f"{path} names vertex {int(vertices.max(initial=-1))}, and the mesh has {count}",
            mend="take surf/ and label/ from one run of recon-all",
        )
    mask = np.zeros(count, bool)
    mask[vertices] = True
    return mask


def _read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int32], Mapping[str, Any]]:
    """Points, triangles and footer of a surface file."""
    from nibabel.freesurfer import read_geometry

    with _readable(path, "surface"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no footer: `_scanner` looks elsewhere then
        points, triangles, footer = read_geometry(path, read_metadata=True)
    return points, triangles.astype(np.int32), footer


def _scanner(points: NDArray[np.float64], path: Path, triangles: int, footer: Mapping[str, Any]) -> NDArray[np.float64]:
    """The points in scanner coordinates, whatever they are in now."""
    if _says_scanner(path, len(points), triangles):
        return points
    if footer.get("valid", "").startswith("1"):
        axes = np.stack([footer[name] for name in ("xras", "yras", "zras")], axis=1)
        moved: NDArray[np.float64] = points @ (axes @ np.linalg.inv(_TKR_AXES)).T + footer["cras"]
        return moved
    matrix = mgz.tkr_to_scanner(_volume_of(path))
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _volume_of(path: Path) -> Path:
    """The volume on whose grid a surface without a footer was made."""
    folder = path.parent.parent / "mri"
    found = next((folder / name for name in VOLUMES if (folder / name).is_file()), None)
    if found is None:
        raise SubjectError(
            f"{path} does not say where it lies in the head, and {folder} has none of {', '.join(VOLUMES)}",
            mend="add mri/orig.mgz of the same run of recon-all",
        )
    return found


def _says_scanner(path: Path, points: int, triangles: int) -> bool:
    """Whether the footer says that the points are in scanner coordinates already (`mris_convert --to-scanner`)."""
    with path.open("rb") as stream:
        stream.seek(3)
        stream.readline(), stream.readline()
        stream.seek(8 + 12 * (points + triangles), 1)
        words = np.frombuffer(stream.read(8), ">i4")
    return bool(len(words) == 2 and words[0] == _REAL_RAS and words[1] == 1)


def _promised(path: Path) -> int:
    """The number of values that a file of values announces."""
    with path.open("rb") as stream:
        start = stream.read(7)
    first = int.from_bytes(start[:3], "big")
    return int.from_bytes(start[3:7], "big") if first == 0xFFFFFF else first


@contextmanager
def _readable(path: Path, what: str) -> Iterator[None]:
    """Turn what nibabel raises for a file of another kind into one sentence."""
    if not path.is_file():
        raise InputError(f"{path} does not exist", mend="check the subject folder")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty", mend="copy the file again, or run recon-all again")
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise _wrong(path, what) from None
    except (ValueError, IndexError, EOFError, UnicodeDecodeError, MemoryError):
        raise _wrong(path, what) from None


def _wrong(path: Path, what: str) -> InputError:
    return InputError(f"{path} is not a complete FreeSurfer {what}", mend="copy the file again")
