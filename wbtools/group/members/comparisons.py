"""What people are compared by: the contrasts of a formula, and people in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError, nearest
from wbtools.group.members.formula import Term, column_named, columns_of, indicator, terms_of
from wbtools.group.members.sameness import named
from wbtools.text import counted, line, shell

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """What the user wants compared.

    Parameters
    ----------
    formula : str
        Terms, as in `age + sex`.
    contrasts : tuple of str
        Terms, or two levels `A-B` of a category; empty takes the first term.
    paired : str
        Column that has the same in both people of a pair; empty if there are no pairs.
    """

    formula: str = ""
    contrasts: tuple[str, ...] = ()
    paired: str = ""

    def __post_init__(self) -> None:
        for option, given in (("--contrast", self.contrasts), ("--paired", self.paired)):
            if given and not self.formula.strip():
                raise InputError(f"{option} needs columns that people are compared by", hint="name them by --formula")
        if self.paired and len(columns_of(self.formula)) > 1:
            raise InputError(
                "pairs are compared by one column, which says who of them is which",
                hint=f"--formula {line(columns_of(self.formula)[0], 60)}",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that nobody may lack."""
        return tuple(dict.fromkeys((*columns_of(self.formula), *filter(None, [self.paired]))))


@dataclass(frozen=True, eq=False)
class Contrast:
    """A contrast: a column of the design that is tested, beside others.

    Parameters
    ----------
    name : str
        As a printable line: a term, or two levels, after the term's name where it could be that of others.
    tested : ndarray, (N,)
    confounds : ndarray, (N, C)
        The other columns; the mean is not among them.
    says : str
        What a positive effect means.
    counts : tuple of int
        Of two levels: how many people are of each; empty for numbers.
    pairs : ndarray of int, (P, 2)
        Of people in pairs: who is which; their difference, first less second, is tested against 0. Empty without pairs.
    """

    name: str
    tested: Array
    confounds: Array
    says: str
    counts: tuple[int, ...] = ()
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))

    @property
    def paired(self) -> bool:
        """Whether people are compared within pairs."""
        return bool(len(self.pairs))


def contrasts(asked: Asked, table: pd.DataFrame) -> tuple[Contrast, ...]:
    """The contrasts that are asked for.

    Parameters
    ----------
    asked : Asked
    table : DataFrame, (N, ...)
        A row per person, without missing values in the columns of the formula.

    Raises
    ------
    InputError
        If there is no such term or level, a pair is not one of two, or the columns do not tell effects apart.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [20, 30, 40, 30], "group": ["ill", "well", "ill", "well"]})
    >>> found, = contrasts(Asked("age + group", ("ill-well",)), table)
    >>> found.tested.tolist(), found.confounds.T.tolist(), found.says
    ([1.0, 0.0, 1.0, 0.0], [[-10.0, 0.0, 10.0, 0.0]], 'higher in ill (2) than in well (2)')
    """
    terms = terms_of(asked.formula, table)
    if not terms:
        return ()
    made = (_contrast(name, terms, table) for name in asked.contrasts or (terms[0].name,))
    found = tuple({each.name: each for each in made}.values())  # a term and its two levels may be the same
    for each in found:
        _require_estimable(each)
    return tuple(_in_pairs(each, asked.paired, table) for each in found) if asked.paired else found


def _contrast(name: str, terms: Sequence[Term], table: pd.DataFrame) -> Contrast:
    for term in terms:
        if term.name == name.strip():
            return _of_term(term, terms, table)
        if not term.levels and name.strip() in term.labels:
            return _of_column(term.labels.index(name.strip()), term, terms)
    pairs = [(term, pair) for term in terms if (pair := _levels_in(name, term))]
    if len(pairs) == 1:
        (term, levels), *_ = pairs
        return _of_levels(levels, term, terms, table)
    if pairs:
        raise InputError(
            f"--contrast {line(name, 60)} names levels of {' and of '.join(line(term.name, 60) for term, _ in pairs)}",
            hint=f"write one of: {', '.join(line(_named(pair, term, terms), 120) for term, pair in pairs)}",
        )
    known = [
        *(term.name for term in terms),
        *(label for term in terms for label in term.labels if not term.levels and len(term.labels) > 1),
        *(_named((term.levels[1], term.levels[0]), term, terms) for term in terms if term.levels),
    ]
    near = nearest(name, known)
    raise InputError(
        f"--contrast {line(name, 60)} is neither a term of the formula nor two levels of a category",
        hint=f"{near} write one of: {', '.join(line(each, 60) for each in known)}".strip(),
    )


def _levels_in(name: str, term: Term) -> tuple[str, str] | None:
    """The levels of a term that `A-B`, or `term: A-B`, names: they may have hyphens themselves."""
    said = name.strip().removeprefix(f"{term.name}:")
    places = [place for place, letter in enumerate(said) if letter == "-"]
    pairs = ((said[:place].strip(), said[place + 1 :].strip()) for place in places)
    return next((pair for pair in pairs if {*pair} <= {*term.levels}), None)


