"""A person's anatomy in native T1w space: image, cortex on every mesh, and the atlas in voxels and on vertices.

All volumes have the same orientation (`space.grid.canonical`), whatever that of the files is, so that no result depends
on it; `Scan.as_stored` returns a volume to the orientation of the T1w's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere, Structure
from wbtools.atlas.deep.placing import placed_labels
from wbtools.atlas.deep.template_warp import Warp, affine_warp, image_warp, placed_warp
from wbtools.atlas.native import NativeAtlas, join
from wbtools.atlas.subcortex import subcortex_regions
from wbtools.images import nifti
from wbtools.native import cortex
from wbtools.native.cortex import NATIVE, STANDARD, Cortex
from wbtools.native.defacing import with_mask
from wbtools.native.grey_matter import GreyMatterProjection
from wbtools.native.projection import Areas, Projection
from wbtools.placement.options import USUAL, PlacementOptions
from wbtools.space.foreground import Scan, is_stripped
from wbtools.space.grid import Unit, Volume, canonical, compact
from wbtools.subject import MeshName, Subject

_UNEQUAL = 1e-3  # of the longest edge of a voxel
_REORDERED = (
    "The T1w's file has its axes in another order than the world's, and voxels of unequal edges, which Workbench 1.5 "
    "draws distorted; volumes are written in LAS order, at the same place."
)


@dataclass(frozen=True, eq=False)
class Person:
    """A person's image, cortex and atlas, independent of any network.

    Parameters
    ----------
    scan : Scan
        T1w image and brain mask.
    segmentation : Volume or None
        FreeSurfer labels.
    cortices : dict of MeshName to Cortex
    areas : dict of MeshName to Areas
        Keys of the atlas on each mesh.
    atlas : NativeAtlas
        Areas and subcortical structures on the T1w grid.
    main : MeshName
        The mesh from which the atlas's voxels are labelled.
    projection : Projection
        Carries numbers between this person's voxels and cortex.
    remarks : tuple of str
        How ambiguities in the T1w image and the surfaces were resolved, for example where sform and qform disagree.
    """

    scan: Scan
    segmentation: Volume | None
    cortices: dict[MeshName, Cortex]
    areas: dict[MeshName, Areas]
    atlas: NativeAtlas
    main: MeshName
    projection: Projection
    remarks: tuple[str, ...] = ()

    @property
    def t1w(self) -> Volume:
        """The T1w image."""
        return self.scan.t1w


def read_scan(subject: Subject, placing: PlacementOptions = USUAL) -> Scan:
    """Read a person's T1w image and brain mask; a head without a mask gets one (`wbtools.native.defacing.with_mask`).

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    t1w, remarks = nifti.read_with_remarks(subject.t1w)
    mask = canonical(_mask(subject.brain_mask)) if subject.brain_mask else None
    uneven = float(np.ptp(t1w.grid.voxel_sizes)) > _UNEQUAL * float(t1w.grid.voxel_sizes.max())
    stored, remarks = (None, (*remarks, _REORDERED)) if t1w.grid.is_permuted and uneven else (t1w.grid, remarks)
    scan = Scan(canonical(t1w), mask, subject.mask_of, stored, remarks)
    return scan if mask or is_stripped(scan.t1w) else with_mask(scan, _segmentation(subject), placing)


def _segmentation(subject: Subject) -> Volume | None:
    if not subject.segmentation:
        return None
    labels = canonical(nifti.read_volume(subject.segmentation, Unit.LABEL))
    return replace(labels, data=compact(labels.data))


def read(
    subject: Subject,
    meshes: Iterable[MeshName],
    projection: Projection,
    inflate: Callable[[Cortex], Cortex] = lambda cortex: cortex,
    stage: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
    scan: Scan | None = None,
) -> Person:
    """Read a person's files and project the atlas to them.

    Parameters
    ----------
    subject : Subject
    meshes : iterable of MeshName
        At least one.
    projection : Projection
    inflate : callable
        Adds missing inflated surfaces to a cortex.
    stage : callable
        Entered with the name of each stage.
    scan : Scan, optional
        The result of `read_scan` for this subject, if it has been read already.

    Raises
    ------
    InputError, AtlasError
        If a file cannot be read, or surfaces and T1w do not overlap.
    """
    with stage("T1w and surfaces"):
        scan = scan or read_scan(subject)
        segmentation = _segmentation(subject)
        cortices = {mesh: inflate(cortex.read(subject, mesh)) for mesh in meshes}
        found = [*scan.remarks, *(remark for each in cortices.values() for remark in each.remarks)]
        remarks = tuple(dict.fromkeys(found))
    if subject.own_grey_matter and segmentation is not None:
        projection = GreyMatterProjection(projection, segmentation, projection.threads)
    with stage("areas on every mesh"):
        areas = _areas(subject, cortices, projection)
    with stage("atlas in T1w space"):
        main = next((mesh for mesh in (STANDARD, NATIVE) if mesh in cortices), next(iter(cortices)))
        labels, conflicts = projection.volume(cortices[main], areas[main], scan.t1w.grid)
        structures = [(Structure(region.name).freesurfer_key or 0, region) for region in subcortex_regions()]
        deep = placed_labels(
            projection.atlas.deep, own_folder(subject), scan.t1w.grid, partial(_warp, subject, cortices, scan.t1w)
        )
        native = join(projection.atlas, labels, conflicts, segmentation, structures, deep)
    known = (*remarks, *native.remarks)
    return Person(scan, native.segmentation or segmentation, cortices, areas, native, main, projection, known)


def own_folder(subject: Subject) -> Path | None:
    """The folder in which further labels of this person may lie; of a lone image there is none."""
    return None if subject.from_template else subject.folder


def _warp(subject: Subject, cortices: dict[MeshName, Cortex], t1w: Volume) -> Warp:
    """How labels in a template's space come to this person: by the cortex on the 32k mesh, else by the image."""
    if subject.placement is not None and subject.placement.to_template is not None:
        return placed_warp(subject.placement, t1w.grid)
    if STANDARD in cortices:
        standard = cortices[STANDARD]
    elif STANDARD in subject.meshes:
        standard = cortex.read(subject, STANDARD)
    elif NATIVE in subject.meshes:
        standard = cortex.read(replace(subject, resampled=(STANDARD,)), STANDARD)
    else:
        return image_warp(t1w)
    return affine_warp({side: standard.surfaces[side, "midthickness"] for side in Hemisphere}, t1w.grid)


def _mask(path: Path) -> Volume:
    """A brain mask from the file of a mask, or of a skull-stripped image."""
    volume = nifti.read_volume(path)
    return Volume((volume.data > 0).astype(np.uint8), volume.grid, Unit.LABEL)


def _areas(subject: Subject, cortices: dict[MeshName, Cortex], projection: Projection) -> dict[MeshName, Areas]:
    """The atlas on every exported mesh."""
    standard = cortices.get(STANDARD) or cortex.read_standard(subject)
    keys = cortex.standard_areas(standard, projection.atlas)
    return {
        mesh: keys if mesh == STANDARD else projection.areas(standard, keys, chosen)
        for mesh, chosen in cortices.items()
    }
