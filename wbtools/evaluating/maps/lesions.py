"""The simulated lesions that all checkpoints are shown, and where they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.people import Rows
from wbtools.training.simulated import GREY, PUBLISHED_SIDE, SHAPES, SIZES, Lesion, lesioned


def with_lesions(halves: NDArray[np.uint8], rows: Rows, size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Slices with a lesion in one half, which depends on the row and the size alone.

    Parameters
    ----------
    halves : ndarray, (N, 2, H, W), uint8
    rows : ndarray, (N,), int
    size : int
        Place in `SIZES`.

    Returns
    -------
    changed : ndarray, (N, 2, H, W), uint8
    masks : ndarray, (N, 2, H, W), bool
        Where the lesions are; nowhere in a half without tissue.
    """
    changed, masks = halves.copy(), np.zeros(halves.shape, bool)
    across = SIZES[size] * max(halves.shape[2:]) / PUBLISHED_SIDE
    for place, row in enumerate(rows):
        dice = np.random.default_rng((int(row), size))
        side = int(dice.integers(2))
        lesion = Lesion(across, SHAPES[int(row) % len(SHAPES)], grey=float(dice.uniform(*GREY)))
        changed[place, side], masks[place, side] = lesioned(halves[place, side], lesion, dice)
    return changed, masks
