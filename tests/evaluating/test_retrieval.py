"""Figures of what is found, against all orders of equal distances, and `wbtools evaluate` on hash codes."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_learning import evaluate, made_classes, train

from wbtools.evaluating.retrieval import MEASURES, search
from wbtools.training import retrieval as training

FEW = ("--resamples", "100")


def by_hand(distance, relevant, top):
    """Average precision, precision and recall at `top`, the mean over all orders that the distances allow."""
    found = []
    for order in itertools.permutations(range(len(distance))):
        if any(distance[a] > distance[b] for a, b in itertools.pairwise(order)):
            continue
        hits = [bool(relevant[place]) for place in order[:top]]
        precisions = [sum(hits[: n + 1]) / (n + 1) for n in range(top) if hits[n]]
        found.append((sum(precisions) / min(relevant.sum(), top), sum(hits) / top, sum(hits) / relevant.sum()))
    return np.mean(found, axis=0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_figures_are_the_means_over_all_orders_of_equal_distances(seed, top):
    dice = np.random.default_rng(seed)
    distance = dice.integers(0, 3, (6, 6))
    classes = np.array([0, 0, *dice.integers(0, 2, 4)])
    found = search(distance, classes, np.arange(6), top)
    expected = []
    for query in range(6):
        others = [n for n in range(6) if n != query]
        relevant = classes[others] == classes[query]
        if relevant.any():
            expected.append(by_hand(distance[query][others], relevant, top))
    assert list(found.figures([top]).values()) == pytest.approx(list(np.mean(expected, axis=0)))
    known = training.figures(distance, classes, top)
    assert [found.figures([top])[f"{name}@{top}"] for name in MEASURES] == pytest.approx(
        [known[name] for name in MEASURES]
    )


def test_a_query_finds_neither_itself_nor_other_scans_of_its_family():
    distance = np.array([[0, 0, 5, 9], [0, 0, 5, 9], [5, 5, 0, 1], [9, 9, 1, 0]])
    classes = np.array([0, 0, 0, 1])
    found = search(distance, classes, np.array([0, 0, 1, 2]), 2)
    assert len(found.group) == 3  # the last has nobody of its class
    assert found.curves["precision"][0].tolist() == [1.0, 0.5]
    assert search(distance[:2, :2], classes[:2], np.array([0, 0]), 1) is None


def test_equal_distances_are_chance():
    classes = np.array([0] * 10 + [1] * 30)
    found = search(np.zeros((40, 40)), classes, np.arange(40), 10).figures([10])
    assert found["precision@10"] == pytest.approx((10 * 9 / 39 + 30 * 29 / 39) / 40)
    assert found["recall@10"] == pytest.approx(10 / 39)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("hashing")
    made_classes(place / "data", 60)
    how = ("--epochs", "1", "--references", "none", "--set", "average=.9", "--fractions", ".5", ".2", ".3")
    for bits in (4, 8):
        result = train("hashing", place / "data", "--out", place / f"run{bits}", *how, "--set", f"bits={bits}")
        assert result.exit_code == 0, result.output
    return place


def test_code_lengths_stand_side_by_side_with_chance_and_real_values(folder, tmp_path):
    words = (folder / "run4", folder / "run8", folder / "data", "--out", tmp_path / "e", "--top", "7", *FEW)
    result = evaluate(*words)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "e/metrics.json").read_text())
    assert record["label"] == "sex"
    for each in record["checkpoints"].values():
        found = {name: figure["value"] for name, figure in each["figures"].items()}
        assert {"map@1", "map@5", "map@7", "chance map@7", "real recall@5"} <= set(found)
        assert found["above chance map@7"] == pytest.approx(found["map@7"] - found["chance map@7"], abs=1e-6)
        assert found["lost map@7"] == pytest.approx(found["real map@7"] - found["map@7"], abs=1e-6)
        assert 0.3 < found["chance precision@7"] < 0.6
    page = (tmp_path / "e/index.html").read_text()
    assert page.count("<img ") == 1 + 2 + 2 and "4 bits" in page and "8 bits" in page


def test_networks_of_different_recipes_are_not_compared(folder, tmp_path):
    how = ("--backbone", "mrinet-small", "--epochs", "1", "--references", "none", "--fractions", ".5", ".2", ".3")
    assert train("classes", folder / "data", "--out", tmp_path / "run", *how).exit_code == 0
    result = evaluate(folder / "run4", tmp_path / "run", folder / "data", "--out", tmp_path / "e")
    assert result.exit_code == 3 and "was trained for hashing and" in " ".join(result.output.split())
