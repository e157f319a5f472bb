"""Made-up labels: balls at given places, as T1Prep's atlases with their table, or FreeSurfer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from wbtools.atlas.deep import known_sources

NUCLEI = known_sources._NEUDORFER.split()
"""Names that the hypothalamus's table has."""


def spheres(
    grid: NDArray[Any], shape: tuple[int, int, int], places: Mapping[int, tuple[float, float, float, float]]
) -> NDArray[np.int32]:
    """Labels of spheres (x, y, z, radius in mm) on a grid."""
    index = np.moveaxis(np.indices(shape), 0, -1)
    points = index @ grid[:3, :3].T + grid[:3, 3]
    data = np.zeros(shape, np.int32)
    for label, (*centre, radius) in places.items():
        data[np.linalg.norm(points - centre, axis=-1) <= radius] = label
    return data


def write_hypothalamus(folder: Path, radius: float = 5.0) -> Path:
    """The hypothalamus of T1Prep's wheel: 14 names a side, of which LH alone, a ball of each side, has voxels."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = np.array([[-1.0, 0, 0, 20], [0, 1, 0, -24], [0, 0, 1, -30], [0, 0, 0, 1]])
    place = NUCLEI.index("LH")
    labels = {2 * place + 1: (-6.0, -4.0, -10.0, radius), 2 * place + 2: (6.0, -4.0, -10.0, radius)}
    data = spheres(grid, (41, 41, 41), labels)
    nibabel.save(nibabel.Nifti1Image(data.astype(np.uint8), grid), folder / "Hypothalamus.nii.gz")
    names = [f"{key};{side}{name};made up" for key, side, name in _numbered()]
    (folder / "Hypothalamus.csv").write_text("\n".join(["ROIid;ROIabbr;ROIname", *names]) + "\n")
    return folder


def _numbered() -> Iterator[tuple[int, str, str]]:
    for place, name in enumerate(NUCLEI):
        yield 2 * place + 1, "l", name
        yield 2 * place + 2, "r", name


def write_volume(path: Path, data: NDArray[Any], affine: NDArray[Any]) -> Path:
    """A label volume, NIfTI or FreeSurfer's by its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mgz":
        nibabel.save(nibabel.freesurfer.MGHImage(data.astype(np.int32), affine.astype(np.float32)), path)
    else:
        nibabel.save(nibabel.Nifti1Image(data.astype(np.int16), affine), path)
    return path
