"""What an evaluation is: a value that says what is asked of networks, and what is measured of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import DataSet, Item, Kind
from wbtools.errors import InputError
from wbtools.evaluating.answers import Answer
from wbtools.evaluating.bootstrap import Resampling
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.findings import Findings
from wbtools.evaluating.people import Rows


@dataclass(frozen=True)
class Options:
    """What the user may choose.

    Parameters
    ----------
    label : str
        The label that is told, or by which images are found; the recipe's without.
    draws : int
        Of one other pair for each pair of twins.
    least_recall, least_precision : float, optional
        Thresholds that reach so much are chosen as well.
    top : int
        So many of the nearest are looked at.
    resampling : Resampling
    baselines : bool
        Whether classic models are judged as well.
    measures : str
        A table of measures that more of them learn from; empty without.
    explain : tuple of str
        Methods whose maps are judged as well.
    explain_images : int
        Of so many images.
    """

    label: str = ""
    draws: int = 10
    least_recall: float | None = None
    least_precision: float | None = None
    top: int = 10
    resampling: Resampling = field(default_factory=Resampling)
    baselines: bool = False
    measures: str = ""
    explain: tuple[str, ...] = ()
    explain_images: int = 20

    def __post_init__(self) -> None:
        for name in ("least_recall", "least_precision"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise InputError(f"--{name.replace('least_', 'min-')} {value:g} is no share", hint="give 0 to 1")


@dataclass(frozen=True, eq=False)
class Answered:
    """What a checkpoint said.

    Parameters
    ----------
    contestant : Contestant
    rows : ndarray, (N,), int
        The images that figures are of; of folds and of learning curves each has its own.
    judged : ndarray, (N, E)
        What it said of them.
    others : mapping of str to (ndarray, (M,), int; ndarray, (M, E))
        Rows and answers of other parts, by name; those that are empty are left out.
    """

    contestant: Contestant
    rows: Rows
    judged: NDArray[np.float32]
    others: Mapping[str, tuple[Rows, NDArray[np.float32]]]

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self.contestant.name

    def said_of(self, rows: Rows) -> NDArray[np.float32]:
        """What it said of some of the images that figures are of, (K, E)."""
        order = np.argsort(self.rows)
        return self.judged[order[np.searchsorted(self.rows, rows, sorter=order)]]


@dataclass(frozen=True, eq=False)
class Bench:
    """All that an evaluation measures from.

    Parameters
    ----------
    data : DataSet
    rows : ndarray, (N,), int
        The images that figures are of, of all checkpoints.
    answered : tuple of Answered
    options : Options
    part : str
        Of the split.
    learned : tuple of ndarray, int
        The images that each checkpoint learned from, as far as they are in the data set.
    folds : bool
        Whether the checkpoints are folds of one cross-validation.
    tell : callable
        Told how many maps were made, and of how many.
    """

    data: DataSet
    rows: Rows
    answered: tuple[Answered, ...]
    options: Options
    part: str
    learned: tuple[Rows, ...] = ()
    folds: bool = False
    tell: Callable[[int, int], None] = lambda done, total: None

    def items(self, rows: Rows) -> list[Item]:
        """What is known of images."""
        return [self.data.items[row] for row in rows]


@dataclass(frozen=True)
class Evaluation:
    """What is measured of networks of a recipe.

    Parameters
    ----------
    name : str
        The recipe's.
    families : tuple of str
        Families of networks that it is meant for where a checkpoint does not say how it was trained.
    kinds : tuple of Kind
        Of data sets.
    answer : callable
        What is asked of a network.
    check : callable
        Raises InputError if images of these rows cannot be judged by; before any network is asked.
    measure : callable
    folds : callable, optional
        Measures the folds of a cross-validation together; None if that is not possible.
    shared : callable
        A value for each checkpoint; those with the same have to be judged on the same people.
    also : tuple of str
        Other parts of the split that are looked at: `val` to choose thresholds, `train` for examples.
    baselines : bool
        Whether classic models can be judged beside networks.
    maps : callable, optional
        Judges maps of some of the images; None if there is nothing to judge them by.
    """

    name: str
    families: tuple[str, ...]
    kinds: tuple[Kind, ...]
    answer: Answer
    check: Callable[[DataSet, Rows, Options, Sequence[Contestant]], None]
    measure: Callable[[Bench], Findings]
    folds: Callable[[Bench], Findings] | None = None
    shared: Callable[[Sequence[Contestant]], Sequence[object]] = lambda contestants: [0] * len(contestants)
    also: tuple[str, ...] = ()
    baselines: bool = False
    maps: Callable[[Bench], Findings] | None = None

    def require_kind(self, data: DataSet) -> None:
        """Raise InputError for a data set of another kind."""
        if data.manifest.kind not in self.kinds:
            wanted = " or ".join(kind.value for kind in self.kinds)
            raise InputError(
                f"{data.folder} holds {data.manifest.kind.value}, and networks of {self.name} take {wanted}",
                hint=f"make a data set with wbtools prepare {self.name}",
            )
