"""Two people and one network: which regions of the one, with which of the other, make the embeddings alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas, Kind, Region
from wbtools.attribution.references.sets import ReferenceSource
from wbtools.errors import InputError
from wbtools.model import Model, ModelInput
from wbtools.space.grid import Volume
from wbtools.space.resampling import region_shares, resample_density
from wbtools.text import cell, tsv

OUTSIDE = "outside_atlas"


@dataclass(frozen=True, eq=False)
class RegionPairs:
    """Contributions of pairs of regions to the cosine of two people's embeddings.

    Parameters
    ----------
    regions : tuple of Region
    table : ndarray, (R + 2, R + 2), float32
        Rows are the person's regions, columns the other's; last but one what lies outside the atlas, last what the
        reference brains have already.
    cosine : float
    references : int
        How many reference brains each of the two is compared with; the table is that of the mean over them.
    """

    regions: tuple[Region, ...]
    table: NDArray[np.float32]
    cosine: float
    references: int = 1

    @property
    def between_regions(self) -> NDArray[np.float32]:
        """Without the last two rows and columns, (R, R)."""
        return self.table[:-2, :-2]

    @property
    def seed(self) -> Region:
        """The other's cortical area whose pairs with the person's weigh most, by the sum of their magnitudes."""
        places = self._cortical
        weights = np.abs(self.table[np.ix_(places, places)]).sum(axis=0, dtype=np.float64)
        return self.regions[places[int(weights.argmax())]]

    @property
    def seed_map(self) -> str:
        """What the map of pairs with the seed is called in files."""
        return f"pairs with {self.seed.name}"

    def with_seed(self) -> NDArray[np.float32]:
        """Contributions of pairs of each of the person's cortical areas with the seed, (C,)."""
        return self.table[self._cortical, self.regions.index(self.seed)]

    @property
    def _cortical(self) -> list[int]:
        return [place for place, region in enumerate(self.regions) if region.kind is Kind.CORTEX]

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        total = float(self.table.sum(dtype=np.float64))
        return {
            "cosine": self.cosine,
            "references": self.references,
            "sum_of_the_table": total,
            "conservation": total / self.cosine if self.cosine else 1.0,
            "between_regions_of_the_atlas": float(self.between_regions.sum(dtype=np.float64)),
        }

    def to_tsv(self) -> str:
        """The table as tab-separated text, named rows and columns."""
        from wbtools.attribution.bilrp import REFERENCE

        names = [*(cell(region.name) for region in self.regions), OUTSIDE, REFERENCE]
        rows = ((name, *(f"{value:.6g}" for value in row)) for name, row in zip(names, self.table, strict=True))
        return tsv([("region", *names), *rows])


@dataclass(frozen=True, eq=False)
class ParcellatedImage:
    """What is needed of each of two people: what the network is shown of them, and their regions.

    Parameters
    ----------
    image : ModelInput
    atlas : Atlas
    """

    image: ModelInput
    atlas: Atlas


def pair(
    model: Model,
    person: ParcellatedImage,
    other: ParcellatedImage,
    threads: int,
    references: ReferenceSource | None = None,
) -> RegionPairs:
    """Divide the cosine of two people's embeddings among pairs of their regions, by deviation LRP.

    Parameters
    ----------
    model : Model
    person, other : ParcellatedImage
    threads : int
    references : callable, optional
        Gives the brains that each of the two is compared with; without, the single reference brain.

    Raises
    ------
    InputError
        If the network has no embedding, or layers that nothing is known of, or a brain lies elsewhere than the
        reference.
    """
    from wbtools.attribution.bilrp import interaction
    from wbtools.attribution.runtime.threads import torch_threads

    with torch_threads(threads):
        # One after the other: what a network keeps of a person for the way back is most of the memory.
        (ours, own, count), (theirs, their, _) = (_table(model, image, references) for image in (person, other))
    cosine = float(own @ their / np.linalg.norm(own) / np.linalg.norm(their))
    return RegionPairs(person.atlas.regions, interaction((ours, theirs)), cosine, count)


def _table(
    model: Model, parcellated: ParcellatedImage, references: ReferenceSource | None
) -> tuple[NDArray[Any], NDArray[np.float64], int]:
    """Relevance of every dimension of the embedding in each region, (K, R + 2), the mean over so many references.

    Against each reference, a row sums to the embedding (K,), which is given, too; so it does on average.
    """
    from wbtools.attribution.bilrp import region_table
    from wbtools.attribution.methods import deviation

    pool, tables = _pool(parcellated), []
    for propagator in deviation.propagators_of(model, parcellated.image, references):
        tables.append(region_table(propagator, pool))
        embedding = propagator.output[0].numpy().astype(np.float64)
        del propagator  # gives its memory back before the next one is made
    return np.mean(tables, axis=0), embedding, len(tables)


def _pool(parcellated: ParcellatedImage) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """Sums maps on the network's grid over the regions and the rest."""
    grid, atlas = parcellated.image.grid, parcellated.atlas
    keys = [region.key for region in atlas.regions]

    def one_by_one(maps: NDArray[np.float32]) -> NDArray[Any]:
        return np.stack([_totals(Volume(m.reshape(grid.shape), grid), atlas.volume, keys) for m in maps.T], axis=1)

    try:
        shares = region_shares(atlas.volume, keys, grid)
    except InputError:  # grids at an angle
        return one_by_one
    return lambda maps: np.asarray(shares @ maps)


def _totals(relevance: Volume, labels: Volume, keys: Sequence[int]) -> NDArray[np.float64]:
    """Of values per voxel, by way of a density on the labels' grid."""
    share = labels.grid.voxel_volume / relevance.grid.voxel_volume
    found = resample_density(relevance, labels.grid).data.ravel()
    inside = np.bincount(labels.data.ravel(), found, max(*keys, int(labels.data.max())) + 1)[list(keys)] * share
    return np.append(inside, float(relevance.data.sum(dtype=np.float64)) - inside.sum())
