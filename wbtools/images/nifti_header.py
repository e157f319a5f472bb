"""NIfTI headers: where the voxels of a volume lie in space and in the file, and how they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.images import limits
from wbtools.images.stream import InputStream
from wbtools.images.voxels import Storage, require_one_volume
from wbtools.space.grid import Grid

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

WANTED = "NIfTI file"

_FORMS_APART = 0.1  # mm at the corners; less is rounding of the qform's float32 quaternion
_MILLIMETRES = {"metre": 1e3, "micrometre": 1e-3}
_FAR = 1e5  # mm; a scanner's bore has 700
CIFTI_INTENTS = range(3000, 3100)
_SIZES = {348: (b"n+1\0", 344, 352), 540: (b"n+2\0", 4, 544)}
"""By the size of the header: NIfTI's magic bytes, their offset, and the smallest offset of the voxels."""

_NUMBERS = {
    2: np.uint8, 4: np.int16, 8: np.int32, 16: np.float32, 64: np.float64, 256: np.int8, 512: np.uint16,
    768: np.uint32, 1024: np.int64, 1280: np.uint64,
}  # fmt: skip
"""Real data types by NIfTI's code."""

_NOT_REAL = {32, 128, 1792, 2048, 2304}  # complex numbers and colours


@dataclass(frozen=True, eq=False)
class Header:
    """The header of a volume.

    Parameters
    ----------
    grid : Grid
    storage : Storage
    offset : int
        Bytes from the beginning of the file to the first voxel.
    remarks : tuple of str
        A sentence on each ambiguity or contradiction in the header and how it was resolved.
    """

    grid: Grid
    storage: Storage
    offset: int
    remarks: tuple[str, ...]


def is_nifti(head: bytes) -> bool:
    """Whether a file begins with the size of a NIfTI header, in either byte order.

    Examples
    --------
    >>> is_nifti((348).to_bytes(4, "big")), is_nifti(b"text")
    (True, False)
    """
    return byte_order(head) is not None


def read(stream: InputStream) -> Header:
    """Read the header of a volume and leave the stream at its end.

    Raises
    ------
    InputError
        If it is not a NIfTI file, not a single volume of real numbers, has no position in space, or is inconsistent.
    """
    header, order, earliest = fields(stream)
    if int(header["intent_code"]) in CIFTI_INTENTS:
        raise InputError(f"{stream.path} is a CIFTI file, not a volume", hint="give one 3-D volume")
    shape = require_one_volume(stream, _shape(header, stream))
    grid = _grid(header, shape, stream)
    storage = Storage(shape, number_type(header, order, stream), *scaling(header, stream))
    return Header(grid, storage, first_voxel(header, earliest, stream), tuple(_remarks(header, grid, stream)))


def fields(stream: InputStream) -> tuple[Nifti1Header, str, int]:
    """The unchecked fields of a header, their byte order, and the smallest offset of the data in bytes.

    Raises
    ------
    InputError
        If the file does not begin like a NIfTI file.
    """
    found = byte_order(stream.peek(4))
    if found is None:
        raise stream.damaged()
    size, order = found
    mark, at, earliest = _SIZES[size]
    block = stream.read(size)
    if block[at : at + 4] != mark:
        raise stream.damaged("its header lacks NIfTI's magic bytes")
    return _parsed(block, size, order), order, earliest


def byte_order(head: bytes) -> tuple[int, str] | None:
    """Size of the header (bytes) and its byte order, from the first four bytes; None if they are not NIfTI's.

    Examples
    --------
    >>> byte_order((540).to_bytes(4, "little"))
    (540, '<')
    """
    for order, name in (("<", "little"), (">", "big")):
        size = int.from_bytes(head[:4], name)  # type: ignore[arg-type]
        if size in _SIZES:
            return size, order
    return None


def _parsed(block: bytes, size: int, order: str) -> Nifti1Header:
    """The header's fields, unchecked."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    return (Nifti1Header if size == 348 else Nifti2Header)(block, endianness=order, check=False)


def _shape(header: Nifti1Header, stream: InputStream) -> tuple[int, ...]:
    """The number of voxels along each axis."""
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise stream.damaged(f"its header says that it has {axes} axes")
    return tuple(int(n) for n in header["dim"][1 : axes + 1])


def number_type(header: Nifti1Header, order: str, stream: InputStream) -> np.dtype[Any]:
    """The data type in the file."""
    code = int(header["datatype"])
    if code in _NOT_REAL:
        raise InputError(
            f"{stream.path} holds colours or complex numbers", hint="give an image of one real number per voxel"
        )
    if code not in _NUMBERS:
        raise InputError(
            f"{stream.path} holds numbers of a type (NIfTI's code {code}) that is not read",
            hint="convert it to float32, for example with: fslmaths IN -add 0 OUT -odt float",
        )
    return np.dtype(_NUMBERS[code]).newbyteorder(order)  # type: ignore[arg-type]


def scaling(header: Nifti1Header, stream: InputStream) -> tuple[float, float]:
    """Slope and intercept of the values; a slope of 0 or NaN means unscaled values."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(inter):
        raise stream.damaged(f"its header adds {inter} to every value (scl_inter)")
    return slope, inter


