"""N4: the slow variation of a T1w image's intensities that the scanner's coils cause.

Tustison et al., "N4ITK: Improved N3 Bias Correction", IEEE Transactions on Medical Imaging 29 (2010), 1310-1320. The
distribution of log intensities is sharpened, and a smooth field is fitted to what that changes, again and again, on
ever finer meshes of cubic B-splines. SimpleITK fits points scattered anywhere; voxels lie on a grid, where a weight is
the product of three, one per axis. That gives the same field in a small part of the time, on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Field = NDArray[np.float64]

_BINS = 200
_PADDED = 512  # bins for Fourier transforms
_FWHM = 0.15  # of the field's distribution, in log intensities
_NOISE = 0.01  # of Wiener's filter
_ORDER = 3
_INSIDE = 1e-3  # of a span: how far from its end the last voxel counts


def log_bias_field(
    values: NDArray[np.floating], inside: NDArray[np.bool_], iterations: Sequence[int], tolerance: float
) -> Field:
    """The logarithm of the field by which an image is multiplied, (X, Y, Z).

    Parameters
    ----------
    values : ndarray, (X, Y, Z)
        Intensities, at least two voxels along every axis.
    inside : ndarray, (X, Y, Z), bool
        Where the field is estimated.
    iterations : sequence of int
        At most, on each mesh: the first has one span along every axis, each other twice as many as the one before.
    tolerance : float
        A mesh is left when the last change of the field varied by less (coefficient of variation).
    """
    shown = values[inside].astype(np.float64)
    np.log(shown, out=shown, where=shown > np.finfo(np.float32).tiny)  # others stay, as in SimpleITK: there is no log
    field = np.zeros_like(shown)
    lattice: Field = np.zeros((1 + _ORDER,) * 3)
    fit = _Fit.on(inside, lattice.shape)
    if shown.size < 2 or np.ptp(shown) == 0:
        return fit.field(lattice)
    for level, most in enumerate(iterations):
        if level:
            lattice = _refined(lattice)
            fit = _Fit.on(inside, lattice.shape)
        for _ in range(most):
            lattice = lattice + fit.lattice(shown - field - _sharpened(shown - field))
            before, field = field, fit.field(lattice)[inside]
            ratio = np.exp(before - field)
            if ratio.std(ddof=1) <= tolerance * ratio.mean():
                break
    return fit.field(lattice)


def _sharpened(values: Field) -> Field:
    """The log intensities that are expected without a field, by how often each is seen."""
    low, step = float(values.min()), float(np.ptp(values)) / (_BINS - 1)
    if step == 0:
        return values
    place = (values - low) / step
    index = np.minimum(place.astype(np.int64), _BINS - 2)
    part = place - index
    counts = np.bincount(index, 1 - part, _BINS) + np.bincount(index + 1, part, _BINS)
    before = (_PADDED - _BINS) // 2
    padded = np.zeros(_PADDED)
    padded[before : before + _BINS] = counts

    width = _FWHM / step
    distance = np.minimum(np.arange(_PADDED), _PADDED - np.arange(_PADDED))
    blur = np.fft.rfft(2 * np.sqrt(np.log(2) / np.pi) / width * np.exp(-4 * np.log(2) * (distance / width) ** 2)).real
    sharp = np.fft.irfft(np.fft.rfft(padded) * blur / (blur**2 + _NOISE), _PADDED).clip(min=0)
    centres = low + (np.arange(_PADDED) - before) * step
    weighted, weights = (np.fft.irfft(np.fft.rfft(each) * blur, _PADDED) for each in (sharp * centres, sharp))
    expected: Field = np.divide(weighted, weights, out=np.zeros(_PADDED), where=weights != 0)[before : before + _BINS]
    return np.asarray(expected[index] + part * (expected[index + 1] - expected[index]))


@dataclass(frozen=True, eq=False)
class _Fit:
    """Cubic B-splines on one mesh, to be fitted inside a mask.

    Parameters
    ----------
    inside : ndarray, (X, Y, Z), bool
    weights : tuple of sparse array, (n, c)
        Along each axis, of every control point at every voxel.
    share : ndarray, (X, Y, Z)
        One over the sum of the squares of the weights of all control points.
    total : ndarray, (C, C, C)
        Sum over voxels of the squares of a control point's weights.
    """

    inside: NDArray[np.bool_]
    weights: tuple[csr_array, csr_array, csr_array]
    share: Field
    total: Field

    @classmethod
    def on(cls, inside: NDArray[np.bool_], control: tuple[int, ...]) -> _Fit:
        """With so many control points along each axis."""
        x, y, z = (_weights(voxels, points) for voxels, points in zip(inside.shape, control, strict=True))
        sums = [np.asarray(each.power(2).sum(axis=1)).ravel() for each in (x, y, z)]
        share = 1 / (sums[0][:, None, None] * sums[1][:, None] * sums[2])
        total = _along([each.power(2).T.tocsr() for each in (x, y, z)], inside.astype(np.float64))
        return cls(inside, (x, y, z), share, total)

    def lattice(self, values: Field) -> Field:
        """The control points that approximate values inside the mask."""
        spread = np.zeros(self.inside.shape)
        spread[self.inside] = values
        found = _along([each.power(3).T.tocsr() for each in self.weights], spread * self.share)
        return np.divide(found, self.total, out=np.zeros_like(found), where=self.total != 0)

    def field(self, lattice: Field) -> Field:
        """The spline of control points at every voxel."""
        return _along(self.weights, lattice)


def _weights(voxels: int, control: int) -> csr_array:
    """The weights of control points along an axis, (voxels, control); the outermost voxels lie at the mesh's ends."""
    from scipy.sparse import csr_array

    spans = control - _ORDER
    place = np.minimum(np.arange(voxels) * spans / max(1, voxels - 1), spans - _INSIDE)
    first = place.astype(np.int64)
    u = place - first
    parts = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    columns = first[:, None] + np.arange(_ORDER + 1)
    rows = np.repeat(np.arange(voxels), _ORDER + 1)
    return csr_array((np.stack(parts, axis=1).ravel() / 6, (rows, columns.ravel())), shape=(voxels, control))


def _along(matrices: Sequence[csr_array], values: Field) -> Field:
    """Values multiplied by a matrix along each of their three axes."""
    for matrix in matrices:
        product = matrix @ values.reshape(values.shape[0], -1)
        values = np.moveaxis(product.reshape(-1, *values.shape[1:]), 0, -1)
    return values


def _refined(lattice: Field) -> Field:
    """The control points of the same splines on a mesh with twice as many spans."""
    for _ in range(lattice.ndim):
        finer = np.empty((2 * len(lattice) - _ORDER, *lattice.shape[1:]))
        finer[0::2] = (lattice[:-1] + lattice[1:]) / 2
        finer[1::2] = (lattice[:-2] + 6 * lattice[1:-1] + lattice[2:]) / 8
        lattice = np.moveaxis(finer, 0, -1)
    return lattice
