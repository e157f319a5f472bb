"""Labels of a source laid over the structures of a segmentation: what they take, what is left, and what became of them.

Cortex takes its voxels from everything afterwards, as it does from the segmentation. Fluid stays fluid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Region
from wbtools.atlas.deep.label_source import stem_without_side
from wbtools.atlas.deep.placing import PlacedLabels
from wbtools.errors import AtlasError
from wbtools.space.grid import Volume

FLUID = (4, 5, 14, 15, 24, 31, 43, 44, 63, 72, 213, 221, 257)
"""FreeSurfer's labels of ventricles, choroid plexus and cerebrospinal fluid."""

_BODIES = (frozenset({"CAUDATE", "PUTAMEN", "ACCUMBENS"}),)
"""Structures whose borders with each other are conventions, which differ between atlases: divided as one."""

_LEAST, _MOST = 0.5, 2.0  # of the volume that an atlas lets expect


@dataclass(frozen=True, eq=False)
class Laid:
    """Structures with the labels of sources laid over them.

    Parameters
    ----------
    keys : ndarray, (X, Y, Z), int32
        Of regions.
    regions : tuple of Region
        Of the structures that are left, and of the sources.
    unlabelled : dict of str to int
        By structure that was divided, its voxels that became no part.
    """

    keys: NDArray[np.int32]
    regions: tuple[Region, ...]
    unlabelled: dict[str, int] = field(default_factory=dict)


def lay(
    keys: NDArray[np.int32], regions: Sequence[Region], segmentation: Volume | None, placed: Sequence[PlacedLabels]
) -> Laid:
    """Lay sources over structures, one after the other; what an earlier one took stays.

    Parameters
    ----------
    keys : ndarray, (X, Y, Z), int32
        Structures of the segmentation; 0 outside.
    regions : sequence of Region
        These structures; their names are those of `anatomy.Structure`.
    segmentation : Volume or None
        FreeSurfer's labels on the same grid; None where there are none.
    placed : sequence of PlacedLabels
    """
    free = (keys == 0) & ~np.isin(segmentation.data, FLUID) if segmentation else np.ones(keys.shape, bool)
    laid = Laid(keys.copy(), tuple(regions))
    for each in placed:
        laid = _over(laid, each, free)
    return laid


def volume_notices(keys: NDArray[np.integer], voxel: float, placed: PlacedLabels) -> list[str]:
    """Sentences on regions of an atlas that have less than half, or more than twice, the volume to be expected.

    Parameters
    ----------
    keys : ndarray, (X, Y, Z), int
        Of regions on the T1w grid, cortex laid over them.
    voxel : float
        Volume of a voxel, mm3.
    placed : PlacedLabels
    """
    counts = np.bincount(keys.ravel(), minlength=max(placed.expected, default=0) + 1)
    names = {deep.region.key: deep.region.name for deep in placed.regions}
    ratios = {names[key]: counts[key] * voxel / volume for key, volume in placed.expected.items() if volume}
    odd = {name: ratio for name, ratio in ratios.items() if not _LEAST <= ratio <= _MOST}
    if not odd:
        return []
    said = ", ".join(f"{name} {ratio:.2f}" for name, ratio in sorted(odd.items(), key=lambda item: item[1]))
    return [
        f"Of {placed.source.name}, the volumes of {len(odd)} of {len(ratios)} regions are not what the atlas lets "
        f"expect in this head (times the expected volume: {said}); look whether they lie where they should."
    ]


def _over(laid: Laid, placed: PlacedLabels, free: NDArray[np.bool_]) -> Laid:
    """One source over what is there."""
    divided, hosts = _keys_of(laid.regions, placed.divides), _keys_of(laid.regions, placed.source.within)
    labels, keys = placed.volume.data, laid.keys
    if placed.confined and divided:
        taken = np.where(np.isin(keys, list(hosts)), labels, 0)
        for names in _bodies(divided.values()):
            inside = np.isin(keys, [key for key, name in divided.items() if name in names])
            _divide(taken, inside, np.where(np.isin(labels, _parts_of(placed, names)), labels, 0), placed)
    else:
        _require_here(placed, labels > 0, np.isin(keys, [*divided, *hosts]), divided)
        taken = np.where(np.isin(keys, [*divided, *hosts]) | (free & (keys == 0)), labels, 0)
    joined = np.where(taken > 0, taken, keys)
    rest = {name: int(np.count_nonzero(joined == key)) for key, name in divided.items()}
    joined[np.isin(joined, list(divided))] = 0
    kept = (region for region in laid.regions if region.key not in divided)
    left = {name: count for name, count in rest.items() if count}
    regions = (*kept, *(deep.region for deep in placed.regions))
    return Laid(joined.astype(np.int32), regions, {**laid.unlabelled, **left})


def _keys_of(regions: Sequence[Region], stems: frozenset[str]) -> dict[int, str]:
    """Names by key of the structures with these stems, of both sides."""
    return {region.key: region.name for region in regions if stem_without_side(region.name) in stems}


def _bodies(names: Iterable[str]) -> set[frozenset[str]]:
    """Names of structures in groups that are divided as one, each of one side."""
    found = set()
    for name in names:
        stem = stem_without_side(name)
        stems = next((body for body in _BODIES if stem in body), frozenset({stem}))
        found.add(frozenset(each + name.removeprefix(stem) for each in stems))
    return found


def _parts_of(placed: PlacedLabels, names: frozenset[str]) -> list[int]:
    """Keys of the parts of some structures."""
    return [deep.region.key for deep in placed.regions if deep.structure and deep.structure.value in names]


def _divide(
    taken: NDArray[np.int32],
    inside: NDArray[np.bool_],
    parts: NDArray[np.int32],
    placed: PlacedLabels,
) -> None:
    """Divide a structure, in place: each voxel takes the nearest of its parts, if one is near.

    An atlas tells where in a structure its parts are; where it ends, this person's segmentation knows better.
    """
    from scipy.ndimage import distance_transform_edt

    if not inside.any():
        return
    sizes, reach = placed.volume.grid.voxel_sizes, placed.found.file.reach
    margin = np.ceil(reach / sizes).astype(int).tolist()
    seen = zip(np.nonzero(inside), margin, strict=True)
    box = tuple(slice(max(0, int(index.min()) - more), int(index.max()) + more + 1) for index, more in seen)
    part = parts[box]
    if part.any():
        away, nearest = distance_transform_edt(part == 0, sampling=sizes, return_indices=True)
        found = np.where(away <= reach, part[tuple(nearest)], 0)
        taken[box] = np.where(inside[box], found, taken[box])


def _require_here(
    placed: PlacedLabels, labelled: NDArray[np.bool_], there: NDArray[np.bool_], divided: Mapping[int, str]
) -> None:
    """Refuse labels of a person that lie elsewhere than the structures of this person that they are parts of."""
    share = float(there[labelled].mean()) if labelled.any() else 0.0
    if placed.found.file.place == "subject" and divided and share < _LEAST:
        raise AtlasError(
            f"only {share:.0%} of the labels of {placed.found.path} lie in {' and '.join(divided.values())} of the "
            "segmentation",
            hint="give labels and segmentation of one run on one image",
        )
