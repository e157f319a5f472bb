"""The benchmark of known sources: its figures against libraries, and its small form."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmark_modules import imported
from sklearn.metrics import precision_score, roc_auc_score

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def figures():
    return imported("sources.figures")


@pytest.fixture(scope="module")
def maps():
    """Ten maps with ties, and sources in them."""
    rng = np.random.default_rng(5)
    return [(np.round(rng.gamma(1, size=500), 1), rng.random(500) < 0.1) for _ in range(10)]


def test_voxel_auc_is_that_of_scikit_learn(figures, maps):
    for size, truth in maps:
        assert figures.voxel_auc(size, truth) == pytest.approx(roc_auc_score(truth, size), abs=1e-12)


def test_precision_is_that_of_as_many_voxels_as_the_source_has(figures, maps):
    for size, truth in maps:
        broken = size + 1e-6 * np.arange(len(size))[::-1]  # without ties
        chosen = broken >= np.sort(broken)[-truth.sum()]
        assert figures.precision(broken, truth) == pytest.approx(precision_score(truth, chosen))


def test_localisation_is_that_of_quantus(figures, maps):
    quantus = pytest.importorskip("quantus")
    for size, truth in maps:
        shape = (1, 1, 20, 25)
        given = {"x_batch": np.ones(shape), "y_batch": np.zeros(1, int), "model": None}
        given |= {"a_batch": (size + 1e-6 * np.arange(500)[::-1]).reshape(shape), "s_batch": truth.reshape(shape)}
        options = {"disable_warnings": True, "abs": True, "normalise": False}
        found = figures.placed(
            given["a_batch"][0, 0], np.ones(shape[2:], bool), truth.reshape(shape[2:]), ~truth.reshape(shape[2:])
        )
        assert found["auc"] == pytest.approx(quantus.AUC(**options)(**given)[0], abs=1e-6)
        assert found["precision"] == pytest.approx(quantus.RelevanceRankAccuracy(**options)(**given)[0], abs=1e-6)
        assert found["inside"] == pytest.approx(quantus.RelevanceMassAccuracy(**options)(**given)[0], abs=1e-6)


def test_label_means_and_ranks_by_hand(figures):
    labels = np.array([[[1, 1, 2, 3, 3, 0]]])
    size = np.array([[[1.0, 3.0, 5.0, 0.0, 1.0, 9.0]]])
    means = figures.label_means(size, labels, np.array([1, 2, 3, 4]))
    assert means[:3].tolist() == [2.0, 5.0, 0.5]
    assert np.isnan(means[3])
    assert figures.rank_of(means, np.array([True, True, False, False])) == (1.0, True)
    assert figures.rank_of(means, np.array([True, False, True, False])) == (2.0, False)


def test_an_interval_over_networks_is_wider_than_over_people_alone():
    tables = imported("sources.tables")
    alike = tables.interval([np.full(6, 0.8), np.full(6, 0.8)])
    apart = tables.interval([np.full(6, 0.7), np.full(6, 0.9)])
    assert (alike.low, alike.mean, alike.high) == pytest.approx((0.8, 0.8, 0.8))
    assert (apart.low, apart.mean, apart.high) == pytest.approx((0.7, 0.8, 0.9))


@pytest.mark.slow
def test_the_small_form_trains_measures_and_takes_up_what_is_there(tmp_path, monkeypatch, capsys):
    """One network and two methods; the network learns, and the difference of brains alone is no map of it."""
    known_source = imported("known_source")
    monkeypatch.setattr(known_source, "quick", lambda given: (imported("sources.tasks").Sizes(400, 60), small_recipe()))
    arguments = [
        "--quick",
        "--work",
        str(tmp_path),
        "--tasks",
        "volume",
        "--families",
        "mrinet",
        "--regions",
        "cerebellum",
    ]
    monkeypatch.setattr(
        sys, "argv", ["known_source", *arguments, "--people", "2", "--methods", "smoothgrad-squared", "intensity"]
    )
    known_source.main()
    printed = capsys.readouterr().out
    assert "| smoothgrad-squared | 1 |" in printed
    kept = {path.name: path for path in (tmp_path / "figures").glob("*/*.json")}
    assert set(kept) == {"smoothgrad-squared.json", "intensity.json"}
    found = {name: json.loads(path.read_text()) for name, path in kept.items()}
    assert min(found["smoothgrad-squared.json"]["auc"]) > max(found["intensity.json"]["auc"])
    before = {name: path.stat().st_mtime_ns for name, path in kept.items()}
    known_source.main()
    assert {name: path.stat().st_mtime_ns for name, path in kept.items()} == before


def small_recipe():
    from wbtools.training.supervised import Recipe

    return Recipe(steps=150, rounds=1)
