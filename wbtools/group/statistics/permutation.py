"""Permutation tests of all regions or vertices at once, corrected for their number by the largest statistic.

t is that of the linear model. For every rearrangement of the design it is computed again for all columns, of the
measure from which the confounds have been taken out (Freedman and Lane 1983), and the largest is kept; p of a column is
the share of rearrangements, the given one among them, whose largest reaches its own (Winkler et al. 2014). Without
families this is the test of `nilearn.mass_univariate.permuted_ols`, with the same draws. What differs only by rounding
counts as reached: two rearrangements can give the same design, or the same with the opposite sign.

Columns that are not known for everybody, or that the confounds explain, are not tested: NaN.

References: Freedman and Lane 1983, doi:10.2307/1391660; Winkler et al. 2014, doi:10.1016/j.neuroimage.2014.01.060.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.group.statistics.designs import Design
from wbtools.group.statistics.exchange_blocks import Rearrangement

Array = NDArray[np.float64]
Enhancement = Callable[[Array], Array]
"""Makes of t (R,), NaN where not tested, the statistic that is compared: TFCE, for instance."""

MOST_ENUMERATED = 100_000
"""Rearrangements up to which all are computed on request."""

_ROUNDING = 1e-9  # relative difference of statistics that are the same
_BATCH = 1 << 22  # values of t at a time: bounds the memory, does not change the result


@dataclass(frozen=True)
class Permutations:
    """How a test is made.

    Parameters
    ----------
    draws : int
        Rearrangements drawn at random, besides the given one.
    seed : int
    two_sided : bool
        Otherwise only positive effects count.
    """

    draws: int = 10_000
    seed: int = 0
    two_sided: bool = True


@dataclass(frozen=True, eq=False)
class Contrast:
    """Tests of all columns.

    Parameters
    ----------
    t : ndarray, (R,)
    statistic : ndarray, (R,)
        What was compared: t, or what an enhancement made of it.
    p : ndarray, (R,)
        Corrected for the number of columns.
    maxima : ndarray, (M,)
        The largest statistic of each rearrangement that was compared with.
    freedom : int
        Degrees of freedom of t.
    distinct : int
        How many different designs there are by rearrangement.
    lowest_p : float
        The lowest p that can come out.
    """

    t: Array
    statistic: Array
    p: Array
    maxima: Array
    freedom: int
    distinct: int
    lowest_p: float


def permutation_test(
    values: Array, design: Design, how: Permutations | None = None, enhance: Enhancement | None = None
) -> Contrast:
    """Test of a variable in a linear model of each column, by random rearrangements of people.

    Parameters
    ----------
    values : ndarray, (N, R)
        A measure of N people in R regions or vertices. For a paired test, the differences of each person's two
        measurements, and `Design.of_mean`.
    design : Design
    how : Permutations, optional
    enhance : callable, optional
        Makes another statistic of t, as `Surroundings.enhanced`.

    Raises
    ------
    InputError
        If the people are not those of the design, or there are no draws.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=(12, 3)) + [0, 0, 4]
    >>> permutation_test(values, Design.of_mean(12), Permutations(99)).p.round(2).tolist()
    [0.94, 0.9, 0.01]
    """
    how = how or Permutations()
    if how.draws < 1:
        raise InputError("a permutation test needs at least 1 draw")
    model = _Model.of(values, design, enhance, how.two_sided)
    t, statistic = model.observed()
    maxima = model.maxima(islice(_drawn(design, how.seed), how.draws))
    p = (1 + _reached(maxima, model.sided(statistic))) / (1 + how.draws)
    return Contrast(t, statistic, p, maxima, design.freedom, design.exchange.distinct, 1 / (1 + how.draws))


def exhaustive_test(
    values: Array, design: Design, two_sided: bool = True, enhance: Enhancement | None = None
) -> Contrast:
    """The same test by every rearrangement that gives a different design: exact, and without chance.

    Parameters
    ----------
    values : ndarray, (N, R)
    design : Design
    two_sided : bool
    enhance : callable, optional

    Raises
    ------
    InputError
        If there are more than 100,000 of them (`Design.exchange.distinct`), or the people are not those of the design.

    Examples
    --------
    >>> found = exhaustive_test(np.array([[1.0], [2.0], [3.0], [2.5]]), Design.of_mean(4))
    >>> found.distinct, found.lowest_p, found.p.tolist()
    (16, 0.125, [0.125])
    """
    distinct = design.exchange.distinct
    if distinct > MOST_ENUMERATED:
        raise InputError(f"there are {distinct} rearrangements of these people", hint="draw some of them at random")
    model = _Model.of(values, design, enhance, two_sided)
    t, statistic = model.observed()
    maxima = model.maxima(design.exchange.every())
    p = _reached(maxima, model.sided(statistic)) / len(maxima)
    # Some designs give the map again, or its opposite: no region can have a p below their share.
    same = np.isclose(maxima, model.largest(t[model.tested]), rtol=_ROUNDING, atol=0).sum()
    return Contrast(t, statistic, p, maxima, design.freedom, distinct, max(int(same), 1) / len(maxima))


def _drawn(design: Design, seed: int) -> Iterator[Rearrangement]:
    """Random rearrangements without end, each of the one before."""
    # The draws of nilearn with one job: it seeds a generator by another's first number and rearranges in place.
    dice = np.random.RandomState(np.random.RandomState(seed).randint(1, np.iinfo(np.int32).max - 1))
    order, signs = np.arange(len(design.tested)), np.ones(len(design.tested))
    while True:
        further, flips = design.exchange.draw(dice)
        order, signs = order[further], signs[further] * flips
        yield order, signs


@dataclass(frozen=True, eq=False)
class _Model:
    """What the tests of all rearrangements share: residuals of unit length, and the design in orthonormal columns."""

    residuals: Array  # (N, tested columns)
    columns: Array  # (N, 1 + B): the tested variable, then the confounds
    tested: NDArray[np.bool_]  # (R,)
    freedom: int
    enhance: Enhancement | None
    two_sided: bool

    @classmethod
    def of(cls, values: Array, design: Design, enhance: Enhancement | None, two_sided: bool) -> _Model:
        """Of a measure, for a design."""
        if values.ndim != 2 or len(values) != len(design.tested):
            raise InputError(f"values of shape {values.shape} do not fit a design of {len(design.tested)} people")
        tested = np.asarray(np.isfinite(values).all(axis=0))
        residuals, tested[tested] = _left(values[:, tested], design.basis)
        variable, _ = _left(design.tested[:, None], design.basis)
        columns = np.hstack((variable, design.basis))
        return cls(residuals, columns, tested, design.freedom, enhance, two_sided)

    def sided(self, statistic: Array) -> Array:
        """What is large where the statistic is extreme."""
        return np.abs(statistic) if self.two_sided else statistic

    def t(self, designs: Array) -> Array:
        """T of the tested columns for each design (M, N, 1 + B), (M, tested)."""
        count, people, width = designs.shape
        flat = self.residuals.T @ designs.transpose(1, 0, 2).reshape(people, count * width)
        projected = flat.reshape(-1, count, width)
        effect = projected[..., 0]
        unexplained = np.maximum(1 - (projected**2).sum(axis=2), np.finfo(float).eps)
        return np.asarray((effect * np.sqrt(self.freedom / unexplained)).T)

    def statistic(self, t: Array) -> tuple[Array, Array]:
        """T and the statistic of all columns (R,), from the t of those that are tested."""
        everywhere = np.full(len(self.tested), np.nan)
        everywhere[self.tested] = t
        return everywhere, everywhere if self.enhance is None else self.enhance(everywhere)

    def observed(self) -> tuple[Array, Array]:
        """T and the statistic as people are."""
        return self.statistic(self.t(self.columns[None])[0])

    def maxima(self, rearrangements: Iterable[Rearrangement]) -> Array:
        """The largest statistic of each rearrangement; NaN if no column is tested."""
        steps = max(1, _BATCH // max(1, self.residuals.shape[1] * self.columns.shape[1]))
        found: list[float] = []
        todo = iter(rearrangements)
        while batch := list(islice(todo, steps)):
            designs = np.stack([self.columns[order] * signs[:, None] for order, signs in batch])
            found += [self.largest(t) for t in self.t(designs)]
        return np.array(found)

    def largest(self, t: Array) -> float:
        """The largest statistic among the columns."""
        statistic = self.sided(t if self.enhance is None else self.statistic(t)[1])
        return float(np.nanmax(statistic)) if np.isfinite(statistic).any() else float("nan")


def _left(values: Array, basis: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Columns without what a basis explains, of unit length, and which have something left; the others are dropped."""
    left = values - basis @ (basis.T @ values)
    length = np.linalg.norm(left, axis=0)
    some = length > 1e-10 * np.linalg.norm(values, axis=0)
    return np.ascontiguousarray(left[:, some] / length[some]), some


def _reached(maxima: Array, statistic: Array) -> Array:
    """How many maxima reach each statistic, (R,); NaN where there is none."""
    ordered = np.sort(maxima)
    below = np.searchsorted(ordered, statistic - _ROUNDING * np.abs(statistic), side="left")
    return np.where(np.isfinite(statistic), len(ordered) - below, np.nan)
