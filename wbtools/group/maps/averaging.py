"""The maps of a group: one person after another is read, and only sums are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.group.maps.moments import Moments
from wbtools.group.maps.normalised import person_maps
from wbtools.group.maps.standard_rows import brain, cortex, greyordinates_91k
from wbtools.reading import NetworkResults
from wbtools.space.grid import Unit, Volume
from wbtools.surfaces.standard_affine import MNI_2MM

MEAN, SD, CONSISTENCY = "mean relevance", "SD of relevance", "consistency"
"""Names of the maps: the mean and the standard deviation over people, in units of their median regions; and the share
of people in whose own map a place is in the top tenth, by magnitude, of all cortical vertices or of the brain's voxels.
"""

_TOGETHER = 8
"""People whose sums are made one after the other; then these sums are joined in order. The order of all additions, and
so the last digit, is the same whatever the number of workers."""


@dataclass(frozen=True, eq=False)
class PlacedMap:
    """A map of a group, on the mesh and in voxels.

    Parameters
    ----------
    cortex : mapping of Hemisphere to ndarray, (32492,), float32
        0 on the medial wall.
    volume : Volume
        float32 on `MNI_2MM`; 0 outside the brain.
    """

    cortex: dict[Hemisphere, NDArray[np.float32]]
    volume: Volume

    @property
    def rows(self) -> NDArray[np.float32]:
        """On the 91,282 grayordinates."""
        return greyordinates_91k().gather(self.cortex, self.volume.data)


@dataclass(frozen=True, eq=False)
class GroupMaps:
    """The maps of one network over people.

    Parameters
    ----------
    people : int
    maps : dict of str to PlacedMap
        `MEAN`, `SD` and `CONSISTENCY`, in this order.
    """

    people: int
    maps: dict[str, PlacedMap]


def average_maps(people: Sequence[NetworkResults], workers: int = 1) -> GroupMaps:
    """Mean, standard deviation and consistency of people's normalised maps of one network.

    Parameters
    ----------
    people : sequence of NetworkResults
        Of the same network, one for each person.
    workers : int
        People who are read at the same time; the result is the same to the last bit.

    Raises
    ------
    InputError
        If there is nobody, or somebody's map cannot be used (see `person_maps`).
    """
    if not people:
        raise InputError("there is nobody to average", hint="give at least one export")
    together = [people[start : start + _TOGETHER] for start in range(0, len(people), _TOGETHER)]
    total = Moments.none(_places())
    with ThreadPoolExecutor(max(1, workers)) as pool:  # reading and numpy leave the interpreter free
        for part in pool.map(_summed, together):
            total = total.joined(part)
    found = {MEAN: total.mean, SD: total.sd, CONSISTENCY: total.consistency}
    return GroupMaps(total.count, {name: _placed(values, name) for name, values in found.items()})


def _summed(people: Sequence[NetworkResults]) -> Moments:
    total = Moments.none(_places())
    for part in _each(people):
        total = total.joined(part)
    return total


def _each(people: Sequence[NetworkResults]) -> Iterator[Moments]:
    for results in people:
        maps = person_maps(results)
        yield Moments.of(maps.values, maps.top)


def _places() -> int:
    return int(sum(mask.sum() for mask in cortex().values()) + brain().sum())


def _placed(values: NDArray[np.float64], name: str) -> PlacedMap:
    """Vertices and voxels in one row, back at their places."""
    sides, start = {}, 0
    for side, mask in cortex().items():
        end = start + int(mask.sum())
        sides[side] = np.zeros(len(mask), np.float32)
        sides[side][mask] = values[start:end]
        start = end
    data = np.zeros(MNI_2MM.shape, np.float32)
    data[brain()] = values[start:]
    return PlacedMap(sides, Volume(data, MNI_2MM, Unit.SCORE if name == CONSISTENCY else Unit.DENSITY))
