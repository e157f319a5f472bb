"""Tests of contrasts: every region, corrected by permutation, with families kept together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.group.members.comparisons import Contrast
from wbtools.group.statistics.designs import Design
from wbtools.group.statistics.exchange_blocks import Blocks
from wbtools.group.statistics.permutation import Contrast as Tests
from wbtools.group.statistics.permutation import Enhancement, Permutations, exhaustive_test, permutation_test

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
        Whether every rearrangement was computed, not a sample of them.
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
    def said(self) -> str:
        """How p came about, in words."""
        if self.exact:
            return f"all {len(self.tests.maxima):,} rearrangements"
        return f"{len(self.tests.maxima):,} random rearrangements"


def contrast_test(
    values: Array,
    contrast: Contrast,
    families: NDArray[np.int64],
    how: Permutations,
    enhance: Enhancement | None = None,
) -> ContrastTest:
    """Test a contrast of all regions, or of all vertices.

    If there are no more rearrangements than would be drawn, each is computed once.

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
    (1, 'all 70 rearrangements', "Cohen's d")
    """
    if contrast.paired:
        first, second = contrast.pairs.T
        values, design = values[first] - values[second], Design.of_mean(len(first), None, Blocks(families[first]))
    else:
        design = Design(contrast.tested, contrast.confounds, Blocks(families))
    exact = design.exchange.distinct <= how.draws
    tests = _every(values, design, enhance) if exact else permutation_test(values, design, how, enhance)
    return ContrastTest(contrast, tests, *_effect(tests, contrast), exact)


def _every(values: Array, design: Design, enhance: Enhancement | None) -> Tests:
    return exhaustive_test(values, design, enhance=enhance)


def _effect(tests: Tests, contrast: Contrast) -> tuple[Array, str]:
    """The size of an effect from its t: d of two groups or of pairs' differences, else a partial correlation."""
    if contrast.paired:
        return tests.t / np.sqrt(len(contrast.pairs)), "Cohen's d of differences"
    if contrast.counts:
        first, second = contrast.counts
        return tests.t * np.sqrt(1 / first + 1 / second), "Cohen's d"
    return tests.t / np.sqrt(tests.t**2 + tests.freedom), "partial correlation"
