"""Grey matter, white matter and liquid of a brain, and structures that were carried to it fitted to them.

N4 (Tustison et al. 2010, IEEE TMI 29:1310-1320) removes the slow variation of intensities, and Atropos (Avants et al.
2011, Neuroinformatics 9:381-400) divides what is left into three classes, with a Markov random field.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.placement.ants_images import ants_on_one_thread, data_of, image_of
from wbtools.space.grid import Unit, Volume

LIQUID, GREY, WHITE = 1, 2, 3
"""Classes of tissue, from dark to bright in a T1w image."""

_SHRINK = 4
_FIELD = "[0.2,1x1x1]"
_ROUNDS = "[5,0]"
_SEEDED = 0  # Atropos otherwise begins with a random number of the clock


@dataclass(frozen=True, eq=False)
class Tissue:
    """A brain without bias field, and its classes.

    Parameters
    ----------
    brain : Volume
        Intensities, 0 outside.
    classes : Volume
        LIQUID, GREY or WHITE, on the same grid.
    """

    brain: Volume
    classes: Volume


def without_bias(brain: Volume) -> Volume:
    """A brain (0 outside) without the slow variation of intensities that a scanner's coils cause."""
    with ants_on_one_thread() as ants:
        image = image_of(ants, brain)
        mask = image_of(ants, Volume((brain.data > 0).astype(np.float32), brain.grid))
        data = data_of(ants.n4_bias_field_correction(image, mask=mask, shrink_factor=_SHRINK))
    return Volume(np.where(brain.data > 0, np.maximum(data, 1e-6), 0).astype(np.float32), brain.grid)


def classes(brain: Volume) -> Volume:
    """LIQUID, GREY or WHITE of each voxel of a brain without bias field; 0 outside."""
    with ants_on_one_thread() as ants:
        image = image_of(ants, brain)
        mask = image_of(ants, Volume((brain.data > 0).astype(np.float32), brain.grid))
        found = ants.atropos(a=image, x=mask, i="kmeans[3]", m=_FIELD, c=_ROUNDS, r=_SEEDED)
        data = data_of(found["segmentation"])
    return Volume(_rounded(data), brain.grid, Unit.LABEL)


def _rounded(data: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.rint(data).astype(np.int32)
