"""The benchmark of planted cohorts: its figures where the answer is known."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
AREAS, NETWORKS = 40, 20


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("group_cohorts")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def people(bench, boost, count=24):
    """A cohort whose areas 3 and 7, and the source, have 2**boost times what the others have."""
    dice = np.random.default_rng(8)
    found = np.exp2(dice.normal(0, 0.1, (1, 1 + NETWORKS, AREAS + 1)) + dice.normal(0, 0.1, (count, 1, AREAS + 1)))
    found[:, 0, [3, 7, -1]] *= 2**boost
    share = np.zeros(AREAS)
    share[[3, 7, 9]] = 0.9, 0.6, 0.3
    return bench.Cohort(found, share)


def test_the_source_stands_in_place_of_the_areas_that_lie_in_it(bench):
    cohort = people(bench, 0)
    assert cohort.true.tolist() == [3, 7]
    kept = np.delete(cohort.found[:, 0], [3, 7], axis=1)
    expected = np.log2(kept / np.median(kept, axis=1, keepdims=True))
    np.testing.assert_allclose(cohort.with_source, expected, atol=1e-12)


def test_two_areas_are_true_where_less_than_half_of_any_lies_in_the_source(bench):
    cohort = people(bench, 0)
    cohort.share[[3, 7]] = 0.4, 0.35
    assert cohort.true.tolist() == [3, 7]


def test_a_cohort_shows_what_was_planted_and_only_that(bench):
    shown = [bench.Shown.of(each) for each in bench.cohorts(people(bench, 3), 5)]
    assert {each.area[1] for each in shown} == {1}
    assert {each.source for each in shown} == {(1, 1, 1)}
    assert {(each.true, each.areas, each.elsewhere) for each in shown} == {(2, 2, 0)}


def test_cohorts_are_of_different_people(bench):
    cohort = people(bench, 0)
    for each in bench.cohorts(cohort, 3):
        assert each.found.shape == (bench.COHORT, 1 + NETWORKS, AREAS + 1)
        assert len(np.unique(each.found[:, 0, 0])) == bench.COHORT


def test_untrained_networks_are_told_from_a_network_with_a_strong_area(bench):
    dice = np.random.default_rng(4)
    noise = dice.normal(0, 0.05, (6, 1, AREAS))
    found = {kind: np.exp2(dice.normal(0, 0.2, (1, 8, AREAS)) + noise) for kind in bench.KINDS}
    found["pool"] = np.exp2(dice.normal(0, 0.2, (1, 30, AREAS)) + noise)
    strong = next(iter(bench.KINDS))
    found[strong][:, :, 5] *= 16
    shares = {kind: drawn.mean() for kind, drawn in bench.false_findings(found, 2).items()}
    assert shares.pop(strong) == 1
    # Exchangeable: at most .05 is promised; of 92 networks in all, 12 or more would come by chance once in 600 times.
    assert np.mean(list(shares.values())) < 0.13
    assert bench.false_findings(found, 2)[bench.EXCHANGEABLE].shape == (30, 2)


def test_intervals_hold_ranks_that_are_certain_and_none_of_a_reversed_population(bench):
    values = np.arange(12.0) + np.random.default_rng(2).normal(0, 1e-3, (20, 12))
    held, length = bench.covered(iter([values]), np.arange(12.0))
    assert held.all()
    assert not length.any()
    assert not bench.covered(iter([values]), -np.arange(12.0))[0].any()


def test_normal_cohorts_have_the_mean_and_covariance_of_the_people(bench):
    values = np.random.default_rng(6).normal(size=(9, 3)) @ [[1.0, 0.5, 0], [0, 1, 0.2], [0, 0, 2]]
    drawn = np.concatenate(list(bench.normal(values, 2000)))
    # 40,000 draws: standard errors of means and covariances are below .02 and .05 here; four of them.
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=0.08)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(values.T), atol=0.2)


def test_resampled_cohorts_hold_nobody_else(bench):
    values = np.arange(30.0)[:, None]
    drawn = np.concatenate(list(bench.resampled(values, 20)))
    assert drawn.shape == (20 * bench.COHORT, 1)
    assert set(drawn.ravel()) <= set(values.ravel())
