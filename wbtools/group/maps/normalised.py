"""One person's relevance on the scale of the group, at the places where people are averaged.

Relevance has another scale in every person, so a map is divided by the level of the person's median region: the median
over regions of their mean |relevance|. A 2 then means: twice as relevant as this person's median region.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.group.maps.standard_rows import brain, cortex
from wbtools.images import nifti
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading import Export, NetworkResults
from wbtools.reading.table import OUTSIDE
from wbtools.space.grid import Unit, Volume
from wbtools.surfaces.standard import VERTICES_32K
from wbtools.surfaces.standard_affine import MNI_2MM, affine_to_average, to_mni

MESH = "32k_fs_LR"
UNIT = "relevance / median region"
"""Of normalised relevance, as colour bars say it."""

_MAP = "relevance"
_TENTH = 0.9  # quantile


@dataclass(frozen=True, eq=False)
class PersonMaps:
    """A person's relevance, in units of the median region.

    Parameters
    ----------
    cortex : ndarray, (59412,), float32
        On the cortical vertices of the left, then of the right side.
    voxels : ndarray, (B,), float32
        In the voxels of `brain()`.
    """

    cortex: NDArray[np.float32]
    voxels: NDArray[np.float32]

    @property
    def values(self) -> NDArray[np.float32]:
        """Vertices, then voxels."""
        return np.concatenate([self.cortex, self.voxels])

    @property
    def top(self) -> NDArray[np.bool_]:
        """Which of `values` are in the top tenth: vertices among vertices, voxels among voxels."""
        return np.concatenate([top_tenth(self.cortex), top_tenth(self.voxels)])


def person_maps(results: NetworkResults) -> PersonMaps:
    """A person's map of one network at the places of the group.

    Vertices correspond. Voxels come from the export's relevance in MNI space if it has that, else from the T1w's grid
    by `affine_to_average`: levels are transformed (see `to_mni`), not totals.

    Parameters
    ----------
    results : NetworkResults

    Raises
    ------
    InputError
        If the export has no 32k_fs_LR mesh, its files are missing or damaged, or its median region has no relevance.
    """
    scale = np.float32(1 / median_region(results))
    sides = cortical_relevance(results)
    vertices = np.concatenate([sides[side][cortex()[side]] for side in Hemisphere])
    return PersonMaps(vertices * scale, _in_mni(results).data[brain()] * scale)


def cortical_relevance(results: NetworkResults) -> dict[Hemisphere, NDArray[np.float32]]:
    """Relevance on the 32k_fs_LR mesh as the export has it, (32492,) per side.

    Raises
    ------
    InputError
        If the export has no such mesh or map.
    """
    if MESH not in results.record.meshes:
        raise InputError(
            f"the export of {results.record.subject} has no {MESH} mesh, on which people are averaged",
            hint="export the subject with this mesh",
        )
    maps = results.metrics[MESH]
    found = {side: maps[side.letter].get(_MAP) for side in Hemisphere}
    whole = {side: values for side, values in found.items() if values is not None and len(values) == VERTICES_32K}
    if len(whole) < len(Hemisphere):
        raise InputError(
            f"the export of {results.record.subject} has no map {_MAP!r} of {VERTICES_32K:,} vertices on each side",
            hint="export the subject again",
        )
    return whole


def median_region(results: NetworkResults) -> float:
    """The median over regions of their mean |relevance|, 1/mm3.

    Raises
    ------
    InputError
        If it is 0: then there is no scale.
    """
    levels = results.table.drop(index=OUTSIDE, errors="ignore")
    found = float(levels.loc[levels["voxels"] > 0, "abs_mean"].median())
    if not found > 0:
        raise InputError(
            f"the median region of {results.record.subject} has no relevance, so its map has no scale",
            hint="leave this person out",
        )
    return found


def top_tenth(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which magnitudes exceed their 90th percentile: a tenth of them at most, fewer where numbers are equal.

    Examples
    --------
    >>> top_tenth(np.array([0, 0, 0, 0, 0, 0, 0, 0, 3, -7.0])).nonzero()[0], bool(top_tenth(np.zeros(10)).any())
    (array([9]), False)
    """
    size = np.abs(values)
    return np.asarray(size > np.quantile(size, _TENTH, method="lower"))


def _in_mni(results: NetworkResults) -> Volume:
    """Relevance density on `MNI_2MM`."""
    stored = Output(OutputKind.RELEVANCE_MNI, results.name)
    if results.contents.has(stored):
        volume = nifti.read_volume(results.contents.path(stored), Unit.DENSITY)
        if volume.grid.same_as(MNI_2MM):
            return volume
    # Not `results.relevance`, which stays in memory: 84 MB a person.
    own = nifti.read_volume(results.contents.path(Output(OutputKind.RELEVANCE, results.name)), Unit.DENSITY)
    export = Export(results.contents)
    return to_mni(own, affine_to_average({side: export.surface(side, MESH) for side in Hemisphere}))
