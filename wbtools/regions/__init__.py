"""Ranking of regions by relevance, and its calibration.

- `table`: relevance and atlas in, ranked table out
- `calibration`: the ranks again, against networks with randomised weights
"""

from wbtools.regions.calibration import FEWEST_NETWORKS, calibrated
from wbtools.regions.ranking import AgainstNull, NullSummary, Ranking, RegionRelevance, abs_means, rank

__all__ = [
    "FEWEST_NETWORKS",
    "AgainstNull",
    "NullSummary",
    "Ranking",
    "RegionRelevance",
    "abs_means",
    "calibrated",
    "rank",
]
