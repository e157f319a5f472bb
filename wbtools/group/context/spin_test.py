"""Correlation of a map with annotations, tested against random rotations of the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError, require_choice
from wbtools.group.context.annotation import Annotation
from wbtools.group.context.spinning import spun
from wbtools.text import counted

COEFFICIENTS = ("pearson", "spearman")
"""The coefficients of correlation."""

FEWEST_AREAS = 20
"""Areas with a value in both maps, for a correlation."""

_TIE = 1e-9  # correlations that differ by less are the same


@dataclass(frozen=True)
class SpinTest:
    """A correlation of two maps over cortical areas, and what random rotations give.

    Parameters
    ----------
    annotation : str
    coefficient : str
        One of `COEFFICIENTS`.
    r : float
    p : float
        Two-sided: the share of rotations whose correlation is as far from 0, (1 + k) / (1 + rotations).
    areas : int
        Areas with a value in both maps.
    rotations : int
    null_mean, null_sd : float
        Of the correlations of the rotated map.
    null_interval : tuple of float, (2,)
        From the 2.5th to the 97.5th percentile of them.
    """

    annotation: str
    coefficient: str
    r: float
    p: float
    areas: int
    rotations: int
    null_mean: float
    null_sd: float
    null_interval: tuple[float, float]


def spin_tests(
    group_map: Annotation,
    annotations: Sequence[Annotation],
    rotations: NDArray[np.float64],
    coefficients: Sequence[str] = COEFFICIENTS,
) -> tuple[SpinTest, ...]:
    """Test the correlation of a map with each annotation; all share the same rotations of the map.

    An area counts where both maps have a value, for the rotated map, too.

    Parameters
    ----------
    group_map : Annotation
    annotations : sequence of Annotation
    rotations : ndarray, (n, 3, 3)
        As `spinning.random_rotations` draws them.
    coefficients : sequence of str

    Returns
    -------
    tuple of SpinTest
        By annotation, then by coefficient.

    Raises
    ------
    InputError
        If fewer than `FEWEST_AREAS` areas have a value in both maps, or one of them is the same in all these.

    Examples
    --------
    >>> from wbtools.group.context.spinning import random_rotations
    >>> noise = [Annotation(name, np.random.default_rng(seed).normal(size=360)) for seed, name in enumerate("ab")]
    >>> [test.p for test in spin_tests(noise[0], noise[:1], random_rotations(9))]
    [0.1, 0.1]
    """
    for coefficient in coefficients:
        require_choice("coefficient of correlation", coefficient, COEFFICIENTS)
    rows = np.vstack([group_map.values, spun(group_map.values, rotations)])
    return tuple(_test(rows, annotation, coefficient) for annotation in annotations for coefficient in coefficients)


def correlations(rows: NDArray[np.float64], values: NDArray[np.float64], coefficient: str) -> NDArray[np.float64]:
    """The correlation of each row with values, over the columns where both are numbers.

    Parameters
    ----------
    rows : ndarray, (n, A)
    values : ndarray, (A,)
    coefficient : str

    Returns
    -------
    ndarray, (n,)
        NaN where either is constant.

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0, 3.0, np.nan], [0.0, 1.0, 8.0, 27.0]])
    >>> correlations(rows, np.array([3.0, 4.0, 5.0, 6.0]), "spearman").tolist()
    [1.0, 1.0]
    """
    both = np.isfinite(rows) & np.isfinite(values)
    x, y = (np.where(both, part, np.nan) for part in (rows, values))
    if coefficient == "spearman":
        from scipy.stats import rankdata

        x, y = (rankdata(part, axis=1, nan_policy="omit") for part in (x, y))
    counts = both.sum(axis=1, keepdims=True)
    x, y = (np.where(both, part - np.nansum(part, axis=1, keepdims=True) / counts, 0) for part in (x, y))
    norms = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.asarray(np.divide((x * y).sum(axis=1), norms, out=np.full(len(rows), np.nan), where=norms > 0))


def _test(rows: NDArray[np.float64], annotation: Annotation, coefficient: str) -> SpinTest:
    """The test of an annotation; the first row is the map, the others are rotated."""
    areas = int((np.isfinite(rows[0]) & np.isfinite(annotation.values)).sum())
    if areas < FEWEST_AREAS:
        raise InputError(
            f"{annotation.name} has a value in {counted(areas, 'area')} of the map; "
            f"{FEWEST_AREAS} are the fewest that are tested",
            hint="give a map of the cortex",
        )
    r, *others = correlations(rows, annotation.values, coefficient)
    if np.isnan(r):
        raise InputError(f"{annotation.name} is the same in all areas of the map", hint="give a map that varies")
    null = np.array(others)
    null = np.where(np.isnan(null), 0, null)  # a rotated map without variance is not correlated
    as_far = int((np.abs(null) >= abs(r) - _TIE).sum())
    low, high = np.percentile(null, [2.5, 97.5])
    return SpinTest(
        annotation.name,
        coefficient,
        float(r),
        (1 + as_far) / (1 + len(null)),
        areas,
        len(null),
        float(null.mean()),
        float(null.std()),
        (float(low), float(high)),
    )
