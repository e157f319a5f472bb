"""The built-in subject's anatomy as CAT12 and T1Prep lay it out.

Written by code that shares only nibabel with the readers. Names are those of T1Prep 0.8.1 (`Names.tsv`) and CAT12
(`cat_io_subfolders.m`). What is in the files is as in those that cat_surf 1.1.6 writes: points in the scan's world
coordinates, no volume geometry, an identity matrix whose space is TALAIRACH, values per vertex in FreeSurfer's format,
and the side in the metadata of the points or, of files that CAT12 writes from Matlab, nowhere but in the name.
"""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from made_layouts import native, native_sphere, on_fsaverage
from nibabel.freesurfer import write_morph_data
from nibabel.gifti import GiftiCoordSystem, GiftiDataArray, GiftiImage, GiftiMetaData

from wbtools.anatomy import Hemisphere
from wbtools.images import nifti
from wbtools.subject import Subject
from wbtools.surfaces.mesh import Mesh


def write_cat(
    subject: Subject,
    folder: Path,
    name: str,
    *,
    flat: bool = False,
    says_side: bool = True,
    kinds: tuple[str, ...] = ("central", "white", "pial"),
    corrected: bool = True,
) -> Path:
    """Write a subject of the HCP layout as CAT12 or T1Prep does; the folder, with `surf/` and `mri/` unless it is flat.

    Without `corrected` there is no bias-corrected image in native space, which CAT12 writes on request only.
    """
    surf, mri = (folder, folder) if flat else (folder / "surf", folder / "mri")
    for part in (surf, mri):
        part.mkdir(parents=True, exist_ok=True)
    scan = nifti.read_volume(subject.t1w)
    if corrected:
        nibabel.save(nibabel.Nifti1Image(scan.data.astype(np.float32), scan.grid.affine), mri / f"m{name}.nii")
    save_label(scan.data > 0, scan.grid.affine, mri / f"p0{name}.nii")
    for side in Hemisphere:
        start = f"{side.letter.lower()}h"
        white, pial = native(subject, side, "white"), native(subject, side, "pial")
        middle = Mesh(np.asarray((white.vertices + pial.vertices) / 2, np.float32), white.triangles, side)
        for kind, mesh in (("central", middle), ("white", white), ("pial", pial)):
            if kind in kinds:
                save_surface(mesh, surf / f"{start}.{kind}.{name}.gii", says_side=says_side)
        thickness = np.linalg.norm(pial.vertices - white.vertices, axis=1)
        write_morph_data(surf / f"{start}.thickness.{name}", thickness)
        sphere = native_sphere(subject, side)
        save_surface(sphere, surf / f"{start}.sphere.{name}.gii", says_side=says_side)
        save_surface(on_fsaverage(sphere), surf / f"{start}.sphere.reg.{name}.gii", says_side=says_side)
    return folder


def save_label(brain: np.ndarray, affine: np.ndarray, path: Path) -> None:
    """Write tissue labels as CAT12 does: 0 to 3 in bytes, scaled."""
    image = nibabel.Nifti1Image((85 * 2 * brain).astype(np.uint8), affine)
    image.header.set_slope_inter(3 / 255, 0)
    nibabel.save(image, path)


def save_surface(mesh: Mesh, path: Path, *, says_side: bool = True) -> None:
    """Write a surface with the metadata of cat_surf, or with none, as Matlab's gifti class does."""
    side = {"AnatomicalStructurePrimary": mesh.hemisphere.cortex.gifti} if says_side else {}
    meta = GiftiMetaData({"Name": path.name, **side})
    space = GiftiCoordSystem("NIFTI_XFORM_UNKNOWN", "NIFTI_XFORM_TALAIRACH", np.eye(4))
    points = GiftiDataArray(mesh.vertices, "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", coordsys=space, meta=meta)
    corners = GiftiDataArray(mesh.triangles, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32")
    nibabel.save(GiftiImage(darrays=[points, corners]), path)
