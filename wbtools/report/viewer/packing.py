"""Arrays as text of a page: gzip'ed, then base64, which a browser unpacks by itself (`DecompressionStream`).

Columns of 16-bit numbers are stored as differences along each column, all low bytes before all high bytes: neighbouring
vertices and voxels differ little, and a compressor sees that. It saves half of a surface.
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from wbtools.compression import gzipped

_LARGEST = 32767


def packed(content: bytes) -> str:
    """Bytes as gzip'ed base64.

    Examples
    --------
    >>> import gzip
    >>> gzip.decompress(base64.b64decode(packed(b"brain")))
    b'brain'
    """
    return as_text(gzipped([content]))


def as_text(zipped: bytes) -> str:
    """What is gzip'ed already, as base64."""
    return base64.b64encode(zipped).decode("ascii")


def columns(values: NDArray[np.integer]) -> str:
    """Whole numbers of 16 bits, signed or not, (N,) or (N, C), packed as differences.

    Examples
    --------
    >>> import gzip
    >>> stored = gzip.decompress(base64.b64decode(columns(np.array([[7, -1], [8, -3]]))))
    >>> list(stored)  # low bytes of 7, +1, -1, -2; then their high bytes
    [7, 1, 255, 254, 0, 0, 255, 255]
    """
    table = values.astype(np.uint16).reshape(len(values), -1)
    steps = np.diff(table.T, axis=1, prepend=np.zeros((table.shape[1], 1), np.uint16)).ravel()
    return packed((steps & 0xFF).astype(np.uint8).tobytes() + (steps >> 8).astype(np.uint8).tobytes())


def levels(values: NDArray[np.uint8]) -> str:
    """Whole numbers of 8 bits, (X, Y, Z), packed as differences along each of the axes, the first axis fastest.

    Examples
    --------
    >>> import gzip
    >>> list(gzip.decompress(base64.b64decode(levels(np.array([[[7], [8]], [[9], [9]]], np.uint8)))))
    [7, 2, 1, 255]
    """
    for axis in range(3):
        values = np.diff(values, axis=axis, prepend=np.uint8(0))
    return packed(values.ravel(order="F").tobytes())


def steps(values: NDArray[np.floating], step: float) -> NDArray[np.int16]:
    """Numbers as multiples of a step, cut off at 16 bits; what is not a number is 0.

    Examples
    --------
    >>> steps(np.array([0.0, 0.26, -1.0, np.nan, 1e9]), 0.1)
    array([    0,     3,   -10,     0, 32767], dtype=int16)
    """
    whole = np.rint(np.nan_to_num(values, nan=0.0) / step)
    cut: NDArray[np.int16] = np.clip(whole, -_LARGEST, _LARGEST).astype(np.int16)
    return cut
