"""Which regions carry the relevance: relevance and atlas in, ranked table out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas, Region
from wbtools.errors import InputError
from wbtools.grid import Unit, Volume

_MISSING = "n/a"  # the BIDS word for an empty cell


@dataclass(frozen=True)
class RegionRelevance:
    """One row of a ranking.

    Parameters
    ----------
    region : Region or None
        None is everything outside the atlas.
    voxels : int
    volume : float
        mm3.
    total : float
        Signed relevance in the region.
    mean : float
        `total / volume`, 1/mm3; NaN for a region without voxels.
    abs_mean : float
        Mean of the magnitude of the density, 1/mm3.
    share : float
        `total` divided by the relevance of the whole field of view.
    score : float
        `mean` relative to the highest region's, cut at 0: the value that the heatmap paints, in [0, 1].
    rank : int or None
        1 for the highest mean; None outside the atlas and for regions without voxels.
    """

    region: Region | None
    voxels: int
    volume: float
    total: float
    mean: float
    abs_mean: float
    share: float
    score: float
    rank: int | None


@dataclass(frozen=True)
class Ranking:
    """All regions of an atlas, highest mean relevance first, and what lies outside it.

    Parameters
    ----------
    rows : tuple of RegionRelevance
    outside : RegionRelevance
        The field of view that no region covers.
    total : float
        Relevance of the whole field of view.
    """

    rows: tuple[RegionRelevance, ...]
    outside: RegionRelevance
    total: float

    def scores(self) -> dict[int, float]:
        """Score by region key; regions without voxels are left out."""
        return {row.region.key: row.score for row in self.rows if row.region and row.rank is not None}

    def to_tsv(self, model: str, method: str) -> str:
        """The table as tab-separated text, one row per region and a last one for the part outside.

        Parameters
        ----------
        model, method : str
            Repeated in every row, so that a row cut out of the table still says where it comes from.
        """
        return (
            "\n".join(["\t".join(_COLUMNS), *(_line(row, model, method) for row in (*self.rows, self.outside))]) + "\n"
        )


_COLUMNS = (
    "rank",
    "region",
    "hemisphere",
    "kind",
    "key",
    "voxels",
    "volume_mm3",
    "sum",
    "mean",
    "abs_mean",
    "share",
    "score",
    "model",
    "method",
)


def rank(relevance: Volume, atlas: Atlas) -> Ranking:
    """Sum relevance over each region of an atlas and order the regions by their mean.

    Parameters
    ----------
    relevance : Volume
        Signed density, 1/mm3.
    atlas : Atlas
        On the same grid.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        If the grids differ or the volume is not a density.

    Examples
    --------
    >>> from wbtools.anatomy import Kind
    >>> from wbtools.grid import Grid
    >>> grid = Grid((3, 1, 1), np.eye(4))
    >>> region = Region(7, "THALAMUS_LEFT", None, Kind.SUBCORTEX, (1, 0, 0, 1))
    >>> labels = Volume(np.array([7, 7, 0], np.int32).reshape(3, 1, 1), grid, Unit.LABEL)
    >>> density = Volume(np.array([1, 2, 1], np.float32).reshape(3, 1, 1), grid, Unit.DENSITY)
    >>> result = rank(density, Atlas("one", (region,), labels))
    >>> result.rows[0].mean, result.rows[0].share, result.outside.share
    (1.5, 0.75, 0.25)
    """
    if relevance.unit is not Unit.DENSITY:
        raise InputError(f"a ranking needs relevance per mm3, not {relevance.unit.value}")
    if not relevance.grid.same_as(atlas.volume.grid):
        raise InputError("relevance and atlas lie on different grids")
    sums = _region_sums(relevance, atlas)
    total = float(sums.total.sum())
    means = np.full(len(sums.total), np.nan)
    np.divide(sums.total, sums.volume, out=means, where=sums.volume > 0)
    regions = [None, *atlas.regions]
    order = sorted(range(1, len(regions)), key=lambda i: (np.isnan(means[i]), -np.nan_to_num(means[i]), i))
    best = float(np.nanmax(np.clip(means[1:], 0, None), initial=0.0)) if len(regions) > 1 else 0.0

    def row(index: int, place: int | None) -> RegionRelevance:
        volume = float(sums.volume[index])
        return RegionRelevance(
            region=regions[index],
            voxels=int(sums.voxels[index]),
            volume=volume,
            total=float(sums.total[index]),
            mean=float(means[index]),
            abs_mean=float(sums.magnitude[index] / volume) if volume else float("nan"),
            share=float(sums.total[index] / total) if total else float("nan"),
            score=float(np.clip(means[index] / best, 0, 1)) if index and volume and best else 0.0,
            rank=place if volume else None,
        )

    return Ranking(tuple(row(i, place) for place, i in enumerate(order, 1)), row(0, None), total)


@dataclass(frozen=True)
class _Sums:
    """Per label, index 0 being the background: voxels, mm3, signed relevance, its magnitude."""

    voxels: NDArray[np.int64]
    volume: NDArray[np.floating]
    total: NDArray[np.floating]
    magnitude: NDArray[np.floating]


def _region_sums(relevance: Volume, atlas: Atlas) -> _Sums:
    """Voxel counts and sums per region, in the order of the atlas's regions."""
    place = np.zeros(max((region.key for region in atlas.regions), default=0) + 1, np.intp)
    for index, region in enumerate(atlas.regions, 1):
        place[region.key] = index
    labels = place[atlas.volume.data.ravel()]
    density = relevance.data.ravel()
    count = len(atlas.regions) + 1
    voxel = relevance.grid.voxel_volume
    voxels = np.bincount(labels, minlength=count)
    return _Sums(
        voxels=voxels,
        volume=voxels * voxel,
        total=np.bincount(labels, density, count) * voxel,
        magnitude=np.bincount(labels, np.abs(density), count) * voxel,
    )


def _line(row: RegionRelevance, model: str, method: str) -> str:
    """One row as tab-separated text."""
    region = row.region
    cells = (
        str(row.rank) if row.rank else _MISSING,
        region.name if region else "outside_atlas",
        region.hemisphere.letter if region and region.hemisphere else _MISSING,
        region.kind.value if region else "outside",
        str(region.key) if region else "0",
        str(row.voxels),
        f"{row.volume:.3f}",
        *(_MISSING if np.isnan(value) else f"{value:.6g}" for value in (row.total, row.mean, row.abs_mean, row.share)),
        f"{row.score:.6f}" if region and row.rank else _MISSING,
        model,
        method,
    )
    return "\t".join(cells)
