"""Shares of regions in a coarse grid's voxels are the adjoint of carrying a density to the labels' grid."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wbtools.errors import InputError
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import region_shares, resample_density

FINE = Grid((26, 30, 25), np.array([[-0.7, 0, 0, 5], [0, 0.7, 0, 1], [0, 0, 0.7, 2], [0, 0, 0, 1]]))
LABELS = Volume(np.random.default_rng(0).integers(0, 5, FINE.shape).astype(np.int32), FINE, Unit.LABEL)


@pytest.mark.parametrize("coarse", [FINE.covering((9, 10, 8)), FINE.reoriented("PSR").covering((9, 11, 8))])
def test_region_totals_equal_those_of_the_resampled_map(coarse):
    values = np.random.default_rng(1).normal(size=coarse.shape).astype(np.float32)
    shares = region_shares(LABELS, [4, 1, 2], coarse)
    density = resample_density(Volume(values / coarse.voxel_volume, coarse, Unit.DENSITY), FINE)
    expected = [density.data[LABELS.data == key].sum() * FINE.voxel_volume for key in (4, 1, 2)]
    totals = shares @ values.ravel()
    np.testing.assert_allclose(totals[:3], expected, rtol=1e-4)  # float32 sums of some 4,000 signed values
    assert totals.sum() == pytest.approx(values.sum(), rel=1e-4)
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-5)


def test_rotated_grids_are_rejected():
    turned = FINE.affine @ np.array([[0.9, -0.1, 0, 0], [0.1, 0.9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(InputError, match="not parallel"):
        region_shares(LABELS, [1], Grid((5, 5, 5), turned))


TURN = np.array([[0.96, -0.2, 0.1, 1], [0.2, 0.95, -0.15, -2], [-0.08, 0.17, 0.97, 3], [0, 0, 0, 1]])


def sampled_everywhere(volume, grid):
    """What carrying to a turned grid means: every target voxel is the mean of samples, 0 where nothing was scanned."""
    times = np.ceil(grid.voxel_sizes / volume.grid.voxel_sizes.min()).astype(int)
    x, y, z = (int(size) for size in np.array(grid.shape) * times)
    fine = grid.covering((x, y, z))
    places = np.stack([*np.indices(fine.shape).reshape(3, -1), np.ones(x * y * z)])
    there = (np.linalg.inv(volume.grid.affine) @ fine.affine @ places)[:3]
    ends = np.array(volume.data.shape)[:, None] - 1
    values = map_coordinates(volume.data.astype(float), np.clip(there, 0, ends), order=1)
    values[((there < -0.5) | (there >= ends + 0.5)).any(0)] = 0
    return values.reshape([each for pair in zip(grid.shape, times, strict=True) for each in pair]).mean((1, 3, 5))


@pytest.mark.parametrize("filled", ["everywhere", "inside", "at one side", "nowhere", "one voxel"])
@pytest.mark.parametrize("shape", [(9, 10, 8), (26, 30, 25), (40, 44, 30)])
def test_a_turned_grid_receives_the_mean_of_samples_wherever_there_is_anything(filled, shape):
    values = np.random.default_rng(2).random(FINE.shape).astype(np.float32)
    kept = {
        "everywhere": (slice(None),) * 3,
        "inside": (slice(4, 20), slice(7, 22), slice(5, 9)),
        "at one side": (slice(4, 20), slice(7, 22), slice(0, 9)),
        "nowhere": (slice(0),) * 3,
        "one voxel": (slice(25, 26), slice(0, 1), slice(12, 13)),
    }[filled]
    data = np.zeros_like(values)
    data[kept] = values[kept]
    volume = Volume(data, FINE, Unit.DENSITY)
    grid = Grid(shape, TURN @ FINE.covering(shape).affine)
    found = resample_density(volume, grid)
    np.testing.assert_allclose(found.data, sampled_everywhere(volume, grid), atol=1e-6)
    assert found.data.any() == (filled != "nowhere") and found.unit is Unit.DENSITY
