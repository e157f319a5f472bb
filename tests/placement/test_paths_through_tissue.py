"""Shortest ways through voxels, against scipy's; and labels made smooth, against the definition."""

import numpy as np
import pytest
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra

from wbtools.space.grid import Grid
from wbtools.space.paths_through import nearest_through, smooth_labels

STEPS = [np.array(step) - 1 for step in np.ndindex(3, 3, 3) if step > (1, 1, 1)]


def distances(inside, grid, starts):
    """Length of the shortest way from each start to each voxel, by scipy, (N, X, Y, Z); inf where there is none."""
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(inside.sum())
    voxels = np.argwhere(inside)
    first, second, length = [], [], []
    for step in STEPS:
        ends = voxels + step
        there = ((ends >= 0) & (ends < inside.shape)).all(axis=1)
        there[there] = inside[tuple(ends[there].T)]
        first.append(number[tuple(voxels[there].T)])
        second.append(number[tuple(ends[there].T)])
        length.append(np.full(there.sum(), np.linalg.norm(grid.affine[:3, :3] @ step)))
    size = len(voxels)
    graph = sparse.csr_matrix(
        (np.concatenate(length), (np.concatenate(first), np.concatenate(second))), shape=(size, size)
    )
    found = dijkstra(graph, directed=False, indices=number[tuple(starts.T)])
    whole = np.full((len(starts), *inside.shape), np.inf)
    whole[:, inside] = found
    return whole


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_start_is_that_of_dijkstra(seed):
    random = np.random.default_rng(seed)
    inside = random.random((9, 11, 10)) < 0.45  # a maze: many ways go back and forth
    grid = Grid(inside.shape, np.array([[0, 1.2, 0, 0], [0.7, 0, 0.1, 0], [0, 0, 1.5, 0], [0, 0, 0, 1]]))
    voxels = np.argwhere(inside)
    starts = voxels[random.choice(len(voxels), 12, replace=False)]
    begun = random.uniform(0, 2, 12)
    found = nearest_through(inside, grid, starts, begun, 7.0)
    lengths = distances(inside, grid, starts) + begun[:, None, None, None]
    least = lengths.min(axis=0)
    reached = least <= 7.0 - 1e-4
    chosen = np.take_along_axis(lengths, found.clip(0)[None], axis=0)[0]
    np.testing.assert_allclose(chosen[reached], least[reached], atol=1e-4)  # float32 sums of up to 10 steps
    assert (found[least > 7.0 + 1e-4] == -1).all() and (found[reached] >= 0).all()


def test_a_way_does_not_cross_a_gap():
    inside = np.ones((1, 3, 9), bool)
    inside[0, :, 4] = False
    found = nearest_through(inside, Grid(inside.shape, np.eye(4)), np.array([[0, 1, 3]]), np.zeros(1), 20.0)
    assert (found[0, :, :4] == 0).all() and (found[0, :, 5:] == -1).all()


def test_of_two_starts_in_one_voxel_the_nearer_counts_and_one_outside_does_not():
    inside = np.array([[[True, True, False]]])
    starts, begun = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 2]]), np.array([2.0, 1.0, 0.0])
    assert nearest_through(inside, Grid((1, 1, 3), np.eye(4)), starts, begun, 9.0).ravel().tolist() == [1, 1, -1]


def test_smooth_labels_are_the_heaviest_of_the_neighbourhood():
    random = np.random.default_rng(3)
    labels = random.integers(0, 5, (8, 9, 7)).astype(np.int32)
    away = np.linalg.norm(np.indices((3, 3, 3)) - 1, axis=0)
    kernel, shares = np.round(1 / np.maximum(1, away), 4), [(labels == key).astype(float) for key in range(1, 5)]
    weights = np.stack([ndimage.convolve(share, kernel, mode="constant") for share in shares])
    found = smooth_labels(labels, Grid(labels.shape, np.diag([0.7, 0.7, 0.7, 1])), 1)
    assert (found[labels == 0] == 0).all()
    chosen = np.take_along_axis(weights, found.clip(1)[None] - 1, axis=0)[0]
    np.testing.assert_allclose(chosen[labels > 0], weights.max(axis=0)[labels > 0], rtol=1e-5)


def test_neighbours_in_a_thick_slice_count_for_less_the_farther_they_are():
    # Eight neighbours of label 1 in the slice, twice nine of label 2 in the slices above and below.
    labels = np.full((3, 3, 3), 2, np.int32)
    labels[:, :, 1] = 1
    assert smooth_labels(labels, Grid((3, 3, 3), np.eye(4)), 1)[1, 1, 1] == 2
    assert smooth_labels(labels, Grid((3, 3, 3), np.diag([1.0, 1, 5, 1])), 1)[1, 1, 1] == 1
