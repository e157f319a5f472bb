"""The bias field is that of the published program (SimpleITK's filter), for a small part of its time."""

import numpy as np
import pytest
import SimpleITK
from scipy.ndimage import gaussian_filter

from wbtools.space import bias_field
from wbtools.space.bias_field import log_bias_field

SHAPE = (20, 24, 18)


@pytest.fixture(scope="module")
def head():
    """An ellipsoid of two tissues with noise, under a field of a factor of two; and where it is."""
    dice = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, length) for length in SHAPE), indexing="ij")
    inside = x**2 + y**2 + z**2 < 0.9
    tissue = np.where(gaussian_filter(dice.normal(size=SHAPE), 2) > 0, 1000, 600)
    image = tissue * np.exp(0.3 * x - 0.2 * y * z) * (1 + 0.03 * dice.normal(size=SHAPE)) * inside
    return image.astype(np.float32), inside


def published(image, inside, iterations, converged):
    """The logarithm of the field, by SimpleITK."""
    method = SimpleITK.N4BiasFieldCorrectionImageFilter()
    method.SetMaximumNumberOfIterations(iterations)
    method.SetConvergenceThreshold(converged)
    shown, mask = (
        SimpleITK.GetImageFromArray(np.ascontiguousarray(each.T)) for each in (image, inside.astype(np.uint8))
    )
    method.Execute(shown, mask)
    return SimpleITK.GetArrayFromImage(method.GetLogBiasFieldAsImage(shown)).T


@pytest.mark.parametrize(
    ("iterations", "converged"), [((1,), 1e-4), ((30,), 1e-4), ((20, 10, 5, 3), 1e-4), ((100, 100), 1e-3)]
)
def test_the_field_is_that_of_the_published_program(head, iterations, converged):
    found = log_bias_field(*head, iterations, converged)
    assert found.std() > 0.002
    np.testing.assert_allclose(found, published(*head, iterations, converged), atol=3e-4)  # it has single precision


def test_the_field_that_was_put_in_is_found(head):
    image, inside = head
    bias = 0.5 * np.linspace(-1, 1, SHAPE[0])[:, None, None] * np.ones(SHAPE)
    plain, biased = (log_bias_field(each, inside, (50, 50, 30), 1e-4) for each in (image, image * np.exp(bias)))
    error = (biased - plain - bias)[inside]
    assert error.std() < 0.15 * bias[inside].std()


def test_what_lies_outside_and_the_brightness_of_the_whole_change_nothing(head):
    image, inside = head
    known = log_bias_field(image, inside, (5, 5), 0)
    other = np.where(inside, image, 17)
    np.testing.assert_array_equal(log_bias_field(other, inside, (5, 5), 0), known)
    np.testing.assert_allclose(log_bias_field(1024 * other, inside, (5, 5), 0), known, atol=1e-6)


def test_half_the_mesh_holds_the_same_splines():
    control = np.random.default_rng(1).normal(size=(5, 4, 7))
    places = np.ones((13, 9, 11), bool)
    values, finer = control, bias_field._halved(control)
    for axis, (length, elements) in enumerate(zip(places.shape, (2, 1, 4), strict=True)):
        weights = (bias_field._weights(length, elements).toarray(), bias_field._weights(length, 2 * elements).toarray())
        values, finer = (
            np.moveaxis(np.tensordot(matrix, each, (1, axis)), 0, axis)
            for matrix, each in zip(weights, (values, finer), strict=True)
        )
    np.testing.assert_allclose(finer, values, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_look_at_has_no_field(count):
    inside = np.zeros((4, 5, 6), bool)
    inside.flat[:count] = True
    assert not log_bias_field(np.ones((4, 5, 6)), inside, (3,), 1e-4).any()


def test_one_grey_value_and_black_voxels_have_no_field():
    inside = np.ones((4, 5, 6), bool)
    assert not log_bias_field(np.full((4, 5, 6), 3.0), inside, (3, 3), 1e-4).any()
    assert not log_bias_field(np.zeros((4, 5, 6)), inside, (3, 3), 1e-4).any()
