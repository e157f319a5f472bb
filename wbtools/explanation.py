"""What one network looked at in one brain: its relevance on the T1w grid, the ranking, and the maps drawn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wbtools.anatomy import Atlas
from wbtools.attribution import Attribution, Target, attribute
from wbtools.errors import CheckError
from wbtools.grid import Volume
from wbtools.mapping import paint, smooth_within
from wbtools.model import Model, model_input
from wbtools.ranking import Ranking, rank
from wbtools.regridding import resample_density, resample_labels

_TOTAL_TOLERANCE = 0.01

RELEVANCE = "relevance"
HEATMAP = "heatmap"
HEATMAP_SMOOTH = "heatmap_smooth"
MAPS = (RELEVANCE, HEATMAP, HEATMAP_SMOOTH)
"""Names of the maps of one explanation, in the order of every file that holds all three."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One network, explained in one person's native T1w space.

    Parameters
    ----------
    name : str
        Of the network in file names; unique in an export.
    model : Model
    attribution : Attribution
        On the network's own grid.
    ranking : Ranking
    volumes : mapping of str to Volume
        The maps of `MAPS` on the T1w grid: relevance as density (1/mm3), both heatmaps as scores.
    kept : float
        Relevance on the T1w grid divided by that on the network's grid.
    """

    name: str
    model: Model
    attribution: Attribution
    ranking: Ranking
    volumes: Mapping[str, Volume]
    kept: float

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        card = self.model.card
        return {
            "title": card.title,
            "family": card.family,
            "sha256": self.model.sha256,
            "network": dict(self.model.description),
            "card": "assumed from the family" if card.assumed else "given",
            "notice": card.notice,
            "attribution": self.attribution.as_record(),
            "relevance_on_model_grid": self.attribution.relevance.total(),
            "relevance_on_t1w_grid": self.ranking.total,
            "relevance_kept": self.kept,
            "share_inside_atlas": 1 - self.ranking.outside.share,
        }


def explain(
    model: Model,
    name: str,
    t1w: Volume,
    atlas: Atlas,
    method: str,
    threads: int,
    target: Target | None = None,
    others: Sequence[Volume] = (),
) -> Explanation:
    """Explain a network's decision on a T1w image, and carry the explanation to the image's own grid.

    Parameters
    ----------
    model : Model
    name : str
        For file names.
    t1w : Volume
        Intensities.
    atlas : Atlas
        On the T1w grid.
    method : str
        A name of `wbtools.attribution`.
    threads : int
    target : Target, optional
        What is explained; without, what the network is for.
    others : sequence of Volume
        The T1w images of the people that the target compares with.

    Returns
    -------
    Explanation

    Raises
    ------
    CheckError
        If the way back to the T1w grid changed the total relevance by more than 1 %.
    """
    image = model_input(t1w, model.card)
    regions = resample_labels(atlas.volume, image.grid).data
    people = [model_input(other, model.card) for other in others]
    attribution = attribute(model, image, method, target, people, regions, threads)
    relevance = resample_density(attribution.relevance, t1w.grid)
    kept = _require_kept(attribution.relevance, relevance)
    ranking = rank(relevance, atlas)
    heatmap = paint(ranking.scores(), atlas.volume)
    smooth = smooth_within(heatmap, atlas.volume.data > 0)
    volumes = dict(zip(MAPS, (relevance, heatmap, smooth), strict=True))
    return Explanation(name, model, attribution, ranking, volumes, kept)


def _require_kept(before: Volume, after: Volume) -> float:
    """The part of the total that arrived; CheckError if it is not all of it."""
    total = before.total()
    scale = float(abs(before.data).sum(dtype="float64")) * before.grid.voxel_volume
    kept = after.total() / total if total else 1.0
    if abs(after.total() - total) > _TOTAL_TOLERANCE * max(abs(total), 1e-3 * scale):
        raise CheckError(
            f"relevance on the T1w grid sums to {kept:.1%} of that on the network's grid; 99 % is required"
        )
    return kept
