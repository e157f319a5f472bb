"""What people are compared by: their levels and calibrated z, people x regions, from the tables of their exports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Kind, Region
from wbtools.errors import InputError
from wbtools.group.members.cohort import Cohort
from wbtools.reading import NetworkResults
from wbtools.reading.record import section
from wbtools.reading.table import OUTSIDE
from wbtools.regions.calibration import FEWEST_NETWORKS, FEWEST_REGIONS, levels_of
from wbtools.text import counted

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

MEAN = "mean |relevance|"
"""What levels are of, unless exports rank regions by another measure."""
_POOLED, _SQUARES = "deviation-smooth", "the root mean square of relevance before pooling"

_RANDOMISED = re.compile(r"network_(0|[1-9][0-9]{0,18})")
"""Columns of the levels in maps of randomised networks, which their seeds name."""


@dataclass(frozen=True, eq=False)
class Measures:
    """Measures of N people in R regions; NaN for regions that somebody lacks.

    Parameters
    ----------
    regions : tuple of Region, (R,)
        In the order of their keys.
    levels : ndarray, (N, R)
        Binary logarithm of a region's mean |relevance|, relative to the person's median region.
    ranked : ndarray, (N, R)
        The same of what the exports rank regions by: mean |relevance|, or the root mean square before pooling; in the
        map that is compared with those of randomised networks. `levels` where not all exports tell these.
    ranked_by : str
        What `ranked` are levels of.
    z : ndarray, (N, R)
        Against the person's own randomised networks; NaN without.
    null : ndarray, (N, K, R)
        As `ranked`, in the maps of K randomised networks, the same K for everybody; K is 0 without.
    seeds : tuple of int, (K,)
    centres : ndarray, (N, R, 3)
        Of regions, mm, in each person's T1w space; NaN where an export has none.
    unshared : int
        Of randomised networks that not everybody has, and that are left out.
    without_null : str
        Why there are no randomised networks; empty if there are.
    """

    regions: tuple[Region, ...]
    levels: Array
    ranked: Array
    ranked_by: str
    z: Array
    null: Array
    seeds: tuple[int, ...]
    centres: Array
    unshared: int = 0
    without_null: str = ""

    @property
    def compared(self) -> Array:
        """Levels of the network, then of the randomised ones, all made alike, (N, 1 + K, R)."""
        return np.concatenate((self.ranked[:, None], self.null), axis=1)

    @property
    def mean_levels(self) -> Array:
        """Mean level of each region over the people who have it, (R,)."""
        return column_means(self.levels)

    @property
    def sd_levels(self) -> Array:
        """Standard deviation of each region's level over people, (R,)."""
        people = np.isfinite(self.levels).sum(axis=0)
        squares = column_means((self.levels - self.mean_levels) ** 2)
        found: Array = np.sqrt(squares * people / np.where(people > 1, people - 1, np.nan))
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Of the regions."""
        return tuple(region.name for region in self.regions)

    @property
    def subcortical(self) -> NDArray[np.bool_]:
        """Which regions lie below the cortex, (R,)."""
        return np.array([region.kind is Kind.SUBCORTEX for region in self.regions])

    @property
    def distances(self) -> Array:
        """Of regions from the middle of all regions, mm, (N, R); NaN where an export has no centres."""
        with np.errstate(invalid="ignore"):
            middle = np.nanmean(self.centres, axis=1, keepdims=True) if self.located else np.nan
        return np.asarray(np.linalg.norm(self.centres - middle, axis=2))

    @property
    def located(self) -> bool:
        """Whether everybody's regions have centres."""
        return bool(np.isfinite(self.centres).any(axis=(1, 2)).all())


def column_means(values: Array) -> Array:
    """Means of columns over what is known, (R,); NaN where nothing is.

    Examples
    --------
    >>> column_means(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([ 2., nan])
    """
    known = np.isfinite(values)
    found = np.full(values.shape[1], np.nan)
    np.divide(np.where(known, values, 0).sum(axis=0), known.sum(axis=0), out=found, where=known.any(axis=0))
    return found


def measures(cohort: Cohort) -> Measures:
    """Read the measures of all people.

    Raises
    ------
    InputError
        If people's tables have different regions.
    """
    results = tuple(cohort.results.values())
    regions = results[0].regions
    names = [region.name for region in regions]
    for who, each in cohort.results.items():
        if set(each.table.index) - {OUTSIDE} != set(names):
            raise InputError(
                f"the region tables of {cohort.people[0]} and {who} have different regions",
                hint="export both with the same atlas",
            )
    tables = [each.levels for each in results]
    known = [table for table in tables if table is not None]
    seeds, why = _seeds(known, len(results))
    levels = levels_of(np.array([_present(each, names, "abs_mean") for each in results]))
    older = len(known) < len(results)
    return Measures(
        regions,
        levels,
        levels if older else np.array([_column(table, "level", names) for table in known]),
        MEAN if older else _ranked_by(results[0]),
        np.array([_column(each.table, "z", names) for each in results]),
        np.array([_null(table, seeds, names) for table in tables])
        if seeds
        else np.empty((len(results), 0, len(names))),
        seeds,
        np.array([_centres(table, names) for table in tables]),
        len({name for table in known for name in table if _RANDOMISED.fullmatch(name)}) - len(seeds),
        why,
    )


def _seeds(tables: Sequence[pd.DataFrame], people: int) -> tuple[tuple[int, ...], str]:
    """The randomised networks that everybody has; why there is no comparison."""
    if len(tables) < people:
        lacking = counted(people - len(tables), "export")
        return (), f"{lacking} of {people} have no table of levels: an older wbtools wrote them"
    common = set.intersection(*({name for name in table if _RANDOMISED.fullmatch(name)} for table in tables))
    seeds = tuple(sorted(int(name.removeprefix("network_")) for name in common))
    if len(seeds) < FEWEST_NETWORKS:
        return (), f"the exports have {counted(len(seeds), 'randomised network')} in common, too few for a comparison"
    if len(tables[0]) < FEWEST_REGIONS:
        return (), f"the exports have {counted(len(tables[0]), 'region')}, too few for a comparison"
    return seeds, ""


def _present(results: NetworkResults, names: Sequence[str], column: str) -> Array:
    """A column of a person's table; NaN for regions without voxels."""
    rows = results.table.reindex(names)
    return np.asarray(rows[column].where(rows["voxels"] > 0).to_numpy(np.float64))


def _ranked_by(results: NetworkResults) -> str:
    """What the levels in a table of levels are of: of the map that is compared with those of randomised networks."""
    compared = section(results.about, "against_randomised_networks").get("method") or results.method
    return _SQUARES if compared == _POOLED else MEAN


def _column(table: pd.DataFrame, name: str, names: Sequence[str]) -> Array:
    if name not in table:
        return np.full(len(names), np.nan)
    return np.asarray(table[name].reindex(names).to_numpy(np.float64))


def _null(table: pd.DataFrame | None, seeds: Sequence[int], names: Sequence[str]) -> Array:
    if table is None:
        return np.empty((0, len(names)))
    chosen = table.reindex(names)[[f"network_{seed}" for seed in seeds]]
    return np.asarray(chosen.to_numpy(np.float64), np.float64).T


def _centres(table: pd.DataFrame | None, names: Sequence[str]) -> Array:
    if table is None:
        return np.full((len(names), 3), np.nan)
    return np.asarray(table.reindex(names)[["x", "y", "z"]].to_numpy(np.float64))
