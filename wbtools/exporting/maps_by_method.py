"""The maps of one network by one method; those by a second beside them, and which is to be trusted for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution import Attribution
from wbtools.attribution.evaluation.sanity_checks import Trust
from wbtools.attribution.evaluation.similarity import Similarity
from wbtools.errors import CheckError
from wbtools.model import Model
from wbtools.regions import Ranking
from wbtools.regions.levels import Levels
from wbtools.regions.second_ranking import AlsoRanked
from wbtools.space.grid import Volume

TOP = 10
"""How many regions of two rankings are compared."""

_TOTAL_TOLERANCE = 0.01
_LEAST_TOTAL = 0.05  # of all magnitudes; a smaller total is what signed relevance leaves over, and no measure of a loss


@dataclass(frozen=True, eq=False)
class MapsByMethod:
    """The maps of one network by one method, in one person's native T1w space.

    Parameters
    ----------
    name : str
        Of the network in file names; unique in an export.
    model : Model
    attribution : Attribution
        On the network's own grid.
    trust : Trust
        What else is known of the map.
    ranking : Ranking
    levels : Levels
        Of the regions, in this map and in those of randomised networks.
    volumes : mapping of str to Volume
        The maps of `explanation.MAPS` on the T1w grid: relevance as density (1/mm3), both heatmaps as scores.
    kept : float
        Relevance on the T1w grid divided by that on the network's grid.
    remarks : tuple of str
        What had to be decided to show the brain to the network.
    by : str
        The method, if it is the second one: files and maps are named after it. Empty for the first.
    """

    name: str
    model: Model
    attribution: Attribution
    trust: Trust
    ranking: Ranking
    levels: Levels
    volumes: Mapping[str, Volume]
    kept: float
    remarks: tuple[str, ...] = ()
    by: str = ""

    def named(self, kind: str) -> str:
        """The name of a kind of map in files that hold the maps of both methods."""
        return f"{kind} {self.by}" if self.by else kind

    @property
    def mark(self) -> str:
        """What every output says of a map that failed its check; empty if it passed."""
        return f"{self.by}: {self.trust.mark}" if self.by and self.trust.mark else self.trust.mark

    @property
    def cautions(self) -> tuple[str, ...]:
        """What has to be said of the map, without the verdict on it."""
        note = str((self.attribution.reference or {}).get("note", ""))
        return tuple(text for text in (*self.remarks, self.attribution.caution, note) if text)

    def map_record(self) -> dict[str, object]:
        """What provenance keeps of the map."""
        return {
            "attribution": self.attribution.as_record(),
            "trust": self.trust.as_record(),
            "against_randomised_networks": self.ranking.null.as_record() if self.ranking.null else None,
            "relevance_on_model_grid": self.attribution.relevance.total(),
            "relevance_on_t1w_grid": self.ranking.total,
            "relevance_kept": self.kept,
            "share_inside_atlas": 1 - self.ranking.outside.share if self.ranking.total else None,
        }


@dataclass(frozen=True, eq=False)
class SecondMap:
    """The maps by a second method, and which are to be trusted for what.

    Parameters
    ----------
    maps : MapsByMethod
    advice : str
        Which of both maps is to be trusted for what, in a sentence.
    similarity : Similarity
        Of both maps, by magnitude, over the voxels of the brain.
    shared : int
        Regions that are among the first `TOP` of both rankings.
    """

    maps: MapsByMethod
    advice: str
    similarity: Similarity
    shared: int

    @property
    def method(self) -> str:
        """The second method's name."""
        return self.maps.attribution.method

    @property
    def ranked(self) -> AlsoRanked:
        """The ranking by the second method."""
        return AlsoRanked(self.method, self.maps.ranking)

    @property
    def notice(self) -> str:
        """What every file with both maps says."""
        found = self.maps.attribution
        return (
            f"Maps whose names end in '{self.method}' are by this second method; explained: {found.target}. "
            f"{found.meaning} {self.advice}"
        )

    @property
    def agreement(self) -> str:
        """How much both maps are alike, in words."""
        return (
            f"Both maps correlate by {self.similarity.spearman:.2f} (Spearman, magnitudes) and share {self.shared} of "
            f"their first {TOP} regions."
        )

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        return {
            "method": self.method,
            "advice": self.advice,
            "similarity": asdict(self.similarity),
            f"shared_of_first_{TOP}_regions": self.shared,
            **self.maps.map_record(),
        }


def beside(first: MapsByMethod, second: MapsByMethod, brain: NDArray[np.bool_], advice: str) -> SecondMap:
    """The maps by a second method, compared with the first's.

    Parameters
    ----------
    first, second : MapsByMethod
        Of the same network and person.
    brain : ndarray, (X, Y, Z), bool
        Where the network is shown anything, on the grid of its input.
    advice : str
    """
    maps = (by_method.attribution.relevance.data[brain] for by_method in (first, second))
    shared = set(_first_regions(first.ranking)) & set(_first_regions(second.ranking))
    named = replace(second, by=second.attribution.method)
    return SecondMap(named, advice, Similarity.of(*maps), len(shared))


def _first_regions(ranking: Ranking) -> list[int]:
    """Keys of the first `TOP` regions."""
    return [row.region.key for row in ranking.rows[:TOP] if row.region and row.rank is not None]


def require_kept(before: Volume, after: Volume) -> float:
    """The part of the total relevance that arrived on another grid; CheckError if it is not all of it, but for 1 %."""
    total = before.total()
    scale = float(abs(before.data).sum(dtype="float64")) * before.grid.voxel_volume
    kept = after.total() / total if total else 1.0
    if abs(after.total() - total) > _TOTAL_TOLERANCE * max(abs(total), _LEAST_TOTAL * scale):
        raise CheckError(
            f"relevance on the T1w grid sums to {kept:.1%} of that on the network's grid; 99 % is required"
        )
    return kept
