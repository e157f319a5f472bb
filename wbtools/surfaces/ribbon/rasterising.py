"""Rasterisation: the share of each voxel inside a column between two surfaces, by counting sub-voxel centres.

The walls of a column are curved quadrilaterals: each can be split into triangles along either diagonal. A centre
between the two triangulations of any wall is half inside. Any other centre is inside if a line from outside crosses an
odd number of faces before it: where a column folds over itself twice, it is outside again. (wb_command uses the same
rule; a million centres were compared one by one.)

Lines run along the last axis. A line enters through faces that it meets from outside and leaves through the others, so
that walls between the cells of one column cancel and can be omitted, and the order of vertices and triangles does not
matter. A second count of the same crossings gives the number of walls between whose triangulations a centre lies.

Points are in sub-voxel units: sub-voxel centres have integer coordinates. Edges are crossed by half-open rules that
both triangles of an edge share, so that every line that enters a column leaves it.

numba compiles these functions at their first call ever (about 3 s) and caches the result on disk. Import this module
only where it is needed, because importing numba is slow.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wbtools.space.compiled import compiled
from wbtools.surfaces.ribbon.columns import Cells

Triple = tuple[int, int, int]

_WALL = 64  # a step into the space between a wall's two triangulations; steps into a column are 1, fewer than half this
_NOWHERE = np.iinfo(np.int16).max  # the first centre of a line without steps
_CHUNK = 1 << 20  # voxel shares per chunk: bounds the memory, does not change the result


class _Columns(NamedTuple):
    """Columns of cortex as in `Cells`, in sub-voxels, with all points in one array: first white, then pial."""

    points: NDArray[np.floating]
    polygons: NDArray[np.integer]
    is_open: NDArray[np.bool_]
    starts: NDArray[np.integer]
    members: NDArray[np.integer]


class _Boxes(NamedTuple):
    """First voxel and number of voxels around each column in the grid, (V, 3) each."""

    low: NDArray[np.int64]
    size: NDArray[np.int64]


class _Lines(NamedTuple):
    """Steps at the centres of a block of lines, and the first and last centre of each line that has one."""

    steps: NDArray[np.int16]
    first: NDArray[np.int16]
    last: NDArray[np.int16]


class _Buffers(NamedTuple):
    """Work arrays for a single column, and arrays for the voxel shares of many columns."""

    lines: _Lines
    counts: NDArray[np.int32]
    indptr: NDArray[np.int64]
    voxels: NDArray[np.signedinteger]
    shares: NDArray[np.float32]

    @classmethod
    def of(cls, size: NDArray[np.int64], division: int, total: int) -> _Buffers:
        """Buffers for columns whose boxes have these sizes, in a grid of `total` voxels."""
        largest, count = size.max(axis=0, initial=0), max(_CHUNK, int(size.prod(axis=1).max(initial=0)))
        return cls(
            _Lines(
                np.zeros(largest * division, np.int16),
                np.full(largest[:2] * division, _NOWHERE, np.int16),
                np.full(largest[:2] * division, -1, np.int16),
            ),
            np.zeros(largest, np.int32),
            np.zeros(len(size) + 1, np.int64),
            np.empty(count, np.int32 if total < 2**31 else np.int64),
            np.empty(count, np.float32),
        )


@compiled
def _cut(px: float, py: float, qx: float, qy: float, x: float) -> float:
    """The y at which the edge between p and q crosses x, exactly the same in both directions."""
    if px > qx:
        px, py, qx, qy = qx, qy, px, py
    return py + (qy - py) / (qx - px) * (x - px)


@compiled
def _cross(points: Any, triangle: Triple, step: int, lines: Any, corner: Triple) -> None:
    """Add a step to each line of the block that crosses a triangle, at the first centre behind it.

    The step is positive if the line meets the outer side of the triangle. The first centre of the block is at `corner`.
    """
    i, j, k = triangle
    x0, y0, z0 = corner
    ax, bx, cx = points[i, 0], points[j, 0], points[k, 0]
    first = max(int(np.ceil(min(ax, bx, cx))), x0)
    last = min(int(np.floor(max(ax, bx, cx))), x0 + lines.steps.shape[0] - 1)
    if first > last:  # many triangles of a fine mesh fall between two lines
        return
    ay, by, cy = points[i, 1], points[j, 1], points[k, 1]
    if int(np.ceil(min(ay, by, cy))) > int(np.floor(max(ay, by, cy))):
        return
    az, bz, cz = points[i, 2], points[j, 2], points[k, 2]
    det = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    slope_x = slope_y = 0.0
    if det != 0.0:
        slope_x = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / det
        slope_y = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / det
    bottom, top = min(az, bz, cz), max(az, bz, cz)
    for x in range(first, last + 1):
        rising = falling = np.inf
        for px, py, qx, qy in ((ax, ay, bx, by), (bx, by, cx, cy), (cx, cy, ax, ay)):
            if px < x <= qx:
                rising = _cut(px, py, qx, qy, x)
            elif qx < x <= px:
                falling = _cut(px, py, qx, qy, x)
        if rising == falling:
            continue
        inwards = step if falling < rising else -step
        low, high = min(rising, falling), max(rising, falling)
        for y in range(max(int(np.ceil(low)), y0), min(int(np.ceil(high)), y0 + lines.steps.shape[1])):
            # Slivers seen edge-on have no usable slope, but their crossing lies between their corners.
            z = min(max(az + slope_x * (x - ax) + slope_y * (y - ay), bottom), top)
            behind = max(int(np.ceil(z)) - z0, 0)
            if behind < lines.steps.shape[2]:
                lines.steps[x - x0, y - y0, behind] += inwards
                lines.first[x - x0, y - y0] = min(lines.first[x - x0, y - y0], behind)
                lines.last[x - x0, y - y0] = max(lines.last[x - x0, y - y0], behind)


@compiled
def _side(points: Any, p: int, q: int, r: int, s: int) -> int:
    """Whether point s lies in front of (1) or behind (-1) the triangle p, q, r."""
    ax, ay, az = points[q, 0] - points[p, 0], points[q, 1] - points[p, 1], points[q, 2] - points[p, 2]
    bx, by, bz = points[r, 0] - points[p, 0], points[r, 1] - points[p, 1], points[r, 2] - points[p, 2]
    cx, cy, cz = points[s, 0] - points[p, 0], points[s, 1] - points[p, 1], points[s, 2] - points[p, 2]
    return 1 if cx * (ay * bz - az * by) + cy * (az * bx - ax * bz) + cz * (ax * by - ay * bx) > 0 else -1


@compiled
def _outline(vertex: int, columns: _Columns, lines: Any, corner: Triple) -> None:
    """Cross the faces of a column: caps, walls by their first triangulation, and the space up to the second.

    This space is a tetrahedron; with the right orientation it counts as 1, whichever way the wall is curved.
    """
    points, polygons = columns.points, columns.polygons
    sides = polygons.shape[1]
    pial = len(points) // 2
    for cell in columns.members[columns.starts[vertex] : columns.starts[vertex + 1]]:
        for n in range(1, sides - 1):
            p, q, r = polygons[cell, 0], polygons[cell, n], polygons[cell, n + 1]
            _cross(points, (r, q, p), 1, lines, corner)
            _cross(points, (pial + p, pial + q, pial + r), 1, lines, corner)
        for n in range(sides):
            p, q = polygons[cell, n], polygons[cell, (n + 1) % sides]
            if vertex in (p, q) and not columns.is_open[cell, n]:
                continue
            wall = _WALL * _side(points, p, pial + q, q, pial + p)
            _cross(points, (p, q, pial + q), 1 + wall, lines, corner)
            _cross(points, (p, pial + q, pial + p), 1 + wall, lines, corner)
            _cross(points, (p, q, pial + p), -wall, lines, corner)
            _cross(points, (q, pial + q, pial + p), -wall, lines, corner)


@compiled
def _count(lines: Any, division: int, counts: Any) -> None:
    """Sum, per voxel, the halves by which its centres are inside, and clear the lines for the next column."""
    for x in range(lines.steps.shape[0]):
        for y in range(lines.steps.shape[1]):
            inside, last = 0, lines.last[x, y]
            for z in range(lines.first[x, y], lines.steps.shape[2]):
                inside += lines.steps[x, y, z]
                lines.steps[x, y, z] = 0
                if inside != 0:
                    halves = 1 if (inside + _WALL // 2) // _WALL != 0 else 2 * (inside % 2)
                    counts[x // division, y // division, z // division] += halves
                elif z >= last:
                    break
            lines.first[x, y], lines.last[x, y] = _NOWHERE, -1


@compiled
def _rasterise(columns: _Columns, boxes: _Boxes, shape: Any, division: int, first: int, buffers: _Buffers) -> int:
    """Compute voxel shares of the columns from `first` on until the buffer is full; return the next vertex."""
    low, size, counts = boxes.low, boxes.size, buffers.counts
    filled = 0
    for vertex in range(first, len(size)):
        nx, ny, nz = size[vertex]
        if filled + nx * ny * nz > len(buffers.voxels):
            return vertex
        x0, y0, z0 = low[vertex] * division
        wide, deep = nx * division, ny * division
        lines = _Lines(
            buffers.lines.steps[:wide, :deep, : nz * division],
            buffers.lines.first[:wide, :deep],
            buffers.lines.last[:wide, :deep],
        )
        _outline(vertex, columns, lines, (x0, y0, z0))
        _count(lines, division, counts)
        for x in range(nx):
            for y in range(ny):
                for z in range(nz):
                    if counts[x, y, z] > 0:
                        row = (low[vertex, 0] + x) * shape[1] + low[vertex, 1] + y
                        buffers.voxels[filled] = row * shape[2] + low[vertex, 2] + z
                        buffers.shares[filled] = counts[x, y, z] / (2.0 * division**3)
                        counts[x, y, z] = 0
                        filled += 1
        buffers.indptr[vertex + 1] = filled
    return len(size)


def voxel_shares(cells: Cells, shape: tuple[int, int, int], division: int) -> sparse.csr_matrix:
    """The share of each voxel inside each vertex's column.

    Parameters
    ----------
    cells : Cells
        Points in voxel indices.
    shape : tuple of int
        Of the grid; columns are clipped to it.
    division : int
        Sub-voxels along each axis of a voxel.

    Returns
    -------
    csr_matrix, (V, voxels), float32
        In [0, 1], indices sorted; voxels ravelled in C order.
    """
    points = (np.concatenate([cells.white, cells.pial]) + 0.5) * division - 0.5
    columns = _Columns(points, cells.polygons, cells.is_open, cells.starts, cells.members)
    boxes = _Boxes(*_boxes(columns, np.array(shape), division))
    buffers = _Buffers.of(boxes.size, division, math.prod(shape))
    voxels, shares, indptr = buffers.voxels, buffers.shares, buffers.indptr
    chunks = [(voxels[:0], shares[:0])]
    first = before = 0
    while first < len(boxes.size):
        stop = _rasterise(columns, boxes, np.array(shape), division, first, buffers)
        filled = int(indptr[stop])
        chunks.append((voxels[:filled].copy(), shares[:filled].copy()))
        indptr[first + 1 : stop + 1] += before
        first, before = stop, before + filled
    indices, data = (np.concatenate(part) for part in zip(*chunks, strict=True))
    return sparse.csr_matrix((data, indices, indptr.astype(indices.dtype)), shape=(len(boxes.size), math.prod(shape)))


@compiled
def _boxes(columns: _Columns, shape: Any, division: int) -> Any:
    """First voxel (V, 3) and number of voxels (V, 3) of the box around each column in the grid; 0 if outside."""
    points, polygons, starts = columns.points, columns.polygons, columns.starts
    vertices, pial = len(starts) - 1, len(points) // 2
    low, size = np.zeros((vertices, 3), np.int64), np.zeros((vertices, 3), np.int64)
    for vertex in range(vertices):
        lowest, highest = np.full(3, np.inf), np.full(3, -np.inf)
        for cell in columns.members[starts[vertex] : starts[vertex + 1]]:
            for p in polygons[cell]:
                for axis in range(3):
                    lowest[axis] = min(lowest[axis], points[p, axis], points[pial + p, axis])
                    highest[axis] = max(highest[axis], points[p, axis], points[pial + p, axis])
        if starts[vertex] < starts[vertex + 1]:
            for axis in range(3):
                low[vertex, axis] = max(int(np.ceil(lowest[axis])) // division, 0)
                stop = min(int(np.floor(highest[axis])) // division + 1, shape[axis])
                size[vertex, axis] = max(stop - low[vertex, axis], 0)
            if size[vertex].min() == 0:
                size[vertex] = 0
    return low, size
