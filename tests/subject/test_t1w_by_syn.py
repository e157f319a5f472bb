"""One T1w image with a template laid over it by SyN: areas on the grey matter that the image shows."""

import json

import numpy as np
import pytest

from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.native import person
from wbtools.native.projection import NativeProjection
from wbtools.placement import options, templates
from wbtools.placement.options import PlacementOptions
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import resample_density
from wbtools.subject.layouts import t1w
from wbtools.subject.layouts.template_in_head import SYN_NOTICE, place

pytest.importorskip("ants")

GRID = Grid((70, 84, 70), np.array([[-2.5, 0, 0, 88], [0, 2.5, 0, -125], [0, 0, 2.5, -88], [0, 0, 0, 1]]))
POSE = np.array([[0.94, 0.03, 0, 4], [-0.03, 0.9, -0.21, -12], [0, 0.21, 0.92, 9], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A study folder with the painted average in another pose as `p7_T1w.nii.gz`."""
    folder = tmp_path_factory.mktemp("scans")
    brain = resample_density(templates.painted(), Grid(GRID.shape, np.linalg.inv(POSE) @ GRID.affine))
    nifti.write_volume(folder / "p7_T1w.nii.gz", Volume(np.where(brain.data > 0.1, 500 * brain.data, 0), GRID))
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def placed(scan, work, told, tmp_path_factory):
    placing = PlacementOptions("syn", work, told=told.append)
    return place(t1w.find(scan, "p7"), tmp_path_factory.mktemp("derived"), placing)


@pytest.fixture(scope="module")
def me(placed):
    return person.read(placed, ("32k_fs_LR",), NativeProjection(1))


def test_it_says_what_it_is_and_what_is_done(placed, told):
    assert placed.notice == SYN_NOTICE and placed.own_grey_matter and placed.from_template
    assert told == ["brain", "bias field", "registration (SyN)", "tissue"]
    assert placed.placement.facts["overlap"] > 0.9
    json.dumps(placed.placement.facts)  # it goes on record


def test_every_voxel_of_cortex_has_an_area_of_its_own_side(me, placed):
    labels = nifti.read_volume(placed.segmentation, Unit.LABEL)
    assert labels.grid.same_as(me.t1w.grid)
    left, right = (labels.data == key for key in (3, 42))
    areas = me.atlas.cortex.volume.data
    assert (areas[left] > 180)[areas[left] > 0].all() and (areas[right] <= 180).all()
    assert (areas[left | right] > 0).mean() > 0.95
    assert 0.8 < left.sum() / right.sum() < 1.25


def test_areas_are_where_the_average_has_them(me):
    # The image is the average itself in another pose, so its own ribbon, in that pose, is where areas must be.
    names = {region.name: region.key for region in me.atlas.cortex.regions}
    for area, expected in {"L_V1_ROI": (-12, -86, 2), "R_4_ROI": (33, -22, 56), "L_A1_ROI": (-46, -21, 7)}.items():
        voxels = np.argwhere(me.atlas.cortex.volume.data == names[area])
        there = POSE[:3, :3] @ np.array(expected) + POSE[:3, 3]
        assert np.linalg.norm(me.t1w.grid.to_world(voxels.astype(float)).mean(axis=0) - there) < 8, area  # mm


def test_no_area_is_missing(me):
    voxels = np.bincount(me.atlas.cortex.volume.data.ravel(), minlength=361)
    assert (voxels[1:] > 0).all()


def test_a_second_time_nothing_is_registered_again(scan, work, placed, tmp_path):
    steps = []
    again = place(t1w.find(scan, "p7"), tmp_path, PlacementOptions("syn", work, told=steps.append))
    assert steps == ["brain"] and again.placement.facts == placed.placement.facts
    for first, second in ((placed.segmentation, again.segmentation), (placed.brain_mask, again.brain_mask)):
        assert np.array_equal(nifti.read_volume(first).data, nifti.read_volume(second).data)


def test_only_the_mask_is_made_where_nothing_else_is_needed(scan, tmp_path):
    found = place(t1w.find(scan, "p7"), tmp_path, PlacementOptions("syn", mask_only=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["brain_mask.nii.gz"]
    assert found.mask_of == "subject" and found.brain_mask == tmp_path / "brain_mask.nii.gz"


def test_without_antspyx_the_affine_is_taken_and_syn_refused(monkeypatch):
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    assert not PlacementOptions().nonlinear and not PlacementOptions("affine").nonlinear
    with pytest.raises(InputError, match="needs antspyx") as caught:
        _ = PlacementOptions("syn").nonlinear
    assert "pip install antspyx" in caught.value.hint
