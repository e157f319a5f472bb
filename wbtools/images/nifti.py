"""NIfTI volumes, with Workbench's palette or label table inside the file."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Region
from wbtools.errors import InputError
from wbtools.grid import Grid, Unit, Volume
from wbtools.images import mgz

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

logger = logging.getLogger(__name__)

_CARET = 30  # the NIfTI extension code that Workbench registered
_SPEED = 1  # gzip level: 3 times faster than the usual 6, files about 5 % larger
_FORMS_APART = 0.1  # mm at the corners; less is the rounding of qform's float32 quaternion
_MILLIMETRES = {"metre": 1e3, "micrometre": 1e-3}
_DESCRIPTION = 79  # bytes that fit the header field with its closing zero


def read_volume(path: Path, unit: Unit = Unit.INTENSITY) -> Volume:
    """Read one 3-D volume; what its header leaves open or contradicts is logged (see `read_with_remarks`).

    Parameters
    ----------
    path : Path
        A `.nii`, `.nii.gz`, `.mgz` or `.mgh` file.
    unit : Unit
        What the numbers mean.

    Returns
    -------
    Volume
        int32 for labels, else float32; (X, Y, Z), C order.

    Raises
    ------
    InputError
        If the file is missing, damaged, cut short, of another format, without position in space, holds several volumes,
        values that are not numbers inside the head, or fractions where labels are expected.
    """
    volume, remarks = read_with_remarks(path, unit)
    for remark in remarks:
        logger.info("%s", remark)
    return volume


def read_with_remarks(path: Path, unit: Unit = Unit.INTENSITY) -> tuple[Volume, tuple[str, ...]]:
    """Read one 3-D volume, and say what had to be decided to read it.

    The sform gives the world coordinates, else the qform; lengths are in the header's unit, else in mm. A trailing axis
    of length one is dropped. Intensities that are NaN all the way to the edge of the image are background, and take the
    image's lowest value.

    Parameters
    ----------
    path, unit
        As in `read_volume`.

    Returns
    -------
    volume : Volume
    remarks : tuple of str
        A sentence for each decision, naming the file without its folder.

    Raises
    ------
    InputError
        As `read_volume`.
    """
    if mgz.is_mgz(path):
        grid, data = mgz.read(path)
        remarks: tuple[str, ...] = ()
        data = data if unit is Unit.LABEL else data.astype(np.float32)
    else:
        image = _open(path)
        grid, remarks = _grid(image, path), tuple(_header_remarks(image, path))
        if image.get_data_dtype().kind not in "iufb":
            raise InputError(
                f"{path} holds colours or complex numbers", mend="give an image of one real number per voxel"
            )
        data = _numbers(path, unit).reshape(grid.shape)
    if unit is Unit.LABEL:
        return Volume(_labels(data, path), grid, unit), remarks
    data, count = _background_filled(data)
    if count:
        remarks += (f"{path.name}: {count} voxels around the head hold no number (NaN) and count as background",)
    return Volume(_finite(data, path), grid, unit), remarks


def read_grid(path: Path) -> Grid:
    """The grid of a volume, from its header alone.

    Raises
    ------
    InputError
        As `read_volume`, as far as the header tells.
    """
    return mgz.read_grid(path) if mgz.is_mgz(path) else _grid(_open(path), path)


def write_volume(
    path: Path,
    volume: Volume,
    *,
    palette_xml: str | None = None,
    regions: Sequence[Region] = (),
    map_name: str = "",
    description: str = "",
) -> None:
    """Write a volume whose palette, or whose labels' names and colours, Workbench finds inside the file.

    Labels are written as int16 where that holds them, else as int32, everything else as float32. sform and qform both
    say scanner space, in mm.

    Parameters
    ----------
    path : Path
        Ends in `.nii` or `.nii.gz`.
    volume : Volume
    palette_xml : str, optional
        A `PaletteColorMapping` element.
    regions : sequence of Region
        The label table, for labels.
    map_name : str
        What Workbench calls the volume's only map.
    description : str
        Kept in the header; at most 79 bytes.

    Raises
    ------
    InputError
        If the description is too long.
    """
    if len(description.encode()) > _DESCRIPTION:
        raise InputError(f"'{description}' is longer than the {_DESCRIPTION} bytes that a NIfTI header holds")
    data = _compact(volume.data) if volume.unit is Unit.LABEL else volume.data.astype(np.float32, copy=False)
    _save(path, data, volume.grid, description, caret_extension(volume.unit, palette_xml, regions, map_name))


def write_stack(path: Path, volumes: Sequence[Volume]) -> None:
    """Write volumes of one grid as the maps of one 4-D float32 file, for programs that take them in one go.

    Raises
    ------
    InputError
        If there is no volume, or the grids differ.
    """
    if not volumes or not all(volume.grid.same_as(volumes[0].grid) for volume in volumes):
        raise InputError("only volumes of one grid can be stacked")
    _save(path, np.stack([volume.data for volume in volumes], axis=-1).astype(np.float32, copy=False), volumes[0].grid)


def caret_extension(
    unit: Unit, palette_xml: str | None = None, regions: Sequence[Region] = (), map_name: str = ""
) -> bytes:
    """What Workbench wants to know about a volume of one map, as XML.

    Examples
    --------
    >>> b"<VolumeType>Functional</VolumeType>" in caret_extension(Unit.DENSITY)
    True
    """
    root = ElementTree.Element("CaretExtension")
    information = ElementTree.SubElement(root, "VolumeInformation", Index="0")
    if map_name:
        ElementTree.SubElement(information, "GuiLabel").text = map_name
    if unit is Unit.LABEL:
        information.append(_label_table(regions))
    elif palette_xml is not None:
        information.append(ElementTree.fromstring(palette_xml))
    kind = {Unit.LABEL: "Label", Unit.INTENSITY: "Anatomy"}.get(unit, "Functional")
    ElementTree.SubElement(information, "VolumeType").text = kind
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


def _save(path: Path, data: NDArray[Any], grid: Grid, description: str = "", caret: bytes | None = None) -> None:
    """Write data with a header that says where they lie and nothing else."""
    from nibabel.nifti1 import Nifti1Extension, Nifti1Header, Nifti1Image

    header = Nifti1Header()
    header.set_data_dtype(data.dtype)
    header.set_xyzt_units("mm")
    header["descrip"] = description.encode()
    image = Nifti1Image(data, grid.affine, header)
    image.set_sform(grid.affine, "scanner")
    image.set_qform(grid.affine, "scanner")
    if caret is not None:
        image.header.extensions.append(Nifti1Extension(_CARET, caret))
    content = image.to_bytes()
    path.write_bytes(gzip.compress(content, _SPEED, mtime=0) if path.suffix == ".gz" else content)


def _label_table(regions: Sequence[Region]) -> ElementTree.Element:
    """The `LabelTable` element: the background first, invisible, then every region."""
    table = ElementTree.Element("LabelTable")
    rows = [(0, "???", (1.0, 1.0, 1.0, 0.0)), *((r.key, r.name, r.colour) for r in regions)]
    for key, name, colour in rows:
        red, green, blue, alpha = (f"{share:.6g}" for share in colour)
        label = ElementTree.SubElement(table, "Label", Key=str(key), Red=red, Green=green, Blue=blue, Alpha=alpha)
        label.text = name
    return table


def _open(path: Path) -> Nifti1Image:
    """The image without its data."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    if not path.is_file():
        raise InputError(f"{path} does not exist", mend="check the path; a dangling link needs its file fetched first")
    try:
        image = nibabel.load(path)
    except (ImageFileError, HeaderDataError, WrapStructError, EOFError, ValueError, zlib.error, gzip.BadGzipFile):
        raise _damaged(path) from None
    if not isinstance(image, nibabel.Nifti1Image):
        raise InputError(f"{path} is not a NIfTI volume", mend="convert it to .nii.gz first")
    return image


