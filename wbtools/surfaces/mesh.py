"""Triangle meshes of a hemisphere, and reading and writing their GIFTI files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import gifti, gifti_document, limits
from wbtools.images.gifti_document import POINTS, TRIANGLES, Array, Document
from wbtools.surfaces.scanner_space import in_scanner
from wbtools.text import shell

logger = logging.getLogger(__name__)

_FAR = 1e5  # mm


@dataclass(frozen=True, eq=False, repr=False)
class Mesh:
    """A surface: vertices and the triangles between them.

    Parameters
    ----------
    vertices : ndarray, (V, 3), float32
        World coordinates, mm, RAS+.
    triangles : ndarray, (T, 3), int32
        Vertex indices, counter-clockwise seen from outside.
    hemisphere : Hemisphere

    Raises
    ------
    InputError
        If shapes are wrong, a coordinate is not finite, or a triangle names a vertex that does not exist.

    Examples
    --------
    >>> corner = Mesh(np.eye(3), [[0, 1, 2]], Hemisphere.LEFT)
    >>> round(float(corner.vertex_areas().sum()), 4)
    0.866
    >>> corner
    <Mesh L: 3 vertices, 1 triangles>
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    hemisphere: Hemisphere

    def __post_init__(self) -> None:
        # Values too large for float32 become infinite, invalid indices wrap around: both are rejected below.
        with np.errstate(over="ignore", invalid="ignore"):
            vertices = np.ascontiguousarray(self.vertices, dtype=np.float32)
            triangles = np.ascontiguousarray(self.triangles, dtype=np.int32)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
            raise InputError("a surface needs vertices (V, 3) and triangles (T, 3)")
        if not (np.abs(vertices) < _FAR).all():
            raise InputError("the surface has coordinates that are not numbers", hint="recreate the surface file")
        if triangles.size and (triangles.min() < 0 or triangles.max() >= len(vertices)):
            raise InputError("the surface has triangles that name missing vertices", hint="recreate the surface file")
        object.__setattr__(self, "vertices", vertices)
        object.__setattr__(self, "triangles", triangles)

    def __repr__(self) -> str:
        return f"<Mesh {self.hemisphere.letter}: {len(self.vertices)} vertices, {len(self.triangles)} triangles>"

    def triangle_areas(self) -> NDArray[np.float64]:
        """Area of each triangle, mm2, (T,)."""
        a, b, c = (self.vertices[self.triangles[:, i]].astype(np.float64) for i in range(3))
        areas: NDArray[np.float64] = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        return areas

    def vertex_areas(self) -> NDArray[np.float64]:
        """Area of each vertex, a third of that of the triangles around it, mm2, (V,).

        Examples
        --------
        >>> Mesh([[0, 0, 0], [3, 0, 0], [0, 2, 0]], [[0, 1, 2]], Hemisphere.LEFT).vertex_areas()
        array([1., 1., 1.])
        """
        areas = np.repeat(self.triangle_areas() / 3, 3)
        return np.asarray(np.bincount(self.triangles.ravel(), areas, minlength=len(self.vertices)), np.float64)

    def normals(self) -> NDArray[np.float64]:
        """Outward unit normals at the vertices, averages of the triangles around them weighted by area, (V, 3).

        Examples
        --------
        >>> Mesh([[0, 0, 0], [3, 0, 0], [0, 2, 0]], [[0, 1, 2]], Hemisphere.LEFT).normals()[0]
        array([0., 0., 1.])
        """
        a, b, c = (self.vertices[self.triangles[:, corner]].astype(np.float64) for corner in range(3))
        faces = np.cross(b - a, c - a)
        count, corners = len(self.vertices), self.triangles.ravel()
        summed = np.stack([np.bincount(corners, np.repeat(axis, 3), minlength=count) for axis in faces.T], axis=1)
        return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12))

    def outward(self, distances: NDArray[np.floating]) -> Mesh:
        """The surface with every vertex moved along its normal.

        Parameters
        ----------
        distances : ndarray, (V,)
            mm, positive to the outside.
        """
        moved = self.vertices + np.asarray(distances, np.float64)[:, None] * self.normals()
        return Mesh(moved.astype(np.float32), self.triangles, self.hemisphere)


# GIFTI metadata that Workbench reads: (GeometricType, AnatomicalStructureSecondary) by the HCP name of the surface.
_GEOMETRY = {
    "white": ("Anatomical", "GrayWhite"),
    "midthickness": ("Anatomical", "MidThickness"),
    "pial": ("Anatomical", "Pial"),
    "inflated": ("Inflated", "MidThickness"),
    "very_inflated": ("VeryInflated", "MidThickness"),
    "sphere": ("Spherical", "MidThickness"),
}


