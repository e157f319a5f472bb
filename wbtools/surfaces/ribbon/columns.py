"""Columns of cortex: the part of the space between white and pial surface that belongs to each vertex."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Columns(Enum):
    """The extent of the columns around their vertices."""

    THICK = "thick"
    """All triangles around the vertex, so that columns overlap: Workbench's default from volume to surface."""
    THIN = "thin"
    """These triangles up to edge midpoints and centroids, without overlap: its default from labels to volume."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Polygons of the mesh that, swept from white to pial, form the columns.

    Parameters
    ----------
    white, pial : ndarray, (P, 3), float64
        The polygons' corner points on both surfaces; the first V are the vertices.
    polygons : ndarray, (C, 3) or (C, 4), int32
        Point numbers around each cell.
    is_open : ndarray, (C, 3) or (C, 4), bool
        Whether the side from each corner to the next lies on the border of the mesh. Only there is a side at a vertex a
        wall of that vertex's column; elsewhere the next cell of the column adjoins it.
    starts : ndarray, (V + 1,), int64
    members : ndarray, int32
        The cells of vertex v's column are `members[starts[v]:starts[v + 1]]`.
    """

    white: NDArray[np.float64]
    pial: NDArray[np.float64]
    polygons: NDArray[np.int32]
    is_open: NDArray[np.bool_]
    starts: NDArray[np.int64]
    members: NDArray[np.int32]


def divide(
    columns: Columns, white: NDArray[np.float64], pial: NDArray[np.float64], triangles: NDArray[np.int32]
) -> Cells:
    """Divide the triangles of a mesh into the cells of its columns.

    Parameters
    ----------
    columns : Columns
    white, pial : ndarray, (V, 3), float64
        Vertices of the two surfaces.
    triangles : ndarray, (T, 3), int32
        The triangles they share.

    Examples
    --------
    >>> square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    >>> halves = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    >>> divide(Columns.THICK, square, square + [0, 0, 1], halves).polygons.shape
    (2, 3)
    >>> divide(Columns.THIN, square, square + [0, 0, 1], halves).polygons.shape
    (6, 4)
    """
    ends, edge, border = _edges(triangles, len(white))
    if columns is Columns.THICK:
        starts, members = _members(triangles, len(white))
        return Cells(white, pial, triangles, border, starts, members)
    midpoint = len(white) + edge
    centroid = np.repeat(len(white) + len(ends) + np.arange(len(triangles)), 3).reshape(-1, 3)
    polygons = np.stack([triangles, midpoint, centroid, np.roll(midpoint, 1, axis=1)], axis=2).reshape(-1, 4)
    within = np.zeros_like(border)
    is_open = np.stack([border, within, within, np.roll(border, 1, axis=1)], axis=2).reshape(-1, 4)
    inner, outer = (
        np.concatenate([vertices, vertices[ends].mean(axis=1), vertices[triangles].mean(axis=1)])
        for vertices in (white, pial)
    )
    return Cells(inner, outer, polygons.astype(np.int32), is_open, *_members(triangles.reshape(-1, 1), len(white)))


def _edges(
    triangles: NDArray[np.int32], vertices: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The edges of a mesh (E, 2), and for each side of each triangle (T, 3) its edge and whether it is a border."""
    start, end = triangles.astype(np.int64), np.roll(triangles, -1, axis=1).astype(np.int64)
    numbers, edge = np.unique(np.minimum(start, end) * vertices + np.maximum(start, end), return_inverse=True)
    edge = edge.reshape(triangles.shape)
    # The triangles of an inner edge traverse it as often in one direction as in the other.
    balance = np.bincount(edge.ravel(), np.sign(end - start).ravel(), minlength=len(numbers))
    return np.stack(np.divmod(numbers, vertices), axis=1), edge, balance[edge] != 0


def _members(owners: NDArray[np.int32], vertices: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The cells of each vertex, from the vertices (C, n) of each cell: starts (V + 1,) and cells."""
    order = np.argsort(owners, axis=None, kind="stable")
    counts = np.bincount(owners.ravel(), minlength=vertices)
    return np.concatenate([[0], np.cumsum(counts)]), (order // owners.shape[1]).astype(np.int32)
