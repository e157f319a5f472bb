"""From one MNI template to another: labels moved by the displacement field that T1Prep has between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import Grid, Unit, Volume

_MARGIN = 6.0  # mm around the labels; templates differ by 5.3 mm at most
_FIELD = "tpl-{to}_to-{source}_desc-disp_xfm.nii.gz"
"""At points of the first template, mm RAS+, what leads to the same places in the second."""


def between(volume: Volume, source: str, to: str, folders: Sequence[Path]) -> tuple[Volume, str]:
    """Labels in a template's space, in another template's.

    Parameters
    ----------
    volume : Volume
        Labels in the space `source`.
    source, to : str
        TemplateFlow's names of templates.
    folders : sequence of Path
        Which may hold the field.

    Returns
    -------
    volume : Volume
        In the space `to`, the field of view 6 mm larger; as it was where the spaces are the same, or there is no field.
    how : str
        In words that follow "carried".

    Raises
    ------
    InputError
        If the field cannot be read.
    """
    if source == to:
        return volume, ""
    name = _FIELD.format(to=to, source=source)
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        return volume, (
            f"unchanged from {source} to {to}, which differ by less than 1 mm in the middle of the brain, since no "
            "field between them is installed"
        )
    return _moved(volume, *_read(path)), f"from {source} to {to} by T1Prep's displacement field"


def _moved(volume: Volume, field: NDArray[np.float32], grid: Grid) -> Volume:
    """Labels at the places that the displacement (X, Y, Z, 3) of the points of a grid leads to."""
    from scipy.ndimage import map_coordinates

    more = np.ceil(_MARGIN / volume.grid.voxel_sizes).astype(int)
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_world(-more.astype(np.float64))
    x, y, z = (np.array(volume.grid.shape) + 2 * more).tolist()
    wide = Grid((x, y, z), affine)
    points = wide.to_world(np.moveaxis(np.indices(wide.shape), 0, -1).astype(np.float64))
    index = np.moveaxis(grid.to_index(points), -1, 0)
    points += np.stack(
        [map_coordinates(part, index, order=1, mode="nearest") for part in np.moveaxis(field, -1, 0)], -1
    )
    there = np.moveaxis(volume.grid.to_index(points), -1, 0)
    data = map_coordinates(volume.data, there, order=0, mode="constant", cval=0)
    return Volume(data.astype(np.int32), wide, Unit.LABEL)


def _read(path: Path) -> tuple[NDArray[np.float32], Grid]:
    """A displacement field (X, Y, Z, 3), mm RAS+, and its grid."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    try:
        image = nibabel.load(path)
        data = np.asarray(image.dataobj, np.float32)
        field = data.reshape(*data.shape[:3], data.shape[-1])
    except (ImageFileError, OSError, EOFError, ValueError):
        raise InputError(f"{path} cannot be read", hint="install T1Prep again") from None
    if field.ndim != 4 or field.shape[-1] != 3 or not np.isfinite(field).all():
        raise InputError(f"{path} is no displacement field", hint="install T1Prep again")
    return field, Grid(field.shape[:3], image.affine)
