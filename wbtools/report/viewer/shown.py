"""What the viewer shows: the T1w, the relevance and maps of networks, and the surfaces that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.space.grid import Volume
from wbtools.surfaces.mesh import Mesh
from wbtools.workbench.palette import Palette

ANATOMICAL = ("midthickness", "pial", "white")
"""The kinds of surfaces that lie where the cortex is; the first that there is gives areas their place."""

OF_RELEVANCE = "1/mm\u00b3"
"""Unit of relevance."""

Point = tuple[float, float, float]
Sides = Mapping[Hemisphere, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class SurfaceMap:
    """A map on the surfaces, and how it is coloured.

    Parameters
    ----------
    values : mapping of Hemisphere to ndarray, (V,), float32
    palette : Palette
        `high` is the top of the colours, and from `threshold` on they are fully opaque.
    unit : str
        Stands beside the colours.
    """

    values: Sides
    palette: Palette
    unit: str = ""


@dataclass(frozen=True, eq=False)
class NetworkMaps:
    """What one network has found.

    Parameters
    ----------
    name : str
    relevance : Volume
        1/mm3, on any grid.
    palette : Palette
        That of the relevance.
    metrics : mapping of str to SurfaceMap
        By the names that readers see.
    """

    name: str
    relevance: Volume
    palette: Palette
    metrics: Mapping[str, SurfaceMap] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ViewerData:
    """Everything the viewer shows.

    Parameters
    ----------
    t1w : Volume
    networks : tuple of NetworkMaps
    surfaces : mapping of str to mapping of Hemisphere to Mesh
        By kind, for example `inflated` and `pial`; world coordinates, mm. Empty: the viewer has slices alone.
    areas : mapping of Hemisphere to ndarray, (V,), int
        Keys.
    names : mapping of int to str
        Of areas by their keys, in the order in which they are offered; other keys have no name.
    folding : mapping of Hemisphere to ndarray, (V,), float32
        Sulcal depth, low in the sulci; optional.
    places : mapping of str to (x, y, z)
        Other regions that the crosshair can be sent to (world mm), for example subcortical ones.

    Raises
    ------
    InputError
        If there is no network, no anatomical surface beside others, or an array does not fit its surface.
    """

    t1w: Volume
    networks: tuple[NetworkMaps, ...]
    surfaces: Mapping[str, Mapping[Hemisphere, Mesh]] = field(default_factory=dict)
    areas: Mapping[Hemisphere, NDArray[np.integer]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    folding: Sides = field(default_factory=dict)
    places: Mapping[str, Point] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.networks:
            raise InputError("a viewer needs the maps of one network at least")
        if not self.surfaces:
            return
        if not set(ANATOMICAL) & set(self.surfaces):
            raise InputError("a viewer needs the midthickness, pial or white surface, beside inflated ones")
        for meshes in self.surfaces.values():
            for side, mesh in meshes.items():
                self._check(side, mesh)

    @property
    def anatomical(self) -> str | None:
        """The kind of surface that gives areas their place; None without surfaces."""
        return next((kind for kind in ANATOMICAL if kind in self.surfaces), None)

    @property
    def sides(self) -> tuple[Hemisphere, ...]:
        """The hemispheres that there are."""
        return tuple(self.surfaces[self.anatomical]) if self.anatomical else ()

    def _check(self, side: Hemisphere, mesh: Mesh) -> None:
        """Refuse what does not have the vertices and triangles of the hemisphere's other surfaces."""
        assert self.anatomical
        first = self.surfaces[self.anatomical].get(side)
        if first is None or not np.array_equal(first.triangles, mesh.triangles):
            raise InputError(f"the viewer's surfaces of hemisphere {side.letter} have different triangles")
        maps = [metric.values for network in self.networks for metric in network.metrics.values()]
        for values in (self.areas, *maps, *([self.folding] if self.folding else [])):
            if side not in values or values[side].shape != (len(first.vertices),):
                raise InputError(f"a map of hemisphere {side.letter} does not have a value for every vertex")
