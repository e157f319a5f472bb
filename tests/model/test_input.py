"""The network's input shows the same brain however the file's axes run, and knows where it lies."""

import numpy as np
import pytest

from wbtools.errors import InputError
from wbtools.images.template import mni152
from wbtools.model import Card, model_input
from wbtools.model.input import FIELD_OF_VIEW, brain_only
from wbtools.space.foreground import Scan
from wbtools.space.grid import Grid, Unit, Volume, reorient
from wbtools.space.resampling import resample_density, resample_labels

CARD = Card(name="x", title="x", family="unet", shape=(6, 7, 5))


@pytest.fixture
def t1w():
    """Noise of 14 x 18 x 15 mm."""
    rng = np.random.default_rng(3)
    affine = np.array([[0.7, 0, 0, -9], [0, 0.8, 0, -12], [0, 0, 0.9, -7], [0, 0, 0, 1]])
    return Volume(rng.gamma(2, 100, (20, 23, 17)).astype(np.float32), Grid((20, 23, 17), affine))


@pytest.mark.parametrize("orientation", ["LAS", "LPS", "PIR", "SLA"])
def test_axis_order_of_the_file_does_not_matter(t1w, orientation):
    expected, turned = model_input(t1w, CARD), model_input(reorient(t1w, orientation), CARD)
    # float32 means over one set of voxels, summed in two orders
    np.testing.assert_allclose(turned.data, expected.data, atol=1e-6)
    assert turned.grid.same_as(expected.grid)
    assert expected.grid.orientation == "LAS"


def test_field_of_view_is_kept_edge_to_edge(t1w):
    grid = model_input(t1w, CARD).grid
    assert grid.shape == CARD.shape

    def order(points):
        return points[np.lexsort(points.round(6).T)]

    np.testing.assert_allclose(order(grid.corners()), order(t1w.grid.corners()), atol=1e-9)


def test_voxels_are_means_over_their_extent_brought_to_0_and_1(t1w):
    card = Card(name="x", title="x", family="unet", shape=(10, 23, 17), orientation="RAS")
    pairs = t1w.data.reshape(10, 2, 23, 17).mean(1)
    expected = (pairs - pairs.min()) / (pairs.max() - pairs.min())
    image = model_input(t1w, card)
    assert image.data.shape == (1, 1, 10, 23, 17)
    assert image.data.dtype == np.float32
    np.testing.assert_allclose(image.data[0, 0], expected, atol=1e-6)


def test_a_left_landmark_lies_left(t1w):
    data = np.zeros_like(t1w.data)
    data[2, 10, 8] = 1
    image = model_input(Volume(data, t1w.grid), CARD)
    brightest = np.array(np.unravel_index(image.data[0, 0].argmax(), CARD.shape))
    placed = image.grid.to_world(brightest)
    assert np.abs(placed - t1w.grid.to_world(np.array([2, 10, 8]))).max() <= image.grid.voxel_sizes.max() / 2


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_image_is_refused(t1w, value):
    with pytest.raises(InputError, match="equal"):
        model_input(Volume(np.full_like(t1w.data, value), t1w.grid), CARD)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_image_that_is_not_finite_is_refused(t1w, value):
    t1w.data[3, 3, 3] = value
    with pytest.raises(InputError, match="finite"):
        model_input(t1w, CARD)


# ---------------------------------------------------------------------------------------- real brains, however they lie

NETWORK = Card(name="x", title="x", family="unet", shape=(43, 52, 43))
LEVEL = FIELD_OF_VIEW.with_spacing(4.0)


def shift_of(*millimetres):
    matrix = np.eye(4)
    matrix[:3, 3] = millimetres
    return matrix


def turn(degrees, axis):
    first, second = (other for other in range(3) if other != axis)
    matrix = np.eye(4)
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix[[first, first, second, second], [first, second, first, second]] = cosine, -sine, sine, cosine
    return matrix