def _grid(image: Nifti1Image, path: Path) -> Grid:
    """The image's grid in mm, if it holds one volume whose place in space is known."""
    shape = image.shape
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise InputError(f"{path} has shape {shape}, not that of one volume", mend="give one 3-D volume")
    if not (image.header["sform_code"] or image.header["qform_code"]):
        raise InputError(
            f"{path} does not say where its voxels lie: sform and qform are unset, so left and right are unknown",
            mend="convert the scan again with a tool that keeps the orientation, such as dcm2niix",
        )
    try:
        return Grid(shape[:3], _millimetres(image) @ image.affine)
    except InputError as error:
        raise InputError(f"{path}: {error}", mend=error.mend) from None


def _length_unit(image: Nifti1Image) -> str:
    """Unit of the affine; empty where the header gives none, or a code that NIfTI does not know."""
    known = {1: "metre", 2: "mm", 3: "micrometre"}
    return known.get(int(image.header["xyzt_units"]) & 7, "")


def _millimetres(image: Nifti1Image) -> NDArray[np.float64]:
    """From the header's unit of length to mm, (4, 4)."""
    return np.diag([*[_MILLIMETRES.get(_length_unit(image), 1.0)] * 3, 1.0])


def _header_remarks(image: Nifti1Image, path: Path) -> Iterator[str]:
    """What the header leaves open or contradicts, and what was decided."""
    from nibabel.spatialimages import HeaderDataError

    unit = _length_unit(image)
    if not unit:
        yield f"{path.name}: the header gives no unit of length; mm are assumed"
    elif unit != "mm":
        yield f"{path.name}: lengths are in {unit}s, and are turned into mm"
    if not (image.header["sform_code"] and image.header["qform_code"]):
        return
    sform = _grid(image, path)
    try:
        qform = Grid(sform.shape, _millimetres(image) @ image.header.get_qform())
    except (InputError, HeaderDataError):
        yield f"{path.name}: the qform is damaged; the sform is used"
        return
    apart = float(np.linalg.norm(sform.corners() - qform.corners(), axis=1).max())
    if apart > _FORMS_APART:
        turned = f", even the orientation ({sform.orientation}, {qform.orientation})"
        differ = turned if sform.orientation != qform.orientation else ""
        yield f"{path.name}: sform and qform place the image up to {apart:.1f} mm apart{differ}; the sform is used"


