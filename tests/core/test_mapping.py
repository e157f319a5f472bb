"""Painting and smoothing, against scipy and analytic cases."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from wbtools.regions.heatmap import cifti_grid, on_cifti_grid, paint, paint_vertices, smooth_within
from wbtools.space.grid import Grid, Unit, Volume

GRID = Grid((24, 20, 22), np.diag([0.7, 0.7, 0.7, 1.0]))


def test_every_voxel_gets_its_regions_score_and_the_rest_nothing():
    labels = np.random.default_rng(0).choice([0, 2, 360, 460], size=GRID.shape).astype(np.int32)
    painted = paint({2: 0.25, 460: 1.0}, Volume(labels, GRID, Unit.LABEL))
    assert np.array_equal(painted.data, np.select([labels == 2, labels == 460], [0.25, 1.0]).astype(np.float32))


def test_every_vertex_gets_its_areas_score_and_the_medial_wall_nothing():
    keys = np.random.default_rng(0).choice([0, 2, 360], size=500).astype(np.int32)
    painted = paint_vertices({2: 0.25, 360: 1.0}, keys)
    assert np.array_equal(painted, np.select([keys == 2, keys == 360], [0.25, 1.0]).astype(np.float32))


def test_smoothing_over_everything_equals_scipys_gaussian_away_from_the_border():
    # The border is where scipy takes in zeros from outside; three sigma (5.4 voxels) inside none are seen.
    data = np.random.default_rng(1).random((40, 40, 40)).astype(np.float32)
    grid = Grid(data.shape, np.diag([1.0, 1.0, 1.0, 1.0]))
    ours = smooth_within(Volume(data, grid, Unit.SCORE), np.ones(data.shape, bool), fwhm=4.0)
    expected = gaussian_filter(data, 4.0 / np.sqrt(8 * np.log(2)), truncate=3)
    inside = (slice(7, -7),) * 3
    assert np.allclose(ours.data[inside], expected[inside], atol=1e-5)


def test_smoothing_neither_leaks_out_nor_fades_at_the_edge():
    mask = np.zeros(GRID.shape, bool)
    mask[5:15, 4:8, 6:20] = True
    smooth = smooth_within(Volume(np.where(mask, 0.8, 0.3).astype(np.float32), GRID, Unit.SCORE), mask)
    assert np.allclose(smooth.data[mask], 0.8, atol=1e-5)
    assert not smooth.data[~mask].any()


def test_smoothing_keeps_scores_within_their_range():
    random = np.random.default_rng(2)
    scores = random.random(GRID.shape).astype(np.float32)
    smooth = smooth_within(Volume(scores, GRID, Unit.SCORE), random.random(GRID.shape) > 0.6)
    assert smooth.data.min() >= 0
    assert smooth.data.max() <= scores.max() + 1e-6


def test_smoothing_an_empty_mask_gives_an_empty_map():
    empty = smooth_within(Volume(np.ones(GRID.shape, np.float32), GRID, Unit.SCORE), np.zeros(GRID.shape, bool))
    assert not empty.data.any()


@pytest.mark.parametrize(("size", "expected"), [(0.7, 2.0), (1.0, 2.0), (3.0, 3.0)])
def test_subcortical_voxels_are_as_coarse_as_hcps_but_never_finer_than_the_scan(size, expected):
    coarse = cifti_grid(Grid((30, 30, 30), np.diag([-size, size, size, 1.0])))
    assert np.allclose(coarse.voxel_sizes, expected)
    assert coarse.orientation == "LAS"


def test_subcortical_voxels_of_an_oblique_scan_lie_along_the_worlds_axes_and_miss_nothing():
    # Workbench says "CIFTI Volume is not Plumb!" of oblique ones, and places them wrongly.
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, :3] = Rotation.from_euler("xyz", [17, -9, 6], degrees=True).as_matrix() * 2
    scan = Grid((40, 50, 45), affine)
    coarse = cifti_grid(scan)
    assert scan.is_oblique and not coarse.is_oblique and coarse.orientation == "LAS"
    index = coarse.to_index(scan.corners())
    assert (index >= -0.501).all() and (index <= np.array(coarse.shape) - 0.499).all()
    places = scan.to_world(np.moveaxis(np.indices(scan.shape), 0, -1).astype(float))
    blob = np.exp(-(np.linalg.norm(places - scan.corners().mean(axis=0), axis=-1) ** 2) / 200).astype(np.float32)
    carried = on_cifti_grid(Volume(blob, scan, Unit.SCORE))
    expected = coarse.to_world(np.moveaxis(np.indices(coarse.shape), 0, -1).astype(float))
    there = np.exp(-(np.linalg.norm(expected - scan.corners().mean(axis=0), axis=-1) ** 2) / 200)
    assert np.abs(carried.data - there).max() < 0.05
