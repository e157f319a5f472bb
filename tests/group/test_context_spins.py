from __future__ import annotations

import importlib

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from scipy.stats import kstest, pearsonr, rankdata, spearmanr

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import InputError
from wbtools.group.context.annotation import Annotation
from wbtools.group.context.spin_test import correlations, spin_tests
from wbtools.group.context.spinning import random_rotations, spun
from wbtools.group.telling.sentences import spins
from wbtools.images import gifti
from wbtools.surfaces import mesh
from wbtools.surfaces.standard import sphere_32k

SPHERES = {side: mesh.read(sphere_32k(side), side, placed=True).vertices.astype(float) for side in Hemisphere}
MIRROR = np.diag([-1.0, 1.0, 1.0])


def smooth(seed, length=0.4):
    """A map of harmonics of the first three degrees, made of powers of random projections, and its values per area."""
    rng = np.random.default_rng(seed)
    turns, weights = rng.normal(size=(6, 3)), rng.normal(size=6)
    maps = {}
    for side, points in SPHERES.items():
        along = (points / 100 * [1 if side is Hemisphere.LEFT else -1, 1, 1]) @ turns.T
        maps[side] = np.cos(along / length + np.arange(6)) @ weights
    return Annotation.by_vertex(f"map {seed}", maps)


# ----------------------------------------------------------------------------------------------------------- rotations


