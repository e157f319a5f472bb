"""Affine registration of two images.

Both images are first averaged onto voxels of about 2 mm along the world's axes. This removes differences in
orientation, obliqueness and anisotropy before SimpleITK is involved, and SimpleITK's physical space is simply our world
(mm, RAS+), without any conversion to ITK's LPS. The correlation of both images is then maximised from coarse to fine,
starting with aligned centres of mass and several rotations of the head about its left-right axis. A skull-stripped
brain is registered to a head by comparing only the voxels of that brain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError
from wbtools.space.foreground import foreground, is_stripped
from wbtools.space.grid import Grid, Volume, canonical
from wbtools.space.resampling import average
from wbtools.text import lengths

if TYPE_CHECKING:
    import SimpleITK

Affine = NDArray[np.float64]

_SPACINGS = (2.0, 4.0)  # mm; finer voxels than the first change the result by less than 0.1 mm
_AIR = 0.15  # of the maximum: darker voxels may be air
_CROWN = 1000.0  # mm2; the highest slice with this much foreground is the top of the head
_HEAD = 140.0  # mm below the top of a head that contain its brain
_BRAIN = 68.0  # mm from the top of a head down to the middle of its brain
_MARGIN = 8.0  # mm of background around the foreground
_PITCHES = (0.0, -25.0, 25.0)  # degrees; scans differ most in the pitch of the head
_LEAST_CORRELATION = 0.4
_SMALL = 0.8  # of the size, from which a second fine search starts: children's heads
_SCALES = (0.6, 1.7)  # singular values outside are implausible for a head


@dataclass(frozen=True, eq=False)
class Alignment:
    """The result of registering a moving image to a fixed one.

    Parameters
    ----------
    matrix : ndarray, (4, 4), float64
        From the moving image's world to the fixed image's, both mm RAS+.
    before, after : float
        Correlation of both images with aligned centres of mass, and after registration; over the brain of a
        skull-stripped image, else over the whole fixed image.
    overlap : float
        Dice coefficient of both foregrounds after registration; for a brain and a head, the share of the brain inside
        the head.

    Examples
    --------
    >>> shift = np.eye(4)
    >>> shift[:3, 3] = 10, 0, 0
    >>> brain = Volume(np.ones((2, 2, 2), np.float32), Grid((2, 2, 2), np.eye(4)))
    >>> Alignment(shift, 0.1, 0.9, 1.0).apply(brain).grid.affine[0].tolist()
    [1.0, 0.0, 0.0, 10.0]
    """

    matrix: Affine
    before: float
    after: float
    overlap: float

    def apply(self, volume: Volume) -> Volume:
        """An image of the moving space, with its unchanged voxels positioned in the fixed space."""
        return Volume(
            volume.data,
            Grid(volume.grid.shape, self.matrix @ volume.grid.affine),
            volume.unit,
        )

    def apply_to_points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (..., 3) of the moving space, mm, in the fixed space."""
        result: NDArray[np.float64] = np.asarray(points, np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return result

    def as_record(self) -> dict[str, object]:
        """The entry in provenance, as JSON values."""
        return {
            "matrix": np.round(self.matrix, 6).tolist(),
            "correlation_before": round(self.before, 4),
            "correlation_after": round(self.after, 4),
            "overlap": round(self.overlap, 4),
        }


def affine_between(fixed: Volume, moving: Volume) -> Alignment:
    """Register an image to another by a general affine transformation (12 parameters).

    Runs on one thread with fixed samples, so that results are exactly reproducible.

    Parameters
    ----------
    fixed, moving : Volume
        Intensities of one contrast, on any grids; each with or without a skull.

    Returns
    -------
    Alignment

    Raises
    ------
    CheckError
        If an image is empty, or the registration fails.

    Notes
    -----
    The optimiser and metric are SimpleITK's (regular-step gradient descent, correlation).
    """
    spacing = float(np.clip(max(v.grid.voxel_volume for v in (fixed, moving)) ** (1 / 3), *_SPACINGS))
    images, stripped = zip(*(_comparable(volume, spacing) for volume in (fixed, moving)), strict=True)
    # Samples are drawn inside the skull-stripped brain, whichever of the two images that is.
    swapped = stripped[1]
    target, source = images[::-1] if swapped else images
    mask = target.data > 0 if any(stripped) else None
    centres = [_centre(*pair) for pair in zip(images, stripped, strict=True)]
    first, second = centres[::-1] if swapped else centres
    starts = [_start(first, second, pitch) for pitch in _PITCHES]
    found = _search(target, source, mask, starts)
    alignment = Alignment(
        matrix=found if swapped else np.asarray(np.linalg.inv(found), np.float64),
        before=_correlation(target, source, mask, starts[0]),
        after=_correlation(target, source, mask, found),
        overlap=_overlap(target, source, found, alike=stripped[0] == stripped[1]),
    )
    _require_plausible(alignment)
    return alignment


# ---------------------------------------------------------------------------------------------- images made comparable

_THINNEST = 20.0
"""Of images that are registered, mm; a brain is thicker in every direction."""

_COMPARABLE: WeakKeyDictionary[Volume, dict[float, tuple[Volume, bool]]] = WeakKeyDictionary()
"""By spacing, as long as an image is in use: the template is registered to a scan, and to what a network sees of it."""


def _comparable(volume: Volume, spacing: float) -> tuple[Volume, bool]:
    """An image prepared for registration, and whether it is skull-stripped."""
    known = _COMPARABLE.setdefault(volume, {})
    if spacing not in known:
        same = canonical(volume)
        known[spacing] = _prepared(same, spacing), is_stripped(same)
    return known[spacing]


def _prepared(volume: Volume, spacing: float) -> Volume:
    """An image in [0, 1] with background 0, on voxels along the world's axes, with a margin around the foreground."""
    extent = np.array(volume.grid.shape) * volume.grid.voxel_sizes
    if extent.min() < _THINNEST:
        raise CheckError(
            f"an image of {lengths(volume.grid.shape)} voxels, {lengths(extent, '.3g')} mm, holds no whole head",
            hint="give a three-dimensional T1w scan, not a slice of one",
        )
    inside = foreground(volume)
    values = volume.data[inside]
    low, high = np.quantile(values, (0.005, 0.995)) if values.size else (0.0, 0.0)
    if not high > low:
        raise CheckError("an image without contrast cannot be registered", hint="give a T1w image with a brain in it")
    signal = np.where(inside, np.clip((volume.data - low) / (high - low), 0, 1), 0).astype(np.float32)
    grid = volume.grid
    coarse = np.maximum(1, np.round(np.array(grid.shape) * np.minimum(1, grid.voxel_sizes / spacing))).astype(int)
    averaged = average(Volume(signal, grid), grid.covering((int(coarse[0]), int(coarse[1]), int(coarse[2]))))
    return _sampled(averaged, _world_grid(averaged, spacing))


def _world_grid(volume: Volume, spacing: float) -> Grid:
    """A grid along the world's axes around the voxels above 0."""
    inside = np.argwhere(volume.data > 0)
    low, high = inside.min(0) - 0.5, inside.max(0) + 0.5
    corners = volume.grid.to_world(np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, 8).T)
    first, last = corners.min(0) - _MARGIN, corners.max(0) + _MARGIN
    count = np.ceil((last - first) / spacing).astype(int)
    affine = np.diag([spacing] * 3 + [1.0])
    affine[:3, 3] = first + spacing / 2
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)