def first_voxel(header: Nifti1Header, earliest: int, stream: InputStream) -> int:
    """Bytes from the beginning of the file to the first voxel."""
    value = float(header["vox_offset"])
    if value == 0:
        return earliest
    if not np.isfinite(value) or not earliest <= value <= earliest + limits.BEFORE_DATA:
        raise stream.damaged(
            f"its header says that voxels begin at byte {value:.15g} (vox_offset); "
            f"{earliest} to {earliest + limits.BEFORE_DATA:,} are possible"
        )
    return int(value)


def extension(stream: InputStream, start: int, order: str, code: int) -> bytes | None:
    """The content of the first header extension of a code, without its padding; None if there is none.

    Parameters
    ----------
    stream : InputStream
        Right behind the header.
    start : int
        Bytes from the beginning of the file to the first voxel.
    order : str
        Byte order of the header, `<` or `>`.
    code : int
        As registered with NIfTI.
    """
    byte_order = "little" if order == "<" else "big"
    has_extensions = stream.position + 4 <= start and stream.read(4)[0]
    while has_extensions and stream.position + 8 <= start:
        size = int.from_bytes(stream.read(4), byte_order)  # type: ignore[arg-type]
        found = int.from_bytes(stream.read(4), byte_order)  # type: ignore[arg-type]
        if size < 8 or stream.position + size - 8 > start:
            break
        if found == code:
            return stream.read(size - 8).rstrip(b"\0")
        stream.skip(size - 8)
    return None


def _grid(header: Nifti1Header, shape: tuple[int, int, int], stream: InputStream) -> Grid:
    """The grid in mm; InputError if the header does not give its position."""
    from nibabel.spatialimages import HeaderDataError

    if not (header["sform_code"] or header["qform_code"]):
        raise InputError(
            f"{stream.path} does not say where its voxels lie: sform and qform are unset, so left and right are "
            "unknown",
            hint="convert the scan again with a tool that keeps the orientation, such as dcm2niix",
        )
    try:
        with np.errstate(all="ignore"):  # `checked_grid` rejects invalid numbers
            affine = _in_mm(header, header.get_sform() if header["sform_code"] else _qform(header))
    except (HeaderDataError, ValueError):
        raise InputError(
            f"{stream.path} does not say where its voxels lie: its qform holds no rotation and no sform is set",
            hint="convert the scan again with a tool that keeps the orientation, such as dcm2niix",
        ) from None
    return checked_grid(shape, affine, stream)


def checked_grid(shape: tuple[int, int, int], affine: NDArray[np.float64], stream: InputStream) -> Grid:
    """The grid of an image file, if its affine is plausible for a scan of a head.

    Raises
    ------
    InputError
        If the affine is not invertible, or has numbers above 100 m.
    """
    if np.isfinite(affine).all() and np.abs(affine).max() > _FAR:
        raise InputError(
            f"{stream.path} has an affine with numbers up to {np.abs(affine).max():.3g} mm, more than any scanner has",
            hint="repair the image's header, or convert the scan again",
        )
    try:
        with np.errstate(all="ignore"):  # numbers of 1e-40 divide by zero inside a determinant
            return Grid(shape, affine)
    except InputError as error:
        raise InputError(f"{stream.path}: {error}", hint=error.hint) from None


def _qform(header: Nifti1Header) -> NDArray[np.float64]:
    """The affine of the qform; raises ValueError or HeaderDataError if it is invalid."""
    if not np.isfinite(header["pixdim"][:4]).all():
        raise ValueError("a voxel size that is no number")
    with np.errstate(invalid="ignore", over="ignore"):
        matrix: NDArray[np.float64] = header.get_qform()
    return matrix


def _length_unit(header: Nifti1Header) -> str:
    """Unit of the affine; empty if the header gives none or an unknown code."""
    known = {1: "metre", 2: "mm", 3: "micrometre"}
    return known.get(int(header["xyzt_units"]) & 7, "")


def _in_mm(header: Nifti1Header, affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """An affine converted from the header's unit of length to mm."""
    scaled: NDArray[np.float64] = affine.copy()
    with np.errstate(invalid="ignore", over="ignore"):
        scaled[:3] *= _MILLIMETRES.get(_length_unit(header), 1.0)
    return scaled


def _remarks(header: Nifti1Header, sform: Grid, stream: InputStream) -> Iterator[str]:
    """A sentence on each ambiguity or contradiction in the header and how it was resolved."""
    from nibabel.spatialimages import HeaderDataError

    name, unit = stream.path.name, _length_unit(header)
    if not unit:
        yield f"{name}: the header gives no unit of length; mm are assumed"
    elif unit != "mm":
        yield f"{name}: lengths are in {unit}s, and are turned into mm"
    if not (header["sform_code"] and header["qform_code"]):
        return
    try:
        qform = checked_grid(sform.shape, _in_mm(header, _qform(header)), stream)
    except (InputError, HeaderDataError, ValueError):
        yield f"{name}: the qform is damaged; the sform is used"
        return
    apart = float(np.linalg.norm(sform.corners() - qform.corners(), axis=1).max())
    if apart > _FORMS_APART:
        turned = f", even the orientation ({sform.orientation}, {qform.orientation})"
        differ = turned if sform.orientation != qform.orientation else ""
        yield f"{name}: sform and qform place the image up to {apart:.1f} mm apart{differ}; the sform is used"
