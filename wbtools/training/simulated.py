"""Simulated lesions in slices: filled discs and squares inside the tissue of one half, flat or textured (system S2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHAPES = ("disc", "square")
TEXTURES = ("flat", "textured")
SIZES = (2, 6, 10, 14, 18, 23, 27, 31, 35, 40)
"""Of the published lesions, pixels across."""

PUBLISHED_SIDE = 290
"""Pixels along a side of the published slices."""

GREY = (140, 215)
_GRAIN, _CONTRAST = 1.5, 12.0  # of textures: pixels, grey values

Half = NDArray[np.uint8]


@dataclass(frozen=True)
class Lesion:
    """A lesion.

    Parameters
    ----------
    size : float
        Pixels across, on the slice's own grid.
    shape : str
        One of SHAPES.
    texture : str
        One of TEXTURES.
    grey : float
        Its mean grey value.
    """

    size: float
    shape: str = "disc"
    texture: str = "flat"
    grey: float = 180.0


def lesioned(half: Half, lesion: Lesion, dice: np.random.Generator) -> tuple[Half, NDArray[np.bool_]]:
    """A half with a lesion inside its tissue, and where it is.

    The centre is a random place all around which there is tissue; where no such place is left, that with most tissue
    around it, and the lesion ends where tissue does.

    Parameters
    ----------
    half : ndarray, (H, W), uint8
        0 where there is no tissue.
    lesion : Lesion
    dice : numpy Generator

    Returns
    -------
    changed : ndarray, (H, W), uint8
    mask : ndarray, (H, W), bool
    """
    from scipy.ndimage import distance_transform_cdt, distance_transform_edt, gaussian_filter

    tissue = half > 0
    radius = lesion.size / 2
    if not tissue.any():
        return half, tissue
    # Beyond the border there is no tissue either.
    padded = np.pad(tissue, 1)
    away = distance_transform_edt(padded) if lesion.shape == "disc" else distance_transform_cdt(padded)
    inside = away[1:-1, 1:-1]
    fits = np.argwhere(inside > radius)
    row, column = fits[dice.integers(len(fits))] if len(fits) else np.unravel_index(inside.argmax(), inside.shape)
    rows, columns = np.ogrid[: half.shape[0], : half.shape[1]]
    apart = (rows - row, columns - column)
    if lesion.shape == "disc":
        mask = apart[0] ** 2 + apart[1] ** 2 <= radius**2
    else:
        before = lesion.size // 2  # so many voxels before the centre: an even number has none in its middle
        rows_in, columns_in = ((-before <= offset) & (offset < lesion.size - before) for offset in apart)
        mask = rows_in & columns_in
    mask &= tissue
    values = np.full(half.shape, lesion.grey)
    if lesion.texture == "textured":
        grain = gaussian_filter(dice.normal(size=half.shape), _GRAIN)
        values += _CONTRAST * (grain - grain[mask].mean()) / grain.std()  # the mean stays what was asked for
    return np.where(mask, values.round().clip(1, 255), half).astype(np.uint8), mask