def _numbers(path: Path, unit: Unit) -> NDArray[Any]:
    """All values of the file, scaled as its header says; the whole file is read, so that a cut end is noticed."""
    from nibabel.nifti1 import Nifti1Image
    from nibabel.nifti2 import Nifti2Image

    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        form = Nifti2Image if content[:4] in {b"\x1c\x02\0\0", b"\0\0\x02\x1c"} else Nifti1Image
        image = form.from_bytes(content)
        return np.asarray(image.dataobj) if unit is Unit.LABEL else image.get_fdata(caching="unchanged", dtype="f4")
    except OSError as error:
        if error.errno is not None:  # the disk's fault, not the file's
            raise
        raise _damaged(path) from None
    except (EOFError, ValueError, zlib.error):
        raise _damaged(path) from None


def _damaged(path: Path) -> InputError:
    """The refusal of a file that cannot be read to its end."""
    return InputError(f"{path} is not a complete NIfTI file", mend="copy or download the file again")


def _background_filled(data: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """The values with the lowest in place of NaN around the head, and how many voxels that are."""
    empty = np.isnan(data)
    if not empty.any() or empty.all():
        return data, 0
    from scipy.ndimage import label

    blobs, _ = label(empty)
    faces = np.concatenate([np.moveaxis(blobs, axis, 0)[[0, -1]].ravel() for axis in range(3)])
    outside = np.isin(blobs, np.setdiff1d(faces, 0))
    return np.where(outside, np.nanmin(data), data), int(outside.sum())


def _finite(data: NDArray[Any], path: Path) -> NDArray[Any]:
    """The values, if all are numbers."""
    bad = int(data.size - np.count_nonzero(np.isfinite(data)))
    if bad:
        raise InputError(
            f"{path} has {bad} voxel{'s' * (bad > 1)} without a finite value (NaN or infinite)",
            mend="set them to 0, for example with: fslmaths IN -nan OUT",
        )
    return np.ascontiguousarray(data)


def _labels(data: NDArray[Any], path: Path) -> NDArray[Any]:
    """The values as int32, if all are whole and fit."""
    limits = np.iinfo(np.int32)
    real = data.astype(np.float64, copy=False) if data.dtype.kind == "f" else data
    with np.errstate(invalid="ignore"):
        whole = (real >= limits.min) & (real <= limits.max) & (np.floor(real) == real)
    if not whole.all():
        raise InputError(
            f"{path} has {int((~whole).sum())} voxels that are no whole number, so it is no label volume",
            mend="resample labels with nearest neighbour, or give the segmentation itself",
        )
    return np.ascontiguousarray(real, dtype=np.int32)


def _compact(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as int16 where that holds them, else as int32; both are read by every viewer."""
    fits = labels.size == 0 or (labels.min() >= -(2**15) and labels.max() < 2**15)
    return labels.astype(np.int16 if fits else np.int32)
