"""The ranked table of regions, from a relevance map and an atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas, Region
from wbtools.errors import InputError
from wbtools.regions.coarse import RegionMeans
from wbtools.space.grid import Unit, Volume
from wbtools.text import cell, tsv

MISSING = "n/a"
"""The BIDS word for an empty cell."""

SIGNIFICANT = 0.05
"""The level of p below which a region stands out from randomised networks."""


@dataclass(frozen=True)
class AgainstNull:
    """The comparison of a region in a network's map with the same region in maps of randomised networks.

    Parameters
    ----------
    mean : float
        The region's value in randomised networks: the geometric mean of their mean |relevance|, each map scaled to the
        median region of the network's map, 1/mm3; to be compared with `RegionRelevance.abs_mean`.
    sd : float
        Standard deviation of a randomised network's level, moderated, in doublings.
    excess : float
        Mean |relevance| beyond the 95th percentile of randomised networks, 1/mm3; negative if below it.
    z : float
        Deviation of the region's level from randomised networks, in standard deviations of a further one.
    p : float
        Share of networks, this one among them, with at least this z in any region: a Monte Carlo p value, corrected for
        the number of regions.
    score : float
        `excess` relative to that of the highest region, clipped at 0, in [0, 1].
    rank : int
        1 for the highest excess.
    """

    mean: float
    sd: float
    excess: float
    z: float
    p: float
    score: float
    rank: int


@dataclass(frozen=True)
class NullSummary:
    """Summary of the comparison of all regions.

    Parameters
    ----------
    networks : int
    spread : float
        Standard deviation of the bulk of the regions' z: about 1 for a network that has learned nothing.
    alike : float
        Spearman's correlation of the regions' mean |relevance| with that of a randomised network; mean over these.
    freedom : float
        Degrees of freedom of the moderated variances; infinite if all regions have the same variance.
    method : str
        By which the network and randomised networks were explained for this.
    """

    networks: int
    spread: float
    alike: float
    freedom: float
    method: str = ""

    @property
    def lowest_p(self) -> float:
        """The lowest p that so many networks can give."""
        return 1 / (self.networks + 1)

    @property
    def enough(self) -> bool:
        """Whether there are networks enough for a region to stand out."""
        return self.lowest_p < SIGNIFICANT

    def as_record(self) -> dict[str, object]:
        """The entry in provenance, as JSON values."""
        freedom = round(self.freedom, 1) if np.isfinite(self.freedom) else "infinite"
        return {
            "networks": self.networks,
            "method": self.method,
            "lowest_p": self.lowest_p,
            "spread": self.spread,
            "spearman": self.alike,
            "freedom": freedom,
        }


@dataclass(frozen=True)
class RegionRelevance:
    """A row of a ranking.

    Parameters
    ----------
    region : Region or None
        None for the part outside the atlas.
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
        What regions are ranked by, `mean` or the root mean square of relevance before pooling, relative to the highest
        region's, clipped at 0, in [0, 1]: the value in the heatmap.
    rank : int or None
        1 for the highest score; None outside the atlas and for regions without voxels.
    null : AgainstNull or None
        None outside the atlas, for regions without voxels, and if there was no comparison.
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
    null: AgainstNull | None = None


@dataclass(frozen=True)
class Ranking:
    """All regions of an atlas, highest score first, and the part outside it.

    Parameters
    ----------
    rows : tuple of RegionRelevance
    outside : RegionRelevance
        The part of the field of view outside all regions.
    total : float
        Relevance of the whole field of view.
    null : NullSummary or None
        None if the map was not compared with those of randomised networks.
    signed : bool
        Whether relevance tells for from against; magnitudes if not.
    """

    rows: tuple[RegionRelevance, ...]
    outside: RegionRelevance
    total: float
    null: NullSummary | None = None
    signed: bool = True

    @property
    def values(self) -> str:
        """What relevance is, in a word."""
        return "signed" if self.signed else "magnitude"

    def scores(self) -> dict[int, float]:
        """Score by region key, without regions that have no voxels."""
        return {row.region.key: row.score for row in self.rows if row.region and row.rank is not None}

    def significant(self, level: float = SIGNIFICANT) -> tuple[RegionRelevance, ...]:
        """The regions with significantly more relevance than in randomised networks, in calibrated order."""
        found = [(row.null.rank, row) for row in self.rows if row.null and row.null.p < level]
        return tuple(row for _, row in sorted(found, key=lambda pair: pair[0]))

    def table(self, model: str, method: str) -> list[tuple[str, ...]]:
        """The table as cells: names of columns, a row per region, and a last one for the part outside.

        Parameters
        ----------
        model, method : str
            Repeated in every row, so that rows can be separated from the table.
        """
        return [_COLUMNS, *(_cells(row, model, method, self.values) for row in (*self.rows, self.outside))]

    def to_tsv(self, model: str, method: str) -> str:
        """The same as tab-separated text."""
        return tsv(self.table(model, method))


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
    "values",
    "null_mean",
    "null_sd",
    "excess",
    "z",
    "p_corrected",
    "calibrated_rank",
)