def _sampled(volume: Volume, grid: Grid, matrix: Affine | None = None) -> Volume:
    """An image interpolated linearly at a grid's voxel centres, transformed by `matrix` first; 0 outside."""
    from scipy.ndimage import affine_transform

    to_index = np.linalg.inv(volume.grid.affine) @ (np.eye(4) if matrix is None else matrix) @ grid.affine
    data = affine_transform(volume.data, to_index[:3, :3], to_index[:3, 3], grid.shape, order=1, mode="constant")
    return Volume(data, grid, volume.unit)


def _centre(image: Volume, stripped: bool) -> NDArray[np.float64]:
    """Approximate centre of the brain, mm; neck and face of a head are ignored."""
    from scipy.ndimage import center_of_mass

    if stripped:
        return image.grid.to_world(np.array(center_of_mass(image.data)))
    spacing = image.grid.voxel_sizes[2]
    area = np.count_nonzero(image.data > _AIR, axis=(0, 1)) * spacing**2
    top = int(np.flatnonzero(area > _CROWN).max(initial=0))
    first = max(0, top - int(_HEAD / spacing))
    centre = np.array(center_of_mass(image.data[:, :, first:]))
    return image.grid.to_world(np.array([centre[0], centre[1], top - _BRAIN / spacing]))


