"""What others than highdicom find in DICOM objects: where voxels lie, and what breaks the standard."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine, voxel_sizes
from numpy.typing import NDArray
from pydicom import Dataset


def positions(dataset: Dataset) -> NDArray[np.float64]:
    """For each frame the world coordinates (RAS, mm) of its voxels, (frames, rows, columns, 3), by C.7.6.2.1.1."""
    (shared,) = dataset.SharedFunctionalGroupsSequence
    turned = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    rows, columns = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    places = [group.PlanePositionSequence[0].ImagePositionPatient for group in dataset.PerFrameFunctionalGroupsSequence]
    row, column = np.mgrid[: dataset.Rows, : dataset.Columns][..., None]
    lps = np.array(places, float)[:, None, None] + turned[:3] * columns * column + turned[3:] * rows * row
    ras: NDArray[np.float64] = lps * [-1, -1, 1]
    return ras


def at(image: nibabel.Nifti1Image, points: NDArray[np.float64]) -> tuple[NDArray[Any], float]:
    """The values of a NIfTI image at points, and the largest distance of one from its voxel's centre, mm."""
    index = apply_affine(np.linalg.inv(image.affine), points)
    voxels = np.rint(index).astype(int)
    away = np.linalg.norm((index - voxels) * voxel_sizes(image.affine), axis=-1)
    return np.asanyarray(image.dataobj)[tuple(np.moveaxis(voxels, -1, 0))], float(away.max())


def verdict(path: Path) -> list[list[str]]:
    """What dciodvfy says of a file: errors and warnings."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed")
    run = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    assert any(iod in lines for iod in ("ParametricMap", "Segmentation", "SCImage")), "it knows what it judges"
    return [[line for line in lines if line.startswith(kind)] for kind in ("Error", "Warning")]
