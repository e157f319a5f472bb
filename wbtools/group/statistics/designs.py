"""Designs of tests across people: what is tested, what is taken out, and who may be exchanged with whom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.group.statistics.exchange_blocks import Blocks, Shuffles, SignFlips
from wbtools.text import counted

Array = NDArray[np.float64]

_NEGLIGIBLE = 1e-10  # of a column's length: what is left of it is rounding


@dataclass(frozen=True, eq=False)
class Design:
    """A linear model of a measure with a tested variable, an intercept and confounds.

    If the tested variable is constant, the mean is tested, by flipping signs; otherwise its slope, by exchanging people
    (Freedman and Lane 1983). Confounds are taken about their mean, so that a mean is that of the average person.

    Parameters
    ----------
    tested : ndarray, (N,)
    confounds : ndarray, (N, C), optional
        Further columns; an intercept is added.
    blocks : Blocks, optional
        Families; without, people are independent.

    Raises
    ------
    InputError
        If values are missing, the numbers of people differ, the confounds explain the tested variable, or there are too
        few people.

    Examples
    --------
    >>> Design.of_mean(5).freedom, Design.of_groups([True, True, False, False]).freedom
    (4, 2)
    """

    tested: Array
    confounds: Array | None = None
    blocks: Blocks | None = None

    def __post_init__(self) -> None:
        people, confounds = len(self.tested), self.confounds
        fits = confounds is None or (confounds.ndim == 2 and len(confounds) == people)
        if self.tested.ndim != 1 or not people or not fits or len(self.families.family) != people:
            raise InputError("the tested variable, the confounds and the families are not of the same people")
        if not (np.isfinite(self.tested).all() and np.isfinite(self.nuisance).all()):
            raise InputError("a tested variable or confound is missing for somebody", hint="leave these people out")
        if people <= self.basis.shape[1] + 1:
            raise InputError(f"too few people, {people}, for a model of {counted(self.basis.shape[1] + 1, 'variable')}")
        if self.length <= _NEGLIGIBLE * np.linalg.norm(self.tested):
            raise InputError("the confounds explain the tested variable", hint="leave out the confound that equals it")

    @classmethod
    def of_mean(cls, people: int, confounds: Array | None = None, blocks: Blocks | None = None) -> Design:
        """Whether the mean is 0; of differences between two measurements of each person, this is the paired test."""
        return cls(np.ones(people), confounds, blocks)

    @classmethod
    def of_groups(
        cls, first: NDArray[np.bool_] | list[bool], confounds: Array | None = None, blocks: Blocks | None = None
    ) -> Design:
        """Whether the mean of the people who are in the first group exceeds that of the others."""
        return cls(np.asarray(first, float), confounds, blocks)

    @classmethod
    def of_covariate(cls, values: Array, confounds: Array | None = None, blocks: Blocks | None = None) -> Design:
        """Whether the measure rises with a covariate."""
        if len(values) and np.ptp(values) == 0:
            raise InputError("the covariate is the same for everybody")
        return cls(np.asarray(values, float), confounds, blocks)

    @property
    def families(self) -> Blocks:
        """The blocks; each person by themselves if there are none."""
        return Blocks.single(len(self.tested)) if self.blocks is None else self.blocks

    @property
    def tests_mean(self) -> bool:
        """Whether the tested variable is constant."""
        return len(np.unique(self.tested)) == 1

    @cached_property
    def nuisance(self) -> Array:
        """The confounds about their means, (N, C)."""
        if self.confounds is None:
            return np.empty((len(self.tested), 0))
        return np.asarray(self.confounds - self.confounds.mean(axis=0), np.float64)

    @cached_property
    def basis(self) -> Array:
        """An orthonormal basis of the confounds, and of the intercept where a slope is tested, (N, B)."""
        scale = np.linalg.norm(self.nuisance, axis=0)
        columns = self.nuisance[:, scale > 0] / scale[scale > 0]
        if not self.tests_mean:
            columns = np.hstack((columns, np.full((len(columns), 1), len(columns) ** -0.5)))
        if not columns.shape[1]:
            return np.asarray(columns, np.float64)
        left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
        return np.ascontiguousarray(left[:, sizes > _NEGLIGIBLE])

    @property
    def length(self) -> float:
        """Of what the other columns leave of the tested variable: t over it is the effect in SDs of the residuals."""
        return float(np.linalg.norm(self.tested - self.basis @ (self.basis.T @ self.tested)))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of t."""
        return int(len(self.tested) - self.basis.shape[1] - 1)

    @cached_property
    def exchange(self) -> SignFlips | Shuffles:
        """How people may be rearranged under the null hypothesis."""
        if self.tests_mean:
            return SignFlips(self.families)
        columns = np.column_stack((self.tested, self.nuisance))
        rows = np.unique(columns, axis=0, return_inverse=True)[1].ravel()
        family = self.families.family
        within = any(np.ptp(self.tested[family == number]) > 0 for number in np.unique(family))
        return Shuffles(self.families, np.asarray(rows, np.int64), within)
