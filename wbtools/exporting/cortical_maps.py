"""The maps of networks on the cortex: relevance read from the voxels, heatmaps painted by the areas' own labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wbtools.anatomy import Hemisphere
from wbtools.attribution.runtime.memory import give_back
from wbtools.exporting.explanation import RELEVANCE
from wbtools.exporting.maps_by_method import MapsByMethod
from wbtools.native.cortex import Cortex, Values
from wbtools.native.person import Person
from wbtools.native.projection import Maps, Projection
from wbtools.regions.heatmap import SMOOTHING_FWHM, paint_vertices
from wbtools.subject import MeshName
from wbtools.surfaces.smoothing import smooth_along


def on_cortex(person: Person, explanations: Sequence[MapsByMethod], projection: Projection) -> dict[MeshName, Maps]:
    """Per mesh and side, the maps of all explanations: `MAPS` of the first, then of the second, ...

    A vertex has the score of the area whose label it carries, not a mixture of the voxels around it: these may belong
    to the other bank of a sulcus.

    Parameters
    ----------
    person : Person
    explanations : sequence of MapsByMethod
    projection : Projection
        Reads relevance, which is known voxel by voxel.
    """
    give_back()  # columns of cortex take as much again
    volumes = [explanation.volumes[RELEVANCE] for explanation in explanations]
    found = {}
    for mesh, cortex in person.cortices.items():
        relevance = projection.metrics(cortex, volumes)
        found[mesh] = {side: _side(person, explanations, cortex, side, relevance[side]) for side in Hemisphere}
    return found


def _side(
    person: Person, explanations: Sequence[MapsByMethod], cortex: Cortex, side: Hemisphere, relevance: Values
) -> Values:
    """The maps of all explanations on one hemisphere, (M, V)."""
    keys, surface = person.areas[cortex.mesh][side], cortex.surfaces[side, "midthickness"]
    maps = []
    for explanation, found in zip(explanations, relevance, strict=True):
        painted = paint_vertices(explanation.ranking.scores(), keys)
        maps += [found, painted, smooth_along(surface, painted, keys > 0, SMOOTHING_FWHM)]
    return np.stack(maps)
