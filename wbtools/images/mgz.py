"""FreeSurfer's volumes (`.mgz`, `.mgh`)."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.grid import Grid

if TYPE_CHECKING:
    from nibabel.freesurfer.mghformat import MGHImage

SUFFIXES = (".mgz", ".mgh")

_FLAG = 28  # where a header says whether it has directions and a centre ("goodRASFlag", 16 bits)


def is_mgz(path: Path) -> bool:
    """Whether a file's name says that it is FreeSurfer's.

    Examples
    --------
    >>> is_mgz(Path("mri/T1.mgz")), is_mgz(Path("T1w.nii.gz"))
    (True, False)
    """
    return path.suffix in SUFFIXES


def read_grid(path: Path) -> Grid:
    """The grid of a volume, in scanner coordinates (mm, RAS+), from its header alone.

    Raises
    ------
    InputError
        If the file is missing, not FreeSurfer's, without position in space, or holds several volumes.
    """
    return _grid(_open(path), path)


def read(path: Path) -> tuple[Grid, NDArray[Any]]:
    """One 3-D volume with the numbers' own type.

    Returns
    -------
    grid : Grid
        In scanner coordinates.
    data : ndarray, (X, Y, Z)

    Raises
    ------
    InputError
        As `read_grid`, or if the file is cut short.
    """
    image = _open(path)
    grid = _grid(image, path)
    try:
        return grid, np.asarray(image.dataobj).reshape(grid.shape)
    except OSError as error:
        if error.errno is not None:  # the disk's fault, not the file's
            raise
        raise _damaged(path) from None
    except (EOFError, ValueError, zlib.error):
        raise _damaged(path) from None


def tkr_to_scanner(path: Path) -> NDArray[np.float64]:
    """From FreeSurfer's surface coordinates on this volume's grid to scanner coordinates, both mm.

    Returns
    -------
    ndarray, (4, 4)
        Of a conformed volume only a shift: by the scanner coordinates of the volume's centre (`c_ras`).
    """
    header = _open(path).header
    matrix: NDArray[np.float64] = header.get_vox2ras() @ np.linalg.inv(header.get_vox2ras_tkr())
    return matrix


def _open(path: Path) -> MGHImage:
    """The image without its data."""
    from nibabel.filebasedimages import ImageFileError
    from nibabel.freesurfer.mghformat import MGHError, MGHImage
    from nibabel.wrapstruct import WrapStructError

    if not path.is_file():
        raise InputError(f"{path} does not exist", mend="check the path; a dangling link needs its file fetched first")
    try:
        image = MGHImage.from_filename(path)
        placed = _says_place(path)
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(path) from None
    except (ImageFileError, MGHError, WrapStructError, EOFError, TypeError, ValueError, zlib.error):
        raise _damaged(path) from None
    if not placed:
        raise InputError(
            f"{path} does not say where its voxels lie, so left and right are unknown",
            mend="convert the scan again with mri_convert from a file that keeps the orientation",
        )
    return image


def _says_place(path: Path) -> bool:
    """Whether the file says where its voxels lie; nibabel assumes an orientation for one that does not."""
    with gzip.open(path) if path.suffix == ".mgz" else path.open("rb") as stream:
        return stream.read(_FLAG + 2)[_FLAG:] == b"\0\1"


def _grid(image: MGHImage, path: Path) -> Grid:
    """The image's grid, if it holds one volume whose place in space is known."""
    shape = image.shape
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise InputError(f"{path} has shape {shape}, not that of one volume", mend="give one 3-D volume")
    try:
        return Grid(shape[:3], image.affine)
    except InputError as error:
        raise InputError(f"{path}: {error}", mend=error.mend) from None


def _damaged(path: Path) -> InputError:
    """The refusal of a file that cannot be read to its end."""
    return InputError(f"{path} is not a complete FreeSurfer volume", mend="copy the file again, or run recon-all again")
