"""The network's input shows the same brain however the file's axes run, and knows where it lies."""

import numpy as np
import pytest

from wbtools.errors import InputError
from wbtools.grid import Grid, Volume, reorient
from wbtools.model import Card, model_input

CARD = Card(name="x", title="x", family="unet", shape=(6, 7, 5))


@pytest.fixture
def t1w():
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
