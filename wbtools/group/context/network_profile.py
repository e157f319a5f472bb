"""The mean of a map in each functional network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Kind
from wbtools.atlas.functional_networks import FunctionalNetworks, Network
from wbtools.errors import InputError, nearest


@dataclass(frozen=True, eq=False)
class NetworkProfile:
    """The mean of a map in each network.

    Parameters
    ----------
    title : str
        Of the networks, for example `Yeo 7`.
    kind : Kind
        Which regions were counted.
    networks : tuple of Network, (N,)
    means : ndarray, (N,)
        In the unit of the map; NaN for a network without a value.
    counts : ndarray, (N,), int
        The vertices (cortex) or voxels (subcortex) that each mean is of.
    """

    title: str
    kind: Kind
    networks: tuple[Network, ...]
    means: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the networks, for readers: those of Yeo's 17 have numbers only, and their title before these."""
        numbered = re.compile(r"network_([0-9]+)")
        return tuple(numbered.sub(rf"{self.title}: network \1", network.name) for network in self.networks)


def network_profile(
    values: Mapping[str, float], networks: FunctionalNetworks, kind: Kind = Kind.CORTEX
) -> NetworkProfile:
    """The mean of a map in each network, each region weighted by the number of its vertices there.

    Cortex and subcortex stay apart, since vertices and voxels do not compare.

    Parameters
    ----------
    values : mapping of str to float
        By the name of a region, as `L_V1_ROI` or `THALAMUS_LEFT`. Regions of the other kind, missing ones and NaN are
        left out.
    networks : FunctionalNetworks
    kind : Kind
        Which regions to count; subcortex has networks of Cole-Anticevic only.

    Raises
    ------
    InputError
        If a name is no region, or the networks have no region of this kind.

    Examples
    --------
    >>> from wbtools.atlas.functional_networks import functional_networks
    >>> profile = network_profile({"L_V1_ROI": 2.0, "R_V1_ROI": 4.0}, functional_networks("cole-anticevic"))
    >>> profile.networks[0].name, round(float(profile.means[0]), 3), int(profile.counts[0])
    ('Visual1', 2.973, 1618)
    """
    names = [region.name for region in networks.regions]
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        raise InputError(f"'{unknown}' is no region", hint=nearest(unknown, names) or "write, for example, L_V1_ROI")
    if not networks.has(kind):
        raise InputError(f"the networks of {networks.title} have no {kind.value}", hint="take cole-anticevic")
    found = np.array([values.get(name, np.nan) for name in names], np.float64)
    used = np.isfinite(found) & np.array([region.kind is kind for region in networks.regions])
    counts = networks.counts[used].sum(axis=0)
    sums = found[used] @ networks.counts[used]
    means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return NetworkProfile(networks.title, kind, networks.networks, means, counts)