def _start(target: NDArray[np.float64], source: NDArray[np.float64], degrees: float) -> Affine:
    """A rotation about the left-right axis that maps one centre to the other; from target to source."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[cosine, -sine], [sine, cosine]]
    matrix[:3, 3] = source - matrix[:3, :3] @ target
    return matrix


# ------------------------------------------------------------------------------------------------------ optimisation


@dataclass(frozen=True)
class _Level:
    """A level of the search: shrink factors of the images, share of voxels sampled, and whether it is rigid."""

    shrink: tuple[int, ...]
    share: float
    rigid: bool = False


_COARSE = _Level((4,), share=0.5, rigid=True)
_FINE = _Level((2, 1), share=0.1)


def _search(target: Volume, source: Volume, mask: NDArray[np.bool_] | None, starts: list[Affine]) -> Affine:
    """The best of several starts at a coarse level, refined; from target to source, mm.

    The coarse level is rigid: with scaling, a brain would be stretched to fit a whole head before it is located in it.
    """

    def optimised(start: Affine, level: _Level) -> Affine:
        return _optimised(target, source, mask, start, level)

    def agreement(matrix: Affine) -> float:
        return _correlation(target, source, mask, matrix)

    best = max((optimised(start, _COARSE) for start in starts), key=agreement)
    smaller = _scaled(best, target.grid.to_world((np.array(target.grid.shape) - 1) / 2), _SMALL)
    return max((optimised(start, _FINE) for start in (best, smaller)), key=agreement)


def _scaled(matrix: Affine, middle: NDArray[np.float64], factor: float) -> Affine:
    """A transformation to a copy of the source scaled about the point that corresponds to the target's middle."""
    scaled = matrix.copy()
    scaled[:3, :3] *= factor
    scaled[:3, 3] += (matrix[:3, :3] - scaled[:3, :3]) @ middle
    return scaled


def _optimised(target: Volume, source: Volume, mask: NDArray[np.bool_] | None, start: Affine, level: _Level) -> Affine:
    """The transformation from target to source with the best correlation, by gradient descent from a start."""
    import SimpleITK

    spacing = float(target.grid.voxel_sizes[0])
    transform = _transform(start, target.grid, level.rigid)
    method = SimpleITK.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(level.share, seed=1)
    if mask is not None:
        method.SetMetricFixedMask(_image(Volume(mask.astype(np.uint8), target.grid)))
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetNumberOfThreads(1)
    method.SetShrinkFactorsPerLevel(level.shrink)
    method.SetSmoothingSigmasPerLevel([spacing * factor / 2 for factor in level.shrink])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    try:
        with one_thread():
            method.Execute(_image(target), _image(source))
    except RuntimeError:  # the images no longer overlap: keep the start, whose correlation decides
        return start
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return matrix


@contextmanager
def one_thread() -> Iterator[None]:
    """Make SimpleITK's sums independent of the machine; the method's thread setting does not reach its metric."""
    import SimpleITK

    before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _transform(start: Affine, grid: Grid, rigid: bool) -> SimpleITK.AffineTransform | SimpleITK.Euler3DTransform:
    """The transformation for SimpleITK, centred on a grid's middle, where rotation and scale couple least to shift."""
    import SimpleITK

    middle = grid.to_world((np.array(grid.shape) - 1) / 2)
    transform = SimpleITK.Euler3DTransform() if rigid else SimpleITK.AffineTransform(3)
    transform.SetCenter(middle.tolist())
    transform.SetMatrix(start[:3, :3].ravel().tolist())
    transform.SetTranslation((start[:3, :3] @ middle + start[:3, 3] - middle).tolist())
    return transform


def _image(volume: Volume) -> SimpleITK.Image:
    """The volume as a SimpleITK image, in our world coordinates."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.data.T))
    image.SetSpacing(volume.grid.voxel_sizes.tolist())
    image.SetOrigin(volume.grid.affine[:3, 3].tolist())
    return image


# --------------------------------------------------------------------------------------------------------- agreement


def _correlation(target: Volume, source: Volume, mask: NDArray[np.bool_] | None, matrix: Affine) -> float:
    """Correlation of both images over the mask, or over the whole target."""
    moved = _sampled(source, target.grid, matrix).data
    inside = slice(None) if mask is None else mask
    first, second = (data[inside].astype(np.float64) for data in (target.data, moved))
    scale = first.std() * second.std()
    return float(((first - first.mean()) * (second - second.mean())).mean() / scale) if scale > 0 else 0.0


def _overlap(target: Volume, source: Volume, matrix: Affine, alike: bool) -> float:
    """Dice coefficient of the foregrounds if both images are alike; else the share of the target inside the source."""
    first, second = target.data > 0, _sampled(source, target.grid, matrix).data > 0
    shared = int((first & second).sum())
    return 2 * shared / max(1, int(first.sum() + second.sum())) if alike else shared / max(1, int(first.sum()))


def _require_plausible(alignment: Alignment) -> None:
    """Raise CheckError unless the images correlate and the scales are plausible for a head."""
    scales = np.linalg.svd(alignment.matrix[:3, :3], compute_uv=False)
    likely = _SCALES[0] <= scales.min() and scales.max() <= _SCALES[1]
    if not likely or alignment.after < _LEAST_CORRELATION:
        raise CheckError(
            f"two images could not be registered: their correlation is {alignment.after:.2f} "
            f"({_LEAST_CORRELATION:.2f} is required), their scales differ by {scales.min():.2f} to {scales.max():.2f}",
            hint="look at both images: is each a T1w scan of a whole head, with its orientation right?",
        )
