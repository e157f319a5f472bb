"""The same anatomy in every layout gives the same result, with the real wb_command."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from made_cat import write_cat
from made_layouts import write_bids, write_freesurfer

from wbtools.atlas import mmp
from wbtools.cli import main
from wbtools.exporting.session.scene_types import SCENES
from wbtools.images import nifti
from wbtools.space.grid import Unit, reorient
from wbtools.subject import find

pytestmark = pytest.mark.slow
HAS_WORKBENCH = shutil.which("wb_command") is not None

OPTIONS = ["--method", "lrp", "--null", "0", "--threads", "2"]
"""A map that is nowhere negative, so that its sums do not cancel, and no randomised networks, which take most time."""


@pytest.fixture(scope="module")
def exports(small_study, tmp_path_factory):
    """The published folder of each layout; all of them make the 32k mesh from the native one."""
    base = tmp_path_factory.mktemp("layouts")
    whole = find(small_study("LAS"), "100307")
    native_only = shutil.ignore_patterns("fsaverage_LR32k")
    shutil.copytree(small_study("LAS") / "100307", base / "hcp/person", ignore=native_only)
    write_freesurfer(whole, base / "freesurfer/person")
    write_bids(whole, base / "bids", "sub-person")
    write_cat(whole, base / "cat/person", "person")
    write_cat(whole, base / "thickness/person", "T1_0001", kinds=("central",), says_side=False)
    made = {}
    for layout in ("hcp", "freesurfer", "bids", "cat", "thickness"):
        options = OPTIONS if layout == "freesurfer" and HAS_WORKBENCH else [*OPTIONS, "--no-render", "--no-report"]
        arguments = [
            "export-subject",
            "person",
            "--study-folder",
            str(base / layout),
            "--out",
            str(base / "out" / layout),
        ]
        result = CliRunner().invoke(main, [*arguments, *options])
        assert result.exit_code == 0, result.output
        (made[layout],) = (base / "out" / layout).glob("*person")
    return made


def only(folder, pattern):
    (path,) = (path for path in folder.rglob(pattern))
    return path


def table(folder):
    rows = csv.DictReader(only(folder, "*regions.tsv").read_text().splitlines(), delimiter="\t")
    return {row["region"]: row for row in rows}


@pytest.mark.parametrize("layout", ["freesurfer", "bids", "cat"])
def test_the_region_table_is_that_of_the_hcp_layout_within_one_per_cent(exports, layout):
    expected, found = table(exports["hcp"]), table(exports[layout])
    missing = expected.keys() - found.keys()
    assert found.keys() <= expected.keys() and bool(missing) == (layout == "cat")  # which has no subcortex
    names = [name for name in expected if name in {area.name for area in mmp.regions()}]
    for column in ("volume_mm3", "sum"):
        theirs, ours = (np.array([float(rows[name][column]) for name in names]) for rows in (expected, found))
        # Signed sums cancel: what they are one per cent of is their magnitude.
        assert abs(ours.sum() - theirs.sum()) < 0.01 * np.abs(theirs).sum()
        # Over fsaverage's sphere a few vertices move by 0.1 mm; a voxel of 4 mm that changes its area there is a
        # tenth of a small area, and its sum then differs by as much. Nine voxels do, each between two areas.
        assert (np.abs(ours - theirs) <= 0.01 * np.abs(theirs)).mean() > 0.94


@pytest.mark.parametrize("layout", ["freesurfer", "bids", "cat", "thickness"])
def test_the_areas_are_those_of_the_hcp_layout_voxel_by_voxel(exports, layout):
    volumes = [nifti.read_volume(cortex_of(exports[name]), Unit.LABEL) for name in (layout, "hcp")]
    ours, theirs = (reorient(volume, "LAS").data for volume in volumes)
    dice = []
    for area in mmp.regions():
        size = (ours == area.key).sum() + (theirs == area.key).sum()
        if size:
            dice.append(2 * ((ours == area.key) & (theirs == area.key)).sum() / size)
    # White and pial made of the thickness lie along central's normals, and not where the real ones are.
    assert len(dice) > 350 and np.median(dice) > (0.85 if layout == "thickness" else 0.95)


def cortex_of(folder):
    """The volume of cortical areas, under the name of either naming."""
    found = [*folder.rglob("*HCP-MMP1.T1w.nii.gz"), *folder.rglob("*_space-T1w_seg-HCPMMP1_dseg.nii.gz")]
    assert len(found) == 1
    return found[0]


@pytest.mark.skipif(not HAS_WORKBENCH, reason="needs wb_command")
def test_every_picture_of_freesurfers_surfaces_is_drawn(exports):
    drawn = {path.stem.removeprefix("unet.") for path in (exports["freesurfer"] / "figures").glob("*.png")}
    # The others are drawn where an area stands out against randomised networks.
    assert {"overview", "relevance-pial"} <= drawn
    assert drawn - {kind.name for kind in SCENES if kind.only_if_found} == {
        *(kind.name for kind in SCENES if kind.always),
    }


def test_the_record_names_the_layout(exports):
    for layout, folder in exports.items():
        assert json.loads((folder / "provenance.json").read_text())["subject"]["layout"] == layout.replace(
            "thickness", "cat"
        )


def test_cifti_outputs_exist_for_every_layout(exports):
    for folder in exports.values():
        assert only(folder, "*.dscalar.nii").stat().st_size and only(folder, "*.dlabel.nii").stat().st_size
