"""What a group's regions have in common: consistency, ranks, randomised networks, deep structures, agreement."""

import re

import numpy as np
import pytest
from scipy import stats

from wbtools.errors import InputError
from wbtools.group.statistics.against_randomised import against_randomised
from wbtools.group.statistics.agreement import agreement
from wbtools.group.statistics.consistency import consistency, in_top_decile
from wbtools.group.statistics.deep_structures import deep_structures
from wbtools.group.statistics.family_bootstrap import FamilyBootstrap, families_of, means
from wbtools.group.statistics.rank_intervals import rank_intervals
from wbtools.group.telling import group_tables
from wbtools.group.telling.sentences import deep
from wbtools.regions.calibration import Compared, levels_of

# -------------------------------------------------------------------------------------------------------------- levels


def test_levels_are_doublings_over_the_median_region_of_those_present():
    values = np.array([[1.0, 4.0, 16.0, np.nan, 4.0], [0.0, 1.0, 1.0, 2.0, 1.0]])
    expected = np.log2(
        values / np.nanmedian(values, axis=1, keepdims=True), where=values > 0, out=np.full((2, 5), -19.931568569324174)
    )
    expected[0, 3] = np.nan
    np.testing.assert_allclose(levels_of(values), expected, rtol=1e-12)
    nothing = levels_of(np.array([[0.0, 0, 0, 1, 2], [np.nan] * 5]))
    assert np.isnan(nothing).all()


# --------------------------------------------------------------------------------------------------------- consistency


@pytest.mark.parametrize("ties", [False, True])
def test_concordance_is_scipys_friedman_statistic(ties):
    dice = np.random.default_rng(0)
    values = dice.normal(size=(7, 12)) + np.arange(12) / 4
    values = np.round(values) if ties else values
    chi2 = stats.friedmanchisquare(*values.T).statistic
    assert consistency(values).concordance == pytest.approx(chi2 / (7 * 11), rel=1e-10)


def test_concordance_is_of_the_regions_that_everybody_has_and_of_people_with_a_map():
    values = np.random.default_rng(1).normal(size=(5, 9)) + np.arange(9)
    some = np.vstack((values, np.full((1, 9), np.nan)))
    some[2, 4] = np.nan
    found = consistency(some)
    assert found.regions == 8
    assert found.concordance == pytest.approx(consistency(np.delete(values, 4, axis=1)).concordance)
    assert np.isnan(consistency(values[:1]).concordance)


def test_the_top_decile_is_a_tenth_of_the_regions_a_person_has():
    values = np.tile(np.arange(30.0), (4, 1))
    values[0, 20:] = np.nan  # 20 regions are left
    top = in_top_decile(values)
    assert top.sum(axis=1).tolist() == [2, 3, 3, 3] and top[0, 18:20].all()
    share = consistency(values).top
    assert share[29] == 1.0 and share[18] == 0.25 and share[:18].max() == 0


# --------------------------------------------------------------------------------------------------------------- ranks


def population(dice, families, spread=0.3, skewed=False, regions=120):
    """True means, and two relatives a family who resemble one another; five regions stand out."""
    truth = dice.normal(0, spread, regions)
    truth[:5] = [2.0, 1.6, 1.3, 1.0, 0.8]
    shared = dice.normal(size=(regions, 6)) / 6**0.5

    def people(count):
        own = dice.gamma(1.0, 1.0, (count, regions)) - 1 if skewed else dice.normal(size=(count, regions))
        return 0.35 * (dice.normal(size=(count, 6)) @ shared.T + own)

    family = np.repeat(np.arange(families), 2)
    return truth, truth + 0.5**0.5 * (people(families)[family] + people(2 * families)), family


@pytest.mark.parametrize("spread", [0.05, 0.3])
@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_of_ranks_cover_the_true_ranks(spread, skewed):
    dice = np.random.default_rng(2)
    covered = []
    for _ in range(60):
        truth, values, family = population(dice, 10, spread, skewed)
        found = rank_intervals(values, FamilyBootstrap(family, draws=300))
        true = stats.rankdata(-truth)
        covered.append((found.low <= true) & (true <= found.high))
    covered = np.array(covered)
    # nominal .95; 300 intervals of the regions that stand out: a standard error of .013
    assert covered.mean() >= 0.93 and covered[:, :5].mean() >= 0.93


