"""Formulas such as `age + sex + age:sex`, read into columns of a design.

They are parsed here, and not by a library for R's formulas: those evaluate what stands in a formula as Python, and a
formula may come from a script that somebody else wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError, UnknownChoice
from wbtools.text import line

if TYPE_CHECKING:
    import pandas as pd

_MOST_LEVELS = 20
"""Categories with more are rather ids, or numbers with a word among them."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Term:
    """A term of a formula, as columns.

    Parameters
    ----------
    name : str
        As it is written.
    values : ndarray, (N, D)
        A number, less its mean; of a category, a column per level but the first, 1 for people of the level. Products
        are of columns less their means, so that what is multiplied keeps its meaning: its effect in the average person.
    labels : tuple of str
        Of the columns.
    levels : tuple of str
        Of a category, sorted; the first is the reference. Empty for numbers and products.
    says : tuple of str
        What a positive effect of each column means; empty for categories.
    """

    name: str
    values: Array
    labels: tuple[str, ...]
    levels: tuple[str, ...] = ()
    says: tuple[str, ...] = ()


def columns_of(formula: str) -> tuple[str, ...]:
    """The names of columns in a formula, each once.

    Examples
    --------
    >>> columns_of("age + sex + age:sex")
    ('age', 'sex')
    """
    return tuple(dict.fromkeys(name for names in _parsed(formula) for name in names))


def terms_of(formula: str, table: pd.DataFrame) -> tuple[Term, ...]:
    """The terms of a formula.

    Parameters
    ----------
    formula : str
        Columns, and products of columns `a:b`, joined by `+`; empty for none. There always is a mean besides.
    table : DataFrame
        A row per person, without missing values in these columns.

    Raises
    ------
    InputError
        If it cannot be parsed, a product stands without what is multiplied, or a column is missing, the same for
        everybody, infinite for somebody, or has too many words.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [20, 30, 40], "sex": ["F", "M", "F"]})
    >>> [(term.labels, term.values.T.tolist()) for term in terms_of("age + sex", table)]
    [(('age',), [[-10.0, 0.0, 10.0]]), (('sex: M',), [[0.0, 1.0, 0.0]])]
    """
    parsed = _parsed(formula)
    _require_parts(parsed)
    return tuple(_term(names, table) for names in parsed)


def column_named(name: str, table: pd.DataFrame) -> pd.Series:
    """A column of the table of participants.

    Raises
    ------
    InputError
        If there is none of this name, or no table.
    """
    if not len(table.columns):
        raise InputError(
            f"there is no table of participants with a column {line(name, 60)!r}",
            hint="give it by --participants",
        )
    if name not in table:
        raise UnknownChoice("column of the participants", line(name, 60), [line(each, 60) for each in table])
    return table[name]


def category(name: str, table: pd.DataFrame) -> tuple[str, ...]:
    """The levels of a column of words, sorted.

    Raises
    ------
    InputError
        If everybody is of the same, or there are too many.
    """
    levels = tuple(sorted({str(value) for value in column_named(name, table)}))
    if len(levels) < 2:
        raise InputError(
            f"{line(name, 60)} is {line(levels[0], 60)!r} for everybody", hint="leave it out of the formula"
        )
    if len(levels) > _MOST_LEVELS:
        raise InputError(
            f"{line(name, 60)} has {len(levels)} different values, too many for a category",
            hint="numbers must not have a word among them",
        )
    return levels


def indicator(name: str, level: str, table: pd.DataFrame) -> Array:
    """1 for people of a level of a category, else 0, (N,)."""
    return np.array([str(value) == level for value in table[name]], np.float64)


def _parsed(formula: str) -> list[tuple[str, ...]]:
    """The names of columns of each term."""
    if not formula.strip():
        return []
    terms = [tuple(name.strip() for name in term.split(":")) for term in formula.split("+")]
    for names in terms:
        if not all(names) or any(letter in name for name in names for letter in "*~()|^"):
            raise InputError(
                f"the formula {line(formula, 100)!r} cannot be understood",
                hint='write columns of the participants joined by +, and products as a:b: "age + sex + age:sex"',
            )
    return list(dict.fromkeys(terms))


def _require_parts(terms: list[tuple[str, ...]]) -> None:
    """Whatever is multiplied is a term, too: else a product tests more than that effects depend on one another."""
    known = {tuple(sorted(names)) for names in terms}
    products = [names for names in terms if len(names) > 1]
    parts = (names[:place] + names[place + 1 :] for names in products for place in reversed(range(len(names))))
    lacking = [part for part in dict.fromkeys(parts) if tuple(sorted(part)) not in known]
    if lacking:
        whole = " + ".join(":".join(names) for names in (*lacking, *terms))
        raise InputError(
            f"the formula has the product {line(':'.join(products[0]), 60)} without {line(':'.join(lacking[0]), 60)}",
            hint=f"write {line(whole, 200)}",
        )


def _term(names: tuple[str, ...], table: pd.DataFrame) -> Term:
    factors = [_factor(name, table) for name in names]
    if len(factors) == 1:
        return factors[0]
    chosen = list(product(*(range(len(factor.labels)) for factor in factors)))
    values = [
        np.prod([_centred(factor.values[:, place]) for factor, place in zip(factors, places, strict=True)], axis=0)
        for places in chosen
    ]
    labels = [
        ":".join(factor.labels[place] for factor, place in zip(factors, places, strict=True)) for places in chosen
    ]
    says = (_meaning([(factor, place) for factor, place in zip(factors, places, strict=True)]) for places in chosen)
    return Term(":".join(names), np.column_stack(values), tuple(labels), says=tuple(says))


def _meaning(columns: Sequence[tuple[Term, int]]) -> str:
    """What a positive effect of a product of columns means."""
    sides = [(factor.levels[place + 1], factor.levels[0]) for factor, place in columns if factor.levels]
    numbers = [factor.name for factor, _ in columns if not factor.levels]
    if len(columns) != 2 or not sides:
        return f"rises with {line(':'.join(factor.labels[place] for factor, place in columns), 60)}"
    (high, low), what = (
        sides[-1],
        f"slope of {line(numbers[0], 60)}" if numbers else f"{sides[0][0]} less {sides[0][1]}",
    )
    return f"{line(what, 120)} in {line(high, 60)} above that in {line(low, 60)}"


def _centred(values: Array) -> Array:
    return np.asarray(values - values.mean(), np.float64)


def _factor(name: str, table: pd.DataFrame) -> Term:
    column = column_named(name, table)
    if column.dtype.kind in "iufb":
        numbers = column.to_numpy(np.float64)
        if not np.isfinite(numbers).all():
            raise InputError(
                f"{line(name, 60)} is not finite for {line(table.index[~np.isfinite(numbers)][0], 60)}",
                hint="write n/a where there is no number",
            )
        if np.ptp(numbers) == 0:
            raise InputError(f"{line(name, 60)} is {numbers[0]:g} for everybody", hint="leave it out of the formula")
        return Term(name, _centred(numbers)[:, None], (name,), says=(f"rises with {line(name, 60)}",))
    levels = category(name, table)
    values = np.column_stack([indicator(name, level, table) for level in levels[1:]])
    return Term(name, values, tuple(f"{name}: {level}" for level in levels[1:]), levels)
