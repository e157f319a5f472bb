"""A picture of made people: the scan of each, with the outline of the true brain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from heads.people import Files
from wbtools.images import nifti
from wbtools.space.grid import Unit, Volume, reorient

_WIDTH, _DPI = 4.0, 70
_BRIGHTEST = 0.997
"""Quantile of the image that is shown white."""


def draw(people: Sequence[Files], path: Path) -> None:
    """Draw a sagittal, a coronal and an axial slice of each person, in rows.

    Parameters
    ----------
    people : sequence of Files
        With true masks.
    path : Path
        Of the PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3 * _WIDTH, _WIDTH * len(people)), facecolor="black", layout="tight")
    axes = figure.subplots(len(people), 3, squeeze=False)
    for row, person in zip(axes, people, strict=True):
        assert person.mask is not None  # made people have one
        scan, mask = _upright(person.head, Unit.INTENSITY), _upright(person.mask, Unit.LABEL)
        middle = np.round(np.argwhere(mask.data).mean(axis=0)).astype(int)
        brightest = float(np.quantile(scan.data, _BRIGHTEST))
        for axis, place in enumerate(row):
            shown, outline = (np.rot90(np.take(each.data, middle[axis], axis)) for each in (scan, mask))
            place.imshow(shown, cmap="gray", vmin=0, vmax=brightest)
            place.contour(outline, [0.5], colors="red", linewidths=0.7)
            place.set_axis_off()
    figure.savefig(path, dpi=_DPI)


def _upright(path: Path, unit: Unit) -> Volume:
    return reorient(nifti.read_volume(path, unit), "RAS")
