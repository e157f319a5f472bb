"""Formulas, contrasts and their tests, against scipy and an independent coding of designs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from wbtools.errors import InputError, in_python
from wbtools.group.contrast_tests import contrast_test, require_exchangeable
from wbtools.group.members.comparisons import Asked, contrasts
from wbtools.group.members.formula import columns_of, terms_of
from wbtools.group.palm_model import folder_name, weights_of
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
            "endless": [np.inf if place == 3 else place for place in range(COUNT)],
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
    centred = age * (dummies - dummies.mean(axis=0))
    np.testing.assert_allclose(ours, np.hstack([age, dummies, centred]), atol=1e-12)
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


def test_beside_a_product_a_number_s_effect_is_that_in_the_average_person(table, values):
    (contrast,) = contrasts(Asked("age + sex + age:sex", ("age",)), table)
    design = np.column_stack([np.ones(COUNT), contrast.confounds, contrast.tested])
    slope = np.linalg.lstsq(design, values, rcond=None)[0][-1]
    each = [
        [stats.linregress(table["age"][table["sex"] == sex], column[table["sex"] == sex]).slope for column in values.T]
        for sex in "FM"
    ]
    np.testing.assert_allclose(slope, np.mean(each, axis=0), rtol=1e-9)  # as many of both


def test_what_a_product_means_is_said(table):
    asked = Asked("age + sex + side + age:sex + sex:side", ("age:sex", "sex:side", "age"))
    assert [each.says for each in contrasts(asked, table)] == [
        "slope of age in M above that in F",
        "M less F in b above that in a",
        "rises with age",
    ]


def test_without_a_table_the_way_of_giving_it_is_named_as_terminals_and_as_programs_have_it():
    with pytest.raises(InputError) as raised:
        contrasts(Asked("age"), pd.DataFrame(index=["s0", "s1"]))
    assert raised.value.hint == "give it by --participants"
    assert in_python.spelled(raised.value.hint) == "give it by participants=... of open_batch"


def test_a_column_of_a_product_with_three_levels_is_compared_by_its_name(table, values):
    asked = {"formula": "age + group + age:group"}
    assert "--contrast 'age:group: pre-ill'" in refusal(table, **asked, contrasts=("age:group",))
    found = compared(table, values, **asked, contrasts=("age:group: well",))
    slopes = {
        name: [stats.linregress(table["age"][mine], column[mine]).slope for column in values.T]
        for name in ("ill", "well")
        for mine in [table["group"] == name]
    }
    np.testing.assert_array_equal(np.sign(found.t), np.sign(np.subtract(slopes["well"], slopes["ill"])))
    assert found.name == "age:group: well" and found.tests.freedom == COUNT - 6


def test_cohen_s_d_beside_other_terms_is_in_sds_of_what_they_leave(table, values):
    table = table.assign(age=table["age"] + 15 * (table["sex"] == "M"))
    found = compared(table, values, formula="sex + age", contrasts=("M-F",))
    design = np.column_stack([np.ones(COUNT), table["sex"] == "M", table["age"]]).astype(float)
    weights, squares, *_ = np.linalg.lstsq(design, values, rcond=None)
    np.testing.assert_allclose(found.effect_size, weights[1] / np.sqrt(squares / (COUNT - 3)), rtol=1e-9)


def test_levels_that_two_columns_share_are_told_apart(table, values):
    table = table.assign(smokes=["yes", "no"] * 9, drinks=["no"] * 9 + ["yes"] * 9)
    asked = Asked("smokes + drinks", ("smokes", "drinks", "drinks: yes-no"))
    assert [each.name for each in contrasts(asked, table)] == ["smokes: yes-no", "drinks: yes-no"]
    said = refusal(table, formula="smokes + drinks", contrasts=("yes-no",))
    assert "smokes: yes-no, drinks: yes-no" in said


def test_a_contrast_that_is_asked_for_twice_is_there_once(table):
    assert len(contrasts(Asked("sex", ("sex", "M-F")), table)) == 1


def test_words_of_a_table_are_printable_in_names_of_contrasts(table):
    table = table.assign(sex=table["sex"].map({"F": "a\x07", "M": "../b"}))
    (contrast,) = contrasts(Asked("sex"), table)
    assert contrast.name == "a\\x07-../b" and folder_name(contrast.name, 1) == "1.a-x07--b"


def test_designs_do_not_depend_on_units(table, values):
    large = table.assign(age=table["age"] * 1e18)
    t = [compared(each, values, formula="age + sex", contrasts=("age",)).t for each in (table, large)]
    np.testing.assert_allclose(*t, rtol=1e-6)


def test_pairs_of_relatives_are_rearranged_together(table, values):
    (contrast,) = contrasts(Asked("side", ("b-a",), "pair"), table)
    families = np.arange(COUNT)
    families[[1, 2]] = 1  # the second of the first pair, and the first of the second
    assert len(contrast_test(values, contrast, families, Permutations(999)).tests.maxima) == 2**8


def test_more_rearrangements_than_can_be_computed_are_drawn(values):
    table = pd.DataFrame({"group": ["a", "b"] * 10})
    (contrast,) = contrasts(Asked("group"), table)
    many = np.random.default_rng(1).normal(size=(20, 1))
    found = contrast_test(many, contrast, np.arange(20), Permutations(184_757))  # 20 choose 10 is 184,756
    assert not found.exact and len(found.tests.maxima) == 184_757


def test_a_single_person_against_very_many_is_computed_in_every_way():
    table = pd.DataFrame({"group": ["a"] * 1049 + ["b"]})  # more people than Python's deepest recursion
    (contrast,) = contrasts(Asked("group"), table)
    values = np.random.default_rng(2).normal(size=(1050, 1))
    found = contrast_test(values, contrast, np.arange(1050), Permutations(2000))
    distance = np.abs(values - values.mean())[:, 0]
    assert found.exact and found.p_corrected[0] == np.mean(distance >= distance[-1])


def test_what_differs_between_relatives_with_several_exports_each_is_refused(table):
    people, families = [f"P{place // 2}" for place in range(COUNT)], np.arange(COUNT) // 6
    twins = table.assign(ill=["yes" if place % 4 < 2 else "no" for place in range(COUNT)])
    for column in ("ill", "side"):
        (contrast,) = contrasts(Asked(column), twins)
        with pytest.raises(InputError, match="several exports a person"):
            require_exchangeable(contrast, families, people)
    (paired,) = contrasts(Asked("side", (), "pair"), table)
    require_exchangeable(paired, families, people)
    (sessions,) = contrasts(Asked("side"), table)
    require_exchangeable(sessions, np.arange(COUNT) // 2, people)


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
        ({"formula": "endless"}, "is not finite for s03"),
        ({"formula": "age:sex"}, "write age + sex + age:sex"),
        ({"formula": "age:age"}, "write age + age:age"),
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
