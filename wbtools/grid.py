"""Voxel grids and volumes: where the numbers of an image lie in a person's head.

World coordinates are millimetres, RAS+ (right, anterior, superior positive), everywhere inside wbtools. A voxel index
refers to the voxel's centre, so a grid of `n` voxels reaches from index -0.5 to n - 0.5.

Relevance is *extensive* (it is counted, like a number of people), so it is carried as a density per mm3 and only
multiplied by volume when it is summed. Interpolating it like an intensity multiplies its total.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError

Array = NDArray[Any]
FloatArray = NDArray[np.floating]

_AXIS_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
_OFF_AXIS = 1e-4  # a direction cosine below this is rounding, not obliqueness


class Unit(Enum):
    """What a voxel's number means; it decides how the volume may be resampled."""

    INTENSITY = "intensity"
    DENSITY = "1/mm3"
    LABEL = "label"
    SCORE = "score in [0, 1]"


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels in world space.

    Parameters
    ----------
    shape : tuple of int, (3,)
        Number of voxels along i, j, k.
    affine : ndarray, (4, 4), float64
        Maps voxel indices to world millimetres (RAS+).

    Raises
    ------
    InputError
        If the shape is empty or the affine is not invertible.

    Examples
    --------
    >>> grid = Grid((260, 311, 260), [[-0.7, 0, 0, 90], [0, 0.7, 0, -126], [0, 0, 0.7, -72], [0, 0, 0, 1]])
    >>> grid.orientation, round(grid.voxel_volume, 3)
    ('LAS', 0.343)
    >>> coarse = grid.covering((86, 103, 86))
    >>> bool(np.allclose(coarse.corners(), grid.corners()))
    True
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"a grid needs three axes of at least one voxel, not {shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-9:
            raise InputError("the image's affine is not an invertible 4 x 4 matrix", mend="repair the image's header")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", shape)

    @property
    def voxel_sizes(self) -> NDArray[np.float64]:
        """Edge lengths of a voxel, mm, (3,)."""
        sizes: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return sizes

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def orientation(self) -> str:
        """The three anatomical directions that the indices increase towards, for example 'LAS'."""
        directions = self._nearest_axes()
        return "".join(_AXIS_LETTERS[world][sign > 0] for world, sign in directions)

    @property
    def is_oblique(self) -> bool:
        """Whether any voxel axis leaves the world's axes."""
        cosines = np.abs(self.affine[:3, :3] / self.voxel_sizes)
        return bool(np.sort(cosines, axis=0)[:2].max() > _OFF_AXIS)

    def _nearest_axes(self) -> list[tuple[int, float]]:
        """For each voxel axis the world axis it runs along best (each used once), and its sign."""
        cosines = self.affine[:3, :3] / self.voxel_sizes
        strength = np.abs(cosines)
        chosen: dict[int, int] = {}
        for _ in range(3):
            world, voxel = np.unravel_index(np.argmax(strength), (3, 3))
            chosen[int(voxel)] = int(world)
            strength[world, :] = -1
            strength[:, voxel] = -1
        return [(chosen[axis], float(cosines[chosen[axis], axis])) for axis in range(3)]

    def to_world(self, indices: FloatArray) -> NDArray[np.float64]:
        """World coordinates (mm, (..., 3)) of voxel indices (..., 3)."""
        return _moved(self.affine, indices)

    def to_index(self, points: FloatArray) -> NDArray[np.float64]:
        """Fractional voxel indices (..., 3) of world points (mm, (..., 3))."""
        return _moved(np.linalg.inv(self.affine), points)

    def corners(self) -> NDArray[np.float64]:
        """The eight outer corners of the field of view, mm, (8, 3)."""
        edges = [(-0.5, n - 0.5) for n in self.shape]
        return self.to_world(np.array(list(product(*edges))))

    def same_as(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Whether both grids have one shape and the same voxel centres within `tolerance` mm."""
        return self.shape == other.shape and bool(np.abs(self.corners() - other.corners()).max() <= tolerance)

    def covering(self, shape: tuple[int, int, int]) -> Grid:
        """The grid of `shape` voxels that covers this field of view exactly, edge to edge."""
        scale = np.array(self.shape) / np.array(shape)
        step = np.diag([*scale, 1.0])
        step[:3, 3] = (scale - 1) / 2
        return Grid(shape, self.affine @ step)

    def with_spacing(self, millimetres: float) -> Grid:
        """A grid of isotropic voxels over this field of view, whose first voxel's outer corner stays in place."""
        count = np.maximum(1, np.ceil(np.array(self.shape) * self.voxel_sizes / millimetres - 1e-6)).astype(int)
        step = np.diag([*(millimetres / self.voxel_sizes), 1.0])
        step[:3, 3] = (millimetres / self.voxel_sizes - 1) / 2
        return Grid((int(count[0]), int(count[1]), int(count[2])), self.affine @ step)

    def reoriented(self, orientation: str) -> Grid:
        """The same voxels, indexed in another order (see `reorient`)."""
        order, flipped = _axis_moves(self, orientation)
        step = np.zeros((4, 4))
        step[3, 3] = 1
        for new, old in enumerate(order):
            step[old, new] = -1.0 if flipped[new] else 1.0
            step[old, 3] = self.shape[old] - 1 if flipped[new] else 0
        return Grid((self.shape[order[0]], self.shape[order[1]], self.shape[order[2]]), self.affine @ step)


@dataclass(frozen=True, eq=False)
class Volume:
    """Numbers on a grid, and what they mean.

    Parameters
    ----------
    data : ndarray, (X, Y, Z), float32 or int32
    grid : Grid
        Shape equal to the data's.
    unit : Unit

    Raises
    ------
    InputError
        If data and grid differ in shape.

    Examples
    --------
    >>> grid = Grid((2, 2, 2), np.diag([2.0, 2.0, 2.0, 1.0]))
    >>> round(Volume(np.full((2, 2, 2), 0.5, np.float32), grid, Unit.DENSITY).total(), 6)
    32.0
    """

    data: Array
    grid: Grid
    unit: Unit = Unit.INTENSITY

    def __post_init__(self) -> None:
        if self.data.shape != self.grid.shape:
            raise InputError(f"data of shape {self.data.shape} on a grid of shape {self.grid.shape}")

    def total(self) -> float:
        """Sum over the volume; a density is multiplied by the voxel's volume first."""
        weight = self.grid.voxel_volume if self.unit is Unit.DENSITY else 1.0
        return float(self.data.sum(dtype=np.float64) * weight)


def _moved(affine: FloatArray, points: FloatArray) -> NDArray[np.float64]:
    """Points (..., 3) under a 4 x 4 affine."""
    moved: NDArray[np.float64] = np.asarray(points, np.float64) @ affine[:3, :3].T + affine[:3, 3]
    return moved


def _axis_moves(grid: Grid, orientation: str) -> tuple[list[int], list[bool]]:
    """Which old axis each new axis takes, and whether it runs backwards."""
    wanted = []
    for letter in orientation.upper():
        hits = [(axis, pair.index(letter)) for axis, pair in enumerate(_AXIS_LETTERS) if letter in pair]
        if hits:
            wanted.append(hits[0])
    if sorted(axis for axis, _ in wanted) != [0, 1, 2] or len(orientation) != 3:
        raise InputError(f"'{orientation}' is not an orientation", mend="give three letters such as RAS or LAS")
    have = grid._nearest_axes()
    order = [next(old for old, (world, _) in enumerate(have) if world == axis) for axis, _ in wanted]
    flipped = [(have[old][1] > 0) != bool(side) for old, (_, side) in zip(order, wanted, strict=True)]
    return order, flipped


def reorient(volume: Volume, orientation: str) -> Volume:
    """Index the same voxels in another anatomical order; no value changes.

    Examples
    --------
    >>> ras = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), Grid((2, 2, 2), np.eye(4)))
    >>> las = reorient(ras, "LAS")
    >>> las.grid.orientation, bool(np.array_equal(las.data, ras.data[::-1]))
    ('LAS', True)
    """
    order, flipped = _axis_moves(volume.grid, orientation)
    data = volume.data.transpose(order)[tuple(slice(None, None, -1 if f else 1) for f in flipped)]
    return Volume(data, volume.grid.reoriented(orientation), volume.unit)


def average(volume: Volume, grid: Grid) -> Volume:
    """Mean of `volume` over each voxel of a coarser grid: anti-aliased downsampling by exact overlap.

    Parameters
    ----------
    volume : Volume
    grid : Grid
        Voxel axes parallel to the volume's (any order or direction).

    Returns
    -------
    Volume
        float32 on `grid`. Where `grid` leaves the field of view, the outside counts as zero.

    Raises
    ------
    InputError
        If the grids are not parallel.

    Examples
    --------
    >>> fine = Volume(np.ones((6, 6, 6), np.float32), Grid((6, 6, 6), np.eye(4)))
    >>> average(fine, fine.grid.covering((4, 4, 4))).data.sum()
    np.float32(64.0)
    """
    scale, offset = _parallel(volume.grid, grid)
    return _separable(volume, grid, [_overlap(*axis) for axis in _axes(volume.grid, grid, scale, offset)])


def resample_density(volume: Volume, grid: Grid) -> Volume:
    """Carry a density (1/mm3) or intensity to another grid so that its total over space stays what it was.

    The volume is read as a linear interpolant that is constant in the outer half voxel and zero outside the field of
    view, and averaged over each target voxel, so neither up- nor downsampling changes the total (over the part of
    space that both grids see) by more than rounding.

    Parameters
    ----------
    volume : Volume
    grid : Grid

    Returns
    -------
    Volume
        float32 on `grid`, same unit.

    Examples
    --------
    >>> coarse = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), Grid((2, 2, 2), np.diag([3., 3, 3, 1])),
    ...                 Unit.DENSITY)
    >>> fine = resample_density(coarse, coarse.grid.covering((7, 6, 5)))
    >>> round(fine.total() / coarse.total(), 3)
    1.0
    """
    try:
        scale, offset = _parallel(volume.grid, grid)
    except InputError:
        return _resample_oblique(volume, grid)
    return _separable(volume, grid, [_linear(*axis) for axis in _axes(volume.grid, grid, scale, offset)])


def resample_labels(volume: Volume, grid: Grid) -> Volume:
    """Labels on another grid, each voxel taking the label at its centre (0 outside the field of view).

    Examples
    --------
    >>> two = Volume(np.array([[[3, 5]]], np.int32), Grid((1, 1, 2), np.eye(4)), Unit.LABEL)
    >>> resample_labels(two, two.grid.covering((1, 1, 4))).data.ravel()
    array([3, 3, 5, 5], dtype=int32)
    """
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    data = affine_transform(
        volume.data, matrix[:3, :3], matrix[:3, 3], grid.shape, order=0, mode="grid-constant", cval=0
    )
    return Volume(data, grid, volume.unit)


# -------------------------------------------------------------------------------- parallel grids, one axis at a time


def _parallel(source: Grid, target: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Source index = matrix @ target index + offset, with one entry in each row and column; else InputError."""
    matrix = np.linalg.inv(source.affine) @ target.affine
    strongest = np.abs(matrix[:3, :3]).max()
    clean = np.where(np.abs(matrix[:3, :3]) > 1e-5 * strongest, matrix[:3, :3], 0.0)
    if ((clean != 0).sum(0) != 1).any() or ((clean != 0).sum(1) != 1).any():
        raise InputError("the two grids are not parallel")
    return clean, matrix[:3, 3]


def _axes(
    source: Grid, target: Grid, matrix: NDArray[np.float64], offset: NDArray[np.float64]
) -> list[tuple[int, int, int, float, float]]:
    """Per source axis: (target axis, source length, target length, scale, offset)."""
    found = []
    for axis in range(3):
        other = int(np.flatnonzero(matrix[axis])[0])
        found.append((other, source.shape[axis], target.shape[other], float(matrix[axis, other]), float(offset[axis])))
    return found


def _separable(volume: Volume, grid: Grid, weights: list[tuple[int, NDArray[np.float32]]]) -> Volume:
    """Apply one (target length, source length) matrix along each source axis, then order the axes as the target's."""
    data = volume.data.astype(np.float32, copy=False)
    # Axes that shrink go first, those that grow last: the intermediate arrays stay small.
    for axis in sorted(range(3), key=lambda a: weights[a][1].shape[0] / weights[a][1].shape[1]):
        data = np.moveaxis(np.tensordot(weights[axis][1], data, axes=(1, axis)), 0, axis)
    order = np.argsort([target for target, _ in weights])
    return Volume(np.ascontiguousarray(data.transpose(order), dtype=np.float32), grid, volume.unit)


def _overlap(axis: int, n: int, m: int, scale: float, offset: float) -> tuple[int, NDArray[np.float32]]:
    """Share of each target voxel that each source voxel fills."""
    centre = offset + scale * np.arange(m)
    low, high = centre - abs(scale) / 2, centre + abs(scale) / 2
    edge = np.arange(n) - 0.5
    shared = np.minimum(high[:, None], edge + 1) - np.maximum(low[:, None], edge)
    return axis, (np.clip(shared, 0, None) / abs(scale)).astype(np.float32)


def _linear(axis: int, n: int, m: int, scale: float, offset: float) -> tuple[int, NDArray[np.float32]]:
    """Mean over each target voxel of the linear interpolant through the source voxels."""
    edges = np.stack([offset + scale * (np.arange(m) - 0.5), offset + scale * (np.arange(m) + 0.5)])
    low, high = edges.min(0), edges.max(0)
    area = _hat_integral(high, n) - _hat_integral(low, n)
    return axis, (area / abs(scale)).astype(np.float32)


def _hat_integral(x: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Integral from the left edge (-0.5) to x of each of the n interpolation functions, (len(x), n)."""
    x = np.clip(x, -0.5, n - 0.5)[:, None]
    knot = np.arange(n)[None]
    t = np.clip(x - knot, -1, 1)
    inner = np.where(t < 0, (1 + t) ** 2 / 2, 0.5 + t - t**2 / 2)
    if n == 1:
        return np.asarray(x + 0.5)
    # The outermost functions are constant over the half voxel next to the edge, so that the whole field of view counts.
    start, end = -0.5, n - 0.5
    inner[:, 0] = np.where(x[:, 0] < 0, x[:, 0] - start, 0.5 + np.clip(x[:, 0], 0, 1) - np.clip(x[:, 0], 0, 1) ** 2 / 2)
    last = np.clip(x[:, 0] - (n - 2), 0, 1)
    inner[:, -1] = last**2 / 2 + np.clip(x[:, 0] - (n - 1), 0, end - (n - 1))
    return np.asarray(inner)


def _resample_oblique(volume: Volume, grid: Grid) -> Volume:
    """As `resample_density` for grids that are turned against each other: linear samples, averaged per target voxel."""
    from scipy.ndimage import affine_transform

    times = tuple(int(np.ceil(s)) for s in grid.voxel_sizes / volume.grid.voxel_sizes.min())
    fine = grid.covering((grid.shape[0] * times[0], grid.shape[1] * times[1], grid.shape[2] * times[2]))
    matrix = np.linalg.inv(volume.grid.affine) @ fine.affine
    source = np.pad(volume.data.astype(np.float32), 1, mode="edge")
    inside = np.pad(np.ones(volume.data.shape, np.float32), 1)
    shift = matrix[:3, 3] + 1
    data = affine_transform(source, matrix[:3, :3], shift, fine.shape, order=1, mode="nearest")
    data *= affine_transform(inside, matrix[:3, :3], shift, fine.shape, order=0, mode="constant")
    blocks = data.reshape(grid.shape[0], times[0], grid.shape[1], times[1], grid.shape[2], times[2])
    return Volume(blocks.mean((1, 3, 5), dtype=np.float32), grid, volume.unit)
