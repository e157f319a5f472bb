"""N4: the slow variation of intensities that a scanner's coils cause, estimated from the image itself.

After N. Tustison et al., N4ITK: improved N3 bias correction, IEEE Transactions on Medical Imaging 29 (2010); splines
after S. Lee et al., Scattered data interpolation with multilevel B-splines, IEEE Transactions on Visualization and
Computer Graphics 3 (1997). Two steps are repeated. The histogram of the logarithms is sharpened, by undoing a Gaussian
blur; what that takes from each voxel is smoothed by B-splines and added to the field. The mesh of the splines is halved
from level to level.

Voxels lie on a grid, so that weights of splines are products of one factor per axis, and sums over voxels become three
sparse products: a fortieth of the time of SimpleITK's filter, which is made for scattered points, for the same field.
One thread, and sums in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BINS, _PADDED = 200, 512
_BLUR = 0.15
"""Full width at half maximum of the Gaussian, in the logarithm."""
_NOISE = 0.01
"""Of the Wiener filter that undoes it."""

Values = NDArray[np.float64]


def log_bias_field(
    image: NDArray[np.floating], inside: NDArray[np.bool_], iterations: tuple[int, ...], converged: float
) -> Values:
    """Estimate the logarithm of the bias field.

    Parameters
    ----------
    image : ndarray, (X, Y, Z)
        Intensities of 0 or more.
    inside : ndarray, (X, Y, Z), bool
        Voxels that are looked at.
    iterations : tuple of int
        At most so many of each level; the mesh of level L has `2 ** L` elements along each axis.
    converged : float
        A level ends when the ratio of two fields in a row varies by less (coefficient of variation).

    Returns
    -------
    ndarray, (X, Y, Z)
        0 where fewer than two voxels are looked at.
    """
    if np.count_nonzero(inside) < 2:
        return np.zeros(image.shape)
    seen = image[inside].astype(np.float64)
    logs = np.log(seen, out=np.zeros_like(seen), where=seen > 0)
    found = np.zeros(len(logs))
    splines = _Splines.over(inside, 1)
    control = np.zeros([4] * 3)
    for level, most in enumerate(iterations):
        if level:
            splines, control = _Splines.over(inside, 2**level), _halved(control)
        for _ in range(most):
            left = logs - found
            control += splines.fitted(left - _sharpened(left))
            before, found = found, splines.values(control)[inside]
            change = np.exp(before - found)
            if change.std(ddof=1) <= converged * change.mean():
                break
    return splines.values(control)


def _sharpened(logs: Values) -> Values:
    """What logarithms are expected to be without the blur of their histogram, voxel by voxel."""
    low, high = logs.min(), logs.max()
    step = (high - low) / (_BINS - 1)
    if step == 0:
        return logs
    place = (logs - low) / step
    index = place.astype(np.intp)
    share = place - index
    counts = np.bincount(index, 1 - share, _BINS + 1)[:_BINS] + np.bincount(index + 1, share, _BINS + 1)[:_BINS]
    first = (_PADDED - _BINS) // 2
    padded = np.zeros(_PADDED)
    padded[first : first + _BINS] = counts
    blur = np.fft.rfft(_gaussian(_BLUR / step))
    undone = np.conj(blur) / (np.conj(blur) * blur + _NOISE)
    sharp = np.fft.irfft(np.fft.rfft(padded) * undone.real, _PADDED).clip(0)
    centres = low + (np.arange(_PADDED) - first) * step
    above, below = (np.fft.irfft(np.fft.rfft(each) * blur, _PADDED) for each in (sharp * centres, sharp))
    expected = np.divide(above, below, out=np.zeros(_PADDED), where=below != 0)[first : first + _BINS]
    return np.asarray(np.interp(place, np.arange(_BINS), expected))


def _gaussian(width: float) -> Values:
    """A Gaussian with this full width at half maximum, in bins, around bin 0 of a circle."""
    distance = np.minimum(np.arange(_PADDED), _PADDED - np.arange(_PADDED))
    height = 2 * np.sqrt(np.log(2) / np.pi) / width
    return np.asarray(height * np.exp(-4 * np.log(2) * (distance / width) ** 2))


def _halved(control: Values) -> Values:
    """The control points of the same splines on a mesh of half the size."""
    for axis in range(3):
        old = np.moveaxis(control, axis, 0)
        new = np.empty((2 * len(old) - 3, *old.shape[1:]))
        new[::2] = (old[:-1] + old[1:]) / 2
        new[1::2] = (old[:-2] + 6 * old[1:-1] + old[2:]) / 8
        control = np.moveaxis(new, 0, axis)
    return control


@dataclass(frozen=True, eq=False)
class _Splines:
    """Cubic B-splines over a grid of voxels.

    Parameters
    ----------
    inside : ndarray, (X, Y, Z), bool
    weights : tuple of csr_array, (N, C)
        Of each axis: the weights of the control points at its N places.
    reach : ndarray, (X, Y, Z)
        Sum of the squares of all weights of a voxel.
    squares : ndarray, (C, C, C)
        Sum of the squares of the weights of a control point over the voxels that are looked at.
    """

    inside: NDArray[np.bool_]
    weights: tuple[csr_array, ...]
    reach: Values
    squares: Values

    @classmethod
    def over(cls, inside: NDArray[np.bool_], elements: int) -> _Splines:
        """On a mesh with so many elements along each axis."""
        weights = tuple(_weights(length, elements) for length in inside.shape)
        x, y, z = ((each**2).sum(axis=1) for each in weights)
        squares = _product([(each**2).T for each in weights], inside.astype(np.float64))
        return cls(inside, weights, x[:, None, None] * y[:, None] * z, squares)

    def fitted(self, values: Values) -> Values:
        """Control points that approximate values of the voxels that are looked at, (C, C, C).

        Each voxel wants the control points around it as they would have to be, were it alone; a control point takes the
        mean of what the voxels want, weighted by the squares of its weights.
        """
        wanted = np.zeros(self.inside.shape)
        wanted[self.inside] = values / self.reach[self.inside]
        total = _product([(each**3).T for each in self.weights], wanted)
        return np.divide(total, self.squares, out=np.zeros_like(total), where=self.squares != 0)

    def values(self, control: Values) -> Values:
        """The splines at every voxel, (X, Y, Z)."""
        return _product(self.weights, control)


def _weights(length: int, elements: int) -> csr_array:
    """Weights of control points at evenly spaced places, the first and last of which are the ends of the mesh."""
    from scipy.sparse import csr_array

    place = np.arange(length) * (elements / max(1, length - 1))
    element = np.minimum(place.astype(np.intp), elements - 1)
    t = place - element
    cubic = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    columns = element[:, None] + np.arange(4)
    rows = np.repeat(np.arange(length), 4)
    return csr_array((np.stack(cubic, 1).ravel() / 6, (rows, columns.ravel())), shape=(length, elements + 3))


def _product(matrices: list[csr_array] | tuple[csr_array, ...], values: Values) -> Values:
    """Apply a matrix along each axis."""
    for matrix in matrices:  # each takes the first axis, and leaves it last
        product = matrix @ values.reshape(len(values), -1)
        values = np.ascontiguousarray(np.moveaxis(product.reshape(-1, *values.shape[1:]), 0, -1))
    return values
