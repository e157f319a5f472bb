"""The atlas in a person's native T1w space: cortical areas from the ribbon, subcortex from the segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas, Region
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.atlas.deep.laying import lay, volume_notices
from wbtools.atlas.deep.placing import PlacedLabels
from wbtools.errors import AtlasError
from wbtools.space.grid import Unit, Volume, compact
from wbtools.space.resampling import resample_labels


@dataclass(frozen=True, eq=False)
class NativeAtlas:
    """An atlas on the T1w grid, with the conflicts between its parts.

    Parameters
    ----------
    source : CorticalAtlas
        The atlas that was carried to this person.
    cortex : Atlas
        Cortical areas alone.
    whole : Atlas
        Cortical areas and subcortical structures; cortex wins where both claim a voxel.
    hemisphere_conflicts : int
        Voxels that both hemispheres claimed; assigned to the larger share of ribbon.
    overlap : dict of str to int
        Voxels of each subcortical structure that were assigned to the cortex.
    deep : tuple of PlacedLabels
        Further sources of labels below the cortex.
    unlabelled : dict of str to int
        By structure that one of them divides, its voxels that became no part.
    segmentation : Volume or None
        With further sources: FreeSurfer's labels on the T1w's grid, where each region of a source has the label of the
        structure that it belongs to in CIFTI files.
    """

    source: CorticalAtlas
    cortex: Atlas
    whole: Atlas
    hemisphere_conflicts: int
    overlap: dict[str, int]
    deep: tuple[PlacedLabels, ...] = ()
    unlabelled: dict[str, int] = field(default_factory=dict)
    segmentation: Volume | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What every reader must know of the further sources: how they came here, and implausible volumes."""
        voxel, keys = self.whole.volume.grid.voxel_volume, self.whole.volume.data
        return tuple(said for placed in self.deep for said in (*placed.remarks, *volume_notices(keys, voxel, placed)))

    def as_record(self) -> dict[str, object]:
        """The entry in provenance, as JSON values."""
        return {
            "name": self.whole.name,
            "cortical_voxels": int(np.count_nonzero(self.cortex.volume.data)),
            "labelled_voxels": int(np.count_nonzero(self.whole.volume.data)),
            "hemisphere_conflicts": self.hemisphere_conflicts,
            "subcortical_voxels_given_to_cortex": self.overlap,
            **self.source.remarks,
            **(self._deep_record() if self.deep else {}),
        }

    def _deep_record(self) -> dict[str, object]:
        """Where further labels came from, and what became of them."""
        counts, voxel = np.bincount(self.whole.volume.data.ravel()), self.whole.volume.grid.voxel_volume
        found = []
        for placed in self.deep:
            sizes = {d.region.name: int(counts[d.region.key : d.region.key + 1].sum()) for d in placed.regions}
            volumes = {name: round(size * voxel, 3) for name, size in sizes.items()}
            found.append({**placed.as_record(), "volumes_mm3": volumes})
        return {"label_sources": found, "voxels_of_divided_structures_in_no_part": self.unlabelled}


def join(
    source: CorticalAtlas,
    cortex: Volume,
    hemisphere_conflicts: int,
    segmentation: Volume | None,
    structures: Sequence[tuple[int, Region]],
    deep: Sequence[PlacedLabels] = (),
) -> NativeAtlas:
    """Join cortical labels with the subcortical structures of a segmentation, and with further labels below the cortex.

    Parameters
    ----------
    source : CorticalAtlas
    cortex : Volume
        int32 keys of its areas on the T1w grid.
    hemisphere_conflicts : int
        Copied to the result.
    segmentation : Volume or None
        FreeSurfer labels; resampled by nearest neighbour if on another grid. None omits the subcortex.
    structures : sequence of (int, Region)
        FreeSurfer labels and their regions.
    deep : sequence of PlacedLabels
        Laid over the structures (see `wbtools.atlas.deep.laying`).

    Returns
    -------
    NativeAtlas

    Raises
    ------
    AtlasError
        If no voxel of the T1w is labelled as cortex, the segmentation holds none of the structures, or further labels
        of this person lie outside the structures that they divide.
    """
    if not cortex.data.any():
        raise AtlasError(
            "no voxel of the T1w lies in the cortical ribbon",
            hint="check that surfaces and T1w are of one person and one space (T1w/, not MNINonLinear/)",
        )
    cortex = replace(cortex, data=compact(cortex.data))
    cortical = Atlas(source.name, source.regions(), cortex)
    if segmentation is None and not deep:
        return NativeAtlas(source, cortical, cortical, hemisphere_conflicts, {})
    if segmentation and not segmentation.grid.same_as(cortex.grid):
        segmentation = resample_labels(segmentation, cortex.grid)
    subcortex = _structures(segmentation, structures) if segmentation else np.zeros(cortex.data.shape, np.int16)
    regions = tuple(region for _, region in structures) if segmentation else ()
    unlabelled: dict[str, int] = {}
    if deep:
        laid = lay(subcortex.astype(np.int32), regions, segmentation, deep)
        subcortex, unlabelled = laid.keys, laid.unlabelled
        regions = tuple(sorted(laid.regions, key=lambda region: region.key))
    in_cortex = cortex.data > 0
    claimed = np.bincount(subcortex[in_cortex], minlength=1)
    overlap = {
        region.name: int(claimed[region.key]) for region in regions if region.key < len(claimed) and claimed[region.key]
    }
    joined = Volume(compact(np.where(in_cortex, cortex.data, subcortex)), cortex.grid, Unit.LABEL)
    whole = Atlas(f"{source.name}+subcortex", (*cortical.regions, *regions), joined)
    belonging = _belonging(segmentation, joined, deep) if deep else None
    return NativeAtlas(source, cortical, whole, hemisphere_conflicts, overlap, tuple(deep), unlabelled, belonging)


def _structures(segmentation: Volume, structures: Sequence[tuple[int, Region]]) -> NDArray[np.integer]:
    """Keys of structures in the voxels of a segmentation, int16 if they fit, else int32."""
    table = np.zeros(int(segmentation.data.max(initial=0)) + 1, np.int32)
    for label, region in structures:
        if label < len(table):
            table[label] = region.key
    found: NDArray[np.integer] = compact(table).take(segmentation.data, mode="clip")  # what is negative is none
    if not found.any():
        raise AtlasError(
            "the segmentation holds no subcortical structure", hint="give the subject's own wmparc or aparc+aseg"
        )
    return found


def _belonging(segmentation: Volume | None, joined: Volume, deep: Sequence[PlacedLabels]) -> Volume:
    """FreeSurfer's labels, regions of further sources with the label of the structure that they belong to in CIFTI."""
    labels = segmentation.data.copy() if segmentation else np.zeros(joined.data.shape, np.int32)
    for each in (each for placed in deep for each in placed.regions):
        if each.structure and each.structure.freesurfer_key:
            labels[joined.data == each.region.key] = each.structure.freesurfer_key
    return Volume(labels, joined.grid, Unit.LABEL)
