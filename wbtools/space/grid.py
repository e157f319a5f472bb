"""Voxel grids and volumes: arrays with their position in world space.

World coordinates are millimetres, RAS+ (right, anterior, superior positive), everywhere inside wbtools. A voxel index
refers to the voxel's centre, so a grid of `n` voxels reaches from index -0.5 to n - 0.5.

Relevance is an *extensive* quantity: it sums over voxels. It is therefore stored as a density per mm3 and multiplied by
volume only when it is summed. Interpolating it like an intensity would change its total.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.text import lengths

Array = NDArray[Any]
FloatArray = NDArray[np.floating]

_AXIS_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
_OFF_AXIS = 1e-4  # a direction cosine below this is rounding, not obliqueness
_ORDER = "LAS"  # the orientation of HCP images
_ORIGIN, _STEP = 5e-4, 1e-6  # mm; resolution of the position and of the voxel steps of a canonical grid
_OFFSET = 0.1234  # of a step: moves the rounding threshold away from decimal numbers, which headers hold


class Unit(Enum):
    """The meaning of voxel values; it decides how a volume may be resampled."""

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
            raise InputError("the image's affine is not an invertible 4 x 4 matrix", hint="repair the image's header")
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
        """Whether any voxel axis is not parallel to an axis of the world."""
        cosines = np.abs(self.affine[:3, :3] / self.voxel_sizes)
        return bool(np.sort(cosines, axis=0)[:2].max() > _OFF_AXIS)

    def _nearest_axes(self) -> list[tuple[int, float]]:
        """For each voxel axis, the closest world axis (each used once) and the sign of their cosine."""
        cosines = self.affine[:3, :3] / self.voxel_sizes
        strength = np.abs(cosines)
        chosen: dict[int, int] = {}
        for _ in range(3):
            world, voxel = np.unravel_index(np.argmax(strength), (3, 3))
            chosen[int(voxel)] = int(world)
            strength[world, :] = -1
            strength[:, voxel] = -1
        return [(chosen[axis], float(cosines[chosen[axis], axis])) for axis in range(3)]

    @property
    def is_permuted(self) -> bool:
        """Whether its axes come in another order than the world's.

        Examples
        --------
        >>> Grid((4, 5, 6), np.eye(4)).reoriented("PSR").is_permuted, Grid((4, 5, 6), np.eye(4)).is_permuted
        (True, False)
        """
        return [world for world, _ in self._nearest_axes()] != [0, 1, 2]

    def to_world(self, indices: FloatArray) -> NDArray[np.float64]:
        """World coordinates (mm, (..., 3)) of voxel indices (..., 3)."""
        return _transformed(self.affine, indices)

    def to_index(self, points: FloatArray) -> NDArray[np.float64]:
        """Fractional voxel indices (..., 3) of world points (mm, (..., 3))."""
        return _transformed(np.linalg.inv(self.affine), points)

    def corners(self) -> NDArray[np.float64]:
        """The eight outer corners of the field of view, mm, (8, 3)."""
        edges = [(-0.5, n - 0.5) for n in self.shape]
        return self.to_world(np.array(list(product(*edges))))

    def same_as(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Whether both grids have the same shape and the same corners within `tolerance` mm.

        Examples
        --------
        >>> grid = Grid((2, 2, 2), np.eye(4))
        >>> grid.same_as(grid), grid.same_as(grid.with_spacing(0.5))
        (True, False)
        """
        return self.shape == other.shape and bool(np.abs(self.corners() - other.corners()).max() <= tolerance)

    def covering(self, shape: tuple[int, int, int]) -> Grid:
        """The grid of `shape` voxels that covers this field of view exactly, edge to edge."""
        scale = np.array(self.shape) / np.array(shape)
        step = np.diag([*scale, 1.0])
        step[:3, 3] = (scale - 1) / 2
        return Grid(shape, self.affine @ step)

    def with_spacing(self, millimetres: float) -> Grid:
        """A grid of isotropic voxels over this field of view; the outer corner of the first voxel stays in place.

        Examples
        --------
        >>> Grid((260, 311, 260), np.diag([0.7, 0.7, 0.7, 1])).with_spacing(2.0).shape
        (91, 109, 91)
        """
        count = np.maximum(1, np.ceil(np.array(self.shape) * self.voxel_sizes / millimetres - 1e-6)).astype(int)
        step = np.diag([*(millimetres / self.voxel_sizes), 1.0])
        step[:3, 3] = (millimetres / self.voxel_sizes - 1) / 2
        return Grid((int(count[0]), int(count[1]), int(count[2])), self.affine @ step)

    def reoriented(self, orientation: str) -> Grid:
        """The same voxels indexed in another orientation (see `reorient`).

        Examples
        --------
        >>> Grid((4, 5, 6), np.eye(4)).reoriented("PSR").shape
        (5, 6, 4)
        """
        order, flipped = _axis_moves(self, orientation)
        step = np.zeros((4, 4))
        step[3, 3] = 1
        for new, old in enumerate(order):
            step[old, new] = -1.0 if flipped[new] else 1.0
            step[old, 3] = self.shape[old] - 1 if flipped[new] else 0
        return Grid((self.shape[order[0]], self.shape[order[1]], self.shape[order[2]]), self.affine @ step)


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """Voxel values on a grid, with their unit.

    Parameters
    ----------
    data : ndarray, (X, Y, Z), float32, int32 or int16
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
    >>> Volume(np.zeros((2, 2, 2), np.float32), grid, Unit.DENSITY)
    <Volume 2 x 2 x 2, RAS, voxels of 2 x 2 x 2 mm, density>
    """

    data: Array
    grid: Grid
    unit: Unit = Unit.INTENSITY

    def __post_init__(self) -> None:
        if self.data.shape != self.grid.shape:
            raise InputError(f"data of shape {self.data.shape} on a grid of shape {self.grid.shape}")

    def __repr__(self) -> str:
        shape, sizes = (lengths(each, ".3g") for each in (self.data.shape, self.grid.voxel_sizes))
        return f"<Volume {shape}, {self.grid.orientation}, voxels of {sizes} mm, {self.unit.name.lower()}>"

    def within(self, box: tuple[slice, slice, slice]) -> Volume:
        """The part of the volume inside a block of voxels, at its place in space.

        Examples
        --------
        >>> volume = Volume(np.arange(8.0).reshape(2, 2, 2), Grid((2, 2, 2), np.eye(4)))
        >>> part = volume.within((slice(1, 2), slice(0, 2), slice(0, 1)))
        >>> part.data.ravel(), part.grid.affine[:3, 3]
        (array([4., 6.]), array([1., 0., 0.]))
        """
        affine = self.grid.affine.copy()
        affine[:3, 3] = self.grid.to_world(np.array([part.start for part in box], float))
        data = self.data[box]
        return Volume(data, Grid(data.shape, affine), self.unit)

    def total(self) -> float:
        """Sum over the volume; a density is multiplied by the voxel's volume first."""
        weight = self.grid.voxel_volume if self.unit is Unit.DENSITY else 1.0
        return float(self.data.sum(dtype=np.float64) * weight)


