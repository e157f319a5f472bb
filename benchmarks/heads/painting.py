"""A T1w-like image of a made person's brain: intensities by tissue, in voxels that may hold several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heads.filling import share_inside
from heads.looks import Looks, Points, Waves
from wbtools.anatomy import Hemisphere
from wbtools.space.grid import Grid, Volume
from wbtools.subject import SurfaceKind
from wbtools.surfaces.mesh import Mesh

Image = NDArray[np.float32]

WHITE, GREY, FLUID = 110.0, 76.0, 22.0
"""Intensities of white matter, cortex and cerebrospinal fluid."""

_BY_LABEL = {
    WHITE: (7, 46),  # white matter of the cerebellum
    70.0: (8, 47),  # its cortex
    93.0: (10, 49),  # thalamus
    79.0: (11, 50),  # caudate
    84.0: (12, 51),  # putamen
    101.0: (13, 52),  # pallidum
    73.0: (17, 18, 26, 53, 54, 58),  # hippocampus, amygdala, accumbens
    97.0: (28, 60),  # ventral diencephalon
    102.0: (16,),  # brain stem
    108.0: tuple(range(251, 256)),  # corpus callosum
    FLUID: (4, 5, 14, 15, 24, 43, 44, 72),  # ventricles
    45.0: (31, 63),  # choroid plexus
}
"""FreeSurfer's labels by intensity."""

_KINDS: tuple[SurfaceKind, SurfaceKind] = ("white", "pial")
_CEREBELLUM = (7, 8, 46, 47)
_EDGE = 0.6
"""Standard deviation of the blur at the edges of structures, voxels of the segmentation."""
_BRIDGED_MM, _RIM_MM = 9.0, 2.0
"""Half of the widest sulcus that the brain mask covers, and how far it reaches beyond tissue."""
_LOW, _HIGH = np.array([-95.0, -130, -90]), np.array([95.0, 100, 105])
"""Corners of a box around every made brain in the upright head, mm."""
_TEXTURE, _FOLIA = 0.15, 0.5
"""Share of the deformed template in the image, and in the cerebellum, whose folia are in no surface."""


def wrapped(tissue: NDArray[np.bool_], grid: Grid, bridged_mm: float, rim_mm: float = 0.0) -> NDArray[np.bool_]:
    """Tissue with the gaps in it up to twice `bridged_mm` wide, and `rim_mm` around it.

    Examples
    --------
    >>> cleft = np.zeros((20, 20, 20), bool)
    >>> cleft[4:16, 4:16, 4:16] = True
    >>> cleft[9:11, 6:] = False
    >>> bool(wrapped(cleft, Grid(cleft.shape, np.eye(4)), 3.0)[10, 12, 10])
    True
    """
    from scipy.ndimage import distance_transform_edt

    wide = distance_transform_edt(~tissue, sampling=grid.voxel_sizes) < bridged_mm
    return np.asarray(tissue | (distance_transform_edt(wide, sampling=grid.voxel_sizes) > bridged_mm - rim_mm))


@dataclass(frozen=True, eq=False)
class Average:
    """The group average: T1w (white matter 110) and FreeSurfer labels on grids of their own."""

    t1w: Volume
    labels: Volume

    def scaled(self) -> Volume:
        """The T1w with the median of the white matter's labels at 110."""
        from wbtools.space.resampling import resample_labels

        white = np.isin(resample_labels(self.labels, self.t1w.grid).data, (2, 41, *range(3000, 5003)))
        median = float(np.median(self.t1w.data[white & (self.t1w.data > 0)]))
        return Volume((self.t1w.data * (WHITE / median)).astype(np.float32), self.t1w.grid)


@dataclass(frozen=True, eq=False)
class Brain:
    """A made person's brain on the scan's grid: image without skull or noise, mask, and FreeSurfer labels."""

    image: Image
    mask: NDArray[np.bool_]
    labels: NDArray[np.int32]


