"""The table of a group: what was found of every region, for programs and for readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Region
from wbtools.group.contrast_tests import ContrastTest
from wbtools.group.measures import Measures, column_means
from wbtools.group.statistics.against_randomised import AgainstRandomised
from wbtools.group.statistics.rank_intervals import RankIntervals
from wbtools.regions.ranking import MISSING
from wbtools.text import cell, tsv

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measure:
    """A column of the table.

    Parameters
    ----------
    name : str
        In the table; that of a contrast stands before it.
    title : str
        On the page.
    form : str
        How its numbers are shown there.
    about : str
        What it means.
    """

    name: str
    title: str
    form: str
    about: str


MEASURES = (
    Measure("rank", "rank", "g", "by ranked level; 1 is the highest"),
    Measure("rank_low", "from", "g", "lower end of the 95 % interval of the rank, over families"),
    Measure("rank_high", "to", "g", "upper end of the 95 % interval of the rank, over families"),
    Measure("ranked_level", "ranked level", ".2f", "mean over people: doublings of what exports rank regions by"),
    Measure(
        "mean_level", "level of mean", ".2f", "mean over people: doublings of mean |relevance| over the median region"
    ),
    Measure("sd_level", "SD", ".2f", "standard deviation of the level of mean |relevance| over people"),
    Measure("mean_z", "z of people", ".2f", "mean over people of each person's z against randomised networks"),
    Measure("consistency", "top tenth", ".0%", "share of people with the region in their top tenth by ranked level"),
    Measure("z", "z", ".2f", "of the ranked level against that of randomised networks"),
    Measure(
        "p_corrected",
        "p",
        ".3g",
        "of the ranked level against randomised networks, corrected for the number of regions",
    ),
    Measure(
        "excess",
        "excess",
        ".2f",
        "of the ranked level beyond the 95th percentile of randomised networks, median regions",
    ),
    Measure("people", "people", "g", "how many have the region"),
)
CONTRAST = (
    Measure("t", "t", ".2f", "of the contrast, in levels of mean |relevance|"),
    Measure(
        "p_corrected", "p", ".3g", "of the contrast, by permutations of people, corrected for the number of regions"
    ),
    Measure("effect_size", "effect", ".2f", "of the contrast, in levels of mean |relevance|"),
)
"""Columns of each contrast."""


def region_table(
    measures: Measures,
    ranks: RankIntervals,
    top: NDArray[np.float64],
    randomised: AgainstRandomised | None,
    contrasts: Sequence[ContrastTest],
) -> pd.DataFrame:
    """What was found of every region, sorted by rank, indexed by region.

    Parameters
    ----------
    measures : Measures
    ranks : RankIntervals
    top : ndarray, (R,)
        Share of people with the region in their top tenth.
    randomised : AgainstRandomised or None
    contrasts : sequence of ContrastTest
    """
    import pandas as pd

    regions = measures.regions
    nothing = np.full(len(regions), np.nan)
    values = {
        "rank": ranks.rank,
        "rank_low": ranks.low,
        "rank_high": ranks.high,
        "ranked_level": ranks.mean,
        "mean_level": measures.mean_levels,
        "sd_level": measures.sd_levels,
        "mean_z": column_means(measures.z),
        "consistency": top,
        "z": randomised.z if randomised else nothing,
        "p_corrected": randomised.p if randomised else nothing,
        "excess": randomised.excess if randomised else nothing,
        "people": ranks.people,
    }
    columns = {f"{each.name}: {made.name}": getattr(each, made.name) for each in contrasts for made in CONTRAST}
    ordered = {measure.name: values[measure.name] for measure in MEASURES}
    table = pd.DataFrame({**_about(regions), **ordered, **columns}).set_index("region")
    return table.sort_values(["rank", "key"], na_position="last")


def _about(regions: Sequence[Region]) -> dict[str, list[object]]:
    return {
        "region": [region.name for region in regions],
        "hemisphere": [region.hemisphere.letter if region.hemisphere else MISSING for region in regions],
        "kind": [region.kind.value for region in regions],
        "key": [region.key for region in regions],
    }


def as_tsv(table: pd.DataFrame) -> str:
    """The table as text: six digits, `n/a` for what is missing."""
    head = ["region", *(cell(name) for name in table)]
    rows = [
        [str(name), *map(_shown, row)] for name, row in zip(table.index, table.itertuples(index=False), strict=True)
    ]
    return tsv([head, *rows])


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    number = float(str(value))
    return MISSING if np.isnan(number) else f"{number:.6g}"
