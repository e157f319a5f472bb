"""Displacement fields: points moved, and how volume changes."""

import numpy as np
import pytest

from wbtools.errors import InputError
from wbtools.placement.fields import Field
from wbtools.space.grid import Grid

GRID = Grid((9, 10, 11), np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -4], [0, 0, 3, 7], [0, 0, 0, 1]]))
LINEAR = np.array([[0.1, 0.2, 0], [0, -0.3, 0.05], [0.02, 0, 0.25]])


def linear(grid=GRID):
    places = grid.to_world(np.moveaxis(np.indices(grid.shape, float), 0, -1).reshape(-1, 3))
    return Field((places @ LINEAR.T).reshape(*grid.shape, 3).astype(np.float32), grid)


def test_a_linear_field_moves_points_between_voxels_exactly():
    points = GRID.to_world(np.random.default_rng(0).uniform(0, 8, (50, 3)))
    np.testing.assert_allclose(linear().push(points), points + points @ LINEAR.T, atol=1e-5)  # float32


def test_the_change_of_volume_is_the_determinant_whatever_the_orders_of_axes():
    np.testing.assert_allclose(linear().volume_change(), np.linalg.det(np.eye(3) + LINEAR), rtol=1e-5)


def test_a_mirrored_space_has_a_negative_volume():
    places = GRID.to_world(np.moveaxis(np.indices(GRID.shape, float), 0, -1).reshape(-1, 3))
    shifts = places * [-2.0, 0, 0]
    assert (Field(shifts.reshape(*GRID.shape, 3).astype(np.float32), GRID).volume_change() < 0).all()


def test_every_second_voxel_tells_a_linear_field():
    points = GRID.to_world(np.random.default_rng(1).uniform(0, 8, (50, 3)))
    np.testing.assert_allclose(linear().coarser(2).push(points), linear().push(points), atol=1e-5)


def test_a_field_of_another_shape_is_refused():
    with pytest.raises(InputError, match="displacements of shape"):
        Field(np.zeros((3, 3, 3, 3), np.float32), GRID)