def test_ranks_are_scipys_of_the_means_over_the_people_who_have_a_region():
    dice = np.random.default_rng(3)
    values = dice.normal(size=(12, 20))
    values[dice.random((12, 20)) < 0.2] = np.nan
    values[:, 7] = np.nan
    found = rank_intervals(values, FamilyBootstrap(np.arange(12), draws=200))
    known = np.arange(20) != 7
    np.testing.assert_allclose(found.mean[known], np.nanmean(values[:, known], axis=0))
    np.testing.assert_allclose(found.sd[known], np.nanstd(values[:, known], axis=0, ddof=1))
    np.testing.assert_array_equal(found.rank[known], stats.rankdata(-found.mean[known]))
    assert np.isnan([found.rank[7], found.low[7], found.high[7], found.sd[7]]).all() and found.people[7] == 0
    assert (found.low[known] <= found.rank[known]).all() and (found.rank[known] <= found.high[known]).all()


def test_two_regions_are_told_apart_as_by_a_paired_t_test():
    dice = np.random.default_rng(4)
    agree = 0
    for shift in np.linspace(0, 1.2, 60):
        values = dice.normal(size=(25, 1)) + dice.normal(size=(25, 2)) + [shift, 0]
        p = stats.ttest_rel(*values.T).pvalue
        found = rank_intervals(values, FamilyBootstrap(np.arange(25), draws=4000))
        agree += (found.high[np.argmin(found.rank)] == 1) == (p < 0.05)
    # standard errors by bootstrap scatter by 1 %: p close to .05 may fall on the other side
    assert agree >= 58


def test_relatives_count_as_fewer_people_and_fewer_than_five_families_give_no_interval():
    dice = np.random.default_rng(5)
    values = np.repeat(dice.normal(size=(8, 6)) + 0.5 * np.arange(6), 4, axis=0)
    alone = rank_intervals(values, FamilyBootstrap(np.arange(32)))
    together = rank_intervals(values, FamilyBootstrap(np.repeat(np.arange(8), 4)))
    assert (together.high - together.low).sum() > (alone.high - alone.low).sum()
    few = rank_intervals(values, FamilyBootstrap(np.repeat(np.arange(4), 8)))
    assert np.isnan(few.low).all() and np.isnan(few.high).all() and np.isfinite(few.rank).all()


def test_a_region_that_few_families_have_gets_no_interval_and_widens_the_others():
    values = np.tile([3.0, 2.0, 1.0], (10, 1)) + 0.01 * np.random.default_rng(6).normal(size=(10, 3))
    values[3:, 1] = np.nan
    found = rank_intervals(values, FamilyBootstrap(np.arange(10)))
    assert np.isnan(found.low[1]) and found.low[[0, 2]].tolist() == [1, 2] and found.high[[0, 2]].tolist() == [2, 3]


def test_draws_repeat_whole_families_and_means_are_those_of_the_repeated_people():
    family = families_of(["F", "", "G", "F", "", "G", "H"])
    assert family.tolist() == [0, 1, 2, 0, 3, 2, 4]
    counts = FamilyBootstrap(family, draws=50, seed=1).counts()
    assert all((np.ptp(counts[:, family == number], axis=1) == 0).all() for number in range(5))
    values = np.random.default_rng(7).normal(size=(7, 3))
    values[2, 1] = np.nan
    found = means(counts, values)
    for row, drawn in zip(found, counts.astype(int), strict=True):
        repeated = np.repeat(values, drawn, axis=0)
        np.testing.assert_allclose(row[[0, 2]], repeated[:, [0, 2]].mean(axis=0))
    np.testing.assert_array_equal(counts, FamilyBootstrap(family, draws=50, seed=1).counts())


# -------------------------------------------------------------------------------------------------- randomised networks


def networks_of_nothing(dice, people=6, networks=20, regions=40):
    """Levels of networks that have learned nothing: each has its own pattern, which all people share."""
    pattern = dice.normal(0, 0.4, (networks, regions)) + dice.normal(0, 1, regions)
    return pattern + 0.1 * dice.normal(size=(people, networks, regions))


def test_a_groups_map_is_compared_as_that_of_a_person_is():
    levels = networks_of_nothing(np.random.default_rng(8))
    levels[:, 0, 3] += 3
    found, known = against_randomised(levels), Compared.of(levels.mean(axis=0), 2.5)
    for name in ("z", "excess", "p"):
        np.testing.assert_allclose(getattr(found, name), getattr(known, name), rtol=1e-12)
    assert found.p[3] == found.lowest_p == 1 / 20 and found.freedom == known.expected.freedom


