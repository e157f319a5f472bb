"""Surface files of any format that wbtools reads: GIFTI and FreeSurfer's own, told apart by their names."""

from __future__ import annotations

import logging
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
"""Share of the radius by which a sphere may be out of round; those of FreeSurfer and HCP are round to 1e-5."""

_ANATOMICAL = ("white", "midthickness", "pial")


def is_gifti(path: Path) -> bool:
    """Whether a file's name says GIFTI.

    Examples
    --------
    >>> is_gifti(Path("100307.L.pial.native.surf.gii")), is_gifti(Path("surf/lh.pial"))
    (True, False)
    """
    return path.suffix == ".gii"


def read_surface(path: Path, hemisphere: Hemisphere, kind: str, *, placed: bool = False) -> Mesh:
    """Read a surface into the T1w's (scanner) coordinates; as `read_with_remarks`, which logs its remarks here."""
    mesh, remarks = read_with_remarks(path, hemisphere, kind, placed=placed)
    for remark in remarks:
        logger.info("%s", remark)
    return mesh


def read_with_remarks(
    path: Path, hemisphere: Hemisphere, kind: str, *, placed: bool = False
) -> tuple[Mesh, tuple[str, ...]]:
    """Read a surface into the T1w's (scanner) coordinates, and say what had to be decided.

    Parameters
    ----------
    path : Path
    hemisphere : Hemisphere
    kind : str
        The HCP name; an `inflated` surface has no place in the head and stays where it is.
    placed : bool
        GIFTI surfaces are in scanner coordinates whatever their metadata say.

    Raises
    ------
    InputError
        If the file is missing, damaged, no surface, or a GIFTI file of the other or of no hemisphere.
    """
    in_head = kind in _ANATOMICAL
    if not is_gifti(path):
        return (freesurfer.read if in_head else freesurfer.read_unplaced)(path, hemisphere), ()
    return meshes.read_with_remarks(path, hemisphere, side_required=in_head, placed=placed or not in_head)


def read_sphere(path: Path, hemisphere: Hemisphere) -> Mesh:
    """Read a registration sphere.

    Raises
    ------
    InputError
        If the file is missing, damaged, or no sphere around the origin.
    """
    gifti_file = is_gifti(path)
    sphere = meshes.read(path, hemisphere, placed=True) if gifti_file else freesurfer.read_unplaced(path, hemisphere)
    radius = np.linalg.norm(sphere.vertices, axis=1)
    if not radius.size or radius.max() - radius.min() > ROUNDNESS * radius.max():
        raise InputError(
            f"{path} is no sphere around the origin",
            hint="give the registration sphere itself (sphere.reg, sphere.MSMAll or a registered sphere)",
        )
    return sphere


def read_values(path: Path, hemisphere: Hemisphere) -> NDArray[np.float32]:
    """Read one value per vertex, the first map of several, (V,).

    Raises
    ------
    InputError
        If the file is missing, damaged or holds no values per vertex.
    """
    if is_gifti(path):
        return next(iter(gifti.read_metrics(path, hemisphere).values()))
    return freesurfer.read_values(path)


def read_mask(path: Path, hemisphere: Hemisphere, count: int) -> NDArray[np.bool_]:
    """Read which vertices are cortex: values above 0, or FreeSurfer's list of vertices, (V,).

    Parameters
    ----------
    path : Path
    hemisphere : Hemisphere
    count : int
        Vertices of the mesh, which a list does not tell.

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
