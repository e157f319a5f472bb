import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_cortex import folded_cortex, noise, sphere_grid
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from wbtools.errors import InputError
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.surfaces.filling import fill_nearest
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.sampling import Sampling, outside, sample


@pytest.mark.parametrize("method", Sampling)
@pytest.mark.parametrize("orientation", ["LAS", "SRA"])
def test_samples_do_not_depend_on_the_order_of_voxels(method: Sampling, orientation: str) -> None:
    (white, _), grid = folded_cortex(), sphere_grid()
    volume = Volume(noise(grid), grid)
    turned = reorient(volume, orientation)
    found = sample([volume.data, 2 * volume.data], grid, white, method)
    np.testing.assert_allclose(sample([turned.data], turned.grid, white, method)[0], found[0], atol=1e-4)
    np.testing.assert_allclose(found[1], 2 * found[0], atol=1e-4)


def test_vertices_outside_the_volume_are_known_and_marked() -> None:
    ball, grid = icosphere(4, 5.0), Grid((6, 20, 20), np.diag([1.0, 1, 1, 1]) + np.outer([1, 1, 1, 0], [0, 0, 0, -9.5]))
    for method in Sampling:
        beyond = ball.vertices[:, 0] > (-4.0 if method is Sampling.ENCLOSING else -4.5)
        np.testing.assert_array_equal(outside(grid, ball, method), beyond)
        found = sample([np.ones(grid.shape)], grid, ball, method, missing=np.nan)[0]
        np.testing.assert_array_equal(np.isnan(found), beyond)
        np.testing.assert_allclose(found[~beyond], 1, atol=1e-6)
    with pytest.raises(InputError, match="does not fit"):
        sample([np.ones((2, 2, 2))], grid, ball, Sampling.CUBIC)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), share=st.floats(0.01, 0.99))
def test_vertices_without_data_take_the_nearest_value_along_the_mesh(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    surface = folded_cortex(seed, 4)[0]
    count = len(surface.vertices)
    missing = rng.random(count) < share
    missing[0], missing[1] = False, True
    values = np.where(missing, np.nan, np.arange(count, dtype=float))
    filled = fill_nearest(np.stack([values, -values]), missing, surface)
    np.testing.assert_array_equal(filled[0, ~missing], values[~missing])
    np.testing.assert_array_equal(filled[1], -filled[0])
    start, end = surface.triangles.ravel(), np.roll(surface.triangles, -1, axis=1).ravel()
    length = np.linalg.norm(surface.vertices[start].astype(float) - surface.vertices[end], axis=1)
    edges = csr_matrix((length, (start, end)), shape=(count, count))
    distance = dijkstra(edges)
    reached = distance[np.flatnonzero(missing), filled[0, missing].astype(int)]
    np.testing.assert_allclose(reached, distance[missing][:, ~missing].min(axis=1), rtol=1e-6)


def test_islands_without_any_data_stay_as_they_are() -> None:
    one = icosphere(2)
    count = len(one.vertices)
    two = Mesh(np.tile(one.vertices, (2, 1)), np.concatenate([one.triangles, one.triangles + count]), one.hemisphere)
    missing = np.arange(2 * count) >= count
    values = np.where(missing, np.nan, 1.0)
    np.testing.assert_array_equal(fill_nearest(values, missing, two), values)
    np.testing.assert_array_equal(fill_nearest(values, np.ones_like(missing), two), values)
    with pytest.raises(InputError, match="do not fit"):
        fill_nearest(values, missing, one)
