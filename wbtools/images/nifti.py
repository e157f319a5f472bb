"""NIfTI volumes, with Workbench's palette or label table inside the file."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Region
from wbtools.errors import InputError
from wbtools.images import mgz, nifti_header, voxels
from wbtools.images.content import Content
from wbtools.space.grid import Grid, Unit, Volume

logger = logging.getLogger(__name__)

_CARET = 30  # the NIfTI extension code that Workbench registered
_SPEED = 1  # gzip level: 3 times faster than the usual 6, files about 5 % larger
_DESCRIPTION = 79  # bytes that fit the header field with its closing zero


def read_volume(path: Path, unit: Unit = Unit.INTENSITY) -> Volume:
    """Read one 3-D volume; what its header leaves open or contradicts is logged (see `read_with_remarks`).

    Parameters
    ----------
    path : Path
        A NIfTI file or one of FreeSurfer's (`.mgz`, `.mgh`), packed or not; its content decides, not its name.
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
    with _opened(path) as content:
        if _is_mgz(content):
            grid, data = mgz.read(content, unit)
            remarks: tuple[str, ...] = ()
        else:
            header = nifti_header.read(content)
            grid, remarks = header.grid, header.remarks
            content.require_size(header.offset + header.storage.size)
            content.skip(header.offset - content.position)
            data = voxels.read(content, header.storage, unit)
    if unit is Unit.LABEL:
        return Volume(data, grid, unit), remarks
    count = voxels.fill_background(data)
    if count:
        remarks += (f"{path.name}: {count} voxels around the head hold no number (NaN) and count as background",)
    voxels.require_finite(data, content)
    return Volume(data, grid, unit), remarks


def read_grid(path: Path) -> Grid:
    """The grid of a volume, from its header alone.

    Raises
    ------
    InputError
        As `read_volume`, as far as the header tells.
    """
    with _opened(path) as content:
        return mgz.read_grid(content) if _is_mgz(content) else nifti_header.read(content).grid


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


def _opened(path: Path) -> Content:
    """The file's content, to be read as what its name says it is."""
    return Content(path, mgz.WANTED, mgz.HINT) if mgz.is_mgz(path) else Content(path, nifti_header.WANTED)


def _is_mgz(content: Content) -> bool:
    """Whether a volume is FreeSurfer's: by its first bytes, and where they say nothing by its name."""
    head = content.peek(4)
    return mgz.begins(head) or (mgz.is_mgz(content.path) and not nifti_header.is_nifti(head))


def _compact(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as int16 where that holds them, else as int32; both are read by every viewer."""
    fits = labels.size == 0 or (labels.min() >= -(2**15) and labels.max() < 2**15)
    return labels.astype(np.int16 if fits else np.int32)
