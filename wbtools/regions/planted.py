"""Where a map has what is known to be there: the regions that a network's card calls planted, and its decoys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wbtools.regions.ranking import Ranking, RegionRelevance
from wbtools.text import counted

_SHOWN = 5


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
    """

    planted: tuple[RegionRelevance, ...]
    decoy: tuple[RegionRelevance, ...]
    calibrated: bool
    planted_in: str = ""
    decoy_in: str = ""

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
        return cls(listed[0], listed[1], calibrated) if listed[0] else None

    def sentences(self) -> tuple[str, ...]:
        """What was planted, where the map has it, and where the decoy came."""
        first = sum(_place(row, self.calibrated) <= _SHOWN for row in self.planted)
        how = "calibrated rank" if self.calibrated else "rank"
        said = [
            f"Planted: {_where(self.planted_in, len(self.planted))}; {first} of the first {_SHOWN} places by {how}: "
            + ", ".join(self._said(row) for row in self.planted[:_SHOWN])
        ]
        if self.decoy:
            where = _where(self.decoy_in, len(self.decoy))
            said.append(f"Decoy: {where}; the first of them by {how}: {self._said(self.decoy[0])}")
        return tuple(said)

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


def _where(words: str, count: int) -> str:
    return f"{words} ({counted(count, 'region')})" if words else counted(count, "region")


def _place(row: RegionRelevance, calibrated: bool) -> int:
    """The rank of a region; 0 if it has none."""
    return (row.null.rank if row.null else 0) if calibrated else row.rank or 0
