"""Thresholds, against a search through all that could have been chosen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wbtools.evaluating import thresholds
from wbtools.evaluating.pairs import Pairs
from wbtools.evaluating.thresholds import CRITERIA, curve_of
from wbtools.training.pairs import best_threshold


def pairs_like(seed, near=0.3, far=0.8, sd=(0.12, 0.2), counts=(20, 200)):
    dice = np.random.default_rng(seed)
    together, apart = (dice.normal(mean, s, n).clip(0, 2) for mean, s, n in zip((near, far), sd, counts, strict=True))
    nowhere = np.zeros(counts[1], int)
    return Pairs(together, np.sort(apart), np.zeros(counts[0], int), np.stack([nowhere, nowhere]), 1)


def scores(pairs, threshold):
    hits, false = (pairs.together < threshold).mean(), (pairs.apart < threshold).mean()
    precision = hits / (hits + false) if hits + false else 1.0
    return {
        **{
            name: (1 + b * b) * precision * hits / (b * b * precision + hits) if hits else 0.0
            for name, b in (("f1", 1), ("f05", 0.5), ("f2", 2))
        },
        "balanced_accuracy": (hits + 1 - false) / 2,
        "youden": hits - false,
        "recall": hits,
        "precision": precision,
    }


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_no_threshold_has_a_better_score_than_the_chosen(seed):
    pairs = pairs_like(seed)
    curve, grid = curve_of(pairs), np.linspace(-0.01, 2, 4000)
    everywhere = [scores(pairs, threshold) for threshold in grid]
    for name in ("f1", "f05", "f2", "balanced_accuracy", "youden"):
        best = scores(pairs, CRITERIA[name][1](curve))[name]
        assert best >= max(each[name] for each in everywhere) - 1e-9, name


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.9, 1.0]))
def test_what_has_to_be_reached_is_and_the_rest_is_as_good_as_possible(seed, least):
    pairs = pairs_like(seed)
    curve = curve_of(pairs)
    everywhere = [scores(pairs, threshold) for threshold in curve.thresholds]
    for choose, reached, other in (
        (thresholds.with_recall(least), "recall", "precision"),
        (thresholds.with_precision(least), "precision", "recall"),
    ):
        allowed = [each for each in everywhere if each[reached] >= least]
        value = choose(curve)
        if not allowed:
            assert np.isnan(value)
            continue
        found = scores(pairs, value)
        assert found[reached] >= least and found[other] == pytest.approx(max(each[other] for each in allowed))


def test_at_the_crossing_both_normal_distributions_have_the_same_density():
    for sd in ((0.12, 0.2), (0.1, 0.1), (0.05, 0.4)):
        pairs = pairs_like(5, sd=sd)
        found = CRITERIA["crossing"][1](curve_of(pairs))
        densities = [stats.norm(each.mean(), each.std()).pdf(found) for each in (pairs.together, pairs.apart)]
        assert pairs.together.mean() < found < pairs.apart.mean()
        assert densities[0] == pytest.approx(densities[1], rel=1e-6)


def test_there_is_no_crossing_where_twins_are_farther_apart_than_others():
    assert np.isnan(CRITERIA["crossing"][1](curve_of(pairs_like(1, near=0.9, far=0.2))))


def test_the_midpoint_lies_halfway_between_the_means():
    pairs = pairs_like(2)
    found = CRITERIA["midpoint"][1](curve_of(pairs))
    assert found - pairs.together.mean() == pytest.approx(pairs.apart.mean() - found)


def test_the_highest_f1_is_that_which_training_writes_into_a_checkpoint():
    for seed in range(5):
        pairs = pairs_like(seed)
        known = best_threshold(pairs.together, pairs.apart)
        assert scores(pairs, CRITERIA["f1"][1](curve_of(pairs)))["f1"] == pytest.approx(known.f1, abs=1e-5)
