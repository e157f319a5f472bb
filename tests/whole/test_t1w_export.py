"""One T1w image and nothing else, exported by the real pipeline."""

import csv
import json
import shutil

import numpy as np
import pytest

from wbtools.native import person
from wbtools.native.projection import NativeProjection
from wbtools.subject import find
from wbtools.subject.layouts.template_in_head import AFFINE_NOTICE as NOTICE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lone(small_study, run_export, tmp_path_factory):
    """The export of the group average's T1w alone."""
    study = tmp_path_factory.mktemp("study")
    shutil.copy(
        small_study(variant="average") / "100307" / "T1w" / "T1w_acpc_dc_restore.nii.gz", study / "100307_T1w.nii.gz"
    )
    options = ("--registration", "affine", "--no-render", "--method", "lrp", "--null", "0", "--threads", "2")
    return run_export(study, tmp_path_factory.mktemp("out"), *options)


def volumes(folder):
    (table,) = folder.rglob("*regions.tsv")
    with table.open() as file:
        return {row["region"]: float(row["volume_mm3"]) for row in csv.DictReader(file, delimiter="\t")}


def test_every_output_says_that_the_surfaces_are_a_templates(lone):
    printed, folder = lone
    record = json.loads((folder / "provenance.json").read_text())
    assert NOTICE in printed and NOTICE in record["notices"]
    assert record["subject"]["layout"] == "t1w" and record["subject"]["meshes"] == ["32k_fs_LR"]
    assert any("affine registration of the template: correlation" in note for note in record["derived"])
    assert NOTICE in (folder / "100307.wbtools.scene").read_text()
    assert not list(folder.rglob("*native*"))


def test_its_self_checks_are_on_record(lone):
    checks = {check["check"]: check for check in json.loads((lone[1] / "provenance.json").read_text())["checks"]}
    assert {check["outcome"] for check in checks.values()} == {"passed"}
    assert checks["contrast"]["share_white_brighter"] > 0.5


def test_no_path_of_the_machine_and_no_temporary_file_is_on_record(lone):
    record = json.loads((lone[1] / "provenance.json").read_text())
    assert "100307_T1w.nii.gz" in record["inputs_sha256"]
    assert "S1200.L.white_MSMAll.32k_fs_LR.surf.gii" in record["inputs_sha256"]
    assert "/tmp" not in json.dumps(record)


def test_regions_are_those_of_the_average_itself_where_the_image_is_the_template(lone, small_study):
    # The image is the template, so the registration is the identity but for 0.1 mm.
    found = volumes(lone[1])
    average = person.read(
        find(small_study(variant="average"), "100307"), ("32k_fs_LR",), NativeProjection(1)
    ).atlas.whole
    voxels = np.bincount(average.volume.data.ravel(), minlength=500)
    expected = {region.name: voxels[region.key] * average.volume.grid.voxel_volume for region in average.regions}
    large = [name for name in expected if expected[name] > 2000]
    assert len(large) > 20
    moved = sum(abs(found[name] - expected[name]) for name in large) / sum(expected[name] for name in large)
    assert moved < 0.05  # at 4 mm, where a voxel more or less is 64 mm3