def test_a_network_that_has_learned_nothing_is_rarely_significant_and_flipping_signs_would_often_find_it():
    dice = np.random.default_rng(9)
    ours = flips = 0
    for _ in range(200):
        levels = networks_of_nothing(dice, people=8, regions=20)
        ours += against_randomised(levels).p.min() <= 0.05
        flips += stats.ttest_1samp(levels[:, 0] - levels[:, 1:].mean(axis=1), 0).pvalue.min() * 20 <= 0.05
    # 200 tests at .05: 19 or more by chance once in a hundred times
    assert ours < 19 and flips > 190


def test_people_and_networks_without_a_map_are_left_out():
    levels = networks_of_nothing(np.random.default_rng(10))
    some = levels.copy()
    some[2, 5] = np.nan
    some[4, 0] = np.nan
    some[:, :, 7] = np.nan
    some[1, :, 9] = np.nan
    found = against_randomised(some)
    assert (found.networks, found.people) == (18, 5) and np.isnan(found.p[7]) and np.isfinite(found.p[9])
    clean = np.delete(np.delete(np.delete(levels, 5, axis=1), 4, axis=0), 7, axis=2)
    clean[1, :, 8] = np.delete(clean, 1, axis=0)[:, :, 8].mean(axis=0)  # their mean without this person
    np.testing.assert_allclose(np.delete(found.z, 7), against_randomised(clean).z, rtol=1e-9)
    with pytest.raises(InputError, match="too few"):
        against_randomised(levels[:, :4])
    with pytest.raises(InputError, match="people x networks"):
        against_randomised(levels[0])


# ----------------------------------------------------------------------------------------------------- deep structures


def test_both_forms_of_d_are_by_their_formulas_and_intervals_are_scipys():
    dice = np.random.default_rng(11)
    levels = dice.normal(size=(30, 3, 12)) + dice.normal(size=(30, 1, 1))
    levels[:, 0, :4] += 1
    subcortex, distance = np.arange(12) < 4, dice.uniform(10, 60, (30, 12))
    found = deep_structures(levels, distance, subcortex, FamilyBootstrap(np.arange(30), draws=4000))
    for effect, values in zip(
        (found.network, *found.randomised, found.closeness), (*levels.transpose(1, 0, 2), -distance), strict=True
    ):
        deep, cortex = values[:, :4].mean(axis=1), values[:, 4:].mean(axis=1)
        t = stats.ttest_rel(deep, cortex).statistic
        assert effect.d_paired == pytest.approx(t / 30**0.5) and effect.people == 30
        pooled = np.sqrt((deep.var(ddof=1) + cortex.var(ddof=1)) / 2)
        assert effect.d_pooled == pytest.approx((deep - cortex).mean() / pooled)
        drawn = stats.bootstrap(
            (deep - cortex,), lambda x, axis=-1: x.mean(axis) / x.std(axis, ddof=1), n_resamples=4000, rng=1,
            method="percentile",
        ).bootstrap_distribution  # fmt: skip
        scaled = np.arcsinh(drawn / 2**0.5)
        reach = stats.t.isf(0.025, 29) * scaled.std(ddof=1) * (30 / 29) ** 0.5
        centre = 2 * np.arcsinh(effect.d_paired / 2**0.5) - scaled.mean()
        bounds = 2**0.5 * np.sinh([centre - reach, centre + reach])
        # two bootstraps of 4000 draws: standard deviations differ by 2 %
        np.testing.assert_allclose(effect.d_paired_interval, bounds, atol=0.05 * np.ptp(bounds))
        assert effect.d_pooled_interval[0] < effect.d_pooled < effect.d_pooled_interval[1]


@pytest.mark.parametrize("size", [0.0, 2.8])
def test_intervals_of_d_cover_the_populations(size):
    dice = np.random.default_rng(14)
    hits = 0
    for _ in range(200):
        levels = np.stack((dice.normal(size, 1, 20), np.zeros(20)), axis=1)[:, None]
        found = deep_structures(levels, levels[:, 0], np.array([True, False]), FamilyBootstrap(np.arange(20), 300))
        hits += found.network.d_paired_interval[0] <= size <= found.network.d_paired_interval[1]
    assert hits / 200 >= 0.91  # nominal .95, a standard error of .015