def read(path: Path, hemisphere: Hemisphere, *, side_required: bool = False, placed: bool = False) -> Mesh:
    """Read a GIFTI surface and log its remarks (see `read_with_remarks`)."""
    mesh, remarks = read_with_remarks(path, hemisphere, side_required=side_required, placed=placed)
    for remark in remarks:
        logger.info("%s", remark)
    return mesh


def read_with_remarks(
    path: Path, hemisphere: Hemisphere, *, side_required: bool = False, placed: bool = False
) -> tuple[Mesh, tuple[str, ...]]:
    """Read a GIFTI surface, with a remark if its points had to be moved.

    Without `--to-scanner`, FreeSurfer's `mris_convert` leaves the points in coordinates centred on its volume and
    stores the volume's position in the metadata (`VolGeomC_R` and so on). Such points are moved to scanner coordinates
    here and nowhere else.

    Parameters
    ----------
    path : Path
        A `.surf.gii` file.
    hemisphere : Hemisphere
        The expected side; a file that names the other side is rejected.
    side_required : bool
        Reject a file that names no side, too.
    placed : bool
        The points are in scanner coordinates, whatever the metadata say: the HCP pipelines move them and leave the
        metadata unchanged. Also for surfaces without a position in the head (spheres, inflated).

    Returns
    -------
    mesh : Mesh
    remarks : tuple of str

    Raises
    ------
    InputError
        If the file is missing, damaged, holds no surface, or belongs to the other hemisphere.
    """
    document = gifti_document.read(path, {POINTS, TRIANGLES})
    points, triangles = (_single(path, document, intent) for intent in (POINTS, TRIANGLES))
    gifti_document.require_hemisphere(path, document, hemisphere)
    if side_required and not document.structure:
        raise InputError(
            f"{path} does not say which hemisphere it is (no AnatomicalStructurePrimary)",
            hint=f"say it: {shell('wb_command', '-set-structure', path.name, hemisphere.cortex.value)}",
        )
    if len(points.data) > limits.VERTICES or len(triangles.data) > limits.TRIANGLES:
        raise InputError(
            f"{path} has {len(points.data):,} vertices and {len(triangles.data):,} triangles; {limits.VERTICES:,} and "
            f"{limits.TRIANGLES:,} are the most that are read",
            hint="give a surface of one hemisphere, at most as fine as its voxels",
        )
    try:
        vertices, remarks = (points.data, ()) if placed else in_scanner(path, points, document.meta)
        return Mesh(vertices, triangles.data, hemisphere), remarks
    except InputError as error:
        raise error.about(path) from None


def _single(path: Path, document: Document, intent: str) -> Array:
    """The only array with an intent."""
    found = [array for array in document.arrays if array.intent == intent]
    if not found:
        raise InputError(f"{path} holds no surface", hint="give a .surf.gii file with points and triangles")
    if len(found) > 1:
        raise InputError(f"{path} holds {len(found)} surfaces in one file", hint="give a .surf.gii file of one surface")
    return found[0]


def write(path: Path, mesh: Mesh, geometry: str) -> None:
    """Write a GIFTI surface whose metadata describe the anatomy and hold nothing about its source file.

    Parameters
    ----------
    path : Path
    mesh : Mesh
    geometry : str
        The HCP name of the surface: white, midthickness, pial, inflated, very_inflated or sphere.
    """
    from nibabel.gifti import GiftiCoordSystem, GiftiDataArray, GiftiImage, GiftiMetaData

    shape, secondary = _GEOMETRY[geometry]
    meta = GiftiMetaData(
        AnatomicalStructurePrimary=mesh.hemisphere.cortex.gifti,
        AnatomicalStructureSecondary=secondary,
        GeometricType=shape,
    )
    space = GiftiCoordSystem("NIFTI_XFORM_SCANNER_ANAT", "NIFTI_XFORM_SCANNER_ANAT", np.eye(4))
    points = GiftiDataArray(mesh.vertices, "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", coordsys=space, meta=meta)
    triangles = GiftiDataArray(mesh.triangles, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32")
    image = GiftiImage(meta=GiftiMetaData(AnatomicalStructurePrimary=mesh.hemisphere.cortex.gifti))
    image.add_gifti_data_array(points)
    image.add_gifti_data_array(triangles)
    gifti.save(path, image)
