"""Rasterisation: the share of each voxel inside a column between two surfaces, by counting sub-voxel centres.

The walls of a column are curved quadrilaterals: each can be split into triangles along either diagonal. A centre
between the two triangulations of any wall is half inside. Any other centre is inside if a line from outside crosses an
odd number of faces before it: where a column folds over itself twice, it is outside again. (wb_command uses the same
rule; a million centres were compared one by one.)

Lines run along the last axis. The centres of a line are bits of a word: a crossing inverts all bits behind it, from
whichever side the line meets the face, so that walls between the cells of one column cancel and can be omitted, and the
order of vertices and triangles does not matter. The four triangles of a wall's two triangulations enclose a
tetrahedron; inverted by these alone, the bits are the centres between them.

Points are in sub-voxel units: sub-voxel centres have integer coordinates. Edges are crossed by half-open rules that
both triangles of an edge share, so that every line that enters a column leaves it.

numba compiles these functions at their first call ever (about 6 s) and caches the result on disk. Import this module
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

MOST = 63
"""Divisions of a voxel whose centres still fit a word, with a bit to spare: shifting by 64 bits is undefined."""

_CHUNK = 1 << 20  # voxel shares per chunk: bounds the memory, does not change the result
_FACE, _WALL, _WALL_AGAIN = (-1, 0), (-1, -1), (0, -1)  # all bits or none: of `_Lines.inside`, of `_Lines.between`


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


class _Block(NamedTuple):
    """Lines through a box, a word each: the first centre, their number along both axes, and the place of the first."""

    x: int
    y: int
    z: int
    wide: int
    deep: int
    start: int


class _Lines(NamedTuple):
    """Bits of the centres of a block of lines: inside by the faces, between triangulations of a wall, of this wall."""

    inside: NDArray[np.int64]
    half: NDArray[np.int64]
    between: NDArray[np.int64]


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
        words = size[:, :2].prod(axis=1) * division**2 * -(-size[:, 2] // (MOST // division))
        count = max(_CHUNK, int(size.prod(axis=1).max(initial=0)))
        return cls(
            _Lines(*(np.zeros(words.max(initial=0), np.int64) for _ in _Lines._fields)),
            np.zeros(size[:, 2].max(initial=0), np.int32),
            np.zeros(len(size) + 1, np.int64),
            np.empty(count, np.int32 if total < 2**31 else np.int64),
            np.empty(count, np.float32),
        )


@compiled
def _cross(points: Any, triangle: Triple, kind: tuple[int, int], lines: Any, block: Any) -> None:
    """Invert the bits behind a triangle on each line of the block that crosses it."""
    i, j, k = triangle
    ax, bx, cx = points[i, 0], points[j, 0], points[k, 0]
    ay, by, cy = points[i, 1], points[j, 1], points[k, 1]
    lx, ly, mx, my, hx, hy = _sorted(ax, ay, bx, by, cx, cy)
    first, stop = max(int(np.floor(lx)) + 1, block.x), min(int(np.floor(hx)) + 1, block.x + block.wide)
    if first >= stop or int(np.ceil(min(ay, by, cy))) > int(np.floor(max(ay, by, cy))):
        return  # many triangles of a fine mesh fall between two lines
    az, bz, cz = points[i, 2], points[j, 2], points[k, 2]
    det = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    slope_x = slope_y = 0.0
    if det != 0.0:
        slope_x = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / det
        slope_y = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / det
    bottom, top = min(az, bz, cz), max(az, bz, cz)
    whole, lower, upper = (hy - ly) / (hx - lx), (my - ly) / (mx - lx), (hy - my) / (hx - mx)
    for x in range(first, stop):
        # Cut from its lower x on, an edge is cut at the same place in both its triangles.
        far = ly + whole * (x - lx)
        near = ly + lower * (x - lx) if x <= mx else my + upper * (x - mx)
        along_x, row = az + slope_x * (x - ax), block.start + (x - block.x) * block.deep - block.y
        y_stop = min(int(np.ceil(max(far, near))), block.y + block.deep)
        for y in range(max(int(np.ceil(min(far, near))), block.y), y_stop):
            # Slivers seen edge-on have no usable slope, but their crossing lies between their corners.
            z = min(max(along_x + slope_y * (y - ay), bottom), top)
            bits = -1 << min(max(int(np.ceil(z)) - block.z, 0), MOST)
            lines.inside[np.uintp(row + y)] ^= bits & kind[0]
            lines.between[np.uintp(row + y)] ^= bits & kind[1]


@compiled
def _sorted(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> Any:
    """Three points in the order of their x."""
    if ax > bx:
        ax, ay, bx, by = bx, by, ax, ay
    if bx > cx:
        bx, by, cx, cy = cx, cy, bx, by
        if ax > bx:
            ax, ay, bx, by = bx, by, ax, ay
    return ax, ay, bx, by, cx, cy


@compiled
def _cross_wall(points: Any, p: int, q: int, lines: Any, block: Any) -> None:
    """Cross a wall by its first triangulation, and mark the centres between this and the second as half inside."""
    pial = len(points) // 2
    r, s = pial + q, pial + p
    _cross(points, (p, q, r), _WALL, lines, block)
    _cross(points, (p, r, s), _WALL, lines, block)
    _cross(points, (p, q, s), _WALL_AGAIN, lines, block)
    _cross(points, (q, r, s), _WALL_AGAIN, lines, block)
    xs = points[p, 0], points[q, 0], points[r, 0], points[s, 0]
    ys = points[p, 1], points[q, 1], points[r, 1], points[s, 1]
    # A cut may exceed its edge by rounding, so that a line beside the wall may be crossed.
    y_first, y_stop = max(int(np.floor(min(ys))) - block.y, 0), min(int(np.ceil(max(ys))) - block.y + 1, block.deep)
    x_first, x_stop = max(int(np.ceil(min(xs))) - block.x, 0), min(int(np.floor(max(xs))) - block.x + 1, block.wide)
    for x in range(x_first, x_stop):
        row = block.start + x * block.deep
        for n in range(row + y_first, row + y_stop):
            lines.half[np.uintp(n)] |= lines.between[np.uintp(n)]
            lines.between[np.uintp(n)] = 0


@compiled
def _outline(vertex: int, columns: _Columns, lines: Any, block: Any) -> None:
    """Cross the faces of a column: caps and walls."""
    points, polygons = columns.points, columns.polygons
    sides = polygons.shape[1]
    pial = len(points) // 2
    for cell in columns.members[columns.starts[vertex] : columns.starts[vertex + 1]]:
        for n in range(1, sides - 1):
            p, q, r = polygons[cell, 0], polygons[cell, n], polygons[cell, n + 1]
            _cross(points, (r, q, p), _FACE, lines, block)
            _cross(points, (pial + p, pial + q, pial + r), _FACE, lines, block)
        for n in range(sides):
            p, q = polygons[cell, n], polygons[cell, (n + 1) % sides]
            if columns.is_open[cell, n] or vertex not in (p, q):
                _cross_wall(points, p, q, lines, block)


@compiled
def _ones(bits: int) -> int:
    """The number of ones of a non-negative integer; a single instruction of most processors, into which this turns."""
    count = 0
    while bits != 0:
        bits &= bits - 1
        count += 1
    return count


@compiled
def _count(first: int, block: Any, lines: Any, division: int, counts: Any) -> bool:
    """Add, per voxel of a row, the halves by which its centres are inside, and clear its lines; False without any."""
    of_voxel, found = (1 << division) - 1, False
    for line in range(first, first + division * block.deep, block.deep):
        for n in range(line, line + division):
            half = lines.half[np.uintp(n)]
            inside = lines.inside[np.uintp(n)] & ~half
            if inside | half != 0:
                lines.inside[np.uintp(n)] = lines.half[np.uintp(n)] = 0
                found = True
                for z in range(len(counts)):
                    counts[z] += 2 * _ones(inside & of_voxel) + _ones(half & of_voxel)
                    inside >>= division
                    half >>= division
    return found


@compiled
def _rasterise(columns: _Columns, boxes: _Boxes, shape: Any, division: int, first: int, buffers: _Buffers) -> int:
    """Compute voxel shares of the columns from `first` on until the buffer is full; return the next vertex."""
    low, size, lines = boxes.low, boxes.size, buffers.lines
    held, filled = MOST // division, 0  # voxels per word
    for vertex in range(first, len(size)):
        nx, ny, nz = size[vertex]
        if filled + nx * ny * nz > len(buffers.voxels):
            return vertex
        x0, y0, z0 = low[vertex] * division
        wide, deep = nx * division, ny * division
        block = _Block(x0, y0, z0, wide, deep, 0)
        for z in range(0, nz, held):
            block = _Block(x0, y0, z0 + z * division, wide, deep, z // held * wide * deep)
            _outline(vertex, columns, lines, block)
        for x in range(nx):
            for y in range(ny):
                found = False
                for z in range(0, nz, held):
                    line = z // held * wide * deep + (x * deep + y) * division
                    found |= _count(line, block, lines, division, buffers.counts[z : min(z + held, nz)])
                row = (low[vertex, 0] + x) * shape[1] + low[vertex, 1] + y
                if found:
                    for z in range(nz):
                        if buffers.counts[z] > 0:
                            buffers.voxels[filled] = row * shape[2] + low[vertex, 2] + z
                            buffers.shares[filled] = buffers.counts[z] / (2.0 * division**3)
                            buffers.counts[z] = 0
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
        Sub-voxels along each axis of a voxel, 1 to `MOST`.

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


@compiled
def mark(indices: Any, first: int, touched: Any) -> None:
    """Mark the places of indices, counted from the first."""
    for index in indices:
        touched[np.uintp(index - first)] = True


@compiled
def renumber(indices: Any, first: int, number: Any) -> None:
    """Replace indices, in place, by the numbers of their places, counted from the first."""
    for n in range(len(indices)):
        indices[n] = number[np.uintp(indices[n] - first)]