def test_people_without_either_side_are_left_out_of_d():
    levels = np.random.default_rng(12).normal(size=(8, 1, 6))
    levels[3, 0, :2] = np.nan
    levels[5, 0, 4] = np.nan
    subcortex, near = np.arange(6) < 2, np.ones((8, 6))
    found = deep_structures(levels, near, subcortex, FamilyBootstrap(np.arange(8))).network
    difference = np.delete(levels[:, 0, :2].mean(axis=1) - np.nanmean(levels[:, 0, 2:], axis=1), 3)
    assert found.people == 7 and found.d_paired == pytest.approx(difference.mean() / difference.std(ddof=1))
    flat = deep_structures(levels, near, subcortex, FamilyBootstrap(np.arange(8))).closeness
    assert flat.difference == 0 and np.isnan(flat.d_paired)
    alone = deep_structures(levels[:1], near[:1], subcortex, FamilyBootstrap(np.arange(1))).network
    assert np.isnan(alone.d_paired) and np.isnan(alone.d_paired_interval).all()
    with pytest.raises(InputError, match="both sides"):
        deep_structures(levels, near, np.ones(6, bool), FamilyBootstrap(np.arange(8)))
    with pytest.raises(InputError, match="same people"):
        deep_structures(levels, near[:3], subcortex, FamilyBootstrap(np.arange(8)))


def test_a_d_that_cannot_be_known_is_not_written_as_a_number():
    levels = np.random.default_rng(2).normal(size=(3, 2, 6))
    subcortex, near = np.arange(6) < 2, np.ones((3, 6))
    few = deep(deep_structures(levels, near, subcortex, FamilyBootstrap(np.arange(3))))
    assert few == "Subcortex against cortex: no d, which needs 5 families."
    table = group_tables.deep(deep_structures(levels, near, subcortex, FamilyBootstrap(np.arange(3))))
    assert [column.name for column in table.columns] == ["of", "difference"] and "needs 5 families" in table.note
    assert len(table.rows) == 3 and all(len(row) == 2 for row in table.rows)
    enough = np.random.default_rng(2).normal(size=(8, 2, 6))
    found = deep_structures(
        enough, np.random.default_rng(3).normal(size=(8, 6)), subcortex, FamilyBootstrap(np.arange(8))
    )
    assert (
        re.match(r"Subcortex against cortex: d = -?[0-9.]+ \[", deep(found))
        and len(group_tables.deep(found).columns) == 6
    )
    alone = deep(deep_structures(levels[:1], near[:1], subcortex, FamilyBootstrap(np.arange(1))))
    assert alone == "Subcortex against cortex: no d, which needs people who differ."


# ----------------------------------------------------------------------------------------------------------- agreement


def test_agreement_is_scipys_spearman_and_the_shared_part_of_the_top_deciles():
    dice = np.random.default_rng(13)
    common = dice.normal(size=40)
    levels = common + dice.normal(size=(3, 1, 40)) * np.array([0.2, 0.5, 3])[:, None, None]
    levels = levels + 0.3 * dice.normal(size=(3, 12, 40))
    levels[0, :, 5] = np.nan
    found = agreement(levels, FamilyBootstrap(np.arange(12), draws=500))
    maps = np.delete(levels.mean(axis=1), 5, axis=1)
    np.testing.assert_allclose(found.spearman, stats.spearmanr(maps, axis=1).statistic, rtol=1e-10)
    top = [set(np.argsort(-row)[:4]) for row in maps]
    known = [[len(a & b) / 4 for b in top] for a in top]
    np.testing.assert_allclose(found.overlap, known)
    assert found.regions == 39
    assert np.isnan(agreement(levels[:, :4], FamilyBootstrap(np.arange(4))).low).all()
    with pytest.raises(InputError, match="in common"):
        agreement(levels[:, :, 5:7], FamilyBootstrap(np.arange(12)))


def test_intervals_of_agreement_cover_the_correlation_of_the_populations_means():
    dice = np.random.default_rng(15)
    hits = 0
    for _ in range(100):
        first = dice.normal(size=100)
        maps = np.stack((first, first + 0.7 * dice.normal(size=100)))
        family = np.repeat(np.arange(10), 2)
        levels = maps[:, None] + 0.7 * dice.normal(size=(2, 10, 100))[:, family] + 0.7 * dice.normal(size=(2, 20, 100))
        found, known = agreement(levels, FamilyBootstrap(family, 200)), stats.spearmanr(*maps).statistic
        hits += found.low[0, 1] <= known <= found.high[0, 1]
    assert hits >= 89  # nominal 95, a standard error of 2.2
