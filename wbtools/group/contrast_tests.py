"""Tests of contrasts: every region, corrected by permutation, with families kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.group.members.comparisons import Contrast
from wbtools.group.statistics.designs import Design
from wbtools.group.statistics.exchange_blocks import Blocks
from wbtools.group.statistics.permutation import (
    MOST_ENUMERATED,
    Enhancement,
    Permutations,
    exhaustive_test,
    permutation_test,
)
from wbtools.group.statistics.permutation import Contrast as Tests
from wbtools.text import counted, line

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContrastTest:
    """A contrast of all regions; NaN for regions that somebody lacks.

    Parameters
    ----------
    contrast : Contrast
    tests : Tests
    effect_size : ndarray, (R,)
    effect : str
        What it is.
    exact : bool
        Whether every permutation was computed, not a sample of them.
    """

    contrast: Contrast
    tests: Tests
    effect_size: Array
    effect: str
    exact: bool

    @property
    def name(self) -> str:
        """As it is written."""
        return self.contrast.name

    @property
    def t(self) -> Array:
        """Of every region, (R,)."""
        return self.tests.t

    @property
    def p_corrected(self) -> Array:
        """Of every region, corrected for their number, (R,)."""
        return self.tests.p

    @property
    def ordered(self) -> NDArray[np.intp]:
        """The places of all regions that were tested: lowest p first, and of the same p largest |t| first."""
        known = np.flatnonzero(np.isfinite(self.p_corrected))
        order: NDArray[np.intp] = np.lexsort((-np.abs(self.t[known]), self.p_corrected[known]))
        return known[order]

    @property
    def said(self) -> str:
        """How p came about, in words."""
        differ = f", {self.distinct} of which differ in |t|" if self.exact else ""
        return f"{self.permutations}{differ}; the lowest possible p is {self.tests.lowest_p:.3g}"

    @property
    def permutations(self) -> str:
        """How many permutations there were, and of which kind."""
        many = len(self.tests.maxima)
        return f"all {counted(many, 'permutation')}" if self.exact else counted(many, "random permutation")

    @property
    def distinct(self) -> int:
        """How many permutations can be told apart: two that give the same |t| everywhere are not."""
        return round(1 / self.tests.lowest_p) if self.exact else self.tests.distinct


def contrast_test(
    values: Array,
    contrast: Contrast,
    families: NDArray[np.int64],
    how: Permutations,
    enhance: Enhancement | None = None,
) -> ContrastTest:
    """Test a contrast of all regions, or of all vertices.

    If there are no more permutations than would be drawn, each is computed once.

    Parameters
    ----------
    values : ndarray, (N, R)
        Of N people.
    contrast : Contrast
    families : ndarray, (N,)
        Number of each person's family.
    how : Permutations
    enhance : callable, optional
        Makes of t what is compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from wbtools.group.members.comparisons import Asked, contrasts
    >>> contrast, = contrasts(Asked("group", ("ill-well",)), pd.DataFrame({"group": ["ill", "well"] * 4}))
    >>> values = np.random.default_rng(0).normal(size=(8, 3)) + [[0, 9, 0], [0, 0, 0]] * 4
    >>> found = contrast_test(values, contrast, np.arange(8), Permutations(99))
    >>> int(found.p_corrected.argmin()), found.said, found.effect
    (1, 'all 70 permutations, 35 of which differ in |t|; the lowest possible p is 0.0286', "Cohen's d")
    """
    if contrast.paired:
        first, second = contrast.pairs.T
        blocks = Blocks(_joined(families, contrast.pairs)[first])
        values, design = values[first] - values[second], Design.of_mean(len(first), None, blocks)
    else:
        design = Design(contrast.tested, contrast.confounds, Blocks(families))
    exact = design.exchange.distinct <= min(how.draws, MOST_ENUMERATED)
    tests = _every(values, design, enhance) if exact else permutation_test(values, design, how, enhance)
    return ContrastTest(contrast, tests, *_effect(tests, contrast, design), exact)


def require_exchangeable(contrast: Contrast, families: NDArray[np.int64], people: Sequence[str]) -> None:
    """Refuse what differs between the exports of a family of several people of whom some have several exports.

    A person's exports are more alike than those of relatives, so they cannot be exchanged with one another: of a
    diagnosis that differs between twins with two sessions each, p is below .05 in a quarter of the cases.

    Parameters
    ----------
    contrast : Contrast
    families : ndarray, (N,)
    people : sequence of str, (N,)
        Who each export is of.

    Raises
    ------
    InputError
    """
    for number in np.unique(families):
        mine = np.flatnonzero(families == number)
        persons = len({people[place] for place in mine.tolist()})
        if 1 < persons < len(mine) and np.ptp(contrast.tested[mine]) > 0 and not contrast.paired:
            raise InputError(
                f"{line(contrast.name, 60)} differs within families of whom some have several exports a person",
                hint="compare sessions by --paired, or keep one export of each person",
            )


def _every(values: Array, design: Design, enhance: Enhancement | None) -> Tests:
    return exhaustive_test(values, design, enhance=enhance)


def _joined(families: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Families, those of both people of a pair being one."""
    found = families.copy()
    for first, second in pairs:
        found[found == found[second]] = found[first]
    return found


def _effect(tests: Tests, contrast: Contrast, design: Design) -> tuple[Array, str]:
    """The size of an effect from its t: d of two groups or of pairs' differences, else a partial correlation."""
    if contrast.counts:  # with other terms, d is of what these leave
        return tests.t / design.length, "Cohen's d of differences" if contrast.paired else "Cohen's d"
    return tests.t / np.sqrt(tests.t**2 + tests.freedom), "partial correlation"
