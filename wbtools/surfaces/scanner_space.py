"""Conversion of FreeSurfer's surface coordinates to scanner coordinates.

FreeSurfer writes surfaces in coordinates centred on its conformed volume (`tkr`). The transformation to scanner
coordinates is stored with the points: in the footer of its own format, in the metadata of GIFTI. For a conformed volume
it is a shift by the scanner coordinates of the volume's centre (`c_ras`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.images.gifti_document import Array, quoted

SCANNER = "NIFTI_XFORM_SCANNER_ANAT"

_TKR_AXES = np.array([[-1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Columns: the directions of the three axes of a conformed volume, right-anterior-superior."""

_WORLD = ("R", "A", "S")
_FAR = 1e4  # mm
_NO_SHIFT = 1e-3  # mm; less is rounding


def tkr_points_in_scanner(
    points: NDArray[Any], axes: NDArray[np.float64], centre: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Transform points from FreeSurfer's surface coordinates to scanner coordinates.

    Parameters
    ----------
    points : ndarray, (V, 3)
        In FreeSurfer's coordinates, mm.
    axes : ndarray, (3, 3)
        Columns: the directions of the volume's axes in scanner coordinates.
    centre : ndarray, (3,)
        Scanner coordinates of the volume's centre, mm.

    Raises
    ------
    InputError
        If axes and centre are implausible.

    Examples
    --------
    >>> tkr_points_in_scanner(np.zeros((1, 3)), _TKR_AXES, np.array([1.0, -3.0, 2.0]))
    array([[ 1., -3.,  2.]])
    """
    sane = axes.shape == (3, 3) and centre.shape == (3,) and np.isfinite(axes).all() and np.isfinite(centre).all()
    if not sane or not np.allclose(axes.T @ axes, np.eye(3), atol=0.01) or np.abs(centre).max() > _FAR:
        raise InputError(
            "the volume that the surface was made on has no valid position: axes and centre are not those of a scan",
            hint="convert the surface again: mris_convert --to-scanner",
        )
    result: NDArray[np.float64] = points @ (axes @ np.linalg.inv(_TKR_AXES)).T + centre
    return result


def in_scanner(path: Path, points: Array, meta: Mapping[str, str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The points of a GIFTI file in scanner coordinates, with a remark if they had to be moved.

    Parameters
    ----------
    path : Path
    points : Array
    meta : mapping of str to str
        The file's metadata, used where those of the points lack an entry.

    Raises
    ------
    InputError
        If the points have to be moved and the metadata are invalid.
    """
    metadata = {**meta, **points.meta}
    centre = np.array([_number(metadata, f"VolGeomC_{world}", 0.0) for world in _WORLD])
    axes = np.array([[_number(metadata, f"VolGeom{axis}_{world}", np.nan) for axis in "XYZ"] for world in _WORLD])
    axes = np.where(np.isnan(axes).any(), _TKR_AXES, axes)
    # A centre of zero means that the points were moved already (sMRIPrep does), whatever the axes are.
    if points.space == SCANNER or np.abs(centre).max() < _NO_SHIFT:
        return points.data, ()
    shift = ", ".join(f"{number:.1f}" for number in centre)
    turned = "" if np.allclose(axes, _TKR_AXES, atol=1e-4) else " and turned to the axes of its volume"
    remark = (
        f"{path.name}: its points are centred on FreeSurfer's volume (VolGeomC_R, A, S = {shift}; data space "
        f"'{quoted(points.space or 'none')}'); they are moved by that{turned}, to scanner coordinates"
    )
    if points.data.ndim != 2 or points.data.shape[1] != 3:
        return points.data, ()  # `Mesh` rejects it
    with np.errstate(over="ignore", invalid="ignore"):
        return tkr_points_in_scanner(points.data.astype(np.float64), axes, centre), (remark,)


def _number(metadata: Mapping[str, str], name: str, default: float) -> float:
    """A number from the metadata."""
    text = metadata.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(
            f"its metadata have {name} = '{quoted(text)}', which is not a number, so its position is unknown",
            hint="convert the surface again: mris_convert --to-scanner",
        )
    return value
