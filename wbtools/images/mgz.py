"""Reading of FreeSurfer volumes (`.mgz`, `.mgh`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.images import voxels
from wbtools.images.nifti_header import checked_grid
from wbtools.images.stream import InputStream
from wbtools.images.voxels import Storage, require_one_volume
from wbtools.space.grid import Grid, Unit

if TYPE_CHECKING:
    from nibabel.freesurfer.mghformat import MGHHeader

SUFFIXES = (".mgz", ".mgh")
WANTED = "FreeSurfer volume"
HINT = "copy the file again, or run recon-all again"

_HEADER = 284  # bytes before the voxels
_FIELDS = 90  # bytes of them in use
_FLAG = 28  # offset of goodRASFlag (16 bits): whether the header has directions and a centre
_VERSION = b"\0\0\0\1"
_NUMBERS = {0: np.uint8, 1: np.int32, 3: np.float32, 4: np.int16, 10: np.uint16}
"""Data types by FreeSurfer's code."""


def is_mgz(path: Path) -> bool:
    """Whether a file has the name of a FreeSurfer volume.

    Examples
    --------
    >>> is_mgz(Path("mri/T1.mgz")), is_mgz(Path("T1w.nii.gz"))
    (True, False)
    """
    return path.suffix in SUFFIXES


def begins(head: bytes) -> bool:
    """Whether a file begins like a FreeSurfer volume."""
    return head[:4] == _VERSION


def read_grid(stream: InputStream) -> Grid:
    """The grid of a volume, in scanner coordinates (mm, RAS+), from its header alone.

    Raises
    ------
    InputError
        If the file is not a FreeSurfer volume, has no position in space, or holds several volumes.
    """
    return _read_header(stream)[1]


def read(stream: InputStream, unit: Unit) -> tuple[Grid, NDArray[Any]]:
    """Read a 3-D volume.

    Returns
    -------
    grid : Grid
        In scanner coordinates.
    data : ndarray, (X, Y, Z)
        As `voxels.read` returns it. FreeSurfer's tags, which follow the voxels, are skipped.

    Raises
    ------
    InputError
        As `read_grid`, or if the file is cut short.
    """
    header, grid = _read_header(stream)
    code = int(header["type"])
    if code not in _NUMBERS:
        raise stream.damaged(f"its header gives its numbers a type ({code}) that FreeSurfer does not have")
    storage = Storage(grid.shape, np.dtype(_NUMBERS[code]).newbyteorder(">"))
    stream.require_size(_HEADER + storage.size)
    stream.skip(_HEADER - stream.position)
    return grid, voxels.read(stream, storage, unit)


def tkr_to_scanner(path: Path) -> NDArray[np.float64]:
    """The transformation from FreeSurfer's surface coordinates (tkr) of a volume to scanner coordinates, both mm.

    Returns
    -------
    ndarray, (4, 4)
        For a conformed volume only a shift by the scanner coordinates of its centre (`c_ras`).
    """
    with InputStream(path, WANTED, HINT) as stream:
        header, _ = _read_header(stream)
    from_tkr = header.get_vox2ras_tkr().astype(np.float64)
    if not np.isfinite(from_tkr).all() or abs(np.linalg.det(from_tkr)) < 1e-9:
        raise stream.damaged("its voxel sizes are not valid")
    matrix: NDArray[np.float64] = header.get_vox2ras() @ np.linalg.inv(from_tkr)
    return matrix


def _read_header(stream: InputStream) -> tuple[MGHHeader, Grid]:
    """The header and the grid of a volume; InputError if its position in space is unknown."""
    from nibabel.freesurfer.mghformat import MGHHeader

    head = stream.peek(4)
    if not begins(head):
        version = int.from_bytes(head, "big")
        raise stream.damaged(f"it has version {version}; FreeSurfer volumes have version 1")
    block = stream.read(_FIELDS)
    if block[_FLAG : _FLAG + 2] != b"\0\1":
        raise InputError(
            f"{stream.path} does not say where its voxels lie, so left and right are unknown",
            hint="convert the scan again with mri_convert from a file that keeps the orientation",
        )
    header = MGHHeader(block, check=False)
    dims = tuple(int(n) for n in header["dims"])
    shape = require_one_volume(stream, dims if dims[3] != 1 else dims[:3])
    with np.errstate(over="ignore", invalid="ignore"):
        return header, checked_grid(shape, header.get_affine(), stream)
