"""The atlas in a person's native T1w space: cortical areas from the ribbon, subcortex from the segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbtools.anatomy import Atlas, Region
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.errors import AtlasError
from wbtools.space.grid import Unit, Volume
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
    """

    source: CorticalAtlas
    cortex: Atlas
    whole: Atlas
    hemisphere_conflicts: int
    overlap: dict[str, int]

    def as_record(self) -> dict[str, object]:
        """The entry in provenance, as JSON values."""
        return {
            "name": self.whole.name,
            "cortical_voxels": int(np.count_nonzero(self.cortex.volume.data)),
            "labelled_voxels": int(np.count_nonzero(self.whole.volume.data)),
            "hemisphere_conflicts": self.hemisphere_conflicts,
            "subcortical_voxels_given_to_cortex": self.overlap,
            **self.source.remarks,
        }


def join(
    source: CorticalAtlas,
    cortex: Volume,
    hemisphere_conflicts: int,
    segmentation: Volume | None,
    structures: Sequence[tuple[int, Region]],
) -> NativeAtlas:
    """Join cortical labels with the subcortical structures of a segmentation.

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

    Returns
    -------
    NativeAtlas

    Raises
    ------
    AtlasError
        If no voxel of the T1w is labelled as cortex, or the segmentation holds none of the structures.
    """
    if not cortex.data.any():
        raise AtlasError(
            "no voxel of the T1w lies in the cortical ribbon",
            hint="check that surfaces and T1w are of one person and one space (T1w/, not MNINonLinear/)",
        )
    cortical = Atlas(source.name, source.regions(), cortex)
    if segmentation is None:
        return NativeAtlas(source, cortical, cortical, hemisphere_conflicts, {})
    if not segmentation.grid.same_as(cortex.grid):
        segmentation = resample_labels(segmentation, cortex.grid)
    table = np.zeros(int(segmentation.data.max(initial=0)) + 1, np.int32)
    for label, region in structures:
        if label < len(table):
            table[label] = region.key
    subcortex = table[np.maximum(segmentation.data, 0)]
    if not subcortex.any():
        raise AtlasError(
            "the segmentation holds no subcortical structure", hint="give the subject's own wmparc or aparc+aseg"
        )
    claimed = np.bincount(subcortex[cortex.data > 0], minlength=1)
    overlap = {
        region.name: int(claimed[region.key])
        for _, region in structures
        if region.key < len(claimed) and claimed[region.key]
    }
    joined = Volume(np.where(cortex.data > 0, cortex.data, subcortex), cortex.grid, Unit.LABEL)
    whole = Atlas(f"{source.name}+subcortex", (*cortical.regions, *(region for _, region in structures)), joined)
    return NativeAtlas(source, cortical, whole, hemisphere_conflicts, overlap)
