"""One anatomy on grids of every orientation, and in files of every kind, gives one table of regions."""

import csv
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from wbtools.exporting.session.scene_types import SCENES
from wbtools.space.grid import Grid
from wbtools.subject.demo import HCP_GRID, write_demo_subject

pytestmark = pytest.mark.slow

OPTIONS = ("--mesh", "32k", "--method", "lrp", "--null", "0", "--threads", "2")
PLAIN = (*OPTIONS, "--no-render", "--no-report")
"""Of exports of which only the table is read, and the scenes."""


def shares(folder: Path) -> dict[str, tuple[float, float]]:
    """Share of relevance and volume (mm3) of every region."""
    (table,) = folder.rglob("*regions.tsv")
    with table.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["region"]: (float(row["share"]), float(row["volume_mm3"])) for row in rows}


def difference(first: dict[str, tuple[float, float]], other: dict[str, tuple[float, float]]) -> float:
    """The relevance that lies in another region, as a share of all."""
    assert first.keys() == other.keys()
    return sum(abs(first[name][0] - other[name][0]) for name in first) / 2


def scenes_of(folder: Path) -> list[str]:
    """How each tab cuts volumes; tabs of surfaces say so, too."""
    root = ElementTree.parse(next(folder.glob("*.scene"))).getroot()
    return [node.text for node in root.iter("Object") if node.get("Name") == "m_sliceProjectionType"]


@pytest.fixture(scope="module")
def level(small_study, run_export, tmp_path_factory):
    """The export of the subject as it lies in HCP's folders, LAS."""
    return run_export(small_study("LAS"), tmp_path_factory.mktemp("level"), *PLAIN)[1]


@pytest.mark.parametrize("orientation", ["RAS", "PSR"])
def test_order_and_direction_of_the_axes_change_nothing(small_study, run_export, tmp_path, level, orientation):
    turned = shares(run_export(small_study(orientation), tmp_path, *PLAIN)[1])
    # The same voxels: only sums in another order.
    assert difference(shares(level), turned) < 1e-4
    assert all(turned[name][1] == pytest.approx(volume) for name, (_, volume) in shares(level).items())


def test_a_turned_head_gives_the_same_table_and_oblique_scenes(small_study, run_export, tmp_path, level):
    """The same voxels and surfaces, as if the head had lain askew in the scanner; drawn where Workbench is there."""
    study = shutil.copytree(small_study("LAS"), tmp_path / "study")
    turn(study / "100307" / "T1w", [17, -9, 6], [5.0, -8, 11])
    drawn = () if shutil.which("wb_command") else ("--no-render",)
    folder = run_export(study, tmp_path / "out", *OPTIONS, *drawn)[1]
    found, expected = shares(folder), shares(level)
    assert all(found[name][1] == pytest.approx(volume) for name, (_, volume) in expected.items())
    # The network sees the head level again, by registration; what differs is the resampling.
    assert difference(found, expected) < 0.02  # voxels of network and scan have 4 mm
    assert "VOLUME_SLICE_PROJECTION_OBLIQUE" in scenes_of(folder)
    assert set(scenes_of(level)) == {"VOLUME_SLICE_PROJECTION_ORTHOGONAL"}
    if drawn == ():
        # Every picture has passed Workbench's own messages: it refuses CIFTI files with oblique voxels.
        assert len(list((folder / "figures").glob("*.png"))) == sum(kind.always for kind in SCENES)


def turn(folder: Path, degrees: list[float], shift: list[float]) -> None:
    """Turn every image and surface of one space about the origin, and shift it, mm."""
    move = np.eye(4)
    move[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    move[:3, 3] = shift
    for path in folder.rglob("*.nii.gz"):
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.asanyarray(image.dataobj), move @ image.affine), path)
    for path in folder.rglob("*.surf.gii"):
        if not any(word in path.name for word in ("inflated", "sphere")):
            surface = nibabel.load(path)
            points = surface.darrays[0].data @ move[:3, :3].T + move[:3, 3]
            surface.darrays[0].data = points.astype(np.float32)
            nibabel.save(surface, path)


def test_an_oblique_grid_changes_less_than_one_percent(run_export, tmp_path):
    turned = np.diag([2.0, 2, 2, 1])
    turned[:3, :3] = Rotation.from_euler("xyz", [17, -9, 6], degrees=True).as_matrix() * 2
    shape = (106, 122, 112)
    turned[:3, 3] = (0, -18, 12) - turned[:3, :3] @ (np.array(shape) - 1) / 2
    tables = []
    for name, grid in (("level", HCP_GRID.with_spacing(2.0)), ("turned", Grid(shape, turned))):
        study = write_demo_subject(tmp_path / name, grid=grid, native_frequency=30).parent
        tables.append(shares(run_export(study, tmp_path / f"{name}-out", *PLAIN)[1]))
    # The oblique image is itself an interpolation of the anatomy, at 2 mm.
    assert difference(*tables) < 0.01
    cortex = [sum(table[name][1] for name in table if name.endswith("_ROI")) for table in tables]
    assert cortex[0] == pytest.approx(cortex[1], rel=0.01)


def odd_integers(image: nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    """Big-endian int16 with a slope, four axes, no unit, a qform that lies elsewhere, and a huge extension."""
    data = image.get_fdata()[..., None]
    made = nibabel.Nifti1Image(data, image.affine, nibabel.Nifti1Header(endianness=">"))
    made.set_data_dtype(">i2")
    made.header.set_slope_inter(data.max() / 32000, 0)
    made.header["xyzt_units"] = 0
    elsewhere = image.affine.copy()
    elsewhere[:3, 3] += 7
    made.set_sform(image.affine, 1)
    made.set_qform(elsewhere, 1)
    made.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"x" * 3_000_000))
    return made


def nan_around(image: nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    """Float64 with no number outside the brain."""
    data = image.get_fdata()
    made = nibabel.Nifti1Image(np.where(data == 0, np.nan, data), image.affine)
    made.set_data_dtype(np.float64)
    return made


def negative_around(image: nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    """Shifted by a constant, so that the background is negative."""
    return nibabel.Nifti1Image(image.get_fdata(dtype=np.float32) - 1000, image.affine)


@pytest.mark.parametrize("change", [odd_integers, nan_around, negative_around])
def test_files_of_any_kind_give_the_same_table_and_what_was_decided_is_said(
    small_study, run_export, tmp_path, level, change
):
    study = shutil.copytree(small_study("LAS"), tmp_path / "study")
    t1w = study / "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    nibabel.save(change(nibabel.load(t1w)), t1w)
    printed, folder = run_export(study, tmp_path / "out", *PLAIN)
    found, expected = shares(folder), shares(level)
    assert difference(found, expected) < 0.01
    assert all(found[name][1] == pytest.approx(volume) for name, (_, volume) in expected.items())
    notices = " ".join(json.loads((folder / "provenance.json").read_text())["notices"])
    said = {odd_integers: "sform and qform place the image up to 12.1 mm apart", nan_around: "count as background"}
    assert said.get(change, "") in notices and said.get(change, "") in " ".join(printed.split())
