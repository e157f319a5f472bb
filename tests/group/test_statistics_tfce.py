"""Threshold-free cluster enhancement on meshes: against its definition, nilearn's sum over heights, and by hand."""

from itertools import pairwise

import numpy as np
import pytest
from nilearn.mass_univariate._utils import calculate_tfce
from scipy.ndimage import generate_binary_structure
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from wbtools.errors import InputError
from wbtools.group.statistics.designs import Design
from wbtools.group.statistics.permutation import Permutations, permutation_test
from wbtools.group.statistics.tfce import Surroundings


def sheet(rows, columns):
    """Triangles of a rectangular sheet of vertices."""
    place = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (place[:-1, :-1], place[1:, :-1], place[:-1, 1:], place[1:, 1:]))
    return np.vstack((np.column_stack((a, b, c)), np.column_stack((b, d, c))))


def edges_of_grid(*shape):
    """Pairs of voxels that share a face."""
    place = np.arange(np.prod(shape)).reshape(shape)
    pairs = [(place.take(range(n - 1), axis), place.take(range(1, n), axis)) for axis, n in enumerate(shape)]
    return np.vstack([np.column_stack((a.ravel(), b.ravel())) for a, b in pairs])


def by_definition(faces, areas, values, powers):
    """The integral in closed form between all heights that occur, with clusters labelled anew at each."""
    ends = np.vstack((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [0, 2]]))
    found = np.zeros(len(values))
    heights = np.unique(np.append(values[values > 0], 0.0))
    for low, high in pairwise(heights):
        inside = values >= high
        kept = ends[inside[ends].all(axis=1)]
        graph = coo_array((np.ones(len(kept)), tuple(kept.T)), shape=(len(values),) * 2)
        _, label = connected_components(graph, directed=False)
        extent = np.bincount(label, areas * inside)[label]
        power = powers[1] + 1
        found += inside * extent ** powers[0] * (high**power - low**power) / power
    return found


@pytest.mark.parametrize("powers", [(0.5, 2.0), (1.0, 2.0), (0.7, 1.3)])
@pytest.mark.parametrize("ties", [False, True])
def test_values_are_those_of_the_definition(powers, ties):
    dice = np.random.default_rng(0)
    faces, areas = sheet(9, 11), dice.uniform(0.2, 2, 99)
    values = dice.normal(size=99)
    values = np.round(values, 1) if ties else values
    known = by_definition(faces, areas, values, powers) - by_definition(faces, areas, -values, powers)
    np.testing.assert_allclose(Surroundings.of(faces, areas, *powers).enhanced(values), known, rtol=1e-10)


def test_on_a_grid_values_are_the_limit_of_nilearns_sum_over_heights():
    values = np.random.default_rng(1).normal(size=(6, 7, 5))
    ours = Surroundings.of(edges_of_grid(6, 7, 5), np.ones(210)).enhanced(values.ravel())
    errors = []
    for steps in (100, 800):
        step = np.abs(values).max() / steps
        known = calculate_tfce(values[..., None], generate_binary_structure(3, 1), dh=step)[..., 0].ravel() * step
        errors.append(np.abs(known - ours).max() / np.abs(ours).max())
    # nilearn adds up heights from their upper ends: the error is of the order of a step
    assert errors[0] < 0.03 and errors[1] < errors[0] / 5


def test_a_plateau_has_the_root_of_its_area_times_a_third_of_its_height_cubed():
    areas = np.full(20, 3.0)
    values = np.zeros(20)
    values[[6, 7]] = 2.0  # neighbours in the sheet
    found = Surroundings.of(sheet(4, 5), areas).enhanced(values)
    assert found[6] == found[7] == pytest.approx(np.sqrt(6.0) * 8 / 3) and found.sum() == found[6] * 2


def test_nothing_is_joined_across_what_is_not_known():
    row = np.column_stack((np.arange(4), np.arange(1, 5)))
    values = np.array([1.0, 1.0, np.nan, 1.0, 1.0])
    found = Surroundings.of(row, np.ones(5)).enhanced(values)
    np.testing.assert_allclose(found, np.sqrt(2) / 3 * np.array([1, 1, np.nan, 1, 1]))


def test_a_wide_effect_is_found_that_single_vertices_do_not_show():
    dice = np.random.default_rng(3)
    values = dice.normal(size=(16, 400))
    effect = np.zeros((20, 20))
    effect[4:14, 4:14] = 0.9
    values += effect.ravel()
    mesh, how = Surroundings.of(sheet(20, 20), np.ones(400)), Permutations(300)
    plain = permutation_test(values, Design.of_mean(16), how)
    wide = permutation_test(values, Design.of_mean(16), how, mesh.enhanced)
    inside = effect.ravel() > 0
    assert (wide.p[inside] <= 0.05).mean() > 0.8 > 0.3 > (plain.p[inside] <= 0.05).mean()
    np.testing.assert_array_equal(wide.t, plain.t)
    np.testing.assert_array_equal(wide.statistic, mesh.enhanced(wide.t))


def test_maps_and_meshes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not exist"):
        Surroundings.of(np.array([[0, 5]]), np.ones(5))
    with pytest.raises(InputError, match="not usable"):
        Surroundings.of(np.array([[0, 1]]), np.array([1.0, np.nan]))
    with pytest.raises(InputError, match="does not fit"):
        Surroundings.of(np.array([[0, 1]]), np.ones(2)).enhanced(np.ones(3))