def test_rotations_are_uniform_on_so3():
    # Haar measure: each axis goes anywhere on the sphere alike (each coordinate is uniform in [-1, 1]), and the angle
    # of the rotation has the distribution (t - sin t) / pi. Seeded: the p-values are fixed; 0.001 suits 11 tests.
    turns = random_rotations(20_000, seed=3)
    for row in range(3):
        for column in range(3):
            assert kstest(turns[:, row, column], "uniform", (-1, 2)).pvalue > 0.001
    angles = np.arccos(np.clip((np.trace(turns, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert kstest(angles, lambda t: (t - np.sin(t)) / np.pi).pvalue > 0.001
    theirs = np.trace(Rotation.random(20_000, random_state=1).as_matrix(), axis1=1, axis2=2)
    assert kstest(np.trace(turns, axis1=1, axis2=2), theirs).pvalue > 0.001
    np.testing.assert_allclose(np.linalg.det(turns), 1)


def test_the_same_seed_gives_the_same_rotations_and_a_longer_run_begins_with_them():
    np.testing.assert_array_equal(random_rotations(5, seed=1), random_rotations(9, seed=1)[:5])
    assert not np.allclose(random_rotations(5, seed=1), random_rotations(5, seed=2))
    with pytest.raises(InputError, match="0 is not a number of rotations"):
        random_rotations(0)


def test_turning_a_map_equals_looking_each_vertex_up_one_by_one():
    # Exactly nearest vertices by scipy's KD tree; ours are looked up in cells of 0.5 mm at most, and vertices are 2 mm
    # apart: a few at borders fall into the neighbouring area. What lies on the medial wall but for a few is left out.
    values, turns = smooth(0).values, random_rotations(3, seed=4)
    found = spun(values, turns)
    for side, points in SPHERES.items():
        keys = mmp.labels_32k(side)
        for turn, mine in zip(turns, found, strict=True):
            matrix = turn if side is Hemisphere.LEFT else MIRROR @ turn @ MIRROR
            on = keys[KDTree(points).query(points @ matrix.T)[1]]
            for area in (area for area in mmp.regions() if area.hemisphere is side):
                hit = on[keys == area.key]
                if (hit > 0).sum() > 20:
                    expected = values[hit[hit > 0] - 1].mean()
                    assert mine[area.key - 1] == pytest.approx(expected, abs=0.1 * values.std())


def test_a_symmetric_map_stays_symmetric_as_the_right_side_turns_in_the_mirror():
    values = np.tile(np.random.default_rng(0).normal(size=180), 2)
    turned = spun(values, random_rotations(20, seed=5))
    # The areas of both sides differ in shape, hence no equality: the sides would otherwise have nothing in common.
    assert all(pearsonr(*np.nan_to_num(row.reshape(2, 180))).statistic > 0.4 for row in turned)


def test_areas_without_a_value_are_left_out_wherever_they_come_to_lie():
    values = np.ones(360)
    values[::7] = np.nan
    turned = spun(values, random_rotations(20, seed=6))
    assert set(turned[np.isfinite(turned)]) == {1.0} and np.isnan(turned).any(axis=1).all()


# --------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize(("coefficient", "theirs"), [("pearson", pearsonr), ("spearman", spearmanr)])
def test_correlations_are_those_of_scipy_over_areas_with_both_values(coefficient, theirs):
    rng = np.random.default_rng(0)
    rows, values = rng.normal(size=(8, 40)).round(1), rng.normal(size=40).round(1)  # with ties
    rows[rng.random(rows.shape) < 0.2] = np.nan
    values[3] = np.nan
    for row, r in zip(rows, correlations(rows, values, coefficient), strict=True):
        both = np.isfinite(row) & np.isfinite(values)
        assert r == pytest.approx(theirs(row[both], values[both]).statistic, abs=1e-12)


def test_p_counts_the_rotations_that_are_as_far_from_zero_on_either_side():
    mine, other = smooth(1), smooth(2)
    turns = random_rotations(200, seed=7)
    (test,) = spin_tests(mine, [other], turns, ["pearson"])
    null = correlations(spun(mine.values, turns), other.values, "pearson")
    assert test.r == pytest.approx(pearsonr(mine.values, other.values).statistic)
    assert test.p == (1 + (np.abs(null) >= abs(test.r)).sum()) / 201
    assert (test.areas, test.rotations) == (360, 200)
    assert test.null_interval == pytest.approx(np.percentile(null, [2.5, 97.5]))


def test_correlations_are_said_in_a_line_for_each_annotation_and_of_ten_at_most():
    turns, mine = random_rotations(20, seed=8), smooth(1)
    tests = spin_tests(mine, [Annotation(f"map {n}", smooth(2).values) for n in range(12)], turns)
    said = spins(tests)
    first, second = tests[:2]
    pearson, spearman = (f"r = {test.r:.2f}, p = {test.p:.3g}" for test in (first, second))
    assert said[0] == f"Annotation map 0: pearson {pearson}; spearman {spearman}"
    assert len(said) == 11 and said[-1] == "2 more annotations: on the page"


def test_several_annotations_share_the_rotations_and_do_not_change_one_another():
    turns, mine = random_rotations(50, seed=8), smooth(1)
    alone = [spin_tests(mine, [other], turns) for other in (smooth(2), smooth(3))]
    assert spin_tests(mine, [smooth(2), smooth(3)], turns) == sum(alone, ())


def test_a_map_and_its_own_noisy_copy_correlate_significantly_in_either_sign():
    mine = smooth(4)
    noise = np.random.default_rng(0).normal(size=360) * mine.values.std()
    tests = spin_tests(mine, [Annotation("opposite", noise - mine.values)], random_rotations(999))
    assert all(test.r < -0.5 and test.p < 0.05 for test in tests)


def test_spearman_does_not_depend_on_the_scale_of_the_annotation():
    mine, other, turns = smooth(1), smooth(2), random_rotations(50)
    ranked = Annotation("ranks", rankdata(other.values))
    first, second = (spin_tests(mine, [each], turns, ["spearman"])[0] for each in (other, ranked))
    assert (first.r, first.p) == (second.r, second.p)


def test_maps_that_hardly_overlap_and_unknown_coefficients_are_refused():
    few = Annotation("few", np.where(np.arange(360) < 12, np.arange(360.0), np.nan))
    with pytest.raises(InputError, match="few has a value in 12 areas of the map; 20 are the fewest"):
        spin_tests(smooth(1), [few], random_rotations(2))
    with pytest.raises(InputError, match="'kendall' is no coefficient of correlation"):
        spin_tests(smooth(1), [smooth(2)], random_rotations(2), ["kendall"])


# -------------------------------------------------------------------------------------------------------------- oracle


def parcellation(folder):
    """Files of areas 1 to 360, left first, as neuromaps wants them."""
    paths = []
    for side in Hemisphere:
        keys = mmp.labels_32k(side)
        shifted = np.where(keys > 180, keys - 180, keys + 180) * (keys > 0)
        paths.append(folder / f"{side.letter}.label.gii")
        regions = [area for area in mmp.regions() if area.hemisphere is side]
        gifti.write_labels(paths[-1], shifted, regions, side, "areas")
    return tuple(map(str, paths))


def test_null_correlations_equal_those_of_neuromaps_under_the_same_rotations(tmp_path):
    nulls = pytest.importorskip("neuromaps.nulls", reason="neuromaps is not installed")
    stats = importlib.import_module("neuromaps.stats")
    turns, mine, other = random_rotations(30, seed=9), smooth(1), smooth(2)
    # Its spins: which vertex of both spheres, one after the other, each vertex takes its value from.
    places = []
    for count, (side, points) in enumerate(SPHERES.items()):
        tree, flip = KDTree(points), np.eye(3) if side is Hemisphere.LEFT else MIRROR
        turned = [tree.query(points @ (flip @ turn @ flip).T)[1] for turn in turns]
        places.append(np.stack(turned, axis=1) + 32_492 * count)
    left_first = np.r_[180:360, 0:180]
    surfaces = tuple(str(sphere_32k(side)) for side in Hemisphere)
    theirs = nulls.cornblath(
        mine.values[left_first],
        parcellation=parcellation(tmp_path),
        n_perm=len(turns),
        spins=np.concatenate(places),
        surfaces=surfaces,
    )
    mine_turned = spun(mine.values, turns)[:, left_first].T
    # Cells of 0.5 mm against exactly nearest vertices, as above; what lies on the wall but for a vertex or two differs.
    assert (np.isnan(mine_turned) != np.isnan(theirs)).mean() < 0.001
    assert np.nanmean(np.abs(mine_turned - theirs)) < 0.01 * mine.values.std()
    null = correlations(spun(mine.values, turns), other.values, "pearson")
    their_null = correlations(theirs[np.argsort(left_first)].T, other.values, "pearson")
    # An area with a single vertex beside the wall counts in full: that moves a correlation by 0.008 at most.
    np.testing.assert_allclose(null, their_null, atol=0.01)
    assert np.median(np.abs(null - their_null)) < 0.001
    r, p = stats.compare_images(
        mine.values[left_first], other.values[left_first], nulls=theirs, metric="pearsonr", ignore_zero=False
    )
    (test,) = spin_tests(mine, [other], turns, ["pearson"])
    assert test.r == pytest.approx(r, abs=1e-12) and test.p == pytest.approx(p, abs=1 / 31 + 1e-12)


def test_a_map_that_is_the_same_where_both_have_values_is_refused():
    values = np.full(360, np.nan)
    values[:30], values[200] = 1.0, 2.0
    level = np.where(np.arange(360) < 30, np.arange(360.0), np.nan)
    with pytest.raises(InputError, match="patch is the same in all areas"):
        spin_tests(Annotation("level", level), [Annotation("patch", values)], random_rotations(9))
