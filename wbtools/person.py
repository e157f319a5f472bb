"""One person's anatomy in native T1w space: image, cortex on every mesh, and the atlas in voxels and on vertices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from wbtools import atlas, cortex, mmp
from wbtools.anatomy import Structure
from wbtools.atlas import NativeAtlas
from wbtools.cortex import NATIVE, STANDARD, Cortex
from wbtools.grid import Unit, Volume
from wbtools.images import nifti
from wbtools.projection import Areas, Projection
from wbtools.subject import MeshName, Subject


@dataclass(frozen=True, eq=False)
class Person:
    """What is known of one person before any network is asked.

    Parameters
    ----------
    t1w : Volume
    segmentation : Volume or None
        FreeSurfer labels.
    cortices : dict of MeshName to Cortex
    areas : dict of MeshName to Areas
        HCP-MMP 1.0 on each mesh.
    atlas : NativeAtlas
        Areas and subcortical structures on the T1w grid.
    main : MeshName
        The mesh that the atlas's voxels come from.
    mask : Volume or None
        The brain mask that lies beside the T1w image, if any.
    remarks : tuple of str
        What had to be decided to read the T1w image and the surfaces, for example where sform and qform disagree.
    """

    t1w: Volume
    segmentation: Volume | None
    cortices: dict[MeshName, Cortex]
    areas: dict[MeshName, Areas]
    atlas: NativeAtlas
    main: MeshName
    mask: Volume | None = None
    remarks: tuple[str, ...] = ()


def read(
    subject: Subject,
    meshes: Iterable[MeshName],
    projection: Projection,
    inflate: Callable[[Cortex], Cortex] = lambda one: one,
    stage: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
) -> Person:
    """Read a person's files and carry the atlas to them.

    Parameters
    ----------
    subject : Subject
    meshes : iterable of MeshName
        At least one.
    projection : Projection
    inflate : callable
        Gives a cortex the inflated surfaces it may lack.
    stage : callable
        Entered with the name of each stage.

    Raises
    ------
    InputError, AtlasError
        If a file cannot be read, or surfaces and T1w do not meet.
    """
    with stage("T1w and surfaces"):
        t1w, remarks = nifti.read_with_remarks(subject.t1w)
        segmentation = nifti.read_volume(subject.segmentation, Unit.LABEL) if subject.segmentation else None
        mask = nifti.read_volume(subject.brain_mask) if subject.brain_mask else None
        cortices = {mesh: inflate(cortex.read(subject, mesh)) for mesh in meshes}
        remarks += tuple(remark for found in cortices.values() for remark in found.remarks)
    with stage("areas on every mesh"):
        areas = _areas(subject, cortices, projection)
    with stage("atlas in T1w space"):
        main = next((mesh for mesh in (STANDARD, NATIVE) if mesh in cortices), next(iter(cortices)))
        labels, conflicts = projection.volume(cortices[main], areas[main], t1w.grid)
        structures = [(Structure(one.name).freesurfer_key or 0, one) for one in mmp.subcortex_regions()]
        native = atlas.join(mmp.NAME, labels, mmp.regions(), conflicts, segmentation, structures)
    return Person(t1w, segmentation, cortices, areas, native, main, mask, tuple(dict.fromkeys(remarks)))


def _areas(subject: Subject, cortices: dict[MeshName, Cortex], projection: Projection) -> dict[MeshName, Areas]:
    """HCP-MMP 1.0 on every exported mesh."""
    standard = cortices.get(STANDARD) or cortex.read_standard(subject)
    keys = cortex.standard_areas(standard)
    return {mesh: keys if mesh == STANDARD else projection.areas(standard, keys, one) for mesh, one in cortices.items()}
