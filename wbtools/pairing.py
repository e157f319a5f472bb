"""Two people and one network: which regions of the one, with which of the other, make the embeddings alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Region
from wbtools.errors import InputError
from wbtools.explanation import seen_by
from wbtools.grid import Volume
from wbtools.model import Model
from wbtools.person import Person
from wbtools.regridding import region_shares, resample_density
from wbtools.text import cell, tsv

PAIRED = ("pair", "distance")
"""Targets that compare exactly two people."""

OUTSIDE = "outside_atlas"


@dataclass(frozen=True, eq=False)
class Pairing:
    """Contributions of pairs of regions to the cosine of two people's embeddings.

    Parameters
    ----------
    regions : tuple of Region
    table : ndarray, (R + 2, R + 2), float32
        Rows are the person's regions, columns the other's; last but one what lies outside the atlas, last what the
        reference brains have already.
    cosine : float
    """

    regions: tuple[Region, ...]
    table: NDArray[np.float32]
    cosine: float

    @property
    def between_regions(self) -> NDArray[np.float32]:
        """Without the last two rows and columns, (R, R)."""
        return self.table[:-2, :-2]

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        total = float(self.table.sum(dtype=np.float64))
        return {
            "cosine": self.cosine,
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


def pair(model: Model, person: Person, other: Person, threads: int) -> Pairing:
    """Divide the cosine of two people's embeddings among pairs of their regions, by deviation LRP.

    Raises
    ------
    InputError
        If the network has no embedding, or layers that nothing is known of, or a brain lies elsewhere than the
        reference.
    """
    import torch
    from torch.nn.functional import cosine_similarity

    from wbtools.attribution.bilrp import interaction, region_table
    from wbtools.attribution.deviation import walk_of

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        walks = [walk_of(model, seen_by(model, one.t1w, one.mask)) for one in (person, other)]
        tables = (region_table(walks[0], _pool(model, person)), region_table(walks[1], _pool(model, other)))
        cosine = float(cosine_similarity(walks[0].output, walks[1].output))
    finally:
        torch.set_num_threads(before)
    return Pairing(person.atlas.whole.regions, interaction(tables), cosine)


def _pool(model: Model, person: Person) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """Sums maps on the network's grid over the regions and the rest."""
    grid = seen_by(model, person.t1w, person.mask).grid
    whole = person.atlas.whole
    keys = [region.key for region in whole.regions]

    def one_by_one(maps: NDArray[np.float32]) -> NDArray[Any]:
        return np.stack([_totals(Volume(m.reshape(grid.shape), grid), whole.volume, keys) for m in maps.T], axis=1)

    try:
        shares = region_shares(whole.volume, keys, grid)
    except InputError:  # grids at an angle
        return one_by_one
    return lambda maps: np.asarray(shares @ maps)


def _totals(relevance: Volume, labels: Volume, keys: Sequence[int]) -> NDArray[np.float64]:
    """Of values per voxel, by way of a density on the labels' grid."""
    share = labels.grid.voxel_volume / relevance.grid.voxel_volume
    found = resample_density(relevance, labels.grid).data.ravel()
    inside = np.bincount(labels.data.ravel(), found, max(*keys, int(labels.data.max())) + 1)[list(keys)] * share
    return np.append(inside, float(relevance.data.sum(dtype=np.float64)) - inside.sum())