def scan(grid, pose=None):
    """The template's brain in this grid, after a movement of the head."""
    pose = np.eye(4) if pose is None else pose
    fine = Grid(grid.shape, np.linalg.inv(pose) @ grid.affine)
    return Volume(500 * resample_density(mni152(), fine).data, grid)


def correlation(image, other):
    return np.corrcoef(image.data.ravel(), other.data.ravel())[0, 1]


OBLIQUE = Grid((54, 63, 57), turn(17, 0) @ turn(-9, 1) @ np.diag([4.0, 4, 4, 1]) @ shift_of(-27, -31, -24))


@pytest.mark.parametrize("orientation", ["RAS", "PSR", "oblique"])
def test_one_anatomy_looks_the_same_in_every_orientation(orientation):
    level = model_input(scan(LEVEL), NETWORK)
    other = model_input(scan(OBLIQUE if orientation == "oblique" else LEVEL.reoriented(orientation)), NETWORK)
    assert other.grid.same_as(level.grid)
    assert not other.remarks
    # The same voxels in another order; an oblique scan was interpolated once more.
    assert correlation(level, other) > (0.995 if orientation == "oblique" else 1 - 1e-9)
    assert level.grid.same_as(FIELD_OF_VIEW.covering(NETWORK.shape))


def test_a_head_that_lies_elsewhere_is_brought_to_where_the_training_images_lie():
    pose = turn(18, 0) @ turn(-6, 2)
    pose[:3, 3] = 5, -38, 41
    moved = Grid(LEVEL.shape, shift_of(5, -38, 41) @ LEVEL.affine)
    level, found = model_input(scan(LEVEL), NETWORK), model_input(scan(moved, pose), NETWORK)
    assert correlation(level, found) > 0.99
    assert "turned by 18 degrees" in found.remarks[0]
    # The way back: a point of the template's brain is where the pose puts it.
    middle = FIELD_OF_VIEW.to_world((np.array(FIELD_OF_VIEW.shape) - 1) / 2)
    placed = found.grid.to_world((np.array(NETWORK.shape) - 1) / 2)
    assert np.linalg.norm(placed - (pose[:3, :3] @ middle + pose[:3, 3])) < 2  # mm; the registration's own error


def test_a_head_turned_together_with_its_field_of_view_is_shown_voxel_for_voxel():
    pose = shift_of(5, -38, 41) @ turn(18, 0) @ turn(-6, 2)
    grid = FIELD_OF_VIEW.covering((46, 55, 46))
    turned = Grid(grid.shape, pose @ grid.affine)
    level, found = model_input(scan(grid), NETWORK), model_input(scan(turned, pose), NETWORK)
    np.testing.assert_allclose(found.data, level.data, atol=1e-6)
    assert "turned by 19 degrees with its field of view" in found.remarks[0]
    assert found.grid.same_as(Grid(level.grid.shape, pose @ level.grid.affine))


def test_a_field_of_view_of_the_same_size_that_holds_the_head_otherwise_is_not_taken():
    pose = turn(18, 0)
    grid = FIELD_OF_VIEW.covering((46, 55, 46))
    found = model_input(scan(Grid(grid.shape, shift_of(9, 0, 0) @ grid.affine), pose), NETWORK)
    assert " and moved by " in found.remarks[0]
    assert correlation(model_input(scan(LEVEL), NETWORK), found) > 0.985  # some of the brain was not scanned


def test_another_field_of_view_gives_the_network_its_own():
    cube = Grid((60, 60, 60), np.diag([4.0, 4, 4, 1]) @ shift_of(-30, -34, -25))
    assert correlation(model_input(scan(LEVEL), NETWORK), model_input(scan(cube), NETWORK)) > 0.995


