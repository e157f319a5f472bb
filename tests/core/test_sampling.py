"""Values between voxels are scipy's, whatever the order of a volume in memory."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wbtools.space.grid import Grid, Volume, reorient
from wbtools.space.sampling import trilinear

OBLIQUE = np.array([[0.7, 0.02, 0, -9], [0.01, -0.9, 0.1, 11], [0, 0.03, 0.8, -8], [0, 0, 0, 1]])


@pytest.mark.parametrize("shape", [(23, 31, 19), (1, 7, 5), (4, 1, 1)])
@pytest.mark.parametrize("order", ["C", "F", "flipped"])
@pytest.mark.parametrize("kind", [np.float32, np.int16, np.float64])
def test_values_are_those_of_scipy(shape: tuple[int, int, int], order: str, kind: type) -> None:
    """Tolerance: rounding of sums of eight float32 products."""
    rng = np.random.default_rng(7)
    volume = Volume(rng.normal(0, 300, shape).astype(kind), Grid(shape, OBLIQUE))
    if order == "F":
        volume = Volume(np.asfortranarray(volume.data), volume.grid)
    if order == "flipped":
        volume = reorient(volume, "LPI")
    inside = rng.uniform(-2, np.array(shape) + 1, (4, 500, 3))  # some of it beside the volume
    corners = np.stack([[0, 0, 0], np.array(shape) - 1, np.array(shape) // 2, [-0.5, 0, 0]])
    for index in (inside, corners.astype(float)):
        points = volume.grid.to_world(index)
        expected = map_coordinates(
            volume.data.astype(float), np.moveaxis(volume.grid.to_index(points), -1, 0), order=1, mode="nearest"
        )
        found = trilinear(volume, points)
        assert found.dtype == np.float32
        assert found.shape == points.shape[:-1]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_places_that_are_none_have_no_value() -> None:
    volume = Volume(np.ones((3, 3, 3), np.float32), Grid((3, 3, 3), np.eye(4)))
    found = trilinear(volume, np.array([[np.nan, 1, 1], [1, np.inf, 1], [1, 1, 1e30], [2, 2, 2]]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1, 1])
