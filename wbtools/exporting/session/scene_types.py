"""The scenes of every network as a table of what each shows; `scenes.py` composes them.

A new scene is a new entry of `SCENES`.
"""

from __future__ import annotations

from dataclasses import dataclass

from wbtools.exporting.explanation import HEATMAP, HEATMAP_SMOOTH, RELEVANCE
from wbtools.exporting.session.greyordinates import CALIBRATED
from wbtools.native.cortex import NATIVE, STANDARD
from wbtools.output.kinds import OutputKind
from wbtools.subject import MeshName

FOLDED: tuple[MeshName, ...] = (NATIVE, STANDARD)
FLAT: tuple[MeshName, ...] = (STANDARD, NATIVE)


@dataclass(frozen=True)
class SceneType:
    """What a scene shows, of any network.

    Parameters
    ----------
    name : str
        Of its picture, after the network's.
    title : str
        Above the picture, and in wb_view's list.
    shows : str
        Name of the map.
    unit : str
        Of the map, above the colour bar.
    slices : bool
        Whether the map is shown on slices of the T1w.
    surface : str
        Which surface it is shown on: `pial` or `inflated`; empty for none. A person without inflated surfaces gets the
        pial one.
    meshes : tuple of MeshName
        The first one of these that the person has is shown, else any.
    areas : bool
        Whether the borders of areas are drawn on the surface.
    listed : str
        Title in wb_view's list, if another.
    file : OutputKind or None
        What the surface shows; None takes the maps of the network, as CIFTI or as one file a side. The scene is left
        out where the export has no such file.
    live : OutputKind or None
        What wb_view shows in its place: a matrix, whose row is the map, and a click chooses another.
    only_if_found : bool
        Whether the scene is left out where no area stands out from randomised networks.
    second : bool
        Whether it shows the map of the second method; it is left out where there is none.
    under_first : bool
        Whether the first method's map is shown above that of the second, on the same surface.
    """

    name: str
    title: str
    shows: str
    unit: str
    slices: bool = False
    surface: str = ""
    meshes: tuple[MeshName, ...] = FLAT
    areas: bool = False
    listed: str = ""
    file: OutputKind | None = None
    live: OutputKind | None = None
    only_if_found: bool = False
    second: bool = False
    under_first: bool = False

    @property
    def always(self) -> bool:
        """Whether every export has it."""
        return not (self.only_if_found or self.second or self.live)


DENSITY, _SCORE = "relevance / mm3", "region score"
PAIRS = "pairs"
"""The map of pairs of regions, whose name in files is that of its seed."""

WHAT = {
    RELEVANCE: "Relevance density of the explained answer",
    HEATMAP: "Regions in the colour of their score",
    HEATMAP_SMOOTH: "Region scores, smoothed within the atlas,",
    CALIBRATED: "Areas in the colour of their score in excess of randomised networks",
    PAIRS: "What each area of this person adds to the cosine of both embeddings with area {seed} of the other, drawn",
}
"""What each map is, for descriptions."""

SCENES = (
    SceneType("overview", "Overview", HEATMAP_SMOOTH, _SCORE, slices=True, surface="inflated", areas=True),
    SceneType("relevance-volume", "Relevance", RELEVANCE, DENSITY, slices=True, listed="Relevance on the T1w"),
    SceneType("relevance-pial", "Relevance on the pial surface", RELEVANCE, DENSITY, surface="pial", meshes=FOLDED),
    SceneType("relevance-inflated", "Relevance with {atlas} areas", RELEVANCE, DENSITY, surface="inflated", areas=True),
    SceneType("region-heatmap", "Region heatmap", HEATMAP, _SCORE, slices=True, surface="inflated", areas=True),
    SceneType(
        "heatmap-pial", "Smoothed heatmap on the pial surface", HEATMAP_SMOOTH, _SCORE, surface="pial", meshes=FOLDED
    ),
    SceneType(
        "region-heatmap-calibrated",
        "Region heatmap against randomised networks",
        CALIBRATED,
        "calibrated region score",
        surface="inflated",
        areas=True,
        file=OutputKind.PSCALAR,
        only_if_found=True,
    ),
    SceneType(
        "also-relevance",
        "Relevance by {method}",
        RELEVANCE,
        DENSITY,
        slices=True,
        surface="inflated",
        areas=True,
        second=True,
    ),
    SceneType(
        "also-region-heatmap",
        "Region heatmaps by {first} (above) and {method} (below)",
        HEATMAP,
        _SCORE,
        surface="inflated",
        areas=True,
        second=True,
        under_first=True,
    ),
    SceneType(
        "pairs",
        "Pairs with {seed} of the other person",
        PAIRS,
        "contribution to the cosine",
        surface="inflated",
        meshes=(STANDARD,),
        areas=True,
        file=OutputKind.PSCALAR,
        live=OutputKind.PCONN,
    ),
)
"""The scenes of every network, in the order of wb_view's list."""
