"""Reading and writing of NIfTI volumes, with Workbench's palette or label table inside the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.anatomy import Region
from wbtools.compression import Buffer, gzipped
from wbtools.errors import InputError
from wbtools.images import mgz, nifti_header, voxels
from wbtools.images.stream import InputStream
from wbtools.space.grid import Grid, Unit, Volume, compact
from wbtools.text import counted

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

logger = logging.getLogger(__name__)

_CARET = 30  # the NIfTI extension code that Workbench registered
_AT_ONCE = 16  # slices that are copied and packed together: a volume would take its own memory once more
_DESCRIPTION = 79  # bytes that fit the header field beside its terminating zero


def read_volume(path: Path, unit: Unit = Unit.INTENSITY) -> Volume:
    """Read a 3-D volume and log its remarks (see `read_with_remarks`).

    Parameters
    ----------
    path : Path
        A NIfTI file or a FreeSurfer volume (`.mgz`, `.mgh`), compressed or not; its content decides, not its name.
    unit : Unit
        What the voxel values mean.

    Returns
    -------
    Volume
        int32 for labels, else float32; (X, Y, Z), C order.

    Raises
    ------
    InputError
        If the file is missing, damaged, truncated, of another format, has no position in space, or holds several
        volumes, NaN or infinite values inside the head, or fractions where labels are expected.
    """
    volume, remarks = read_with_remarks(path, unit)
    for remark in remarks:
        logger.info("%s", remark)
    return volume


def read_with_remarks(path: Path, unit: Unit = Unit.INTENSITY) -> tuple[Volume, tuple[str, ...]]:
    """Read a 3-D volume, with a remark on every ambiguity that had to be resolved.

    The sform gives the world coordinates, else the qform; lengths are in the header's unit, else in mm. A trailing axis
    of length 1 is dropped. Intensities that are NaN as far as the edge of the image are background and take the
    image's lowest value.

    Parameters
    ----------
    path, unit
        As in `read_volume`.

    Returns
    -------
    volume : Volume
    remarks : tuple of str
        A sentence per decision, which names the file without its folder.

    Raises
    ------
    InputError
        As `read_volume`.
    """
    with _opened(path) as stream:
        if _is_mgz(stream):
            grid, data = mgz.read(stream, unit)
            remarks: tuple[str, ...] = ()
        else:
            header = nifti_header.read(stream)
            grid, remarks = header.grid, header.remarks
            stream.require_size(header.offset + header.storage.size)
            stream.skip(header.offset - stream.position)
            data = voxels.read(stream, header.storage, unit)
    if unit is Unit.LABEL:
        return Volume(data, grid, unit), remarks
    count = voxels.fill_background(data)
    if count:
        verbs = ("holds", "counts") if count == 1 else ("hold", "count")
        what = f"{counted(count, 'voxel')} around the head {verbs[0]} no number (NaN) and {verbs[1]} as background"
        remarks += (f"{path.name}: {what}",)
    voxels.require_finite(data, stream)
    return Volume(data, grid, unit), remarks


def read_grid(path: Path) -> Grid:
    """The grid of a volume, from its header alone.

    Raises
    ------
    InputError
        As `read_volume`, as far as the header shows it.
    """
    with _opened(path) as stream:
        return mgz.read_grid(stream) if _is_mgz(stream) else nifti_header.read(stream).grid


def read_caret(path: Path) -> bytes:
    """The XML by which Workbench displays a volume (see `caret_extension`); empty if the file has none.

    Raises
    ------
    InputError
        As `read_grid`.
    """
    with _opened(path) as stream:
        if _is_mgz(stream):
            return b""
        header, order, earliest = nifti_header.fields(stream)
        start = nifti_header.first_voxel(header, earliest, stream)
        return nifti_header.extension(stream, start, order, _CARET) or b""


def write_volume(
    path: Path,
    volume: Volume,
    *,
    palette_xml: str | None = None,
    regions: Sequence[Region] = (),
    map_name: str = "",
    description: str = "",
) -> None:
    """Write a volume with its palette, or with the names and colours of its labels, inside the file for Workbench.

    Labels are written as int16 if they fit, else as int32, everything else as float32. sform and qform are both in
    scanner space, in mm.

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
        The name of the volume's only map in Workbench.
    description : str
        Stored in the header; at most 79 bytes.

    Raises
    ------
    InputError
        If the description is too long.
    """
    if len(description.encode()) > _DESCRIPTION:
        raise InputError(f"'{description}' is longer than the {_DESCRIPTION} bytes that a NIfTI header holds")
    data = compact(volume.data) if volume.unit is Unit.LABEL else volume.data.astype(np.float32, copy=False)
    _save(path, data, volume.grid, description, caret_extension(volume.unit, palette_xml, regions, map_name))


def write_stack(path: Path, volumes: Sequence[Volume]) -> None:
    """Write volumes of one grid as the maps of a single 4-D float32 file, so that a program can process them at once.

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
    """The XML header extension by which Workbench displays a volume with one map.

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
    """Write data with a header that holds their position in space and nothing else."""
    parts = chain([_header(data, grid, description, caret)], _slices(data))
    atomic.write(path, lambda file: file.writelines([gzipped(parts)] if path.suffix == ".gz" else parts))


def _slices(data: NDArray[Any]) -> Iterator[Buffer]:
    """The numbers as a file has them, the first axis fastest, a few slices at a time."""
    for start in range(0, data.shape[-1], _AT_ONCE):
        part = data[..., start : start + _AT_ONCE].T
        turned = np.empty(part.shape, part.dtype)
        for row in range(part.shape[-2]):  # one row of all slices fits the processor's cache
            turned[..., row, :] = part[..., row, :]
        yield turned.data


def _header(data: NDArray[Any], grid: Grid, description: str, caret: bytes | None) -> bytes:
    """All that stands before the data of a volume, by nibabel."""
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
    return before_data(image)


def before_data(image: Nifti1Image) -> bytes:
    """The header of an image with its extensions, as far as the first number, which is stored as it is."""
    image.update_header()
    image.header.set_slope_inter(1.0, 0.0)
    written = BytesIO()
    image.header.write_to(written)
    return written.getvalue().ljust(image.header.get_data_offset(), b"\0")


def _label_table(regions: Sequence[Region]) -> ElementTree.Element:
    """The `LabelTable` element: the invisible background first, then every region."""
    table = ElementTree.Element("LabelTable")
    rows = [(0, "???", (1.0, 1.0, 1.0, 0.0)), *((r.key, r.name, r.colour) for r in regions)]
    for key, name, colour in rows:
        red, green, blue, alpha = (f"{share:.6g}" for share in colour)
        label = ElementTree.SubElement(table, "Label", Key=str(key), Red=red, Green=green, Blue=blue, Alpha=alpha)
        label.text = name
    return table


def _opened(path: Path) -> InputStream:
    """Open a file as the format that its name stands for."""
    return InputStream(path, mgz.WANTED, mgz.HINT) if mgz.is_mgz(path) else InputStream(path, nifti_header.WANTED)


def _is_mgz(stream: InputStream) -> bool:
    """Whether a file is a FreeSurfer volume: by its first bytes, or by its name if they do not tell."""
    head = stream.peek(4)
    return mgz.begins(head) or (mgz.is_mgz(stream.path) and not nifti_header.is_nifti(head))
