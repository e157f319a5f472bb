"""What tells made people apart: deformation, pose, and the grid of the scan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wbtools.space.deformation import Deformation
from wbtools.space.grid import FloatArray, Grid
from wbtools.subject.demo import individual

Points = NDArray[np.float64]

_LOW, _HIGH = np.array([-105.0, -140, -97]), np.array([105.0, 105, 113])
"""Corners of the box around the average brain that deformations act in, world mm."""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Waves:
    """A random deformation: distance of the nodes of its splines, and standard deviation of their controls, mm."""

    spacing: float
    controls: float

    def drawn(self, seed: int) -> Deformation:
        """The deformation; numpy guarantees that the numbers of RandomState never change."""
        shape = np.ceil((_HIGH - _LOW) / self.spacing).astype(int) + 1
        affine = np.diag([self.spacing] * 3 + [1.0])
        affine[:3, 3] = _LOW
        controls = np.random.RandomState(seed).normal(scale=self.controls, size=(*shape, 3))
        return Deformation(controls, Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine))


@dataclass(frozen=True)
class Looks:
    """A made person: the group average, deformed and put into a scanner.

    Parameters
    ----------
    name : str
    person : int
        Of the built-in people, whose deformation comes first; also seeds everything random.
    waves : tuple of Waves
        Further deformations, applied in this order.
    pitch, yaw : float
        Of the head in the scanner, degrees.
    shift : tuple of float, (3,)
        Of the head in the scanner, mm.
    orientation : str
        Of the scan's axes.
    voxel : float
        Edge, mm.
    size : float
        Of the head, where the average's is 1.
    """

    name: str
    person: int
    waves: tuple[Waves, ...]
    pitch: float = 10.0
    yaw: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    orientation: str = "LAS"
    voxel: float = 1.0
    size: float = 1.0

    @cached_property
    def deformations(self) -> tuple[Deformation, ...]:
        """From the group average to the person, in the order of their application."""
        further = (wave.drawn(1000 + 10 * self.person + number) for number, wave in enumerate(self.waves))
        return (individual(self.person), *further)

    @cached_property
    def pose(self) -> Points:
        """From the upright head of the average's size to the scanner, (4, 4)."""
        p, y = np.radians([self.pitch, self.yaw])
        nod = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        turn = np.array([[np.cos(y), -np.sin(y), 0], [np.sin(y), np.cos(y), 0], [0, 0, 1]])
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self.size * turn @ nod, self.shift
        return pose

    @cached_property
    def grid(self) -> Grid:
        """The scan's grid: 19 by 25 by 26 cm around the head, parallel to the scanner's axes."""
        low, high = np.array([-95.0, -135, -118]), np.array([95.0, 115, 142])
        shape = np.round((high - low) / self.voxel).astype(int)
        affine = np.diag([self.voxel] * 3 + [1.0])
        affine[:3, 3] = low + np.array(self.shift) + self.voxel / 2
        return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine).reoriented(self.orientation)

    def push(self, points: FloatArray) -> Points:
        """Points of the group average (N, 3), mm, where they are in the scanner."""
        found = np.asarray(points, np.float64)
        for deformation in self.deformations:
            found = deformation.push(found)
        return np.asarray(found @ self.pose[:3, :3].T + self.pose[:3, 3])

    def upright(self, points: FloatArray) -> Points:
        """Points in the scanner (N, 3), mm, in the upright head of the average's size, still deformed."""
        return np.asarray((points - self.pose[:3, 3]) @ self.pose[:3, :3] / self.size**2)

    def pull(self, points: FloatArray) -> Points:
        """Points in the scanner (N, 3), mm, where they are in the group average: the inverse of `push`."""
        found = self.upright(points)
        for inverse in self._inverses:
            for start in range(0, len(found), _CHUNK):
                found[start : start + _CHUNK] = inverse.push(found[start : start + _CHUNK])
        return found

    def folds(self, step: float = 2.0) -> float:
        """The least determinant of the Jacobian of the deformation, in the brain's box; above 0 nothing folds."""
        axes = (np.arange(a, b, step) for a, b in zip(_LOW, _HIGH, strict=True))
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        moved = self.upright(self.push(nodes.reshape(-1, 3))).reshape(nodes.shape)
        jacobian = np.stack([np.gradient(moved, step, axis=axis) for axis in range(3)], axis=-1)
        return float(np.linalg.det(jacobian).min())

    @cached_property
    def _inverses(self) -> tuple[Deformation, ...]:
        return tuple(deformation.inverse() for deformation in reversed(self.deformations))


PEOPLE = (
    Looks("smooth", 0, (Waves(38.0, 7.0), Waves(14.0, 2.0)), shift=(3.0, -12.0, 8.0), orientation="PSR", pitch=10.0),
    Looks(
        "strong",
        3,
        (Waves(38.0, 11.0), Waves(12.0, 3.6)),
        shift=(-4.0, 21.0, -30.0),
        orientation="LIA",
        pitch=-10.0,
        yaw=4.0,
        voxel=0.9,
        size=0.94,
    ),
)
"""The made people of the benchmark; `strong` differs from the average by up to 15 mm, and by 3 mm from fold to fold."""
