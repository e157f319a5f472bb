"""Ranking of regions by relevance, and its calibration.

- `ranking`: relevance and atlas in, ranked table out
- `correlation`: ranks of numbers, and how far two rankings agree
- `coarse`: means over regions on a network's own grid
- `calibration`: the ranks again, against networks with randomised weights
"""

from wbtools.regions.calibration import FEWEST_NETWORKS, calibrated
from wbtools.regions.coarse import RegionMeans
from wbtools.regions.ranking import AgainstNull, NullSummary, Ranking, RegionRelevance, abs_means, rank

__all__ = [
    "FEWEST_NETWORKS",
    "AgainstNull",
    "NullSummary",
    "Ranking",
    "RegionMeans",
    "RegionRelevance",
    "abs_means",
    "calibrated",
    "rank",
]
