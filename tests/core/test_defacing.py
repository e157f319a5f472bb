"""What of a head is shown: within the dilated mask, whatever mask there is, and never less than a stripped brain."""

import numpy as np
import pytest
from scipy.ndimage import binary_closing, distance_transform_edt

from wbtools.native.defacing import DILATION, closed, dilated, release_mask
from wbtools.space.foreground import Scan
from wbtools.space.grid import Grid, Unit, Volume

GRID = Grid((60, 70, 60), np.array([[-3.0, 0, 0, 90], [0, 3, 0, -110], [0, 0, 3, -80], [0, 0, 0, 1]]))
AWAY = np.linalg.norm(GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1)) - (0, -5, 10), axis=-1)
BRAIN = AWAY < 66  # 1.2 litres
ATLAS = Volume(((AWAY > 50) & (AWAY < 62)).astype(np.int32), GRID, Unit.LABEL)
HEAD = Volume(np.where(AWAY < 95, 100 + AWAY, 0).astype(np.float32), GRID)  # 3.6 litres
BARE = Volume(np.where(BRAIN, 100 + AWAY, 0).astype(np.float32), GRID)


def labels(mask):
    return Volume(mask.astype(np.int32), GRID, Unit.LABEL)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (0.7, 0.7, 0.7), (1, 2, 3.3)])
@pytest.mark.parametrize("radius", [1.0, 3.0, 4.0, 7.5])
def test_dilation_takes_all_within_a_radius_in_mm(sizes, radius):
    mask = np.zeros((20, 24, 22), bool)
    mask[tuple(np.random.default_rng(0).integers(0, (20, 24, 22), (12, 3)).T)] = True
    expected = distance_transform_edt(~mask, sampling=sizes) <= radius + 1e-6
    np.testing.assert_array_equal(dilated(mask, Grid(mask.shape, np.diag([*sizes, 1.0])), radius), expected)


def test_closing_is_that_of_a_ball():
    mask = np.random.default_rng(1).random((18, 18, 18)) < 0.02
    ball = distance_transform_edt(np.pad(np.zeros((1, 1, 1), bool), 3, constant_values=True)) <= 3
    expected = binary_closing(np.pad(mask, 8), ball)[8:-8, 8:-8, 8:-8]
    np.testing.assert_array_equal(closed(mask, Grid(mask.shape, np.eye(4)), 3.0), expected)


def test_a_head_is_cut_to_its_dilated_mask():
    found = release_mask(Scan(HEAD, labels(BRAIN)), ATLAS)
    np.testing.assert_array_equal(found.inside, distance_transform_edt(~BRAIN, sampling=3) <= DILATION)
    assert not found.made and found.source == "the subject's brain mask"
    assert not found.cut(HEAD).data[~found.inside].any()
    assert len(list(found.remarks(HEAD))) == 1 and "within 4 mm of the subject's brain mask" in next(
        found.remarks(HEAD)
    )


@pytest.mark.parametrize("offset", [0.0, -1000.0])
def test_what_is_outside_is_zero_whatever_the_background_was(offset):
    head = Volume(HEAD.data + np.float32(offset), GRID)
    found = release_mask(Scan(head, labels(BRAIN)), ATLAS)
    assert set(np.unique(found.cut(head).data[~found.inside])) == {0.0}


def test_without_a_mask_the_segmentation_gives_one_and_labels_of_skin_and_skull_do_not_count():
    segmentation = labels(BRAIN & (AWAY < 60))
    segmentation.data[(AWAY > 80) & (AWAY < 95)] = 258  # FreeSurfer's "head, extra-cerebral"
    found = release_mask(Scan(HEAD), ATLAS, segmentation)
    assert found.made and "segmentation" in found.source and not found.inside[AWAY > 70].any()
    assert "no brain mask of this person was found" in next(found.remarks(HEAD))


def test_a_stripped_brain_is_not_cut_by_a_small_template_mask():
    small = labels(AWAY < 55)
    found = release_mask(Scan(BARE, small, "template"), ATLAS)
    np.testing.assert_array_equal(found.cut(BARE).data, BARE.data)
    assert not list(found.remarks(BARE))


def test_a_small_head_that_looks_stripped_is_cut_nevertheless():
    """A child's, its air exactly 0: less than 2.6 litres, and a face 30 mm from the brain."""
    face = (np.abs(AWAY - 75) < 3) & (np.indices(GRID.shape)[1] > 40)
    child = Volume(np.where(BRAIN & (AWAY < 55) | face, 100, 0).astype(np.float32), GRID)
    found = release_mask(Scan(child, labels(AWAY < 52), "template"), labels(AWAY < 50))
    assert not found.cut(child).data[face].any()


@pytest.mark.parametrize("wrong", [AWAY < 30, np.ones(GRID.shape, bool)], ids=["a tenth of a litre", "everything"])
def test_an_implausible_brain_mask_is_ignored(wrong):
    found = release_mask(Scan(HEAD, labels(wrong)), ATLAS, labels(BRAIN))
    assert found.made and found.inside[BRAIN].all() and not found.inside[AWAY > 75].any()


def test_a_mask_that_cuts_the_cortex_is_widened_with_a_remark():
    found = release_mask(
        Scan(HEAD, labels(BRAIN & (GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1))[..., 2] < 50))), ATLAS
    )
    assert found.inside[ATLAS.data > 0].all() and found.widened > 0.01
    assert any("leaves out" in remark for remark in found.remarks(HEAD))
