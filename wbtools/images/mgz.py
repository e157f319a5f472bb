"""FreeSurfer's volumes (`.mgz`, `.mgh`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.images import voxels
from wbtools.images.content import Content
from wbtools.images.nifti_header import placed
from wbtools.images.voxels import Storage, require_one_volume
from wbtools.space.grid import Grid, Unit

if TYPE_CHECKING:
    from nibabel.freesurfer.mghformat import MGHHeader

SUFFIXES = (".mgz", ".mgh")
WANTED = "FreeSurfer volume"
HINT = "copy the file again, or run recon-all again"

_HEADER = 284  # bytes before the voxels
_FIELDS = 90  # of which so many say something
_FLAG = 28  # where a header says whether it has directions and a centre ("goodRASFlag", 16 bits)
_VERSION = b"\0\0\0\1"
_NUMBERS = {0: np.uint8, 1: np.int32, 3: np.float32, 4: np.int16, 10: np.uint16}
"""The types of numbers, by FreeSurfer's code."""


def is_mgz(path: Path) -> bool:
    """Whether a file's name says that it is FreeSurfer's.

    Examples
    --------
    >>> is_mgz(Path("mri/T1.mgz")), is_mgz(Path("T1w.nii.gz"))
    (True, False)
    """
    return path.suffix in SUFFIXES


def begins(head: bytes) -> bool:
    """Whether a file begins as one of FreeSurfer's volumes does."""
    return head[:4] == _VERSION


def read_grid(content: Content) -> Grid:
    """The grid of a volume, in scanner coordinates (mm, RAS+), from its header alone.

    Raises
    ------
    InputError
        If the file is not FreeSurfer's, without position in space, or holds several volumes.
    """
    return _read_header(content)[1]


def read(content: Content, unit: Unit) -> tuple[Grid, NDArray[Any]]:
    """One 3-D volume.

    Returns
    -------
    grid : Grid
        In scanner coordinates.
    data : ndarray, (X, Y, Z)
        As `voxels.read` gives it. FreeSurfer's tags, which follow the voxels, are passed over.

    Raises
    ------
    InputError
        As `read_grid`, or if the file is cut short.
    """
    header, grid = _read_header(content)
    code = int(header["type"])
    if code not in _NUMBERS:
        raise content.damaged(f"its header gives its numbers a type ({code}) that FreeSurfer does not have")
    storage = Storage(grid.shape, np.dtype(_NUMBERS[code]).newbyteorder(">"))
    content.require_size(_HEADER + storage.size)
    content.skip(_HEADER - content.position)
    return grid, voxels.read(content, storage, unit)


def tkr_to_scanner(path: Path) -> NDArray[np.float64]:
    """From FreeSurfer's surface coordinates on this volume's grid to scanner coordinates, both mm.

    Returns
    -------
    ndarray, (4, 4)
        Of a conformed volume only a shift: by the scanner coordinates of the volume's centre (`c_ras`).
    """
    with Content(path, WANTED, HINT) as content:
        header, _ = _read_header(content)
    from_tkr = header.get_vox2ras_tkr().astype(np.float64)
    if not np.isfinite(from_tkr).all() or abs(np.linalg.det(from_tkr)) < 1e-9:
        raise content.damaged("its voxel sizes are no sizes")
    matrix: NDArray[np.float64] = header.get_vox2ras() @ np.linalg.inv(from_tkr)
    return matrix


def _read_header(content: Content) -> tuple[MGHHeader, Grid]:
    """The header and the grid of one volume whose place in space is known."""
    from nibabel.freesurfer.mghformat import MGHHeader

    head = content.peek(4)
    if not begins(head):
        version = int.from_bytes(head, "big")
        raise content.damaged(f"it has version {version}, and FreeSurfer's volumes have version 1")
    block = content.read(_FIELDS)
    if block[_FLAG : _FLAG + 2] != b"\0\1":
        raise InputError(
            f"{content.path} does not say where its voxels lie, so left and right are unknown",
            hint="convert the scan again with mri_convert from a file that keeps the orientation",
        )
    header = MGHHeader(block, check=False)
    dims = tuple(int(n) for n in header["dims"])
    shape = require_one_volume(content, dims if dims[3] != 1 else dims[:3])
    with np.errstate(over="ignore", invalid="ignore"):
        return header, placed(shape, header.get_affine(), content)
