"""Grids and resampling, over orientations and against independent arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbtools.errors import InputError
from wbtools.space.grid import Grid, Unit, Volume, reorient
from wbtools.space.resampling import average, resample_density, resample_labels

ORIENTATIONS = ["RAS", "LAS", "LPS", "PSR", "AIL"]


def grid_of(shape, sizes, orientation="RAS", tilt=0.0):
    """A grid centred on the origin, optionally turned about z by `tilt` radians."""
    base = Grid(shape, np.diag([*sizes, 1.0]))
    affine = base.affine.copy()
    affine[:3, 3] = -base.to_world((np.array(shape) - 1) / 2)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    return Grid(shape, turn @ affine).reoriented(orientation)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_of_an_affine_equals_nibabels(orientation):
    import nibabel

    grid = grid_of((5, 6, 7), (1, 2, 3), orientation, tilt=0.2)
    assert grid.orientation == orientation == "".join(nibabel.aff2axcodes(grid.affine))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reorienting_moves_no_voxel_in_the_world(orientation):
    volume = Volume(np.arange(210, dtype=np.float32).reshape(5, 6, 7), grid_of((5, 6, 7), (1, 2, 3), tilt=0.1))
    turned = reorient(volume, orientation)
    for index in [(0, 0, 0), (4, 2, 6), (3, 5, 1)]:
        there = np.rint(turned.grid.to_index(volume.grid.to_world(np.array(index)))).astype(int)
        assert turned.data[tuple(there)] == volume.data[index]
    assert np.array_equal(reorient(turned, "RAS").data, volume.data)


@pytest.mark.parametrize("letters", ["RRS", "RA", "XYZ", ""])
def test_an_invalid_orientation_is_rejected(letters):
    with pytest.raises(InputError, match="orientation"):
        grid_of((2, 2, 2), (1, 1, 1)).reoriented(letters)


@given(
    shape=st.tuples(*[st.integers(2, 9)] * 3),
    count=st.tuples(*[st.integers(1, 9)] * 3),
    tilt=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=40, deadline=None)
def test_a_covering_grid_has_the_same_corners(shape, count, tilt):
    grid = grid_of(shape, (0.7, 1.1, 2.0), tilt=tilt)
    assert np.allclose(grid.covering(count).corners(), grid.corners(), atol=1e-9)


@given(
    shape=st.tuples(*[st.integers(2, 12)] * 3),
    count=st.tuples(*[st.integers(1, 20)] * 3),
    orientation=st.sampled_from(ORIENTATIONS),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_resampling_a_density_preserves_its_total(shape, count, orientation, seed):
    # float32 weights: 1e-5 relative to the sum of magnitudes.
    data = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    volume = Volume(data, grid_of(shape, (2.1, 1.3, 0.7)), Unit.DENSITY)
    target = volume.grid.covering(count).reoriented(orientation)
    there = resample_density(volume, target)
    scale = float(np.abs(data).sum()) * volume.grid.voxel_volume
    assert there.total() == pytest.approx(volume.total(), abs=1e-5 * scale)


def test_resampling_to_a_finer_grid_is_linear_interpolation_averaged_over_the_voxel():
    # Oracle: scipy's linear interpolation at 9 x 9 x 9 points of each target voxel.
    from scipy.ndimage import map_coordinates

    data = np.random.default_rng(0).random((7, 6, 5)).astype(np.float32)
    volume = Volume(data, grid_of((7, 6, 5), (2.1, 2.1, 2.1)), Unit.DENSITY)
    target = volume.grid.covering((21, 18, 15))
    steps = (np.arange(9) - 4) / 9
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    ours = resample_density(volume, target)
    for index in [(0, 0, 0), (10, 8, 7), (20, 17, 14), (3, 9, 11)]:
        points = volume.grid.to_index(target.to_world(np.array(index) + offsets))
        expected = map_coordinates(data.astype(np.float64), points.T, order=1, mode="nearest").mean()
        assert ours.data[index] == pytest.approx(expected, abs=2e-3)


def test_resampling_to_a_rotated_grid_preserves_the_total_inside_both():
    data = np.zeros((20, 20, 20), np.float32)
    data[6:14, 6:14, 6:14] = np.random.default_rng(1).random((8, 8, 8))
    volume = Volume(data, grid_of((20, 20, 20), (2, 2, 2)), Unit.DENSITY)
    target = grid_of((50, 50, 50), (0.9, 0.9, 0.9), tilt=0.4)
    assert resample_density(volume, target).total() == pytest.approx(volume.total(), rel=5e-3)


def test_outside_the_field_of_view_is_zero():
    volume = Volume(np.ones((4, 4, 4), np.float32), grid_of((4, 4, 4), (1, 1, 1)), Unit.DENSITY)
    wide = grid_of((16, 16, 16), (0.5, 0.5, 0.5))
    there = resample_density(volume, wide)
    assert there.total() == pytest.approx(64, rel=1e-6)
    assert there.data[0, 0, 0] == 0


def test_averaging_equals_block_means_for_an_integer_ratio():
    data = np.random.default_rng(2).random((6, 9, 12)).astype(np.float32)
    volume = Volume(data, grid_of((6, 9, 12), (1, 1, 1)))
    expected = data.reshape(2, 3, 3, 3, 4, 3).mean((1, 3, 5))
    assert np.allclose(average(volume, volume.grid.covering((2, 3, 4))).data, expected, atol=1e-6)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_averaging_does_not_depend_on_the_orientation_of_storage(orientation):
    data = np.random.default_rng(3).random((6, 7, 8)).astype(np.float32)
    volume = Volume(data, grid_of((6, 7, 8), (1, 1, 1)))
    target = volume.grid.covering((4, 3, 5))
    assert np.allclose(average(reorient(volume, orientation), target).data, average(volume, target).data, atol=1e-6)


def test_labels_keep_keys_and_positions_on_a_mirrored_grid():
    data = np.arange(1, 28, dtype=np.int32).reshape(3, 3, 3)
    volume = Volume(data, grid_of((3, 3, 3), (2, 2, 2)), Unit.LABEL)
    mirrored = resample_labels(volume, volume.grid.covering((6, 6, 6)).reoriented("LAS"))
    assert np.array_equal(mirrored.data[::-2, ::2, ::2], data)


def test_a_singular_or_infinite_affine_is_rejected():
    with pytest.raises(InputError, match="affine"):
        Grid((2, 2, 2), np.zeros((4, 4)))
    with pytest.raises(InputError, match="affine"):
        Grid((2, 2, 2), np.diag([np.inf, 1, 1, 1]))


def test_only_a_rotated_grid_is_oblique():
    assert grid_of((3, 3, 3), (1, 1, 1), tilt=0.05).is_oblique
    assert not grid_of((3, 3, 3), (1, 2, 1), "PSR").is_oblique
