"""Levels of regions: how a map, or that of a randomised network, is spread over regions, whatever its unit.

The level of a region is the binary logarithm of what it is ranked by, relative to the median region of the same map
(see `wbtools.regions.calibration`). Levels of people can be compared, and so can those of randomised networks: the same
seed and architecture are the same network for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas
from wbtools.regions.calibration import levels_of
from wbtools.regions.ranking import MISSING, Ranking
from wbtools.space.grid import Volume
from wbtools.space.remembered import Remembered
from wbtools.text import cell

COLUMNS = ("key", "region", "hemisphere", "kind", "x", "y", "z", "level")
"""Of the table, before those of randomised networks."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels of the regions of an atlas in the order of their keys; NaN for regions without voxels.

    Parameters
    ----------
    observed : ndarray, (R,)
        In the network's map.
    null : ndarray, (K, R)
        In the maps of randomised networks; no rows if there was no comparison with them.
    seeds : tuple of int
        Of these networks.
    """

    observed: Array
    null: Array
    seeds: tuple[int, ...] = ()

    @classmethod
    def alone(cls, ranking: Ranking, *, pooled: bool) -> Levels:
        """Of a map that was not compared with others: by what the ranking has of each region.

        Parameters
        ----------
        ranking : Ranking
        pooled : bool
            Whether regions are ranked by the root mean square of relevance before pooling: `score`, not `abs_mean`.
        """
        rows = sorted((row for row in ranking.rows if row.region), key=lambda row: row.region.key if row.region else 0)
        values = [(row.score if pooled else row.abs_mean) if row.voxels else np.nan for row in rows]
        return cls(levels_of(np.array([values], np.float64))[0], np.empty((0, len(rows))))

    @classmethod
    def compared(cls, maps: Array, seeds: Sequence[int]) -> Levels:
        """Of a map that was compared with those of randomised networks.

        Parameters
        ----------
        maps : ndarray, (1 + K, R)
            What regions are ranked by, in the network's map and in others; those in which half of the regions carry no
            relevance are left out, as from the comparison.
        seeds : sequence of int
            Of the first randomised networks; the others have no map.
        """
        levels = levels_of(maps)
        used = [place for place, row in enumerate(levels[1 : len(seeds) + 1]) if np.isfinite(row).any()]
        return cls(levels[0], levels[1:][used], tuple(seeds[place] for place in used))

    def table(self, atlas: Atlas) -> list[tuple[str, ...]]:
        """As cells: names of columns, then a row per region in the order of keys.

        Parameters
        ----------
        atlas : Atlas
            In the person's T1w space.
        """
        regions = sorted(atlas.regions, key=lambda region: region.key)
        numbers = np.column_stack((self.observed, self.null.T))
        rows = [
            (
                str(region.key),
                cell(region.name),
                region.hemisphere.letter if region.hemisphere else MISSING,
                region.kind.value,
                *(_number(value, 3) for value in centre),
                *(_number(value, 6) for value in levels),
            )
            for region, centre, levels in zip(regions, centres(atlas), numbers, strict=True)
        ]
        return [(*COLUMNS, *(f"network_{seed}" for seed in self.seeds)), *rows]


def centres(atlas: Atlas) -> Array:
    """Centres of gravity of an atlas's regions in the order of their keys, world mm (R, 3); NaN without voxels.

    Examples
    --------
    >>> from wbtools.anatomy import Kind, Region
    >>> from wbtools.space.grid import Grid, Unit, Volume
    >>> region = Region(7, "THALAMUS_LEFT", None, Kind.SUBCORTEX, (1, 0, 0, 1))
    >>> labels = Volume(np.array([7, 7, 0], np.int32).reshape(3, 1, 1), Grid((3, 1, 1), np.eye(4)), Unit.LABEL)
    >>> centres(Atlas("thalamus", (region,), labels)).tolist()
    [[0.5, 0.0, 0.0]]
    """
    return _centres(atlas.volume, tuple(sorted(region.key for region in atlas.regions)))


def _found(volume: Volume, keys: tuple[int, ...]) -> Array:
    labels = volume.data.ravel()
    voxels = np.flatnonzero(labels)
    rows = np.searchsorted(keys, labels[voxels])
    counts = np.bincount(rows, minlength=len(keys)).astype(np.float64)
    places = np.unravel_index(voxels, volume.grid.shape)
    sums = np.column_stack([np.bincount(rows, index, len(keys)) for index in places])
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts[:, None], out=means, where=counts[:, None] > 0)
    return volume.grid.to_world(means)


_centres = Remembered(_found)  # a table of levels and a page's viewer need them


def _number(value: float, digits: int) -> str:
    return MISSING if np.isnan(value) else f"{value:.{digits}f}"
