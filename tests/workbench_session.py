"""Small files of every kind a session shows: a head of 20 voxels a side, and two icospheres for the hemispheres."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from wbtools.anatomy import Hemisphere
from wbtools.surfaces.mesh import Mesh, write
from wbtools.workbench import palette
from wbtools.workbench.command import Command
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene


def icosphere(hemisphere: Hemisphere, times: int = 3) -> Mesh:
    """A sphere of 60 mm beside the midline; 642 vertices when each triangle is divided three times."""
    golden = (1 + 5**0.5) / 2
    points = [[s * a for s, a in zip((i, j), (1, golden), strict=True)] for i in (-1, 1) for j in (-1, 1)]
    corners = [[0.0, *p] for p in points] + [[p[0], p[1], 0.0] for p in points] + [[p[1], 0.0, p[0]] for p in points]
    vertices = np.array(corners) / np.linalg.norm(corners, axis=1, keepdims=True)
    from scipy.spatial import ConvexHull

    for _ in range(times):
        triangles = ConvexHull(vertices).simplices
        edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
        middles = vertices[edges].mean(axis=1)
        vertices = np.vstack([vertices, middles / np.linalg.norm(middles, axis=1, keepdims=True)])
    triangles = ConvexHull(vertices).simplices
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    inward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    side = -35 if hemisphere is Hemisphere.LEFT else 35
    return Mesh((vertices * [30, 60, 45] + [side, 0, 0]).astype(np.float32), triangles, hemisphere)


def write_metric(path: Path, hemisphere: Hemisphere, *maps: np.ndarray) -> None:
    meta = nibabel.gifti.GiftiMetaData(AnatomicalStructurePrimary=hemisphere.cortex.gifti)
    image = nibabel.gifti.GiftiImage(meta=meta)
    for number, values in enumerate(maps):
        named = nibabel.gifti.GiftiMetaData(Name=f"map {number}")
        image.add_gifti_data_array(
            nibabel.gifti.GiftiDataArray(
                values.astype(np.float32), "NIFTI_INTENT_NONE", "NIFTI_TYPE_FLOAT32", meta=named
            )
        )
    nibabel.save(image, path)


def cortex_axis(vertices: int) -> nibabel.cifti2.BrainModelAxis:
    left, right = (
        nibabel.cifti2.BrainModelAxis.from_surface(np.arange(vertices), vertices, side)
        for side in ("CortexLeft", "CortexRight")
    )
    return left + right


def metric_mask(metric: Path, mask: Path, masked: Path) -> Command:
    """Have Workbench set a metric to zero where the mask is not positive; it keeps names and palettes."""
    return Command(("-metric-mask", str(metric), str(mask), str(masked)), (metric, mask), (masked,))


def file_information(file: Path) -> Command:
    """Have Workbench describe a file, which it has to read for that."""
    return Command(("-file-information", str(file)), (file,))


@dataclass(frozen=True)
class Session:
    """The files of a small session, and scenes of them."""

    folder: Path
    anatomy: Layer
    overlay: Layer
    surfaces: dict[Hemisphere, Path]
    metrics: list[Layer]
    scalars: Layer
    areas: Path

    def volume(self, title: str = "A title") -> Scene:
        return figure("Slices", Legend(title, unit="1/mm³"), Slices(self.anatomy, self.overlay))

    def montage(self) -> Scene:
        return figure("Montage", Legend("A title"), surfaces=Surfaces(self.surfaces, self.metrics))

    def overview(self) -> Scene:
        surfaces = Surfaces(self.surfaces, [self.scalars], areas=[self.areas])
        return figure("Overview", Legend("A title"), Slices(self.anatomy, self.overlay), surfaces)


def make_session(folder: Path) -> Session:
    folder.mkdir(parents=True)
    affine = np.array([[-9.0, 0, 0, 85], [0, 9, 0, -85], [0, 0, 9, -85], [0, 0, 0, 1]])
    place = np.moveaxis(np.indices((20, 20, 20)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    head = 1000.0 * (np.linalg.norm(place / [70, 80, 60], axis=-1) < 1)
    spot = 1e-7 * np.exp(-((place / 30) ** 2).sum(-1))
    for name, data in (("T1w.nii.gz", head), ("relevance.nii.gz", spot)):
        nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), affine), folder / name)
    surfaces, metrics = {}, []
    magma = palette.positive(spot)
    for side in Hemisphere:
        mesh = icosphere(side)
        surfaces[side] = folder / f"{side.letter}.pial.surf.gii"
        write(surfaces[side], mesh, "pial")
        metric = folder / f"{side.letter}.maps.func.gii"
        write_metric(metric, side, np.zeros(642), 1e-7 * (mesh.vertices[:, 1] > 0))
        metrics.append(Layer(metric, map_index=1, palette=magma))
    axis = cortex_axis(642)
    scalars = nibabel.cifti2.ScalarAxis(["relevance"])
    values = np.linspace(0, 1e-7, 1284, dtype=np.float32)[None]
    nibabel.save(nibabel.Cifti2Image(values, (scalars, axis)), folder / "maps.dscalar.nii")
    table = {0: ("???", (1, 1, 1, 0)), 1: ("R_V1_ROI", (1, 0, 0, 1)), 2: ("L_V1_ROI", (0, 0, 1, 1))}
    keys = (1 + (np.arange(1284) % 642 > 320)).astype(np.float32)[None]
    labels = nibabel.cifti2.LabelAxis(["areas"], [table])
    nibabel.save(nibabel.Cifti2Image(keys, (labels, axis)), folder / "areas.dlabel.nii")
    return Session(
        folder,
        Layer(folder / "T1w.nii.gz", palette=palette.anatomy(head)),
        Layer(folder / "relevance.nii.gz", palette=magma),
        surfaces,
        metrics,
        Layer(folder / "maps.dscalar.nii", palette=magma),
        folder / "areas.dlabel.nii",
    )
