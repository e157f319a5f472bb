"""How far each person's ranking of regions lies from the group's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_LEAST_REGIONS = 3
_LEAST_GROUP = 2
_LEAST_PEOPLE = 5
"""Among fewer people, nobody is called far from the group."""
_MADS = 5.0
_NORMAL = 1.4826
"""What the median absolute deviation is multiplied by to be a normal distribution's SD."""
_DIGITS = 9

RULE = (
    "1 - Spearman's correlation between a person's ranking of regions by mean |relevance| and the group's median "
    f"ranking; far from the group: more than {_MADS:g} scaled median absolute deviations above the median distance"
)
"""What a distance is, for readers."""


def distances(people: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """The distance of every person's ranking from the median ranking of all.

    Ranks compare maps of any unit and scale.

    Parameters
    ----------
    people : sequence of mapping of str to float
        What regions are ranked by; regions that somebody lacks do not count for this person.

    Returns
    -------
    ndarray, (N,)
        1 - Spearman's correlation, in [0, 2]; NaN where it is undefined, as for somebody alone.

    Examples
    --------
    >>> alike = {"a": 1.0, "b": 2.0, "c": 3.0}
    >>> distances([alike, alike, {"a": 3.0, "b": 2.0, "c": 1.0}, {}]).tolist()
    [0.0, 0.0, 2.0, nan]
    """
    import pandas as pd

    values = pd.DataFrame(list(map(dict, people)), dtype=float)
    values = values.where(np.isfinite(values))
    ranks = values.rank(axis=1, pct=True)
    if ranks.notna().any(axis=1).sum() < _LEAST_GROUP:
        return np.full(len(people), np.nan)
    median = ranks.median().round(_DIGITS)  # ties stay ties
    return np.array([_distance(ranks.loc[place].dropna(), median) for place in ranks.index])


def _distance(person: pd.Series, group: pd.Series) -> float:
    if len(person) < _LEAST_REGIONS:
        return float("nan")
    pair = person.to_numpy(), group[person.index].rank().to_numpy()
    if any(np.ptp(ranks) == 0 for ranks in pair):
        return float("nan")
    return round(float(1 - np.corrcoef(*pair)[0, 1]), _DIGITS) + 0.0


def far_out(found: NDArray[np.float64]) -> float:
    """The distance above which somebody is far from the group; infinite among few people.

    Parameters
    ----------
    found : ndarray, (N,)
        Distances, with NaN.

    Examples
    --------
    >>> round(far_out(np.array([0.10, 0.11, 0.12, 0.13, 0.9])), 4), far_out(np.array([0.1, 0.9]))
    (0.1941, inf)
    """
    known = found[np.isfinite(found)]
    if len(known) < _LEAST_PEOPLE:
        return float("inf")
    middle = np.median(known)
    return float(middle + _MADS * _NORMAL * np.median(np.abs(known - middle)))
