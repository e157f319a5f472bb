"""Two people and one network: which regions of the one, with which of the other, make the embeddings alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas, Region
from wbtools.grid import Volume
from wbtools.model import Model, ModelInput, model_input
from wbtools.regridding import region_shares

OUTSIDE = "outside_atlas"


@dataclass(frozen=True, eq=False)
class Person:
    """A brain and the regions in it.

    Parameters
    ----------
    t1w : Volume
    atlas : Atlas
        On the T1w grid.
    """

    t1w: Volume
    atlas: Atlas


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

        names = [*(region.name for region in self.regions), OUTSIDE, REFERENCE]
        lines = ["\t".join(("region", *names))]
        for name, row in zip(names, self.table, strict=True):
            lines.append("\t".join((name, *(f"{value:.6g}" for value in row))))
        return "\n".join(lines) + "\n"


def pair(model: Model, person: Person, other: Person, threads: int) -> Pairing:
    """Divide the cosine of two people's embeddings among pairs of their regions, by deviation LRP.

    Raises
    ------
    InputError
        If the network has no embedding, or layers that nothing is known of, or a brain lies elsewhere than the reference.
    """
    import torch
    from torch.nn.functional import cosine_similarity

    from wbtools.attribution.bilrp import interaction, region_table
    from wbtools.attribution.deviation import walk_of

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        walks = [walk_of(model, model_input(one.t1w, model.card)) for one in (person, other)]
        tables = (region_table(walks[0], _pool(model, person)), region_table(walks[1], _pool(model, other)))
        cosine = float(cosine_similarity(walks[0].output, walks[1].output))
    finally:
        torch.set_num_threads(before)
    return Pairing(person.atlas.regions, interaction(tables), cosine)


def _pool(model: Model, person: Person) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """Sums maps on the network's grid over the regions and the rest."""
    image: ModelInput = model_input(person.t1w, model.card)
    shares = region_shares(person.atlas.volume, [region.key for region in person.atlas.regions], image.grid)
    return lambda maps: np.asarray(shares @ maps)
