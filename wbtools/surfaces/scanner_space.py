"""From the coordinates that FreeSurfer's surfaces are in to scanner coordinates.

FreeSurfer writes surfaces in coordinates that are centred on its conformed volume (`tkr`). What leads to scanner
coordinates stands beside the points: in the footer of its own format, in the metadata of GIFTI. For a conformed volume
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
"""Columns: the directions of a conformed volume's three axes, right-anterior-superior."""

_WORLD = ("R", "A", "S")
_FAR = 1e4  # mm
_STILL = 1e-3  # mm; less is no shift


def moved(points: NDArray[Any], axes: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in scanner coordinates.

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
        If the numbers are those of no volume.

    Examples
    --------
    >>> moved(np.zeros((1, 3)), _TKR_AXES, np.array([1.0, -3.0, 2.0]))
    array([[ 1., -3.,  2.]])
    """
    sane = axes.shape == (3, 3) and centre.shape == (3,) and np.isfinite(axes).all() and np.isfinite(centre).all()
    if not sane or not np.allclose(axes.T @ axes, np.eye(3), atol=0.01) or np.abs(centre).max() > _FAR:
        raise InputError(
            "the volume that the surface was made on has no place in space: axes and centre are not those of a scan",
            hint="convert the surface again: mris_convert --to-scanner",
        )
    result: NDArray[np.float64] = points @ (axes @ np.linalg.inv(_TKR_AXES)).T + centre
    return result


def in_scanner(path: Path, points: Array, meta: Mapping[str, str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The points of a GIFTI file in scanner coordinates, and a sentence if they had to be moved.

    Parameters
    ----------
    path : Path
    points : Array
    meta : mapping of str to str
        Of the file, for what does not stand with the points.

    Raises
    ------
    InputError
        If the metadata say that they have to be moved, but not where to.
    """
    said = {**meta, **points.meta}
    centre = np.array([_number(said, f"VolGeomC_{world}", 0.0) for world in _WORLD])
    axes = np.array([[_number(said, f"VolGeom{axis}_{world}", np.nan) for axis in "XYZ"] for world in _WORLD])
    axes = np.where(np.isnan(axes).any(), _TKR_AXES, axes)
    # A centre of zero says that somebody moved them already (sMRIPrep does), whatever axes it left.
    if points.space == SCANNER or np.abs(centre).max() < _STILL:
        return points.data, ()
    shift = ", ".join(f"{number:.1f}" for number in centre)
    turned = "" if np.allclose(axes, _TKR_AXES, atol=1e-4) else " and turned to the axes of its volume"
    remark = (
        f"{path.name}: its points are centred on FreeSurfer's volume (VolGeomC_R, A, S = {shift}; data space "
        f"'{quoted(points.space or 'none')}'); they are moved by that{turned}, to scanner coordinates"
    )
    if points.data.ndim != 2 or points.data.shape[1] != 3:
        return points.data, ()  # `Mesh` refuses it
    with np.errstate(over="ignore", invalid="ignore"):
        return moved(points.data.astype(np.float64), axes, centre), (remark,)


def _number(said: Mapping[str, str], name: str, default: float) -> float:
    """A number of the metadata."""
    text = said.get(name, "")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(
            f"its metadata have {name} = '{quoted(text)}', which is no number, so its place in the head is unknown",
            hint="convert the surface again: mris_convert --to-scanner",
        )
    return value
