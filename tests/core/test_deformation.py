from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wbtools.errors import InputError
from wbtools.space.deformation import Deformation, warp
from wbtools.space.grid import Grid, Unit, Volume


def box(size, spacing):
    """A cube of nodes or voxels around the origin."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (size - 1) / 2
    return Grid((size, size, size), affine)


def made_up(seed, millimetres=5.0):
    nodes = box(5, 30.0)
    controls = np.random.default_rng(seed).normal(scale=millimetres, size=(*nodes.shape, 3))
    return Deformation(controls.clip(-2 * millimetres, 2 * millimetres), nodes)


def somewhere(seed, count=2000, reach=130.0):
    return np.random.default_rng(seed).uniform(-reach, reach, (count, 3))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_the_inverse_undoes_a_deformation_from_both_sides(seed):
    deformation, points = made_up(seed), somewhere(seed)
    inverse = deformation.inverse()
    assert np.linalg.norm(deformation.displacement(points), axis=1).max() > 3
    for first, second in ((deformation, inverse), (inverse, deformation)):
        assert np.linalg.norm(second.push(first.push(points)) - points, axis=1).max() < 0.01


def test_a_folding_deformation_has_no_inverse():
    with pytest.raises(InputError, match="has no inverse"):
        made_up(0, 60.0).inverse()


def test_far_from_the_nodes_nothing_moves():
    deformation = made_up(1)
    far = np.array([[121.0, 0, 0], [0, -500, 0]])
    np.testing.assert_array_equal(deformation.push(far), far)
    assert np.abs(deformation.displacement(np.array([[119.0, 0, 0]]))).max() < 1e-3


def test_the_field_on_a_grid_equals_the_displacement_of_points():
    deformation = made_up(2)
    affine = np.diag([-7.0, 9.0, 11.0, 1.0])
    affine[:3, 3] = 130, -120, -100
    voxels = Grid((37, 25, 19), affine)
    field = deformation.field(voxels)
    points = voxels.to_world(np.moveaxis(np.indices(voxels.shape), 0, -1).reshape(-1, 3))
    np.testing.assert_allclose(field.reshape(3, -1).T, deformation.displacement(points), atol=1e-5)
    assert field.dtype == np.float32


@pytest.mark.parametrize("step", [(1, 1, 1), (-1, 1, -1)])
def test_a_warped_volume_has_at_a_pushed_point_the_value_of_the_point(step):
    deformation = made_up(3)
    affine = np.diag([*np.multiply(step, 2.0), 1.0])
    affine[:3, 3] = np.multiply(step, -100.0)
    voxels = Grid((101, 101, 101), affine)

    def shade(points):
        return np.cos(points @ [0.05, 0.03, 0.02]) + np.sin(points[:, 1] * 0.04)

    centres = voxels.to_world(np.moveaxis(np.indices(voxels.shape), 0, -1).reshape(-1, 3))
    image = Volume(shade(centres).reshape(voxels.shape).astype(np.float32), voxels)
    warped = warp(image, deformation.inverse())
    inside = centres[np.abs(centres).max(axis=1) < 80]
    index = np.rint(voxels.to_index(inside)).astype(int)
    before = deformation.inverse().push(inside)
    # Linear interpolation between voxels 2 mm apart is off by 2 * 2 / 8 times the curvature, .003.
    np.testing.assert_allclose(warped.data[tuple(index.T)], shade(before), atol=0.005)
    unmoved = np.abs(image.data[tuple(index.T)] - shade(before))
    assert unmoved.max() > 0.2, "the deformation has to matter"


def test_warped_labels_stay_labels_and_their_volume_follows_the_jacobian():
    swelling = Deformation(np.zeros((3, 3, 3, 3)), box(3, 40.0))
    swelling.controls[0, 1, 1, 0], swelling.controls[2, 1, 1, 0] = -12, 12
    voxels = box(81, 1.0)
    centres = np.moveaxis(np.indices(voxels.shape), 0, -1) - 40.0
    ball = Volume(np.where(np.linalg.norm(centres, axis=-1) < 10, 17, 0).astype(np.int16), voxels, Unit.LABEL)
    warped = warp(ball, swelling.inverse())
    assert set(np.unique(warped.data)) == {0, 17} and warped.data.dtype == np.int16
    step = 0.01 * np.eye(3)
    slopes = (swelling.push(step) - swelling.push(-step)) / 0.02
    grown = (warped.data > 0).sum() / (ball.data > 0).sum()
    assert grown == pytest.approx(np.linalg.det(slopes), rel=0.05) and grown > 1.1


def test_a_rotated_grid_is_rejected():
    turned = Grid((4, 4, 4), np.array([[0, 30.0, 0, 0], [30, 0, 0, 0], [0, 0, 30, 0], [0, 0, 0, 1]]))
    with pytest.raises(InputError, match="world's axes"):
        Deformation(np.zeros((4, 4, 4, 3)), turned)
    with pytest.raises(InputError, match="world's axes"):
        made_up(0).field(turned)
    with pytest.raises(InputError, match="on a grid of shape"):
        Deformation(np.zeros((3, 3, 3, 3)), box(4, 30.0))