def compact(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """Labels as int16 if they fit, which halves a volume, else as int32; every viewer reads both.

    Examples
    --------
    >>> compact(np.array([3, 471])).dtype, compact(np.array([3, 40000])).dtype
    (dtype('int16'), dtype('int32'))
    """
    fits = labels.size == 0 or (labels.min() >= -(2**15) and labels.max() < 2**15)
    return labels.astype(np.int16 if fits else np.int32, copy=False)


def _transformed(affine: FloatArray, points: FloatArray) -> NDArray[np.float64]:
    """Points (..., 3) transformed by a 4 x 4 affine."""
    result: NDArray[np.float64] = np.asarray(points, np.float64) @ affine[:3, :3].T + affine[:3, 3]
    return result


def _axis_moves(grid: Grid, orientation: str) -> tuple[list[int], list[bool]]:
    """For each new axis the old axis it takes, and whether it is flipped."""
    wanted = []
    for letter in orientation.upper():
        hits = [(axis, pair.index(letter)) for axis, pair in enumerate(_AXIS_LETTERS) if letter in pair]
        if hits:
            wanted.append(hits[0])
    if sorted(axis for axis, _ in wanted) != [0, 1, 2] or len(orientation) != 3:
        raise InputError(f"'{orientation}' is not an orientation", hint="give three letters such as RAS or LAS")
    have = grid._nearest_axes()
    order = [next(old for old, (world, _) in enumerate(have) if world == axis) for axis, _ in wanted]
    flipped = [(have[old][1] > 0) != bool(side) for old, (_, side) in zip(order, wanted, strict=True)]
    return order, flipped


def reorient(volume: Volume, orientation: str) -> Volume:
    """Index the same voxels in another anatomical orientation; no value changes.

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


def canonical(volume: Volume) -> Volume:
    """The same voxels in LAS orientation, with their position rounded to 0.0005 mm.

    Results computed on it do not depend on the orientation in which a file stores its voxels, not even by rounding:
    headers hold affines as float32, so the same position, computed from another corner, differs by about 1e-5 mm.

    Examples
    --------
    >>> ras = Volume(np.zeros((3, 2, 2), np.float32), Grid((3, 2, 2), np.diag([0.7, 0.7, 0.7, 1])))
    >>> stored = Volume(ras.data, Grid((3, 2, 2), ras.grid.affine.astype(np.float32)))
    >>> moved = canonical(reorient(stored, "PSR"))
    >>> moved.grid.orientation, bool((moved.grid.affine == canonical(ras).grid.affine).all())
    ('LAS', True)
    """
    ordered = reorient(volume, _ORDER)
    middle = (np.array(ordered.grid.shape) - 1) / 2
    affine = _rounded(ordered.grid.affine, _STEP)
    affine[:3, 3] = _rounded(ordered.grid.to_world(middle), _ORIGIN) - affine[:3, :3] @ middle
    return Volume(np.ascontiguousarray(ordered.data), Grid(ordered.grid.shape, affine), volume.unit)


def as_stored(volume: Volume, grid: Grid) -> Volume:
    """A volume on a canonical grid, returned to the orientation and exact position of its original grid: a view.

    Examples
    --------
    >>> stored = Volume(np.arange(12.0).reshape(3, 2, 2), Grid((3, 2, 2), np.eye(4)))
    >>> back = as_stored(canonical(stored), stored.grid)
    >>> bool((back.data == stored.data).all()), back.grid is stored.grid
    (True, True)
    """
    return Volume(reorient(volume, grid.orientation).data, grid, volume.unit)


def _rounded(values: FloatArray, step: float) -> NDArray[np.float64]:
    """Values rounded to multiples of a step; decimal numbers half-way between two are far from the threshold."""
    return np.asarray(np.floor(np.asarray(values, np.float64) / step + 0.5 + _OFFSET) * step)
