"""The built-in subject's anatomy in other layouts, written by code that shares nothing with the readers but nibabel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.freesurfer import MGHImage, write_geometry, write_morph_data

from wbtools.anatomy import Hemisphere
from wbtools.images import gifti, nifti
from wbtools.space.grid import Unit, Volume, reorient
from wbtools.subject import Subject, SurfaceKind
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.resampling import barycentric
from wbtools.surfaces.standard import sphere_32k


def on_fsaverage(sphere: Mesh) -> Mesh:
    """A sphere that is registered to fs_LR, carried over to fsaverage's sphere."""
    side = sphere.hemisphere
    here, there = (meshes.read(sphere_32k(side, space), side) for space in ("fs_LR", "fsaverage"))
    points = barycentric(here, sphere).matrix @ there.vertices.astype(np.float64)
    return Mesh(100 * points / np.linalg.norm(points, axis=1, keepdims=True), sphere.triangles, side)


def native(subject: Subject, side: Hemisphere, kind: SurfaceKind) -> Mesh:
    """A native surface of the built-in subject."""
    return meshes.read(subject.surfaces[side, kind, "native"], side)


def native_sphere(subject: Subject, side: Hemisphere) -> Mesh:
    """A native sphere of the built-in subject, registered to fs_LR."""
    return meshes.read(subject.spheres[side, "native"], side)


def segmentation(subject: Subject) -> Volume:
    """The labels of a subject that has some."""
    assert subject.segmentation is not None
    return nifti.read_volume(subject.segmentation, Unit.LABEL)


FREESURFER_KINDS: tuple[SurfaceKind, ...] = ("white", "pial", "inflated")


def write_freesurfer(subject: Subject, folder: Path, *, footer: bool = True) -> Path:
    """Write a subject of the HCP layout as recon-all does; the folder, with surf/, mri/ and label/.

    Volumes keep their voxels and become LIA; T1 and orig have 256 grey values, as usual. Surfaces are centred on the
    volume. With `footer` every surface says so.
    """
    for part in ("surf", "mri", "label"):
        (folder / part).mkdir(parents=True)
    scan = reorient(nifti.read_volume(subject.t1w), "LIA")
    labels = reorient(segmentation(subject), "LIA")
    bytes_ = np.round(scan.data * (255 / scan.data.max())).astype(np.uint8)
    for name, data in (("T1", bytes_), ("brain", scan.data), ("orig", bytes_), ("aparc+aseg", labels.data)):
        image = MGHImage(data, scan.grid.affine)
        nibabel.save(image, folder / "mri" / f"{name}.mgz")
    header = image.header
    to_tkr = header.get_vox2ras_tkr() @ np.linalg.inv(header.get_vox2ras())
    for side in Hemisphere:
        start = f"{side.letter.lower()}h"
        for kind in FREESURFER_KINDS:
            surface = native(subject, side, kind)
            points = surface.vertices @ to_tkr[:3, :3].T + to_tkr[:3, 3]
            volume = _footer(header) if footer else None
            write_geometry(folder / "surf" / f"{start}.{kind}", points, surface.triangles, "made", volume)
        (folder / "surf" / f"{start}.pial").rename(folder / "surf" / f"{start}.pial.T1")
        (folder / "surf" / f"{start}.pial").symlink_to(f"{start}.pial.T1")
        ball = on_fsaverage(native_sphere(subject, side))
        write_geometry(folder / "surf" / f"{start}.sphere.reg", ball.vertices, ball.triangles, "made")
        (depth,) = gifti.read_metrics(subject.sulci[side, "native"]).values()
        write_morph_data(folder / "surf" / f"{start}.sulc", depth)
        (cortex,) = gifti.read_metrics(subject.rois[side, "native"]).values()
        _write_label(folder / "label" / f"{start}.cortex.label", np.flatnonzero(cortex > 0))
    return folder


def _footer(header: Mapping[str, Any]) -> dict[str, object]:
    """The volume geometry at the end of a surface file."""
    axes = header["Mdc"]
    return {
        "head": np.array([2, 0, 20]),
        "valid": "1  # volume info valid",
        "filename": "../mri/orig.mgz",
        "volume": np.array(header["dims"][:3]),
        "voxelsize": np.array(header["delta"]),
        "xras": axes[0],
        "yras": axes[1],
        "zras": axes[2],
        "cras": np.array(header["Pxyz_c"]),
    }


def _write_label(path: Path, vertices: np.ndarray) -> None:
    rows = "".join(f"{vertex} 0 0 0 0\n" for vertex in vertices)
    path.write_text(f"#!ascii label  , from subject made vox2ras=TkReg\n{len(vertices)}\n{rows}")


def write_bids(
    subject: Subject,
    root: Path,
    name: str = "sub-01",
    *,
    standard: bool = False,
    sphere: str = "space-fsLR_desc-reg",
    kinds: tuple[SurfaceKind, ...] = ("white", "pial", "midthickness", "inflated"),
) -> Path:
    """Write a subject of the HCP layout as sMRIPrep does; the anat folder.

    The name may have a session (`sub-01_ses-a`). With `standard` the 32k surfaces are written, too.
    """
    folder = root.joinpath(*name.split("_"), "anat")
    folder.mkdir(parents=True)
    scan = nifti.read_volume(subject.t1w)
    nifti.write_volume(folder / f"{name}_desc-preproc_T1w.nii.gz", scan)
    mask = type(scan)((scan.data > 0).astype(np.int32), scan.grid, Unit.LABEL)
    nifti.write_volume(folder / f"{name}_desc-brain_mask.nii.gz", mask)
    labels = segmentation(subject)
    nifti.write_volume(folder / f"{name}_desc-aparcaseg_dseg.nii.gz", labels)
    nifti.write_volume(folder / f"{name}_space-MNI152NLin2009cAsym_desc-preproc_T1w.nii.gz", scan)
    for side in Hemisphere:
        hemi = f"{name}_hemi-{side.letter}"
        for kind in kinds:
            meshes.write(folder / f"{hemi}_{kind}.surf.gii", native(subject, side, kind), kind)
            if standard:
                surface = meshes.read(subject.surfaces[side, kind, "32k_fs_LR"], side)
                meshes.write(folder / f"{hemi}_space-fsLR_den-32k_{kind}.surf.gii", surface, kind)
        if sphere:
            ball = native_sphere(subject, side)
            ball = ball if sphere != "desc-reg" else on_fsaverage(ball)
            meshes.write(folder / f"{hemi}_{sphere}_sphere.surf.gii", ball, "sphere")
        depth = gifti.read_metrics(subject.sulci[side, "native"])
        gifti.write_metrics(folder / f"{hemi}_sulc.shape.gii", depth, side)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "DatasetType": "derivative"}))
    return folder