def test_voxels_outside_the_scan_are_known():
    short = Grid((46, 55, 34), LEVEL.affine @ shift_of(0, 0, 12))  # without its lowest 48 mm
    image = model_input(scan(short), NETWORK)
    world = image.grid.to_world(np.moveaxis(np.indices(NETWORK.shape), 0, -1))
    corners = short.corners()
    inside = ((world >= corners.min(0)) & (world <= corners.max(0))).all(-1)
    assert 0.6 < image.scanned.mean() < 0.9
    np.testing.assert_array_equal(image.scanned, inside)
    assert model_input(scan(LEVEL), NETWORK).scanned.all()


def test_what_shows_no_brain_keeps_its_field_of_view_and_says_so(t1w):
    image = model_input(t1w, CARD)
    assert "shows no whole brain" in image.remarks[0] and "14 mm wide" in image.remarks[0]


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_a_background_brighter_than_the_brains_darkest_voxel_is_lowered(level):
    brain = scan(LEVEL)
    inside = brain.data > 0
    centred = np.where(inside, (brain.data - brain.data[inside].mean()) / brain.data[inside].std(), level)
    image = model_input(Volume(centred.astype(np.float32), LEVEL), NETWORK)
    assert image.data[0, 0, 0, 0, 0] == 0
    assert f"background of the T1w image ({level:g})" in image.remarks[-1]
    plain = model_input(brain, NETWORK)
    assert not plain.remarks and correlation(image, plain) > 0.99


def test_a_negative_background_is_black():
    brain = scan(LEVEL)
    scanned = Volume(np.where(brain.data > 0, brain.data, -1000), LEVEL)
    image = model_input(scanned, NETWORK)
    assert image.data[0, 0, 0, 0, 0] == 0 and not image.remarks


# --------------------------------------------------------------------------------------------------------------- skulls


def head():
    """A brain in a ball of tissue of 4.8 litres, and its mask."""
    brain = scan(LEVEL)
    away = np.linalg.norm(np.indices(LEVEL.shape).T - (np.array(LEVEL.shape) - 1) / 2, axis=-1).T * 4
    return (
        Volume(np.where((away < 105) & (brain.data == 0), 300, brain.data).astype(np.float32), LEVEL),
        Volume((brain.data > 0).astype(np.int32), LEVEL, Unit.LABEL),
    )


def test_skull_is_removed_with_the_persons_own_mask_on_any_grid():
    whole, mask = head()
    stripped, remarks = brain_only(Scan(whole, mask), NETWORK)
    np.testing.assert_array_equal(stripped.data, scan(LEVEL).data)
    assert "subject's brain mask" in remarks[0]
    fine = resample_labels(mask, LEVEL.with_spacing(2.0).reoriented("PSR"))
    again, _ = brain_only(Scan(whole, fine), NETWORK)
    assert np.count_nonzero((again.data > 0) != (stripped.data > 0)) < 0.05 * np.count_nonzero(mask.data)
    # A template's mask is said to be one.
    (remark,) = brain_only(Scan(whole, mask, "template"), NETWORK)[1]
    assert "template's brain mask" in remark and "subject's" not in remark and "5 to 12 %" in remark
    # A brain image serves as a mask, and a brain needs none.
    assert np.array_equal(brain_only(Scan(whole, stripped), NETWORK)[0].data, stripped.data)
    assert brain_only(Scan(stripped), NETWORK) == (stripped, ())


def test_an_image_that_does_not_fit_the_network_is_refused_with_a_mend():
    whole, mask = head()
    heads = Card(name="x", title="x", family="unet", skull_stripped=False)
    assert brain_only(Scan(whole), heads) == (whole, ())
    elsewhere = Volume(mask.data, Grid(LEVEL.shape, shift_of(300, 0, 0) @ LEVEL.affine), Unit.LABEL)
    for image, card, given, sentence in (
        (whole, NETWORK, None, "there is no brain mask"),
        (whole, NETWORK, elsewhere, "0.00 litres"),
        (scan(LEVEL), heads, None, "with their skull"),
    ):
        with pytest.raises(InputError, match=sentence) as caught:
            brain_only(Scan(image, given), card)
        assert caught.value.hint
