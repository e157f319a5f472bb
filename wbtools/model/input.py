"""The image a network is given, made from a T1w image of any grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.grid import Grid, Unit, Volume, reorient
from wbtools.model.card import Card
from wbtools.regridding import average


@dataclass(frozen=True, eq=False)
class ModelInput:
    """An image as a network takes it, and where its voxels lie.

    Parameters
    ----------
    data : ndarray, (1, 1, X, Y, Z), float32
        In [0, 1].
    grid : Grid
        Of the last three axes, in the person's world millimetres.

    Raises
    ------
    InputError
        If data and grid differ in shape.
    """

    data: NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        if self.data.shape != (1, 1, *self.grid.shape):
            raise InputError(f"input of shape {self.data.shape} on a grid of shape {self.grid.shape}")


def model_input(t1w: Volume, card: Card) -> ModelInput:
    """Turn a T1w image into the network's input.

    The image's axes are ordered as the card says, its field of view is divided into the card's number of voxels, edge
    to edge, and each voxel takes the mean over its extent. All of it is kept in the grid's affine, so that a map on the
    input needs one resampling to be back on the T1w image.

    Parameters
    ----------
    t1w : Volume
        Intensities, skull-stripped if the card says so.
    card : Card

    Returns
    -------
    ModelInput

    Raises
    ------
    InputError
        If a voxel is not a finite number, or all are equal.

    Examples
    --------
    >>> card = Card(name="unet", title="U-Net", family="unet", shape=(2, 2, 2))
    >>> t1w = Volume(np.arange(64, dtype=np.float32).reshape(4, 4, 4), Grid((4, 4, 4), np.eye(4)))
    >>> image = model_input(t1w, card)
    >>> image.data.shape, float(image.data.min()), float(image.data.max()), image.grid.orientation
    ((1, 1, 2, 2, 2), 0.0, 1.0, 'LAS')
    """
    if not np.isfinite(t1w.data).all():
        raise InputError("the T1w image has voxels that are not finite numbers", mend="set them to 0")
    ordered = reorient(Volume(t1w.data, t1w.grid, Unit.INTENSITY), card.orientation)
    coarse = average(ordered, ordered.grid.covering(card.shape))
    low, high = float(coarse.data.min()), float(coarse.data.max())
    if high - low <= 1e-6 * max(abs(high), abs(low)):  # the rounding of the means
        raise InputError("all voxels of the T1w image are equal", mend="give a T1w image with a brain in it")
    data = ((coarse.data.astype(np.float64) - low) / (high - low)).astype(np.float32)
    return ModelInput(data[None, None], coarse.grid)
