"""How far each person's ranking of regions lies from the group's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_LEAST_REGIONS = 3
_LEAST_PEOPLE = 5
"""Among fewer people, nobody is called far out."""
_MADS = 5.0
_NORMAL = 1.4826
"""What the median absolute deviation is multiplied by to be a normal distribution's SD."""
_DIGITS = 9

RULE = (
    "1 - Spearman's correlation between a person's ranking of regions by mean |relevance| and the group's median "
    f"ranking; far out: more than {_MADS:g} scaled median absolute deviations above the median distance"
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
        1 - Spearman's correlation, in [0, 2]; NaN where it is undefined.

    Examples
    --------
    >>> alike = {"a": 1.0, "b": 2.0, "c": 3.0}
    >>> distances([alike, alike, {"a": 3.0, "b": 2.0, "c": 1.0}, {}]).tolist()
    [0.0, 0.0, 2.0, nan]
    """
    import pandas as pd

    regions = list(dict.fromkeys(name for person in people for name in person))
    values = np.array([[person.get(name, np.nan) for name in regions] for person in people], float)
    values = values.reshape(len(people), len(regions))
    values[~np.isfinite(values)] = np.nan
    median = pd.DataFrame(values).rank(axis=1, pct=True).median().to_numpy()
    return np.array([_distance(row, median) for row in values])


def _distance(person: NDArray[np.float64], group: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    known = np.isfinite(person)
    if known.sum() < _LEAST_REGIONS:
        return float("nan")
    ranks = [rankdata(values[known]) for values in (person, group)]
    if any(np.ptp(each) == 0 for each in ranks):
        return float("nan")
    return round(float(1 - np.corrcoef(*ranks)[0, 1]), _DIGITS) + 0.0


def far_out(found: NDArray[np.float64]) -> float:
    """The distance above which somebody is far out; infinite among few people.

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
