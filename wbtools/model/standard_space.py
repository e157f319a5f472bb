"""Images in a template's space without their bias field, as some networks were trained on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError, InputError
from wbtools.images.template import mni152
from wbtools.space.foreground import bounding_box, foreground
from wbtools.space.grid import Grid, Volume
from wbtools.space.registration import affine_between, one_thread
from wbtools.space.remembered import Remembered
from wbtools.space.resampling import average

if TYPE_CHECKING:
    import SimpleITK

_VOXELS = 3.0  # mm
_ITERATIONS = (100, 100, 60, 40)
_CONVERGED = 1e-4
"""N4's settings, as published with AD_3DCNN: every third voxel of 1 mm."""


@Remembered  # a person's image goes to several networks
def field_on_template(t1w: Volume, field: Grid) -> Grid:
    """A field of view in the world of MNI152, laid over the brain in an image by an affine map.

    Parameters
    ----------
    t1w : Volume
    field : Grid
        In the template's world mm.

    Returns
    -------
    Grid
        Of the same voxels, in the person's world mm.

    Raises
    ------
    InputError
        If the template cannot be registered to the image.
    """
    try:
        matrix = affine_between(t1w, mni152()).matrix
    except CheckError as error:
        raise InputError(f"the T1w image cannot be brought to MNI152: {error}", hint=error.hint) from None
    return Grid(field.shape, matrix @ field.affine)


@Remembered
def without_bias(t1w: Volume) -> Volume:
    """An image without the slow variation of intensities that the scanner's coils cause (N4, SimpleITK).

    Runs on one thread, so that results are exactly reproducible.

    Parameters
    ----------
    t1w : Volume
        Intensities; the variation is estimated where it is not background.

    Returns
    -------
    Volume
        Its lowest value, or 0 if that is lower, becomes 0, and the background stays what it is relative to that.
    """
    inside = foreground(t1w)
    values = np.asarray(t1w.data, np.float32) - min(0.0, float(t1w.data.min()))
    box = bounding_box(inside)
    field = _log_field(Volume(values, t1w.grid).within(box), Volume(inside.astype(np.float32), t1w.grid).within(box))
    corrected = values
    corrected[box] = np.where(inside[box], values[box] / np.exp(field), values[box])
    return replace(t1w, data=corrected)


def _log_field(image: Volume, inside: Volume) -> NDArray[np.float32]:
    """The logarithm of the bias field at every voxel of an image, estimated on voxels of 3 mm."""
    import SimpleITK
    from scipy.ndimage import affine_transform

    extent = np.array(image.grid.shape) * image.grid.voxel_sizes
    x, y, z = (
        int(np.clip(round(length / _VOXELS), 1, most)) for length, most in zip(extent, image.grid.shape, strict=True)
    )
    coarse = image.grid.covering((x, y, z))
    shown, mask = average(image, coarse), average(inside, coarse)
    method = SimpleITK.N4BiasFieldCorrectionImageFilter()
    method.SetMaximumNumberOfIterations(_ITERATIONS)
    method.SetConvergenceThreshold(_CONVERGED)
    with one_thread():
        method.Execute(_image(shown.data, coarse), _image((mask.data > 0.5).astype(np.uint8), coarse))
        found = SimpleITK.GetArrayFromImage(method.GetLogBiasFieldAsImage(_image(shown.data, coarse))).T
    matrix = np.linalg.inv(coarse.affine) @ image.grid.affine
    place = matrix[:3, :3], matrix[:3, 3], image.grid.shape
    return np.asarray(affine_transform(found.astype(np.float32), *place, order=1, mode="nearest"), np.float32)


def _image(values: NDArray[Any], grid: Grid) -> SimpleITK.Image:
    """Voxels (X, Y, Z) for SimpleITK, of which only the sizes matter here."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T))
    image.SetSpacing(grid.voxel_sizes.tolist())
    return image
