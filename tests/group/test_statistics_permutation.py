"""Permutation tests across people: against nilearn, against every rearrangement, and with families."""

from itertools import permutations
from math import comb

import numpy as np
import pytest
from nilearn.mass_univariate import permuted_ols
from scipy import stats

from wbtools.errors import InputError
from wbtools.group.statistics.designs import Design
from wbtools.group.statistics.exchange_blocks import Blocks, Shuffles, SignFlips
from wbtools.group.statistics.permutation import Permutations, exhaustive_test, permutation_test

PEOPLE, REGIONS = 24, 15


def measured(seed=0, people=PEOPLE):
    """Values with an effect in some regions, a covariate and confounds that are related to both."""
    dice = np.random.default_rng(seed)
    covariate = dice.normal(size=people)
    confounds = np.column_stack((0.5 * covariate + dice.normal(size=people), dice.normal(3, 1, people)))
    values = dice.normal(0.2, 1, (people, REGIONS)) + confounds[:, :1]
    values[:, :3] += 0.8 * covariate[:, None]
    return values, covariate, confounds


def nilearns(tested, values, confounds, two_sided, seed=5, draws=200):
    found = permuted_ols(
        tested.reshape(-1, 1), values, confounds, n_perm=draws, two_sided_test=two_sided, random_state=seed, n_jobs=1
    )
    return found["t"][0], 10 ** -found["logp_max_t"][0], found["h0_max_t"][0]


def design_of(kind, covariate, confounds):
    """A design, and how nilearn is told of it."""
    if kind == "mean":
        about = None if confounds is None else confounds - confounds.mean(axis=0)
        return Design.of_mean(len(covariate), confounds), np.ones(len(covariate)), about
    if kind == "groups":
        return Design.of_groups(covariate > 0.2, confounds), (covariate > 0.2).astype(float), confounds
    return Design.of_covariate(covariate, confounds), covariate, confounds


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("with_confounds", [False, True])
@pytest.mark.parametrize("kind", ["mean", "groups", "covariate"])
def test_without_families_statistics_and_p_are_nilearns(kind, with_confounds, two_sided):
    values, covariate, confounds = measured()
    design, tested, about = design_of(kind, covariate, confounds if with_confounds else None)
    ours = permutation_test(values, design, Permutations(200, seed=5, two_sided=two_sided))
    t, p, maxima = nilearns(tested, values, about, two_sided)
    for mine, known in ((ours.t, t), (ours.p, p), (ours.maxima, maxima)):
        np.testing.assert_allclose(mine, known, rtol=1e-10, atol=1e-10)
    assert ours.p.min() < 0.1 < ours.p.max() and ours.lowest_p == 1 / 201


def test_a_paired_test_is_that_of_the_differences_mean():
    dice = np.random.default_rng(2)
    before, after = dice.normal(size=(2, 14, 6)) + dice.normal(size=(14, 1))
    after += np.array([1.5, 0, 0, 0, 0, 0])
    ours = permutation_test(after - before, Design.of_mean(14), Permutations(400))
    np.testing.assert_allclose(ours.t, stats.ttest_rel(after, before).statistic, rtol=1e-10)
    assert ours.freedom == 13 and ours.p.argmin() == 0


def test_every_exchange_of_two_groups_gives_scipys_exact_p():
    values = np.random.default_rng(3).normal(size=(9, 1)) + np.array([1.0] * 4 + [0.0] * 5)[:, None]
    ours = exhaustive_test(values, Design.of_groups(np.arange(9) < 4), two_sided=False)
    known = stats.permutation_test(
        (values[:4, 0], values[4:, 0]), lambda a, b: a.mean() - b.mean(), n_resamples=np.inf, alternative="greater"
    )
    assert ours.p[0] == pytest.approx(known.pvalue, abs=1e-12)
    assert ours.distinct == len(ours.maxima) == comb(9, 4) and ours.lowest_p == 1 / comb(9, 4)


