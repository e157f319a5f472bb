"""The bootstrap over groups of people, against scipy's and against groups that are really repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wbtools.datasets import Item
from wbtools.evaluating.bootstrap import Resampling, estimates, groups_of
from wbtools.evaluating.findings import Table


def test_the_interval_of_a_mean_is_that_of_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).gamma(2.0, size=60)
    found = estimates(lambda counts: {"mean": counts @ values / counts.sum()}, 60, Resampling(4000, seed=3))["mean"]
    known = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=5).confidence_interval
    width = known.high - known.low
    assert found.value == pytest.approx(values.mean())
    assert abs(found.low - known.low) < 0.05 * width and abs(found.high - known.high) < 0.05 * width


def test_people_of_one_group_are_drawn_together_which_widens_intervals():
    dice = np.random.default_rng(2)
    group = np.repeat(np.arange(20), 5)
    values = dice.normal(size=20)[group] + 0.1 * dice.normal(size=100)

    def mean(counts, of):
        return {"mean": counts[of] @ values / counts[of].sum()}

    clustered = estimates(lambda counts: mean(counts, group), 20, Resampling(1000))["mean"]
    single = estimates(lambda counts: mean(counts, np.arange(100)), 100, Resampling(1000))["mean"]
    assert clustered.high - clustered.low > 1.7 * (single.high - single.low)


def test_intervals_of_a_mean_cover_the_truth_about_as_often_as_they_say():
    dice = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        values = dice.normal(size=50)
        found = estimates(lambda counts, v=values: {"mean": counts @ v / 50}, 50, Resampling(300, level=0.9))["mean"]
        hits += found.low < 0 < found.high
    assert 0.82 < hits / 200 < 0.96


def test_draws_in_which_a_figure_is_not_defined_are_left_out_and_none_leaves_nothing():
    how = Resampling(200)
    sometimes = estimates(lambda counts: {"x": 1.0 if counts[0] else float("nan")}, 5, how)["x"]
    never = estimates(lambda counts: {"x": float("nan")}, 5, how)["x"]
    assert (sometimes.low, sometimes.high) == (1.0, 1.0)
    assert str(never) == "n/a" and never.as_record() == {"value": None, "low": None, "high": None}


def test_fewer_than_five_groups_give_a_figure_without_an_interval():
    def mean(counts):
        return {"x": float(counts @ np.arange(len(counts)) / counts.sum())}

    found = {groups: estimates(mean, groups, Resampling(200))["x"] for groups in (1, 4, 5)}
    assert str(found[4]) == "1.500 (no interval)" and found[1].as_record() == {"value": 0.0, "low": None, "high": None}
    assert not found[1].sure and not found[4].sure and found[5].sure and found[5].low < 2 < found[5].high
    assert found[4].less(found[1], Resampling(200)).said() == "+1.500 (no interval)"


def test_a_difference_is_between_the_same_draws_of_people():
    values = np.random.default_rng(6).normal(size=30)
    how = Resampling(500)
    first, second = (
        estimates(lambda counts, add=add: {"x": counts @ values / 30 + add}, 30, how)["x"] for add in (0.0, 0.25)
    )
    less = second.less(first, how)
    assert (less.value, less.low, less.high) == pytest.approx((0.25, 0.25, 0.25))


@settings(deadline=None)
@given(st.lists(st.tuples(*(st.integers(0, 5),) * 3), min_size=1, max_size=12))
def test_groups_are_the_connected_parts_of_people_families_and_twins(known):
    items = [
        Item(
            place, f"p{person}", f"{place}", f"f{family}" if family else "", labels={"twin": f"t{twin}" if twin else ""}
        )
        for place, (person, family, twin) in enumerate(known)
    ]
    reached = np.array(
        [
            [a == b or a.person == b.person or "" != a.family == b.family or "" != a.labels["twin"] == b.labels["twin"]
             for b in items]
            for a in items
        ]
    )  # fmt: skip
    for _ in items:
        reached = (reached.astype(int) @ reached) > 0
    found = groups_of(items)
    assert np.array_equal(found[:, None] == found[None], reached)
    assert set(found) == set(range(found.max() + 1))


def test_numbers_with_their_interval_stay_numbers_in_tables_and_formulas_do_not_stay_formulas():
    kept = ("-0.074 [-0.259, +0.111]", "+0.074 (no interval)", "-1e-05")
    table = Table("t", "", ("a", "b", "c", "d"), ((*kept, "=1+1"), ("-1 [x]", "+1+1", "@SUM", "+1 [2]=3")))
    _, first, second = table.tsv().splitlines()
    assert first.split("\t") == [*kept, "'=1+1"]
    assert second.split("\t") == ["'-1 [x]", "'+1+1", "'@SUM", "'+1 [2]=3"]
