"""The reference brain: what a person's brain is compared with.

nilearn's MNI152 template is laid in place by world coordinates alone: an image in ACPC space and MNI space agree to a
few millimetres, and nothing is registered. Its intensities are then given the person's own distribution, quantile by
quantile over the voxels that both brains share, with the background left at 0. A difference from it is a difference of
what lies where, not of scanner gain or tissue contrast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.grid import Grid, Volume
from wbtools.model import Card, ModelInput
from wbtools.regridding import resample_density

_LEAST_INSIDE = 0.7
"""Share of the brain that has to lie in the template's. Aligned brains reach .97; moved by 4 cm they fall below."""


def reference_brain(card: Card, image: ModelInput) -> ModelInput:
    """The template as the network would see it in the person's place.

    Parameters
    ----------
    card : Card
    image : ModelInput
        Of the person.

    Returns
    -------
    ModelInput
        On the same grid, in [0, 1].

    Raises
    ------
    InputError
        If the network takes heads with a skull, or the template does not lie where the brain is.
    """
    if not card.skull_stripped:
        raise InputError(
            f"the reference brain has no skull, and {card.name} was trained on heads with one", mend="use --method lrp"
        )
    template = template_on(image.grid)
    if (inside := share_inside(image.data[0, 0], template)) < _LEAST_INSIDE:
        raise InputError(
            f"the brain does not lie where the MNI152 template does: only {inside:.0%} of it is inside",
            mend="align the T1w image to ACPC or MNI space, or use --method lrp",
        )
    return ModelInput(matched(template, image.data[0, 0])[None, None], image.grid)


def template_on(grid: Grid) -> NDArray[np.float32]:
    """Nilearn's MNI152 brain, averaged over each voxel of a grid in world millimetres, (X, Y, Z), 0 outside."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    brain = Volume(np.clip(np.asarray(image.dataobj, np.float32), 0, None), Grid(image.shape, image.affine))
    return np.asarray(resample_density(brain, grid).data, np.float32).clip(0)


def share_inside(brain: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Share of the voxels above 0 of one image that are above 0 in the other, too.

    Examples
    --------
    >>> share_inside(np.array([0.0, 1, 1]), np.array([5.0, 0, 5]))
    0.5
    """
    inside = brain > 0
    return float((inside & (other > 0)).sum()) / max(1, int(inside.sum()))


def matched(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """`source`, its values above 0 changed so that they are distributed as those of `target` over the brain both share.

    Over the shared voxels only: masks that leave more or less of the rim would otherwise shift every tissue.

    Examples
    --------
    >>> matched(np.array([0, 1, 2, 3], np.float32), np.array([0.5, 0.1, 0.2, 0.9], np.float32))
    array([0. , 0.1, 0.2, 0.9], dtype=float32)
    """
    levels = np.linspace(0, 1, 201)
    brain, shared = source > 0, (source > 0) & (target > 0)
    changed = np.zeros_like(source)
    changed[brain] = np.interp(source[brain], np.quantile(source[shared], levels), np.quantile(target[shared], levels))
    return changed
