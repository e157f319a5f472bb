"""Formulas, contrasts and their tests, against scipy and an independent coding of designs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from wbtools.errors import InputError
from wbtools.group.contrast_tests import contrast_test
from wbtools.group.members.comparisons import Asked, contrasts
from wbtools.group.members.formula import columns_of, terms_of
from wbtools.group.palm_model import weights_of
from wbtools.group.statistics.permutation import Permutations

COUNT = 18
HOW = Permutations(199)


@pytest.fixture
def table():
    dice = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": dice.normal(40, 9, COUNT),
            "sex": dice.permutation(["F", "M"] * 9),
            "group": np.repeat(["ill", "pre-ill", "well"], 6),
            "pair": [f"P{place // 2}" for place in range(COUNT)],
            "side": ["a", "b"] * 9,
            "same": 1,
        },
        index=[f"s{place:02}" for place in range(COUNT)],
    )


@pytest.fixture
def values():
    return np.random.default_rng(6).normal(size=(COUNT, 5))


def compared(table, values, **asked):
    (contrast,) = contrasts(Asked(**asked), table)
    return contrast_test(values, contrast, np.arange(len(table)), HOW)


def refusal(table, **asked):
    with pytest.raises(InputError) as raised:
        contrasts(Asked(**asked), table)
    return f"{raised.value} {raised.value.hint}"


def test_terms_span_what_dummy_variables_and_centred_numbers_span(table):
    terms = terms_of("age + group + age:group", table)
    ours = np.column_stack([term.values for term in terms])
    dummies = pd.get_dummies(table["group"]).to_numpy(float)[:, 1:]
    age = (table["age"] - table["age"].mean()).to_numpy()[:, None]
    np.testing.assert_allclose(ours, np.hstack([age, dummies, age * dummies]), atol=1e-12)
    assert [term.name for term in terms] == ["age", "group", "age:group"]
    assert terms[2].labels == ("age:group: pre-ill", "age:group: well")


def test_a_formula_is_never_evaluated():
    bad = ["__import__('os').system('x')", "age*sex", "age +", "log(age)", "~ age", "a:", "+"]
    for formula in bad:
        with pytest.raises(InputError, match="cannot be understood"):
            columns_of(formula)


def test_two_groups_are_compared_by_student_s_t_and_cohen_s_d(table, values):
    found = compared(table, values, formula="sex", contrasts=("sex",))
    first, second = values[table["sex"] == "M"], values[table["sex"] == "F"]
    np.testing.assert_allclose(found.t, stats.ttest_ind(first, second).statistic, rtol=1e-10)
    spread = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2)  # as many in both groups
    np.testing.assert_allclose(found.effect_size, (first.mean(0) - second.mean(0)) / spread, rtol=1e-10)
    assert found.name == "M-F" and "M (9) than in F (9)" in found.contrast.says


def test_levels_may_have_hyphens_and_a_third_level_counts_for_the_error_only(table, values):
    found = compared(table, values, formula="group", contrasts=("pre-ill-well",))
    groups = [values[table["group"] == name] for name in ("ill", "pre-ill", "well")]
    pooled = np.mean([group.var(axis=0, ddof=1) for group in groups], axis=0)
    expected = (groups[1].mean(0) - groups[2].mean(0)) / np.sqrt(pooled * (1 / 6 + 1 / 6))
    np.testing.assert_allclose(found.t, expected, rtol=1e-10)
    assert found.tests.freedom == COUNT - 3


def test_a_number_is_tested_as_by_pearson_s_correlation(table, values):
    found = compared(table, values, formula="age")
    r = [stats.pearsonr(table["age"], column).statistic for column in values.T]
    np.testing.assert_allclose(found.effect_size, r, rtol=1e-10)


def test_pairs_are_compared_by_the_paired_t_test(table, values):
    found = compared(table, values, formula="side", contrasts=("b-a",), paired="pair")
    first, second = values[1::2], values[::2]
    np.testing.assert_allclose(found.t, stats.ttest_rel(first, second).statistic, rtol=1e-10)
    difference = first - second
    np.testing.assert_allclose(found.effect_size, difference.mean(0) / difference.std(0, ddof=1), rtol=1e-10)


def test_few_people_are_rearranged_in_every_way(table, values):
    few = table.iloc[[0, 1, 12, 13]].assign(group=["ill", "ill", "well", "well"])
    (contrast,) = contrasts(Asked("group"), few)
    found = contrast_test(values[:4], contrast, np.arange(4), HOW)
    assert found.exact and len(found.tests.maxima) == 6  # 4 choose 2


def test_weights_for_palm_give_the_same_estimate(table, values):
    terms = terms_of("age + group + sex", table)
    design = np.column_stack([np.ones(COUNT), *(term.values for term in terms)])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0]
    for contrast in contrasts(Asked("age + group + sex", ("pre-ill-well", "sex", "age")), table):
        own = np.column_stack([contrast.tested, np.ones(COUNT), contrast.confounds])
        expected = np.linalg.lstsq(own, values, rcond=None)[0][0]
        np.testing.assert_allclose(weights_of(contrast, design) @ coefficients, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"formula": "agee"}, "did you mean age?"),
        ({"formula": "same"}, "1 for everybody"),
        ({"formula": "group"}, "name two, as --contrast pre-ill-ill"),
        ({"formula": "sex", "contrasts": ("age",)}, "neither a term"),
        ({"formula": "age", "paired": "pair"}, "is a number"),
        ({"formula": "sex", "paired": "group"}, "not a pair of one and one"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(table, asked, said):
    assert said in refusal(table, **asked)


def test_a_design_needs_more_people_than_columns(table):
    assert "4 people are too few for a design of 4 columns" in refusal(table.iloc[[0, 1, 6, 12]], formula="age + group")


def test_an_effect_that_other_terms_explain_cannot_be_tested(table):
    table = table.assign(months=table["age"] * 12)
    assert "cannot be told from that of other terms" in refusal(table, formula="age + months")


def test_options_that_need_others_say_so():
    with pytest.raises(InputError, match="--contrast needs columns"):
        Asked(contrasts=("age",))
    with pytest.raises(InputError, match="pairs are compared by one column"):
        Asked("age + sex", paired="pair")
