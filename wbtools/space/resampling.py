"""Resampling of volumes: exact averages, densities with their totals preserved, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import Grid, Volume

_AT_ONCE = 1 << 18  # labelled voxels processed together: 100 MB

if TYPE_CHECKING:
    from scipy.sparse import csr_array


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
        float32 on `grid`. Outside the field of view counts as 0.

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
    """Resample a density (1/mm3) or intensity to another grid and preserve its total over space.

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
    >>> from wbtools.space.grid import Unit
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
    """Resample labels to another grid; each voxel takes the label at its centre (0 outside the field of view).

    Examples
    --------
    >>> from wbtools.space.grid import Unit
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


def region_shares(labels: Volume, keys: Sequence[int], grid: Grid) -> csr_array:
    """The share of each coarse voxel that `resample_density` to the labels' grid assigns to each region.

    Parameters
    ----------
    labels : Volume
    keys : sequence of int
        The regions.
    grid : Grid
        The coarse grid; axes parallel to those of the labels' grid.

    Returns
    -------
    sparse array, (R + 1, voxels of `grid`)
        Rows are the regions in the order of `keys`, then the remainder; columns sum to 1. The product with values per
        voxel gives the totals of the regions.

    Examples
    --------
    >>> from wbtools.space.grid import Unit
    >>> coarse = Grid((2, 1, 1), np.diag([2.0, 1, 1, 1]))
    >>> labels = Volume(np.array([5, 5, 0, 5]).reshape(4, 1, 1), coarse.covering((4, 1, 1)), Unit.LABEL)
    >>> region_shares(labels, [5], coarse).toarray().round(3)
    array([[0.875, 0.625],
           [0.125, 0.375]], dtype=float32)
    """
    from scipy.sparse import csr_array, vstack

    scale, offset = _parallel(grid, labels.grid)
    row = np.full(max(int(labels.data.max()), *keys) + 1, len(keys), np.intp)
    row[list(keys)] = np.arange(len(keys))
    inside = np.flatnonzero(row[labels.data.ravel()] < len(keys))
    share = np.float32(labels.grid.voxel_volume / grid.voxel_volume)
    weights = [_linear(*axis) for axis in _axes(grid, labels.grid, scale, offset)]
    largest = [[_nth_largest(part, n) for n in range(int((part > 0).sum(1).max()))] for _, part in weights]
    shape = (len(keys), int(np.prod(grid.shape)))
    regions = csr_array(shape, dtype=np.float32)
    for some in np.split(inside, range(_AT_ONCE, len(inside), _AT_ONCE)):
        places = np.unravel_index(some, labels.grid.shape)
        parts = [np.zeros(len(some), np.int32)], [np.full(len(some), share, np.float32)]
        for (axis, _), found, size in zip(weights, largest, grid.shape, strict=True):
            index = [i * np.int32(size) + column[places[axis]] for i in parts[0] for column, _ in found]
            parts = index, [w * value[places[axis]] for w in parts[1] for _, value in found]
        region = np.tile(row[labels.data.ravel()[some]], len(parts[0]))
        regions = regions + csr_array((np.concatenate(parts[1]), (region, np.concatenate(parts[0]))), shape=shape)
    return csr_array(vstack([regions, csr_array(1 - regions.sum(0)[None])]))


def _nth_largest(weights: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The column and value of the n-th largest weight of each row."""
    column = np.argsort(-weights, axis=1)[:, n].astype(np.int32)
    return column, np.take_along_axis(weights, column[:, None], 1)[:, 0]


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
    """Apply a (target length, source length) matrix along each source axis, then order the axes like the target's."""
    data = volume.data.astype(np.float32, copy=False)
    # Shrinking axes come first and growing ones last, so that the intermediate arrays stay small.
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
    """As `resample_density` for grids rotated against each other: linear samples, averaged per target voxel."""
    result = Volume(np.zeros(grid.shape, np.float32), grid, volume.unit)
    box = _reached(volume, grid)
    part = result.within(box)
    times = [int(np.ceil(s)) for s in grid.voxel_sizes / volume.grid.voxel_sizes.min()]
    x, y, z = (size * n for size, n in zip(part.grid.shape, times, strict=True))
    fine = part.grid.covering((x, y, z))
    data = _samples(volume, fine)
    shape = [each for pair in zip(part.grid.shape, times, strict=True) for each in pair]
    result.data[box] = data.reshape(shape).mean((1, 3, 5), dtype=np.float32)
    return result


def _samples(volume: Volume, grid: Grid) -> NDArray[np.float32]:
    """A volume at the centres of a grid's voxels, linear between its own, constant in the outer half voxel, then 0."""
    from scipy.ndimage import affine_transform

    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    place = matrix[:3, :3], matrix[:3, 3] + 1, grid.shape
    source = np.pad(volume.data.astype(np.float32), 1, mode="edge")
    data: NDArray[np.float32] = affine_transform(source, *place, order=1, mode="nearest")
    for axis, length in enumerate(volume.data.shape):
        if np.take(volume.data, (0, -1), axis).any():  # else it is 0 beyond this side of its field of view anyway
            _cut(data, matrix[axis], length)
    return data


def _cut(data: NDArray[np.float32], row: NDArray[np.float64], length: int) -> None:
    """Set to 0, in place, what lies beyond the first or last voxel of an axis, whose index a row of a matrix gives."""
    steps = [row[axis] * np.arange(size) for axis, size in enumerate(data.shape)]
    across = steps[1][:, None] + steps[2]
    low, high = across.min(), across.max()
    for plane, begin in zip(data, steps[0] + row[3], strict=True):
        if begin + low < -0.5 or begin + high >= length - 0.5:
            index = begin + across
            plane[(index < -0.5) | (index >= length - 0.5)] = 0


def _reached(volume: Volume, grid: Grid) -> tuple[slice, slice, slice]:
    """The block of a grid's voxels that hold all which is not 0 in a volume; one voxel at least."""
    seen = np.nonzero(volume.data)
    if not len(seen[0]):
        return (slice(0, 1),) * 3
    ends = np.array([(index.min() - 1, index.max() + 1) for index in seen], float)  # interpolation reaches so far
    corners = np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(8, 3)
    matrix = np.linalg.inv(grid.affine) @ volume.grid.affine
    there = corners @ matrix[:3, :3].T + matrix[:3, 3]
    first = np.clip(np.floor(there.min(0) - 0.5), 0, np.array(grid.shape) - 1).astype(int)
    last = np.clip(np.ceil(there.max(0) + 0.5), first, np.array(grid.shape) - 1).astype(int)
    i, j, k = (slice(int(low), int(high) + 1) for low, high in zip(first, last, strict=True))
    return i, j, k
