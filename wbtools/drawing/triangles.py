"""Triangles with a colour at each corner, drawn so that the nearest ones hide the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.space.compiled import compiled


@compiled
def fill(
    points: NDArray[np.float32],
    colours: NDArray[np.float32],
    triangles: NDArray[np.int32],
    picture: NDArray[np.uint8],
    nearest: NDArray[np.float32],
) -> None:
    """Draw triangles into a picture: a pixel is drawn if its centre lies inside, in colours mixed from the corners.

    Parameters
    ----------
    points : ndarray, (V, 3), float32
        Pixels from the left, pixels from the top, nearness to the viewer (any unit).
    colours : ndarray, (V, 3), float32
        0 to 255.
    triangles : ndarray, (T, 3), int32
    picture : ndarray, (H, W, 3), uint8
        Changed.
    nearest : ndarray, (H, W), float32
        Nearness of what is drawn already; changed.

    Examples
    --------
    >>> picture, nearest = np.zeros((2, 2, 3), np.uint8), np.full((2, 2), -np.inf, np.float32)
    >>> corners = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
    >>> fill(corners, np.full((3, 3), 9, np.float32), np.array([[0, 1, 2]], np.int32), picture, nearest)
    >>> picture[..., 0].tolist()
    [[9, 9], [9, 0]]
    """
    height, width = nearest.shape
    for triangle in range(len(triangles)):
        a, b, c = triangles[triangle]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        twice = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if twice == 0:
            continue
        top, bottom = max(0, int(np.ceil(min(ay, by, cy) - 0.5))), min(height, int(np.ceil(max(ay, by, cy) + 0.5)))
        left, right = max(0, int(np.ceil(min(ax, bx, cx) - 0.5))), min(width, int(np.ceil(max(ax, bx, cx) + 0.5)))
        for row in range(top, bottom):
            y = row + 0.5
            for column in range(left, right):
                x = column + 0.5
                first = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / twice
                second = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / twice
                third = 1 - first - second
                if first < 0 or second < 0 or third < 0:
                    continue
                near = first * points[a, 2] + second * points[b, 2] + third * points[c, 2]
                if near <= nearest[row, column]:
                    continue
                nearest[row, column] = near
                for channel in range(3):
                    mixed = first * colours[a, channel] + second * colours[b, channel] + third * colours[c, channel]
                    picture[row, column, channel] = int(mixed + 0.5)


@compiled
def at_borders(keys: NDArray[Any], triangles: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which vertices have a neighbour of another key, (V,)."""
    found = np.zeros(len(keys), np.bool_)
    for triangle in range(len(triangles)):
        a, b, c = triangles[triangle]
        if keys[a] != keys[b] or keys[a] != keys[c]:
            found[a] = True
        if keys[b] != keys[a] or keys[b] != keys[c]:
            found[b] = True
        if keys[c] != keys[a] or keys[c] != keys[b]:
            found[c] = True
    return found
