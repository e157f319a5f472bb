"""Marks: made-up changes of intensity in named regions of built-in people, so that it is known what there is to find.

A mark is a smooth random field: the intensity of a region rises and falls by a share of itself. Everybody has a mark of
their own in the planted regions, which twins have in common. A second one lies in other regions, the decoy, and is
drawn anew for every scan: it differs between people just as much, but says nothing of who they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.space.deformation import spline_weights
from wbtools.space.grid import Grid, Volume
from wbtools.space.resampling import resample_density


@dataclass(frozen=True)
class Part:
    """A part of the brain in which every mark is equally strong, whoever has it.

    Parameters
    ----------
    name : str
        In words.
    keys : tuple of int
        FreeSurfer's keys of its regions.
    strength : float
        Root mean square of the change, as a share of the intensity.
    """

    name: str
    keys: tuple[int, ...]
    strength: float


@dataclass(frozen=True)
class Place:
    """Where a mark is.

    Parameters
    ----------
    parts : tuple of Part
    """

    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """Its parts in words."""
        *first, last = (part.name for part in self.parts)
        return f"{', '.join(first)} and {last}" if first else last

    @property
    def keys(self) -> tuple[int, ...]:
        """FreeSurfer's keys of all parts."""
        return tuple(key for part in self.parts for key in part.keys)

    @property
    def strengths(self) -> NDArray[np.float32]:
        """Of the parts, (P,)."""
        return np.array([part.strength for part in self.parts], np.float32)

    def shares(self, labels: Volume, grid: Grid) -> NDArray[np.float32]:
        """How much of each voxel of a grid each part fills, from 0 to 1, (P, X, Y, Z).

        Parameters
        ----------
        labels : Volume
            FreeSurfer's keys.
        grid : Grid
        """
        inside = (Volume(np.isin(labels.data, part.keys).astype(np.float32), labels.grid) for part in self.parts)
        return np.stack([resample_density(each, grid).data.astype(np.float32) for each in inside])


# These regions lie side by side: what a map shows beside one of them, as maps do, is in another one for a good part.
PLANTED = Place(
    (
        Part("ventral temporal cortex", (1006, 2006, 1007, 2007, 1016, 2016), 0.5),
        Part("thalamus", (10, 49), 0.8),
        Part("brain stem", (16,), 0.6),
        Part("cerebellar cortex", (8, 47), 0.6),
    )
)
"""Of both sides: it shows on surfaces and in slices."""

DECOY = Place((Part("inferior parietal and supramarginal cortex", (1008, 2008, 1031, 2031), 0.6),))

SPACING = 60.0
"""Distance of the fields' control points, mm: a mark has few ups and downs."""

MOST = 2.0
"""Of the root mean square of its part, the largest change: no voxel outshines a brain."""

LEAST = 0.1
"""The share of its intensity that every voxel keeps."""

_FROM, _NODES = (-150.0, -180.0, -150.0), (6, 7, 6)


def marked(t1w: Volume, labels: Volume, person: int, scan: int) -> Volume:
    """A scan with both marks.

    Parameters
    ----------
    t1w : Volume
        Axes parallel to those of the world.
    labels : Volume
        FreeSurfer's keys of the same brain, in the same place.
    person, scan : int
        Seeds of the mark that a person shares with a twin, and of the decoy's.
    """
    change = np.zeros(t1w.grid.shape, np.float32)
    for place, seed in ((PLANTED, person), (DECOY, scan)):
        field = _field(seed, t1w.grid)
        for strength, share in zip(place.strengths, place.shares(labels, t1w.grid), strict=True):
            size = np.sqrt((share * field**2).sum() / share.sum())
            change += strength * share * (field / size).clip(-MOST, MOST)
    return Volume(t1w.data * (1 + change).clip(min=LEAST), t1w.grid, t1w.unit)


def _field(seed: int, grid: Grid) -> NDArray[np.float32]:
    """A smooth random field of mean 0 and variance 1, (X, Y, Z)."""
    step, start = np.diagonal(grid.affine)[:3], grid.affine[:3, 3]
    # numpy guarantees that the numbers of RandomState never change.
    found = np.random.RandomState(seed).normal(size=_NODES).astype(np.float32)
    for axis, count in enumerate(grid.shape):
        positions = (start[axis] + step[axis] * np.arange(count) - _FROM[axis]) / SPACING
        weights = spline_weights(positions, _NODES[axis]).astype(np.float32)
        spread = np.sqrt((weights**2).sum(1).mean())
        # The product moves the axis that it replaces to the end: after three, all are in their places.
        found = np.tensordot(found, weights / spread, (0, 1))
    return found
