"""A group's data and model for PALM, which tests vertices by permutation with exchangeability blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.group.maps.palm import PalmData, write_palm
from wbtools.group.maps.palm_blocks import Exchange
from wbtools.group.members.comparisons import Contrast
from wbtools.group.members.formula import terms_of
from wbtools.group.network_findings import NetworkFindings

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

_DIGITS = 10
MEAN = "mean"
"""The regressor of ones, and the contrast of it where people are not compared."""


def write_model(folder: Path, found: NetworkFindings, formula: str) -> tuple[Path, ...]:
    """Write a network's data, design and blocks into folders: one, or one per contrast where people are in pairs.

    Parameters
    ----------
    folder : Path
        Of PALM's files; made here.
    found : NetworkFindings
    formula : str
    """
    tests = [test.contrast for test in found.contrasts]
    paired = [each for each in tests if each.paired]
    places = [(folder / folder_name(each.name, place), _in_pairs(found, each)) for place, each in enumerate(paired, 1)]
    places = places or [(folder, _people(found, formula))]
    written: list[Path] = []
    for place, data in places:
        place.mkdir(parents=True)
        written += (file.path for file in write_palm(place, data))
    return tuple(written)


def folder_name(contrast: str, place: int) -> str:
    """The name of a contrast's folder: levels are words of a table, which may hold anything.

    Examples
    --------
    >>> folder_name("after-before", 1), folder_name("../x-/tmp", 2)
    ('1.after-before', '2.x--tmp')
    """
    return f"{place}.{re.sub(r'[^A-Za-z0-9_-]+', '-', contrast).strip('-')[:60]}"


def _people(found: NetworkFindings, formula: str) -> PalmData:
    """Everybody, with a column per term; without a formula the mean alone, whose signs are flipped."""
    people = found.cohort.people
    terms = terms_of(formula, found.cohort.participants)
    design = np.column_stack([np.ones(len(people)), *(term.values for term in terms)])
    names = [MEAN, *(label for term in terms for label in term.labels)]
    weights: dict[str, Array] = {test.name: weights_of(test.contrast, design) for test in found.contrasts}
    if not weights:
        weights[MEAN] = np.ones(1)
    return PalmData(
        found.cohort.results,
        _levels(found, people),
        design,
        names,
        weights,
        list(found.cohort.families) if found.bootstrap.families < len(people) else None,
        _exchange(found, [test.contrast for test in found.contrasts]),
        symmetric=not terms,
    )


def _in_pairs(found: NetworkFindings, contrast: Contrast) -> PalmData:
    """People in pairs, with a column per pair; they are exchanged within it."""
    rows = contrast.pairs.ravel()
    pairs = np.repeat(np.arange(len(contrast.pairs)), 2)
    design = np.column_stack([contrast.tested[rows], pairs[:, None] == np.unique(pairs)]).astype(np.float64)
    names = [f"pair {number + 1}" for number in np.unique(pairs)]
    people = [found.cohort.people[row] for row in rows]
    return PalmData(
        {who: found.cohort.results[who] for who in people},
        _levels(found, people),
        design,
        [contrast.name, *names],
        {contrast.name: np.eye(design.shape[1])[0]},
        [names[pair] for pair in pairs],
        "within",
    )


def weights_of(contrast: Contrast, design: Array) -> Array:
    """The weights by which a contrast is a sum of the coefficients of a design that spans the same columns.

    Parameters
    ----------
    contrast : Contrast
    design : ndarray, (N, P)

    Returns
    -------
    ndarray, (P,)

    Examples
    --------
    >>> import pandas as pd
    >>> from wbtools.group.members.comparisons import Asked, contrasts
    >>> table = pd.DataFrame({"group": ["a", "b", "c", "a", "b", "c"]})
    >>> contrast, = contrasts(Asked("group", ("c-b",)), table)
    >>> term, = terms_of("group", table)
    >>> weights_of(contrast, np.column_stack([np.ones(6), term.values])).tolist()
    [0.0, -1.0, 1.0]
    """
    own = np.column_stack([contrast.tested, np.ones(len(contrast.tested)), contrast.confounds])
    return np.asarray(np.round((np.linalg.pinv(own) @ design)[0], _DIGITS) + 0.0)


def _exchange(found: NetworkFindings, tests: Sequence[Contrast]) -> Exchange:
    """Within families if something that is tested differs within them, else whole families."""
    family = found.bootstrap.family
    varies = any(np.ptp(test.tested[family == number]) > 0 for test in tests for number in np.unique(family))
    return "within" if varies else "whole"


def _levels(found: NetworkFindings, people: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(found.measures.levels, found.cohort.people, found.measures.names).loc[list(people)]
