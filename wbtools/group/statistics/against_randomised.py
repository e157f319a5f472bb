"""A group's map against the same group's maps of randomised networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.regions.calibration import FEWEST_NETWORKS, FEWEST_REGIONS, Compared
from wbtools.text import counted

Array = NDArray[np.float64]

MARGIN = 2.5
"""How many times a randomised network's excess is counted: more than in one person, since a mean over people has less
noise that hides small, constant differences of networks whose batch norms were filled in another way."""


@dataclass(frozen=True, eq=False)
class AgainstRandomised:
    """Regions of a group's map compared with themselves in its maps of randomised networks; NaN where nobody has them.

    Parameters
    ----------
    z : ndarray, (R,)
        Deviation of the mean level from randomised networks, in standard deviations of a further one.
    excess : ndarray, (R,)
        What is beyond the 95th percentile of randomised networks, in median regions.
    p : ndarray, (R,)
        Corrected for the number of regions; at least `lowest_p`.
    freedom : float
        Degrees of freedom of the moderated variances.
    networks, people : int
        How many were compared: randomised networks with a map in each of these people.
    """

    z: Array
    excess: Array
    p: Array
    freedom: float
    networks: int
    people: int

    @property
    def lowest_p(self) -> float:
        """The lowest p that so many networks can give."""
        return 1 / (self.networks + 1)


def against_randomised(levels: Array) -> AgainstRandomised:
    """Test of a group's mean levels against those of randomised networks.

    The mean over people of the network's levels and of each randomised network's are compared as the maps of one person
    are (`wbtools.regions.calibration`): the network is exchangeable with the K randomised ones under the null
    hypothesis that it has learned nothing, whatever the people have in common.

    Signs must not be flipped between people for this. A network is a fixed effect: all people are explained by the same
    one and share its idiosyncrasies, so a network that has learned nothing differs from the mean of others in the same
    regions in everybody. Flipping signs would find these differences significant, the more so the more people there
    are. More people make the map more precise; only more networks make p lower.

    Parameters
    ----------
    levels : ndarray, (N, 1 + K, R)
        Of each person: the network's, then those of the same K randomised networks in the same order; NaN for regions
        without voxels. People without any level of the network are left out, and so are randomised networks without
        levels of somebody.

    Raises
    ------
    InputError
        If fewer than 4 randomised networks, 10 regions or 1 person remain.

    Examples
    --------
    >>> dice = np.random.default_rng(0)
    >>> levels = dice.normal(0, 0.1, (1, 20, 12)) + dice.normal(0, 0.1, (6, 20, 12))
    >>> levels[:, 0, 3] += 4
    >>> found = against_randomised(levels)
    >>> float(found.p[3]), int(found.p.argmin()), found.networks, found.people
    (0.05, 3, 19, 6)
    """
    if levels.ndim != 3:
        raise InputError(f"levels of shape {levels.shape} are not people x networks x regions")
    levels = levels[np.isfinite(levels[:, 0]).any(axis=1)]
    present = np.isfinite(levels[:, :1])
    complete = np.asarray((np.isfinite(levels) | ~present).all(axis=(0, 2)))
    levels, present = levels[:, complete], present[:, 0]
    known = np.asarray(present.any(axis=0))
    networks, regions = int(complete[1:].sum()), int(known.sum())
    if not len(levels) or networks < FEWEST_NETWORKS or regions < FEWEST_REGIONS:
        raise InputError(
            f"too few are in common: {counted(len(levels), 'person')}, "
            f"{counted(networks, 'randomised network')}, {counted(regions, 'region')}",
            hint=f"explain everybody by the same {FEWEST_NETWORKS} or more randomised networks",
        )
    maps = np.where(present[:, None], levels, 0.0).sum(axis=0)[:, known] / present.sum(axis=0)[known]
    found = Compared.of(maps, MARGIN)
    z, excess, p = np.full((3, len(known)), np.nan)
    z[known], excess[known], p[known] = found.z, found.excess, found.p
    return AgainstRandomised(z, excess, p, found.expected.freedom, len(maps) - 1, len(levels))
