"""The bias field that N4 finds: SimpleITK's, which fits the same splines to points scattered anywhere."""

import numpy as np
import pytest
import SimpleITK
from made_data import small_brain

from wbtools.space import bias_field
from wbtools.space.bias_field import log_bias_field

ONE_THREAD = 1


@pytest.fixture(scope="module")
def brain():
    """A brain in a box of its size, with a field that is no spline, and noise."""
    volume = small_brain().data
    where = np.argwhere(volume > 0)
    volume = volume[tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))]
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in volume.shape), indexing="ij")
    noise = 1 + 0.05 * np.random.default_rng(0).normal(size=volume.shape)
    return (volume * np.exp(0.4 * x + 0.3 * np.sin(2 * y) * z) * noise).clip(0).astype(np.float32)


def known(values, inside, iterations, tolerance):
    """The field by SimpleITK."""
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(ONE_THREAD)
    image, mask = (SimpleITK.GetImageFromArray(each.T) for each in (values, inside.astype(np.uint8)))
    method = SimpleITK.N4BiasFieldCorrectionImageFilter()
    method.SetMaximumNumberOfIterations(iterations)
    method.SetConvergenceThreshold(tolerance)
    method.Execute(image, mask)
    return SimpleITK.GetArrayFromImage(method.GetLogBiasFieldAsImage(image)).T


@pytest.mark.parametrize("iterations", [(1,), (5, 5), (6, 6, 6, 6)])
def test_it_is_the_field_of_simpleitk_at_every_mesh(brain, iterations):
    inside = brain > 0
    wanted = known(brain, inside, iterations, 0.0)
    found = log_bias_field(brain, inside, iterations, 0.0)
    assert np.abs(found - wanted).max() < 5e-4 * max(1, 5 * np.ptp(wanted))
    assert np.corrcoef(found[inside], wanted[inside])[0, 1] > 0.99999


def test_it_stops_where_simpleitk_does(brain):
    inside = brain > 0
    wanted = known(brain, inside, (110, 1), 9e-4)
    found, longer = (log_bias_field(brain, inside, (110, 1), tolerance) for tolerance in (9e-4, 0.0))
    assert np.abs(found - wanted).max() < 1e-3 < 0.01 < np.abs(longer - wanted).max()


def test_only_what_is_inside_counts(brain):
    inside = brain > 0
    inside[: len(inside) // 2] = False
    spoilt = np.where(inside, brain, 7000).astype(np.float32)
    assert np.array_equal(log_bias_field(spoilt, inside, (3, 3), 0.0), log_bias_field(brain, inside, (3, 3), 0.0))


def test_voxels_without_a_logarithm_do_not_spoil_it(brain):
    inside = np.ones(brain.shape, bool)
    wanted = known(brain, inside, (4, 4), 0.0)
    assert np.abs(log_bias_field(brain, inside, (4, 4), 0.0) - wanted).max() < 1e-3


def test_an_image_of_one_value_has_no_field():
    assert not log_bias_field(np.full((6, 7, 8), 3.0), np.ones((6, 7, 8), bool), (3, 3), 1e-4).any()
    assert not log_bias_field(np.full((6, 7, 8), 3.0), np.zeros((6, 7, 8), bool), (3, 3), 1e-4).any()


def test_twice_as_many_spans_are_the_same_splines():
    lattice = np.random.default_rng(1).random((4, 5, 6))
    finer = bias_field._refined(lattice)
    assert finer.shape == (5, 7, 9)
    fits = [bias_field._Fit.on(np.ones((9, 10, 11), bool), each.shape) for each in (lattice, finer)]
    inner = (slice(0, -1),) * 3  # the last voxel counts a thousandth of a span inside
    first, second = fits[0].field(lattice), fits[1].field(finer)
    np.testing.assert_allclose(first[inner], second[inner], atol=1e-12)