def paint(looks: Looks, average: Average, surfaces: Mapping[tuple[Hemisphere, SurfaceKind], Mesh]) -> Brain:
    """Paint a person's brain.

    White matter and cortex are what lies inside the person's own white and pial surfaces, by volume in each voxel;
    deep structures, ventricles, brain stem and cerebellum come from the deformed segmentation, texture and folia from
    the deformed template.

    Parameters
    ----------
    looks : Looks
    average : Average
    surfaces : mapping
        The person's white and pial surfaces, in the scanner.
    """
    white, pial = (_inside(looks, surfaces, kind) for kind in _KINDS)
    near, places = _places(looks)
    labels = _at(places, near, average.labels, order=0).astype(np.int32)
    template = _at(places, near, average.scaled(), order=1)
    deep, known = _deep(average.labels)
    share = _at(places, near, known, order=1)
    value = _at(places, near, deep, order=1) / np.maximum(share, 1e-3)
    mask = wrapped((pial > 0.5) | (share > 0.5), looks.grid, _BRIDGED_MM, _RIM_MM)
    outer, inner = 1 - pial, np.minimum(white, pial)
    tissue = (pial - inner) * GREY * _patches(looks, near, places)
    tissue += inner * (share * value + (1 - share) * WHITE) + outer * (share * value + (1 - share) * FLUID)
    texture = np.where(np.isin(labels, _CEREBELLUM), _FOLIA, _TEXTURE) * np.maximum(pial, share) * (template > 1)
    image = (1 - texture) * tissue + texture * template
    return Brain(np.where(mask, image, 0).astype(np.float32), mask, np.where(mask, labels, 0))


def _inside(looks: Looks, surfaces: Mapping[tuple[Hemisphere, SurfaceKind], Mesh], kind: SurfaceKind) -> Image:
    """The share of each voxel inside the surface of either side."""
    left, right = (share_inside(surfaces[side, kind], looks.grid) for side in Hemisphere)
    return np.asarray(np.minimum(left + right, 1), np.float32)


def _places(looks: Looks) -> tuple[NDArray[np.bool_], Points]:
    """Voxels of the scan near the brain, (X, Y, Z), and where they are in the group average, (N, 3), mm.

    Within 0.1 mm: looked up for every second voxel, and interpolated.
    """
    from scipy.ndimage import map_coordinates

    grid = looks.grid
    indices = np.indices(grid.shape, np.float32).reshape(3, -1)
    upright = looks.upright(grid.to_world(indices.T)).astype(np.float32)
    near = ((upright > _LOW) & (upright < _HIGH)).all(axis=1)
    coarse = np.indices([n // 2 + 2 for n in grid.shape]).reshape(3, -1)
    nodes = grid.to_world(2.0 * coarse.T)
    shifts = (looks.pull(nodes) - looks.upright(nodes)).T.reshape(3, *(n // 2 + 2 for n in grid.shape))
    moved = [map_coordinates(shift, indices[:, near] / 2, order=1) for shift in shifts]
    return near.reshape(grid.shape), upright[near] + np.stack(moved, axis=1)


def _at(places: Points, near: NDArray[np.bool_], volume: Volume, order: int) -> Image:
    """Values of a volume of the group average on the scan's grid."""
    from scipy.ndimage import map_coordinates

    found = np.zeros(near.shape, np.float32)
    found[near] = map_coordinates(volume.data.astype(np.float32), volume.grid.to_index(places).T, order=order)
    return found


def _deep(labels: Volume) -> tuple[Volume, Volume]:
    """Intensity times share, and share, of what has an intensity by its label, with soft edges."""
    from scipy.ndimage import gaussian_filter

    value = np.zeros(labels.data.shape, np.float32)
    for intensity, keys in _BY_LABEL.items():
        value[np.isin(labels.data, keys)] = intensity
    deep, share = (gaussian_filter(part.astype(np.float32), _EDGE) for part in (value, value > 0))
    return Volume(deep, labels.grid), Volume(share, labels.grid)


def _patches(looks: Looks, near: NDArray[np.bool_], places: Points) -> Image:
    """A factor around 1 that varies over centimetres, as myelin does in the cortex."""
    node = Waves(20.0, 0.12).drawn(5000 + looks.person)
    found = np.ones(near.shape, np.float32)
    found[near] += node.displacement(places)[:, 0]
    return found
