"""Reading of surface files in GIFTI or FreeSurfer's own format, distinguished by their names."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import gifti
from wbtools.surfaces import freesurfer
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh

logger = logging.getLogger(__name__)

ROUNDNESS = 0.05
"""Largest deviation from a sphere, relative to the radius; spheres of FreeSurfer and HCP are round to 1e-5."""

_SAYS_SIDE = re.compile(r"[lr]h\..*|(.*_)?hemi-[LR]_.*")
"""Names that say the side, as FreeSurfer's and BIDS's do; CAT12 and T1Prep write files that do not say it inside."""
_ANATOMICAL = ("white", "midthickness", "pial")


def is_gifti(path: Path) -> bool:
    """Whether a file has the name of a GIFTI file.

    Examples
    --------
    >>> is_gifti(Path("100307.L.pial.native.surf.gii")), is_gifti(Path("surf/lh.pial"))
    (True, False)
    """
    return path.suffix == ".gii"


def read_surface(path: Path, hemisphere: Hemisphere, kind: str, *, placed: bool = False) -> Mesh:
    """Read a surface in scanner coordinates (those of the T1w) and log its remarks (see `read_with_remarks`)."""
    mesh, remarks = read_with_remarks(path, hemisphere, kind, placed=placed)
    for remark in remarks:
        logger.info("%s", remark)
    return mesh


def read_with_remarks(
    path: Path, hemisphere: Hemisphere, kind: str, *, placed: bool = False
) -> tuple[Mesh, tuple[str, ...]]:
    """Read a surface in scanner coordinates (those of the T1w), with a remark if its points had to be moved.

    Parameters
    ----------
    path : Path
    hemisphere : Hemisphere
    kind : str
        The HCP name; an `inflated` surface has no position in the head and is not moved.
    placed : bool
        GIFTI surfaces are in scanner coordinates, whatever their metadata say.

    Raises
    ------
    InputError
        If the file is missing, damaged, not a surface, or a GIFTI file of the other hemisphere or, by its content
        and its name, of none.
    """
    in_head = kind in _ANATOMICAL
    if not is_gifti(path):
        return (freesurfer.read if in_head else freesurfer.read_unplaced)(path, hemisphere), ()
    side_required = in_head and not _SAYS_SIDE.fullmatch(path.name)
    return meshes.read_with_remarks(path, hemisphere, side_required=side_required, placed=placed or not in_head)


def read_sphere(path: Path, hemisphere: Hemisphere) -> Mesh:
    """Read a registration sphere.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not a sphere around the origin.
    """
    gifti_file = is_gifti(path)
    sphere = meshes.read(path, hemisphere, placed=True) if gifti_file else freesurfer.read_unplaced(path, hemisphere)
    radius = np.linalg.norm(sphere.vertices, axis=1)
    if not radius.size or radius.max() - radius.min() > ROUNDNESS * radius.max():
        raise InputError(
            f"{path} is not a sphere around the origin",
            hint="give the registration sphere itself (sphere.reg, sphere.MSMAll or a registered sphere)",
        )
    return sphere


def read_values(path: Path, hemisphere: Hemisphere) -> NDArray[np.float32]:
    """Read a value per vertex, (V,); the first map if there are several.

    Raises
    ------
    InputError
        If the file is missing, damaged or holds no values per vertex.
    """
    if is_gifti(path):
        return next(iter(gifti.read_metrics(path, hemisphere).values()))
    return freesurfer.read_values(path)


def read_mask(path: Path, hemisphere: Hemisphere, count: int) -> NDArray[np.bool_]:
    """Read a cortex mask, (V,): values above 0, or the vertices in a FreeSurfer label file.

    Parameters
    ----------
    path : Path
    hemisphere : Hemisphere
    count : int
        Number of vertices of the mesh, which a label file does not give.

    Raises
    ------
    InputError
        If the file is missing, damaged, or does not fit the mesh.
    """
    if path.suffix == ".label":
        return freesurfer.read_label(path, count)
    if path.name.endswith(".label.gii"):
        return gifti.read_labels(path, hemisphere)[0] > 0
    return read_values(path, hemisphere) > 0