def rank(relevance: Volume, atlas: Atlas, squares: Volume | None = None) -> Ranking:
    """Sum relevance over each region of an atlas and rank the regions by their mean, or by root mean square.

    Parameters
    ----------
    relevance : Volume
        Signed density, 1/mm3.
    atlas : Atlas
        On the same grid.
    squares : Volume, optional
        Squares of relevance before pooling, on the same grid: regions are ranked by the roots of their means then.

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
    >>> from wbtools.space.grid import Grid
    >>> grid = Grid((3, 1, 1), np.eye(4))
    >>> region = Region(7, "THALAMUS_LEFT", None, Kind.SUBCORTEX, (1, 0, 0, 1))
    >>> labels = Volume(np.array([7, 7, 0], np.int32).reshape(3, 1, 1), grid, Unit.LABEL)
    >>> density = Volume(np.array([1, 2, 1], np.float32).reshape(3, 1, 1), grid, Unit.DENSITY)
    >>> result = rank(density, Atlas("one", (region,), labels))
    >>> result.rows[0].mean, result.rows[0].share, result.outside.share
    (1.5, 0.75, 0.25)
    """
    _require_fitting(relevance, atlas)
    sums = _region_sums(relevance, atlas)
    total = float(sums.total.sum())
    means = np.full(len(sums.total), np.nan)
    np.divide(sums.total, sums.volume, out=means, where=sums.volume > 0)
    regions = [None, *atlas.regions]
    levels = means if squares is None else _root_means(squares, atlas)
    order = sorted(
        range(1, len(regions)),
        key=lambda i: (np.isnan(levels[i]), -np.nan_to_num(levels[i]), i),
    )
    best = float(np.nanmax(np.clip(levels[1:], 0, None), initial=0.0)) if len(regions) > 1 else 0.0

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
            score=float(np.clip(levels[index] / best, 0, 1)) if index and volume and best else 0.0,
            rank=place if volume else None,
        )

    return Ranking(tuple(row(i, place) for place, i in enumerate(order, 1)), row(0, None), total)


def _root_means(squares: Volume, atlas: Atlas) -> NDArray[np.float64]:
    """Roots of the regions' mean squares, after the background's; NaN for regions without voxels."""
    _require_fitting(squares, atlas)
    sums = _region_sums(squares, atlas)
    means = np.full(len(sums.total), np.nan)
    np.divide(sums.total, sums.volume, out=means, where=sums.volume > 0)
    roots: NDArray[np.float64] = np.sqrt(np.clip(means, 0, None))
    return roots


def abs_means(relevance: Volume, atlas: Atlas) -> NDArray[np.float64]:
    """Mean |relevance| of each region, (R,), in the order of their keys, 1/mm3; NaN for regions without voxels.

    Parameters
    ----------
    relevance : Volume
        Signed density, 1/mm3, on any grid.
    atlas : Atlas

    Raises
    ------
    InputError
        If the volume is not a density.
    """
    _require_density(relevance)
    means: NDArray[np.float64] = RegionMeans.of(atlas, relevance.grid)(relevance.data[None])[0]
    return means


def _require_density(relevance: Volume) -> None:
    if relevance.unit is not Unit.DENSITY:
        raise InputError(f"a ranking needs relevance per mm3, not {relevance.unit.value}")


def _require_fitting(relevance: Volume, atlas: Atlas) -> None:
    _require_density(relevance)
    if not relevance.grid.same_as(atlas.volume.grid):
        raise InputError("relevance and atlas lie on different grids")


@dataclass(frozen=True)
class _Sums:
    """Sums per region, after the background: voxels, mm3, signed relevance, and its magnitude."""

    voxels: NDArray[np.int64]
    volume: NDArray[np.floating]
    total: NDArray[np.floating]
    magnitude: NDArray[np.floating]


def _region_sums(relevance: Volume, atlas: Atlas) -> _Sums:
    """Voxel counts and sums per region, in the order of the atlas's regions."""
    inside, regions = _inside(atlas)
    density, outside = relevance.data.ravel(), atlas.volume.data.ravel() == 0
    of_regions, rest = density[inside], density[outside]
    count = len(atlas.regions) + 1
    voxel = relevance.grid.voxel_volume
    voxels = np.bincount(regions, minlength=count)
    total, magnitude = np.bincount(regions, of_regions, count), np.bincount(regions, np.abs(of_regions), count)
    voxels[0], total[0] = rest.size, rest.sum(dtype=np.float64)
    magnitude[0] = np.abs(rest, out=rest).sum(dtype=np.float64)  # most of the volume, of which one copy is enough
    return _Sums(voxels, voxels * voxel, total * voxel, magnitude * voxel)


def _inside(atlas: Atlas) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Flat indices of the labelled voxels, and the number of each one's region in the atlas, from 1."""
    number = np.zeros(max((region.key for region in atlas.regions), default=0) + 1, np.intp)
    for index, region in enumerate(atlas.regions, 1):
        number[region.key] = index
    labels = atlas.volume.data.ravel()
    inside = np.flatnonzero(labels)
    return inside, number[labels[inside]]


def _null_cells(null: AgainstNull | None) -> tuple[str, ...]:
    """The cells of a row that hold the comparison with randomised networks."""
    if null is None:
        return (MISSING,) * 6
    numbers = (f"{null.mean:.6g}", f"{null.sd:.4f}", f"{null.excess:.6g}", f"{null.z:.3f}", f"{null.p:.3g}")
    return (*numbers, str(null.rank))


def _cells(row: RegionRelevance, model: str, method: str, values: str) -> tuple[str, ...]:
    """The cells of a row."""
    region = row.region
    return (
        str(row.rank) if row.rank else MISSING,
        cell(region.name) if region else "outside_atlas",
        region.hemisphere.letter if region and region.hemisphere else MISSING,
        region.kind.value if region else "outside",
        str(region.key) if region else "0",
        str(row.voxels),
        f"{row.volume:.3f}",
        *(MISSING if np.isnan(value) else f"{value:.6g}" for value in (row.total, row.mean, row.abs_mean, row.share)),
        f"{row.score:.6f}" if region and row.rank else MISSING,
        cell(model),
        cell(method),
        values,
        *_null_cells(row.null),
    )
