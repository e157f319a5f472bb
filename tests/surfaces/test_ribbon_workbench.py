"""Mapping between voxels and cortex held to wb_command, on ribbons that cross themselves too."""

import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_cortex import TURN, folded_cortex, noise, sphere_grid, without_data
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable, GiftiMetaData

from wbtools.anatomy import Hemisphere
from wbtools.space.grid import Grid
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import write
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights

pytestmark = pytest.mark.workbench
RIBBON = ("-ribbon-constrained", "white.surf.gii", "pial.surf.gii")


def save_labels(path: Path, keys: np.ndarray, side: Hemisphere) -> None:
    table = GiftiLabelTable()
    for key in range(int(keys.max()) + 1):
        entry = GiftiLabel(key, key / 12, 0.5, 0.5, 1)
        entry.label = f"area {key}" if key else "???"
        table.labels.append(entry)
    image = GiftiImage(labeltable=table, meta=GiftiMetaData(AnatomicalStructurePrimary=side.cortex.gifti))
    image.add_gifti_data_array(GiftiDataArray(keys, "NIFTI_INTENT_LABEL"))
    nibabel.save(image, path)


def workbench(folder: Path, *words: str) -> None:
    subprocess.run(["wb_command", *words], cwd=folder, check=True, capture_output=True)


def metric(path: Path) -> np.ndarray:
    return nibabel.load(path).darrays[0].data


def assert_equal_but_for_rounding(found: np.ndarray, reference: np.ndarray) -> None:
    """Equal but where a sub-voxel centre lies within single precision of a wall: one in 100,000, or a vertex in 100."""
    assert (np.abs(found - reference) <= 1e-5 * np.ptp(reference)).mean() >= 0.99
    assert (np.abs(found - reference) <= 5e-3 * np.ptp(reference)).mean() >= 0.998
    assert np.corrcoef(found, reference)[0, 1] >= 0.99999


class Case:
    """Files for wb_command, and the same in memory."""

    def __init__(self, folder: Path, oblique: bool, roughness: float, side: Hemisphere, voxel: float) -> None:
        self.folder = folder
        self.white, self.pial = folded_cortex(3, 12, roughness, side)
        motion = np.eye(4)
        motion[:3, :3] = TURN if oblique else np.diag([-1, 1, 1])
        plain = sphere_grid(voxel, 30)
        self.grid = Grid(plain.shape, (motion @ plain.affine).astype(np.float32))  # as a NIfTI file keeps it
        self.data = noise(self.grid)
        nibabel.save(nibabel.Nifti1Image(self.data, self.grid.affine), folder / "map.nii")
        write(folder / "white.surf.gii", self.white, "white")
        write(folder / "pial.surf.gii", self.pial, "pial")
        self.keys = np.argmax(self.white.vertices @ icosphere(1, rotation=TURN).vertices.T, axis=1).astype(np.int32)
        save_labels(folder / "keys.label.gii", self.keys, side)

    def mapped(self, *words: str) -> np.ndarray:
        workbench(self.folder, "-volume-to-surface-mapping", "map.nii", "white.surf.gii", "metric.func.gii", *words)
        return metric(self.folder / "metric.func.gii")

    def put(self, kind: str, source: str, *words: str) -> np.ndarray:
        argv = (f"-{kind}-to-volume-mapping", source, "white.surf.gii", "map.nii", "out.nii", *RIBBON, *words)
        workbench(self.folder, *argv)
        return np.asarray(nibabel.load(self.folder / "out.nii").dataobj).reshape(self.grid.shape)


# Two millimetres of roughness: a third of all columns are twisted or cross others.
@pytest.fixture(scope="module", params=[(False, 0.3, "L", 2.0), (True, 2.0, "R", 2.0)], ids=["left", "right, twisted"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    oblique, roughness, side, voxel = request.param
    return Case(tmp_path_factory.mktemp("case"), oblique, roughness, Hemisphere(side), voxel)


@pytest.mark.parametrize("columns", Columns)
def test_means_over_columns_equal_those_of_workbench(case: Case, columns: Columns) -> None:
    thin = ("-thin-columns",) if columns is Columns.THIN else ()
    reference = case.mapped(*RIBBON, *thin, "-bad-vertices-out", "bad.func.gii")
    ribbon = RibbonWeights.between(case.white, case.pial, case.grid, columns)
    found = ribbon.to_surface([case.data])[0]
    np.testing.assert_array_equal(without_data(ribbon), metric(case.folder / "bad.func.gii") > 0)
    assert_equal_but_for_rounding(found, reference)


def test_a_region_of_interest_is_applied_as_in_workbench(case: Case) -> None:
    roi = noise(case.grid, 5)
    nibabel.save(nibabel.Nifti1Image(roi, case.grid.affine), case.folder / "roi.nii")
    reference = case.mapped(*RIBBON, "-volume-roi", "roi.nii", "-bad-vertices-out", "bad.func.gii")
    ribbon = RibbonWeights.between(case.white, case.pial, case.grid).within(roi)
    found = ribbon.to_surface([case.data])[0]
    assert_equal_but_for_rounding(found, reference)
    assert (without_data(ribbon) == (metric(case.folder / "bad.func.gii") > 0)).mean() >= 0.999


def test_labels_in_the_volume_equal_those_of_workbench(case: Case) -> None:
    reference = case.put("label", "keys.label.gii")
    ribbon = RibbonWeights.between(case.white, case.pial, case.grid, Columns.THIN)
    found = ribbon.labels_to_volume(case.keys).volume()
    union = (found > 0) | (reference > 0)
    assert union.sum() > 1000
    assert (found == reference)[union].mean() >= 0.999
