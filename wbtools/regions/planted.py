"""Where a map has what is known to be there: the regions that a network's card calls planted, and its decoys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbtools.regions.ranking import Ranking, RegionRelevance
from wbtools.text import counted

_SHOWN = 5
_READ = (
    "The rank orders all regions of this map, and some region always comes first; p says how often a randomised "
    "network has a region that stands out as far: from .05 on, a high rank alone is no evidence."
)


@dataclass(frozen=True)
class Planted:
    """The ranks of regions whose role is known.

    Parameters
    ----------
    planted, decoy : tuple of RegionRelevance
        Rows of the ranking in the order of their places, the first one first.
    calibrated : bool
        Whether places are ranks against randomised networks, or those of the map alone.
    planted_in, decoy_in : str
        Where they are, in words; may be empty.
    unranked : tuple of int, (2,)
        How many further planted regions and decoys have no rank, for example because the atlas lacks them.
    standing_out : tuple of int, (2,)
        How many regions stand out from randomised networks, p < .05, and how many of these are planted.
    """

    planted: tuple[RegionRelevance, ...]
    decoy: tuple[RegionRelevance, ...]
    calibrated: bool
    planted_in: str = ""
    decoy_in: str = ""
    unranked: tuple[int, int] = (0, 0)
    standing_out: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, ranking: Ranking, planted: Sequence[str], decoy: Sequence[str]) -> Planted | None:
        """The rows of these regions; None if the ranking has no planted one, such as that of another atlas.

        Parameters
        ----------
        ranking : Ranking
        planted, decoy : sequence of str
            Names of regions.
        """
        calibrated = ranking.null is not None
        rows = {row.region.name: row for row in ranking.rows if row.region and _place(row, calibrated)}
        listed = [
            tuple(sorted((rows[name] for name in names if name in rows), key=lambda row: _place(row, calibrated)))
            for names in (planted, decoy)
        ]
        if not listed[0]:
            return None
        unranked = len(planted) - len(listed[0]), len(decoy) - len(listed[1])
        apart = {row.region.name for row in ranking.significant() if row.region}
        standing_out = len(apart), len(apart & {*planted})
        return cls(listed[0], listed[1], calibrated, unranked=unranked, standing_out=standing_out)

    def sentences(self) -> tuple[str, ...]:
        """What was planted, where the map has it, where the decoy came, and what ranks and p mean."""
        first = sum(_place(row, self.calibrated) <= _SHOWN for row in self.planted)
        how = "calibrated rank" if self.calibrated else "rank"
        where = _where(self.planted_in, len(self.planted), self.unranked[0])
        said = [
            f"Planted: {where}; {first} of the first {_SHOWN} places by {how}: "
            + ", ".join(self._said(row) for row in self.planted[:_SHOWN])
        ]
        apart, found = self.standing_out
        if apart:
            total = len(self.planted) + self.unranked[0]
            said.append(
                f"Planted among the regions that stand out (p < .05, corrected): {found} of {apart}; "
                f"planted and not standing out: {total - found} of {total}"
            )
        where = _where(self.decoy_in, len(self.decoy), self.unranked[1])
        if self.decoy:
            said.append(f"Decoy: {where}; the first of them by {how}: {self._said(self.decoy[0])}")
        elif self.unranked[1]:
            said.append(f"Decoy: {where}")
        return (*said, _READ) if self.calibrated else tuple(said)

    def as_record(self) -> dict[str, object]:
        """The places by name, as JSON values."""
        return {
            "places": "calibrated" if self.calibrated else "uncalibrated",
            **{
                name: {row.region.name: _place(row, self.calibrated) for row in rows if row.region}
                for name, rows in (("planted", self.planted), ("decoy", self.decoy))
            },
        }

    def _said(self, row: RegionRelevance) -> str:
        p = f", p {row.null.p:.2g}" if self.calibrated and row.null else ""
        return f"{row.region.name if row.region else ''} ({_place(row, self.calibrated)}{p})"


def _where(words: str, ranked: int, unranked: int) -> str:
    """Where regions are, and how many of them have a rank."""
    regions = counted(ranked + unranked, "region")
    if unranked:
        others = "the rest without a rank in this atlas" if ranked else "without a rank in this atlas"
        regions = f"{ranked} of {regions}, {others}" if ranked else f"{regions} {others}"
    return f"{words} ({regions})" if words else regions


def _place(row: RegionRelevance, calibrated: bool) -> int:
    """The rank of a region; 0 if it has none."""
    return (row.null.rank if row.null else 0) if calibrated else row.rank or 0