def test_every_flip_of_signs_gives_scipys_exact_p():
    values = np.random.default_rng(4).normal(0.5, 1, (8, 1))
    ours = exhaustive_test(values, Design.of_mean(8))
    known = stats.permutation_test(
        (values[:, 0], np.zeros(8)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert ours.p[0] == pytest.approx(known.pvalue, abs=1e-12) and (ours.distinct, ours.lowest_p) == (256, 2 / 256)


def test_random_draws_approach_what_every_rearrangement_gives():
    values, covariate, confounds = measured(6, 7)
    design = Design.of_covariate(covariate, confounds[:, :1])
    every, drawn = exhaustive_test(values, design), permutation_test(values, design, Permutations(20_000))
    # a share of 20,000 draws has a standard error of at most .0035
    np.testing.assert_allclose(drawn.p, every.p, atol=0.015)
    assert every.distinct == 5040


def test_designs_that_come_out_again_are_counted_however_they_are_rounded():
    values = np.random.default_rng(7).normal(size=(6, 2)) + np.array([[5.0, 0]] * 3 + [[0, 0]] * 3)
    ours = permutation_test(values, Design.of_groups(np.arange(6) < 3), Permutations(4000))
    # 2 of the 20 divisions give the largest difference; a standard error of .005
    assert ours.p[0] == pytest.approx(0.1, abs=0.02) and ours.distinct == 20


FAMILIES = np.array([0, 1, 1, 2, 2, 3, 4, 4, 4])


def test_families_of_the_same_size_are_exchanged_as_wholes():
    exchange = Shuffles(Blocks(FAMILIES), np.arange(9), within=False)
    found = {tuple(order) for order, _ in exchange.every()}
    assert found == {
        (*first, *pairs, *last, 6, 7, 8)
        for first, last in (((0,), (5,)), ((5,), (0,)))
        for pairs in ((1, 2, 3, 4), (3, 4, 1, 2))
    }
    dice = np.random.RandomState(0)
    assert {tuple(exchange.draw(dice)[0]) for _ in range(200)} == found and exchange.distinct == 4


def test_relatives_are_exchanged_too_where_the_variable_varies_among_them():
    family = np.array([0, 1, 1, 2, 2, 3, 3, 3])
    exchange = Shuffles(Blocks(family), np.arange(8), within=True)
    allowed = {
        order
        for order in permutations(range(8))
        if all(len({family[order[place]] for place in np.flatnonzero(family == number)}) == 1 for number in range(4))
    }
    found = {tuple(order) for order, _ in exchange.every()}
    assert found == allowed and exchange.distinct == len(allowed) == 2 * 2 * 2 * 6
    dice = np.random.RandomState(0)
    assert {tuple(exchange.draw(dice)[0]) for _ in range(1000)} == allowed


@pytest.mark.parametrize("within", [True, False])
def test_equal_rows_are_not_told_apart(within):
    rows = np.array([0, 1, 1, 1, 0, 2, 0, 0, 1])
    exchange = Shuffles(Blocks(FAMILIES), rows, within)
    found = [tuple(rows[order]) for order, _ in exchange.every()]
    everything = {tuple(rows[order]) for order, _ in Shuffles(Blocks(FAMILIES), np.arange(9), within).every()}
    assert len(found) == len(set(found)) == exchange.distinct and set(found) == everything


def test_only_people_of_the_same_kind_are_exchanged():
    twins_and_siblings = Blocks(np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 0, 0, 0, 1, 1]))
    exchange = Shuffles(twins_and_siblings, np.arange(9), within=True)
    for order, _ in exchange.every():
        assert (twins_and_siblings.kind[order] == twins_and_siblings.kind).all()
    assert exchange.distinct == 2 * (2 * 2) * 2  # two families alike, twins in each; one of another structure


def test_the_signs_of_a_family_are_flipped_together():
    exchange = SignFlips(Blocks(FAMILIES))
    for _, signs in exchange.every():
        assert all(np.ptp(signs[family == FAMILIES]) == 0 for family in range(5))
    assert exchange.distinct == len({tuple(signs) for _, signs in exchange.every()}) == 32
    whole = exhaustive_test(np.ones((9, 2)) + 0.1 * np.eye(9, 2), Design.of_mean(9, blocks=Blocks(FAMILIES)))
    assert whole.lowest_p == 2 / 32


def test_whether_relatives_are_exchanged_follows_from_the_variable():
    constant, varying = np.array([0.0, 1, 1, 3, 3, 4, 5, 5, 5]), np.arange(9.0)
    assert not Design.of_covariate(constant, blocks=Blocks(FAMILIES)).exchange.within
    assert Design.of_covariate(varying, blocks=Blocks(FAMILIES)).exchange.within


KIN = np.array([*np.repeat(np.arange(10), 3), *range(10, 16)])
"""Ten families of three, and six people alone."""


def of_families(dice, blocks):
    """Two groups of whole families."""
    return Design.of_groups(dice.permutation(16)[KIN] < 8, blocks=blocks)


def of_persons(dice, blocks):
    """A covariate in which relatives are alike, not equal."""
    return Design.of_covariate(dice.normal(size=16)[KIN] + 0.3 * dice.normal(size=len(KIN)), blocks=blocks)


@pytest.mark.parametrize("design_of", [of_families, of_persons])
def test_without_an_effect_few_tests_are_significant_with_families_and_many_without(design_of):
    dice = np.random.default_rng(8)
    found = {True: 0, False: 0}
    for _ in range(150):
        values = dice.normal(size=(16, 4))[KIN] + 0.2 * dice.normal(size=(len(KIN), 4))
        for known in found:
            design = design_of(dice, Blocks(KIN) if known else None)
            found[known] += permutation_test(values, design, Permutations(59)).p.min() <= 0.05
    # 150 tests at .05: 15 or more by chance once in a hundred times
    assert found[True] < 15 and found[False] > 40


def test_columns_that_are_missing_or_constant_are_not_tested():
    values, covariate, _ = measured(9)
    values[3, 0], values[:, 1] = np.nan, 7.0
    ours = permutation_test(values, Design.of_covariate(covariate), Permutations(50))
    alone = permutation_test(values[:, 2:], Design.of_covariate(covariate), Permutations(50))
    assert np.isnan(ours.p[:2]).all() and np.isnan(ours.t[:2]).all()
    np.testing.assert_array_equal(ours.p[2:], alone.p)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Design.of_covariate(np.ones(5)), "same for everybody"),
        (lambda: Design.of_covariate(np.array([1, 2, np.nan, 4])), "missing"),
        (lambda: Design.of_covariate(np.arange(5.0), 2 * np.arange(5.0)[:, None]), "explain"),
        (lambda: Design.of_covariate(np.arange(5.0), blocks=Blocks.single(4)), "same people"),
        (lambda: Design.of_groups([True, False]), "too few"),
        (lambda: Design.of_mean(0), "same people"),
        (lambda: permutation_test(np.ones((4, 2)), Design.of_mean(5)), "do not fit"),
        (lambda: permutation_test(np.ones((5, 2)), Design.of_mean(5), Permutations(0)), "1 draw"),
        (lambda: exhaustive_test(np.ones((30, 2)), Design.of_mean(30)), "rearrangements"),
    ],
)
def test_what_cannot_be_tested_is_said(make, words):
    with pytest.raises(InputError, match=words):
        make()
