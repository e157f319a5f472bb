"""The recipe of hashing: its loss, its queue and its figures, against oracles; and that codes are learned."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_learning import lines, made_classes, train

from wbtools import model as models
from wbtools.training import retrieval
from wbtools.training.backbones import BACKBONES, Sizes
from wbtools.training.recipes import recipe_named
from wbtools.training.recipes.hashing import CodeLoss, Options


def test_the_constants_are_the_published_ones():
    recipe = recipe_named("hashing")
    told = recipe.settings
    assert (told.optimiser, told.rate, told.epochs, told.average) == ("adam", 1e-4, 30, 0.999)
    assert recipe.options.margin == 0.2 and recipe.keys
    state = BACKBONES["ad3dcnn"].build(Sizes((1, 182, 218, 182), 2, 16)).state_dict()
    assert state["codes3.0.weight"].shape == (16, 256) and state["feature_extractor.31.weight"].shape[0] == 128


def test_triplets_are_those_of_the_batch_against_all_codes_of_the_queue():
    dice = np.random.default_rng(0)
    loss = CodeLoss(Options(bits=4, queue=6))
    past, past_classes = [], []
    for _ in range(4):
        codes, keys = (np.tanh(dice.normal(size=(3, 4))).astype(np.float32) for _ in range(2))
        classes = dice.integers(2, size=3)
        found = loss(torch.from_numpy(codes), torch.from_numpy(keys), torch.from_numpy(classes))
        past, past_classes = [*past, *keys][-6:], [*past_classes, *classes][-6:]

        unit = lambda x: np.array(x) / np.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
        distance = 1 - unit(codes) @ unit(past).T
        same = classes[:, None] == np.array(past_classes)
        each = [
            row[p] - row[n] + 0.2
            for row, alike in zip(distance, same, strict=True)
            for p, n in itertools.product(np.flatnonzero(alike), np.flatnonzero(~alike))
        ]
        violated = [value for value in each if value > 0]
        assert float(found["triplets"]) == pytest.approx(np.mean(violated) if violated else 0, rel=1e-5)
    assert float(found["quantisation"]) == pytest.approx(np.mean((abs(codes) - 1) ** 2), rel=1e-5)
    assert float(found["balance"]) == pytest.approx(np.mean(codes.mean(0) ** 2), rel=1e-4)


def test_the_total_weights_the_parts():
    loss = CodeLoss(Options(quantisation=0.5, balance=2.0))
    parts = {"triplets": torch.tensor(1.0), "quantisation": torch.tensor(10.0), "balance": torch.tensor(100.0)}
    assert float(loss.total(parts)) == 1 + 5 + 200


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_figures_of_retrieval_are_the_means_over_all_orders_of_equal_distances(seed, top):
    dice = np.random.default_rng(seed)
    classes = dice.integers(2, size=6)
    distance = dice.integers(0, 3, size=(6, 6))
    expected = []
    for query in range(6):
        others = [place for place in range(6) if place != query]
        relevant = {place for place in others if classes[place] == classes[query]}
        if not relevant:
            continue
        orders = []
        for order in itertools.permutations(others):
            if any(distance[query, a] > distance[query, b] for a, b in itertools.pairwise(order)):
                continue
            hit = [place in relevant for place in order[:top]]
            kept = min(top, len(others))
            precision = sum(sum(hit[: k + 1]) / (k + 1) for k in range(kept) if hit[k]) / min(len(relevant), kept)
            orders.append((precision, sum(hit) / kept, sum(hit) / len(relevant), len(relevant) / 5))
        expected.append(np.mean(orders, axis=0))
    if expected:
        found = retrieval.figures(distance, classes, top)
        assert list(found.values()) == pytest.approx(list(np.mean(expected, axis=0)))


def test_hamming_distance_counts_the_bits_that_differ():
    codes = np.random.default_rng(1).normal(size=(5, 9))
    expected = [[sum((a > 0) != (b > 0)) for b in codes] for a in codes]
    assert retrieval.hamming(codes).tolist() == expected


def test_codes_of_a_planted_difference_are_found_again(tmp_path):
    made_classes(tmp_path / "data", 60)
    how = ("--epochs", "6", "--rate", "2e-3", "--set", "augment=no", "--set", "average=.9", "--set", "bits=8")
    result = train("hashing", tmp_path / "data", "--out", tmp_path / "run", *how)
    assert result.exit_code == 0, result.output
    best = max(lines(tmp_path / "run"), key=lambda line: line["val"]["map"])["val"]
    assert best["map"] > 0.9 and best["chance"] < 0.6
    loaded = models.load(tmp_path / "run/best-map.pt")
    assert loaded.network.hashes and loaded.description["bits"] == 8
    assert (loaded.card.answer, loaded.card.classes) == ("embedding", ("F", "M"))


def test_a_queue_shorter_than_a_batch_is_refused(tmp_path):
    made_classes(tmp_path / "data", 20)
    result = train("hashing", tmp_path / "data", "--out", tmp_path / "run", "--set", "queue=4")
    assert result.exit_code == 3 and "shorter than a batch" in result.output
