"""Scenes that try what a renderer has to draw, and what two pictures of the same scene have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wbtools.workbench import palette
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene

HEAD = np.array([0.0, -15.0, 10.0])
MIDDLE = np.array([4.3, -20.2, 11.7])
"""Of the field of view."""
RADII = np.array([60.0, 75.0, 50.0])
DRAWN = 12
"""Darker pixels count as background, as in `wbtools.workbench.render`."""


def head(folder: Path, order: tuple[int, int, int], flipped: tuple[bool, bool, bool], voxel: float = 4.0) -> Scene:
    """Slices of an egg of 60, 75 and 50 mm with two spots, one of either sign on a grid of its own."""
    name = "".join("-" * turn + "xyz"[axis] for axis, turn in zip(order, flipped, strict=True))
    shape = np.array([200.0, 240, 180])[list(order)] // voxel
    affine = np.eye(4)
    for new, (old, turn) in enumerate(zip(order, flipped, strict=True)):
        affine[:3, new] = np.eye(3)[old] * (-voxel if turn else voxel)
    affine[:3, 3] = MIDDLE - affine[:3, :3] @ ((shape - 1) / 2)
    place = _places(shape, affine)
    stripes = 1 + 0.3 * np.sin(place[..., 0] / 7) + 0.3 * np.cos(place[..., 1] / 9)
    egg = 1000.0 * (np.linalg.norm((place - HEAD) / RADII, axis=-1) < 1) * stripes
    over = np.diag([6.0, 6, 6, 1])
    over[:3, 3] = [-80, -90, -60]
    where = _places(np.array([27, 30, 24]), over)
    red, blue = ((where - middle) / size for middle, size in (((10, -10, 15), 30), ((-30, 20, 0), 20)))
    spots = np.exp(-(red**2).sum(axis=-1)) - np.exp(-(blue**2).sum(axis=-1))
    layers = []
    for kind, data, matrix, make in (("T1w", egg, affine, palette.anatomy), ("map", spots, over, palette.signed)):
        path = folder / f"{name}.{kind}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), matrix), path)
        layers.append(Layer(path, palette=make(data)))
    legend = Legend("A title", "A caption", unit="a unit")
    return figure(name, legend, Slices(layers[0], layers[1], centre=(3.0, -12.0, 8.0)))


def _places(shape: NDArray[np.floating], affine: NDArray[np.floating]) -> NDArray[np.floating]:
    """World coordinates of all voxels."""
    index = np.moveaxis(np.indices([int(n) for n in shape]), 0, -1)
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])


def pixels(png: Path) -> NDArray[np.int64]:
    """A picture, (H, W, 3)."""
    with Image.open(png) as image:
        return np.asarray(image.convert("RGB")).astype(np.int64)


@dataclass(frozen=True)
class Likeness:
    """How alike two pictures are.

    Parameters
    ----------
    overlap : float
        Of what is drawn: intersection by union.
    apart : float
        Mean absolute difference, levels of 255.
    """

    overlap: float
    apart: float


def likeness(first: NDArray[np.int64], second: NDArray[np.int64]) -> Likeness:
    """How alike two pictures of one size are."""
    drawn = [picture.max(axis=2) > DRAWN for picture in (first, second)]
    union = (drawn[0] | drawn[1]).sum()
    return Likeness(float((drawn[0] & drawn[1]).sum() / max(union, 1)), float(np.abs(first - second).mean()))


def box(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First and last row, first and last column of what is true."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([rows[0], rows[-1], columns[0], columns[-1]])