def _named(levels: tuple[str, str], term: Term, terms: Sequence[Term]) -> str:
    """`A-B`, after the term's name where another term has these levels, too."""
    shared = sum({*levels} <= {*each.levels} for each in terms) > 1
    return f"{term.name}: {levels[0]}-{levels[1]}" if shared else f"{levels[0]}-{levels[1]}"


def _of_term(term: Term, terms: Sequence[Term], table: pd.DataFrame) -> Contrast:
    if len(term.labels) > 1:
        example = _named((term.levels[1], term.levels[0]), term, terms) if term.levels else term.labels[0]
        what = f"{len(term.levels)} levels" if term.levels else f"{len(term.labels)} columns"
        raise InputError(
            f"{line(term.name, 60)} has {what}: which are compared?",
            hint=f"name {'two' if term.levels else 'one'}, as {shell('--contrast', line(example, 120))}",
        )
    if term.levels:
        return _of_levels((term.levels[1], term.levels[0]), term, terms, table)
    return _of_column(0, term, terms)


def _of_column(place: int, term: Term, terms: Sequence[Term]) -> Contrast:
    """Of a number or of a column of a product; the product's other columns are confounds."""
    name = line(term.name if len(term.labels) == 1 else term.labels[place], 200)
    confounds = np.column_stack([np.delete(term.values, place, axis=1), _others(term, terms)])
    return Contrast(name, term.values[:, place], confounds, term.says[place])


def _of_levels(levels: tuple[str, str], term: Term, terms: Sequence[Term], table: pd.DataFrame) -> Contrast:
    """Of two levels of a category; the second is the reference, and other levels are confounds."""
    first, second = levels
    tested, reference = (indicator(term.name, level, table) for level in levels)
    rest = [indicator(term.name, level, table) for level in term.levels if level not in levels]
    confounds = np.column_stack([*rest, _others(term, terms)])
    counts = (int(tested.sum()), int(reference.sum()))
    says = f"higher in {line(first, 60)} ({counts[0]}) than in {line(second, 60)} ({counts[1]})"
    return Contrast(line(_named(levels, term, terms), 200), tested, confounds, says, counts)


def _others(term: Term, terms: Sequence[Term]) -> Array:
    return np.column_stack([np.empty((len(term.values), 0)), *(each.values for each in terms if each is not term)])


def _require_estimable(contrast: Contrast) -> None:
    """The column is no sum of the others, and there are more people than columns."""
    whole = np.column_stack((np.ones(len(contrast.tested)), contrast.confounds, contrast.tested))
    whole = whole / np.maximum(np.linalg.norm(whole, axis=0), np.finfo(float).tiny)  # whatever the units
    people, columns = whole.shape
    if people <= columns:
        raise InputError(
            f"{counted(people, 'person')} are too few for a design of {columns} columns",
            hint="add people, or shorten the formula",
        )
    if np.linalg.matrix_rank(whole) == np.linalg.matrix_rank(whole[:, :-1]):
        raise InputError(
            f"the effect of {line(contrast.name, 60)} cannot be told from that of other terms",
            hint="leave a term out of the formula",
        )


def _in_pairs(contrast: Contrast, column: str, table: pd.DataFrame) -> Contrast:
    """The same within pairs: everybody's pair has somebody of each level."""
    if not contrast.counts:
        raise InputError(
            f"--paired compares two levels of a category, and {line(contrast.name, 60)} is a number",
            hint="name a column of words by --formula",
        )
    reference = 1 - contrast.tested - contrast.confounds.sum(axis=1)
    pair = column_named(column, table).astype(str).to_numpy()
    used = (contrast.tested == 1) | (reference == 1)
    found: list[tuple[int, int]] = []
    alone: list[str] = []
    odd: list[str] = []
    for each in dict.fromkeys(pair[used]):
        mine = used & (pair == each)
        first, second = (np.flatnonzero(mine & (side == 1)) for side in (contrast.tested, reference))
        if len(first) == len(second) == 1:
            found.append((first[0], second[0]))
        else:
            (alone if len(first) + len(second) == 1 else odd).append(str(each))
    if alone:
        raise InputError(
            f"the other one of {line(column, 60)} {named(alone)} is missing for {line(contrast.name, 60)}",
            hint="take the single row out of the table, and add --leave-out",
        )
    if odd:
        raise InputError(
            f"{line(column, 60)} {named(odd)} is not a pair of one and one by {line(contrast.name, 60)}",
            hint="give every pair a value of its own in that column",
        )
    if len(found) < 2:
        raise InputError(f"there is {counted(len(found), 'pair')}, and two are needed", hint="add more people")
    says = f"{contrast.says}, within {counted(len(found), 'pair')}"
    return replace(contrast, says=says, pairs=np.array(found, np.int64))
