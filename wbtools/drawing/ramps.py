"""The colours of Workbench's palettes, as control points between which colours are linear.

Measured by drawing a ramp with wb_command 1.5.0 and laying the longest lines through it that pass within 1.6 levels of
255; magma is matplotlib's (CC0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.workbench.palette import PaletteName

Ramp = tuple[tuple[float, int, int, int], ...]
"""Places from -1 to 1, ascending, each with red, green and blue (0 to 255)."""

_RED_TO_YELLOW: Ramp = (
    (0.125, 60, 0, 0), (0.25, 100, 0, 0), (0.375, 150, 0, 0), (0.5, 200, 0, 0),
    (0.625, 255, 0, 0), (0.75, 255, 120, 0), (0.875, 255, 200, 0), (1, 255, 255, 0),
)  # fmt: skip
_CYAN_TO_BLUE: Ramp = (
    (-1, 0, 255, 255), (-0.99, 0, 255, 255), (-0.875, 0, 255, 0), (-0.75, 0, 200, 0), (-0.625, 75, 125, 0),
    (-0.5, 125, 0, 160), (-0.375, 75, 0, 125), (-0.25, 0, 0, 170), (-0.125, 0, 0, 80),
)  # fmt: skip

RAMPS: dict[PaletteName, Ramp] = {
    PaletteName.MAGMA: (
        (-1, 0, 0, 0), (0, 0, 0, 0), (0.052, 6, 5, 26), (0.116, 25, 15, 62), (0.174, 46, 16, 97), (0.206, 60, 15, 112),
        (0.25, 79, 18, 123), (0.33, 111, 30, 129), (0.436, 154, 45, 127), (0.53, 193, 58, 117), (0.604, 222, 73, 104),
        (0.666, 239, 95, 93), (0.726, 249, 123, 93), (0.788, 253, 153, 105), (0.874, 254, 193, 134),
        (0.972, 252, 239, 177), (1, 252, 253, 191),
    ),
    PaletteName.ROY_BIG_BL: (*_CYAN_TO_BLUE, (0, 0, 0, 0), *_RED_TO_YELLOW),
    PaletteName.ROY_BIG: (*_CYAN_TO_BLUE, (-0.1249, 0, 0, 0), (0, 0, 0, 0), (1e-9, 60, 0, 0), *_RED_TO_YELLOW),
    PaletteName.GRAY_INTERP: ((-1, 0, 0, 0), (1, 255, 255, 255)),
    PaletteName.GRAY_INTERP_POSITIVE: ((-1, 0, 0, 0), (0, 0, 0, 0), (1, 255, 255, 255)),
}  # fmt: skip


def colours(name: PaletteName, places: NDArray[np.floating]) -> NDArray[np.float32]:
    """The colours at some places of a palette.

    Parameters
    ----------
    name : PaletteName
    places : ndarray, (...)
        From -1 (lowest) over 0 to 1 (highest).

    Returns
    -------
    ndarray, (..., 3), float32
        Red, green and blue, 0 to 255.

    Examples
    --------
    >>> colours(PaletteName.GRAY_INTERP_POSITIVE, np.array([-1.0, 0.0, 0.5])).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [127.5, 127.5, 127.5]]
    """
    where, *channels = np.array(RAMPS[name], float).T
    return np.stack([np.interp(places, where, channel) for channel in channels], axis=-1).astype(np.float32)
