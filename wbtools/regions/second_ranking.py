"""The columns of the ranked table that a second method fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbtools.regions.ranking import MISSING, Ranking, RegionRelevance
from wbtools.text import cell

ALSO_COLUMNS = {
    "also_method": "The second method",
    "also_values": "Whether its relevance is signed or a magnitude",
    "also_rank": "1 for the highest also_score",
    "also_mean": "Mean relevance density by the second method",
    "also_score": "score of the second method",
    "also_p_corrected": "p_corrected of the second method's map; n/a without enough randomised networks",
    "also_calibrated_rank": "calibrated_rank of the second method's map; n/a without enough randomised networks",
}
"""Columns of a second method, and what they mean."""


@dataclass(frozen=True)
class AlsoRanked:
    """A second ranking of the same regions.

    Parameters
    ----------
    method : str
        By which its map was made.
    ranking : Ranking
    """

    method: str
    ranking: Ranking

    def beside(self, first: Ranking, table: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """The table of the first ranking with the columns of this one.

        Parameters
        ----------
        first : Ranking
        table : sequence of tuple of str
            As `first.table` gives it.
        """
        found = {_key(row): self._cells(row) for row in (*self.ranking.rows, self.ranking.outside)}
        columns = [tuple(ALSO_COLUMNS), *(found[_key(row)] for row in (*first.rows, first.outside))]
        return [(*cells, *more) for cells, more in zip(table, columns, strict=True)]

    def _cells(self, row: RegionRelevance) -> tuple[str, ...]:
        return (
            cell(self.method),
            self.ranking.values,
            str(row.rank) if row.rank else MISSING,
            MISSING if np.isnan(row.mean) else f"{row.mean:.6g}",
            f"{row.score:.6f}" if row.region and row.rank else MISSING,
            *((f"{row.null.p:.3g}", str(row.null.rank)) if row.null else (MISSING, MISSING)),
        )


def _key(row: RegionRelevance) -> int:
    """Of the row's region; 0 stands for the part outside the atlas."""
    return row.region.key if row.region else 0
