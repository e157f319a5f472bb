"""Figures of pairs of people, against scikit-learn on pairs that are written out one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from wbtools.datasets import Item
from wbtools.errors import InputError
from wbtools.evaluating.pairs import FIGURES, drawn, figures, pairs_of
from wbtools.training import pairs as training


def people(pairs, singles=0, family=""):
    """Twins, then others."""
    items = [
        Item(0, f"{pair}{side}", f"{pair}{side}", labels={"twin": f"{pair}"}) for pair in range(pairs) for side in "ab"
    ]
    return items + [Item(0, f"s{n}", f"s{n}", family, labels={"twin": ""}) for n in range(singles)]


def embeddings(count, seed, size=4, rounded=False):
    values = np.random.default_rng(seed).normal(size=(count, size))
    return values.round() + 0.1 if rounded else values


def listed(items, values, counts):
    """Distances and truth of all pairs, those of groups that were drawn several times as often, and nothing else."""
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    together, apart = [], []
    for i, j in itertools.combinations(range(len(items)), 2):
        distance = round(max(0.0, 1 - units[i] @ units[j]), 9)  # as the order of sums does not matter
        a, b = (items[n].labels["twin"] or items[n].person for n in (i, j))
        if a == b:
            together += [distance] * counts[a]
        else:
            apart += [distance] * (counts[a] * counts[b])
    return np.array(together), np.array(apart)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.integers(0, 4), st.integers(0, 1000), st.booleans(), st.booleans())
def test_figures_are_scikit_learns_of_all_pairs_however_often_groups_are_drawn(pairs, singles, seed, rounded, redraw):
    items = people(pairs, singles)
    values = embeddings(len(items), seed, rounded=rounded)
    names = list(dict.fromkeys(item.labels["twin"] or item.person for item in items))
    times = np.random.default_rng(seed).integers(0, 3, len(names)) if redraw else np.ones(len(names), int)
    times[:2] = 1  # something is left of both kinds
    together, apart = listed(items, values, dict(zip(names, times.tolist(), strict=True)))
    found = figures(pairs_of(items, values, "twin", "it"), 0.7, times)

    truth = np.repeat([1, 0], [len(together), len(apart)])
    distance = np.concatenate([together, apart])
    balanced = np.where(truth, 1.0, len(together) / len(apart))
    said = distance < 0.7
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(truth, -distance))
    assert found["auc_pr"] == pytest.approx(metrics.average_precision_score(truth, -distance, sample_weight=balanced))
    assert found["auc_pr_all"] == pytest.approx(metrics.average_precision_score(truth, -distance))
    for name, weights in (("", balanced), ("_all", None)):
        options = {"sample_weight": weights, "zero_division": 0.0}
        assert found[f"f1{name}"] == pytest.approx(metrics.f1_score(truth, said, **options))
        assert found[f"precision{name}"] == pytest.approx(metrics.precision_score(truth, said, **options))
    assert found["recall"] == pytest.approx(metrics.recall_score(truth, said))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, said))
    for name, each in (("together", together), ("apart", apart)):
        assert found[f"{name}_mean"] == pytest.approx(each.mean())
        assert found[f"{name}_sd"] == pytest.approx(each.std(), abs=1e-7)
    edge = np.sort(apart)[int(np.ceil(0.05 * len(apart) - 1e-9)) - 1]
    assert found["overlap"] == pytest.approx((together > edge + 1e-12).mean(), abs=1e-9)
    assert set(found) == set(FIGURES)


def test_ties_count_half():
    items = people(2)
    values = np.ones((4, 3))
    found = figures(pairs_of(items, values, "twin", "it"), 0.5)
    assert found["auc"] == 0.5 and found["precision_all"] == pytest.approx(2 / 6) and found["auc_pr"] == 0.5


def test_what_validation_says_of_the_same_distances_is_the_same():
    items = people(6, 3)
    pairs = pairs_of(items, embeddings(len(items), 3), "twin", "it")
    known = training.figures(pairs.together, pairs.apart)
    found = figures(pairs, known["threshold"])
    for name in ("auc", "auc_pr", "f1", "gap", "separability", "together_sd", "apart_mean"):
        assert found[name] == pytest.approx(known[name], abs=1e-5), name


def test_scans_of_one_person_and_siblings_are_neither_twins_nor_others():
    items = [
        Item(0, "a", "a1", "F", labels={"twin": "1"}),
        Item(0, "a", "a2", "F", labels={"twin": "1"}),
        Item(0, "b", "b", "F", labels={"twin": "1"}),
        Item(0, "c", "c", "F", labels={"twin": ""}),
        Item(0, "d", "d", labels={"twin": ""}),
    ]
    pairs = pairs_of(items, embeddings(5, 1), "twin", "it")
    assert (len(pairs.together), len(pairs.apart), pairs.groups) == (2, 4, 2)


@pytest.mark.parametrize(
    ("items", "said"), [(people(0, 3), "has no pair of twins"), (people(1), "nobody to tell twins from")]
)
def test_nothing_to_compare_is_refused(items, said):
    with pytest.raises(InputError, match=said):
        pairs_of(items, embeddings(len(items), 0), "twin", "it")


def test_draws_take_one_other_for_each_pair_of_twins_and_average_to_all_pairs():
    items = people(12, 6)
    pairs = pairs_of(items, embeddings(len(items), 8), "twin", "it")
    few, many = (drawn(pairs, 0.8, draws, 0) for draws in (10, 200))
    whole = figures(pairs, 0.8)
    assert many["auc"][0] == pytest.approx(whole["auc"], abs=0.01)
    assert many["recall"] == (pytest.approx(whole["recall"]), pytest.approx(0))  # no draw changes the twins
    assert few["auc"][1] > 0 and drawn(pairs, 0.8, 10, 0) == few
    assert set(drawn(pairs, None, 2, 0)) == {"auc", "auc_pr"}
