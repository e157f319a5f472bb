"""A made head around a made brain: meninges, skull with marrow, scalp, face, eyes and neck, bias field and noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from heads.looks import Looks
from heads.painting import FLUID, Brain, Image, wrapped
from wbtools.space.grid import Grid

Mask = NDArray[np.bool_]

_DURA, _BONE, _MARROW, _FAT, _MUSCLE, _EYE, _CORD = 40.0, 8.0, 62.0, 125.0, 58.0, 30.0, 95.0
_SKULL_MM, _SCALP_MM = 8.0, 14.0
"""How far from the brain the skull and the scalp reach."""
_BRIDGED_MM = 18.0
"""Half of the widest gap in the brain that the skull bridges."""
_FAT_MM = 4.0
"""How far below the skin fat reaches."""
_SCALE = 5.3
"""Units of the scanner per unit of intensity."""


def head(brain: Brain, looks: Looks, noise: float = 3.0) -> tuple[Image, Image]:
    """The scan of a whole head, and of the same brain without skull: one bias field, one noise.

    Layers follow the distance from the brain; face, eyes and neck lie where they do under an average brain.

    Parameters
    ----------
    brain : Brain
    looks : Looks
    noise : float
        Standard deviation of each channel, where white matter is 110.
    """
    random = np.random.RandomState(7000 + looks.person)
    image = np.where(brain.mask, brain.image, _around(brain.mask, looks, random))
    image *= _bias(looks.grid, random)
    channels = (part + random.normal(scale=noise, size=image.shape) for part in (image, 0.0))
    scan = np.asarray(np.hypot(*channels) * _SCALE, np.float32)
    return scan, np.where(brain.mask, scan, 0).astype(np.float32)


def _around(brain: Mask, looks: Looks, random: np.random.RandomState) -> Image:
    """Intensities outside the brain; 0 in air."""
    upright = _upright(looks)
    inner = wrapped(brain, looks.grid, _BRIDGED_MM)
    away = distance_transform_edt(~inner, sampling=looks.grid.voxel_sizes).astype(np.float32)
    body = (away < _SCALP_MM) | _any(_FLESH, upright)
    depth = distance_transform_edt(body, sampling=looks.grid.voxel_sizes).astype(np.float32)
    patchy = 1 + 0.2 * _smooth(random, body.shape)
    image = np.where(depth < _FAT_MM, _FAT, _MUSCLE) * patchy
    image[_any(_SINUSES, upright)] = 0
    image[_any(_EYES, upright)] = _EYE
    image[_any(_SPINE, upright)] = _BONE
    image[_any(_CORDS, upright)] = _CORD
    skull = away < _SKULL_MM
    image[skull] = _BONE
    marrow = skull & (np.abs(away - 5.0) < 1.3) & (upright[2] > -30)
    image[marrow] = (_MARROW * patchy)[marrow]
    image[away < 1.5] = _DURA
    image[inner] = FLUID
    image[~body] = 0
    return np.asarray(image, np.float32)


Ellipsoid = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Centre and half axes in the upright head, mm."""

_FLESH: tuple[Ellipsoid, ...] = (
    ((0, 42, -45), (62, 52, 72)),  # face
    ((0, 98, -48), (15, 16, 22)),  # nose
    ((0, 50, -95), (48, 42, 40)),  # jaw
    ((0, -38, -110), (60, 58, 95)),  # neck
    ((-82, -22, -30), (10, 18, 30)),  # ears
    ((82, -22, -30), (10, 18, 30)),
)
_EYES: tuple[Ellipsoid, ...] = (((-33, 66, -32), (12, 12, 12)), ((33, 66, -32), (12, 12, 12)))
_SINUSES: tuple[Ellipsoid, ...] = (
    ((0, 62, -55), (11, 28, 24)),  # nasal cavity
    ((-28, 58, -62), (13, 15, 15)),  # maxillary
    ((28, 58, -62), (13, 15, 15)),
    ((0, 72, -8), (20, 6, 9)),  # frontal
    ((0, 12, -80), (12, 10, 40)),  # throat
)
_SPINE: tuple[Ellipsoid, ...] = (((0, -38, -130), (20, 22, 62)),)
_CORDS: tuple[Ellipsoid, ...] = (((0, -44, -130), (6, 5, 75)),)


def _any(shapes: tuple[Ellipsoid, ...], upright: Image) -> Mask:
    """Where any of several ellipsoids is."""
    found = np.zeros(upright.shape[1:], bool)
    for centre, half in shapes:
        found |= sum(((upright[a] - centre[a]) / half[a]) ** 2 for a in range(3)) < 1
    return found


def _upright(looks: Looks) -> Image:
    """Positions of the scan's voxels in the upright head, (3, X, Y, Z), mm, float32."""
    grid = looks.grid
    affine = np.linalg.inv(looks.pose) @ grid.affine
    found = np.empty((3, *grid.shape), np.float32)
    i, j, k = (axis.astype(np.float32) for axis in np.ogrid[tuple(slice(n) for n in grid.shape)])
    for axis in range(3):
        a, b, c, d = affine[axis]
        found[axis] = a * i + b * j + c * k + d
    return found


def _smooth(random: np.random.RandomState, shape: tuple[int, ...]) -> Image:
    """Smooth noise of standard deviation 1."""
    found = gaussian_filter(random.normal(size=shape).astype(np.float32), 2.5)
    return np.asarray(found / found.std(), np.float32)


def _bias(grid: Grid, random: np.random.RandomState) -> Image:
    """A bias field of a receiver: a smooth factor, from about 0.75 to 1.3."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32).reshape(np.roll([n, 1, 1], a)) for a, n in enumerate(grid.shape))
    terms = (x, y, z, x * y, y * z, x * z, x * x - 0.33, y * y - 0.33, z * z - 0.33)
    field = sum(weight * term for weight, term in zip(random.uniform(-0.2, 0.2, len(terms)), terms, strict=True))
    return np.exp(np.asarray(field, np.float32))
