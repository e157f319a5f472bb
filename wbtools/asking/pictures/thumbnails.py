"""Small pictures of brains as networks are shown them: three slices beside each other, for the grid of a query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.model.input import FIELD_OF_VIEW

HEIGHT = 64
"""Pixels of the picture from top to bottom: the length of the field of view from front to back."""

_MM = tuple(float(n * size) for n, size in zip(FIELD_OF_VIEW.shape, FIELD_OF_VIEW.voxel_sizes, strict=True))
_X, _Y, _Z = (round(HEIGHT * length / max(_MM)) for length in _MM)
WIDTH = _X + _X + _Y
"""Pixels from left to right."""

_SIDES = (("L", "R"), ("L", "R"), ("A", "P"))
"""At the left and the right edge of each slice, as it is shown."""

_BRIGHT = 99.5  # percentile that is white


def thumbnail(image: NDArray[np.floating], orientation: str) -> NDArray[np.uint8]:
    """The middle axial, coronal and sagittal slice of an image, (HEIGHT, WIDTH).

    The form in which an index keeps them: the person's right is on the left, front and top of the head are up, and in
    the sagittal slice the face looks to the left. `as_shown` turns them to the sides of all other pictures.

    Parameters
    ----------
    image : ndarray, (X, Y, Z)
        Any finite values.
    orientation : str
        The directions in which its indices increase, as on cards.

    Examples
    --------
    >>> thumbnail(np.eye(4)[:, :, None] * np.ones(5), "LAS").shape == (HEIGHT, WIDTH)
    True
    """
    from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform

    turn = ornt_transform(axcodes2ornt(tuple(orientation)), axcodes2ornt(("L", "A", "S")))
    values = apply_orientation(image, turn)
    x, y, z = (length // 2 for length in values.shape)
    slices = (values[:, ::-1, z].T, values[:, y, ::-1].T, values[x, ::-1, ::-1].T)
    low = min(float(plane.min()) for plane in slices)
    high = float(np.percentile(np.concatenate([plane.ravel() for plane in slices]), _BRIGHT))
    strip = np.zeros((HEIGHT, WIDTH), np.uint8)
    left = 0
    for plane, (width, height) in zip(slices, ((_X, _Y), (_X, _Z), (_Y, _Z)), strict=True):
        grey = ((plane - low) * (255 / (high - low) if high > low else 0)).clip(0, 255)
        top = (HEIGHT - height) // 2
        strip[top : top + height, left : left + width] = _resized(grey.astype(np.uint8), width, height)
        left += width
    return strip


def as_shown(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Thumbnails (K, HEIGHT, WIDTH) as they are shown: the person's left is on the left, as in all pictures of wbtools.

    Examples
    --------
    >>> strip = np.arange(WIDTH, dtype=np.uint8)[None, None]
    >>> shown = as_shown(strip)[0, 0]
    >>> [int(shown[start]) for start, _, _ in sides()] == [_X - 1, 2 * _X - 1, 2 * _X]
    True
    """
    axial, coronal, sagittal = np.split(pictures, [_X, 2 * _X], axis=2)
    return np.concatenate((axial[:, :, ::-1], coronal[:, :, ::-1], sagittal), axis=2)


def sides() -> tuple[tuple[int, int, tuple[str, str]], ...]:
    """First and last column of each slice, and the letters that stand at these edges where it is shown."""
    edges = ((0, _X), (_X, 2 * _X), (2 * _X, WIDTH))
    return tuple((first, last, letters) for (first, last), letters in zip(edges, _SIDES, strict=True))


def _resized(plane: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BILINEAR))
