"""Figures of classes, against scikit-learn, and `wbtools evaluate` on networks that tell them."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_learning import evaluate, made_classes, train
from sklearn import metrics

from wbtools import model as models
from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.evaluating.classification import OF_CLASS, Scores, figures, log_odds

FEW = ("--resamples", "100")


def scores_like(seed, classes=3, count=30, rounded=False):
    dice = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), dice.integers(classes, size=count - classes)])
    values = dice.normal(size=(count, classes)) + np.eye(classes)[truth]
    return Scores(values.round() if rounded else values, truth, np.arange(count) // 2, tuple("abcd"[:classes]))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(2, 4), st.booleans(), st.booleans())
def test_figures_are_scikit_learns_however_often_groups_are_drawn(seed, classes, rounded, redraw):
    made = scores_like(seed, classes, rounded=rounded)
    counts = np.random.default_rng(seed).integers(0, 3, 15) if redraw else np.ones(15, int)
    counts[:2] = 1  # every class is left
    repeated = np.repeat(np.arange(30), counts[made.group])
    truth, values = made.truth[repeated], made.scores[repeated]
    named = values.argmax(1)
    found = figures(made, counts)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, named))
    options = {"labels": range(classes), "zero_division": 0.0}
    for average, name in (("macro", "{}"), (None, "{}: {}")):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, named, average=average, **options)
        if average:
            assert found["balanced_accuracy"] == pytest.approx(recall)
            assert (found["precision"], found["f1"]) == pytest.approx((precision, f1))
        else:
            for number, letter in enumerate(made.classes):
                for each, value in (("precision", precision), ("recall", recall), ("f1", f1)):
                    assert found[name.format(each, letter)] == pytest.approx(value[number])
                auc = metrics.roc_auc_score(truth == number, values[:, number])
                assert found[f"auc: {letter}"] == pytest.approx(auc)
    aucs = [metrics.roc_auc_score(truth == number, values[:, number]) for number in range(classes)]
    assert found["auc"] == pytest.approx(np.mean(aucs))
    assert np.array_equal(made.confusion(), metrics.confusion_matrix(made.truth, made.scores.argmax(1)))
    assert {name.partition(": ")[0] for name in found if ": " in name} == set(OF_CLASS)


def test_scores_do_not_saturate_where_probabilities_do():
    logits = np.array([[0.0, 40.0], [0.0, 60.0], [50.0, 0.0]], np.float32)
    odds = log_odds(logits)
    assert odds[0, 1] < odds[1, 1] and odds[:, 0] == pytest.approx(-odds[:, 1])
    many = np.random.default_rng(0).normal(size=(5, 4))
    share = np.exp(many) / np.exp(many).sum(1, keepdims=True)
    assert log_odds(many) == pytest.approx(np.log(share / (1 - share)))


def test_a_draw_without_a_class_has_no_mean_of_classes():
    made = Scores(np.eye(2)[[0, 1, 1]], np.array([0, 1, 1]), np.arange(3), ("a", "b"))
    found = figures(made, np.array([0, 1, 2]))
    assert np.isnan(found["auc"]) and np.isnan(found["balanced_accuracy"]) and found["accuracy"] == 1
    assert found["majority"] == 1  # the class that is most frequent in the data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("classes")
    made_classes(place / "data", 60)
    how = ("--backbone", "mrinet-small", "--epochs", "2", "--references", "none", "--fractions", ".5", ".2", ".3")
    result = train("classes", place / "data", "--out", place / "run", *how)
    assert result.exit_code == 0, result.output
    return place


def test_figures_are_those_of_the_test_people(folder, tmp_path):
    result = evaluate(folder / "run", folder / "data", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "e/metrics.json").read_text())
    loaded, data = models.load(folder / "run/best-auc.pt"), open_data(folder / "data")
    rows = json.loads((folder / "run/run.json").read_text())["split"]["parts"]["test"]
    truth = np.array([data.items[row].labels["sex"] for row in rows])
    with torch.no_grad():
        logits = loaded.network(torch.from_numpy(np.array(data.images[rows]))).numpy()
    named = np.array(loaded.card.classes)[logits.argmax(1)]
    found = {name: each["value"] for name, each in record["checkpoints"]["run/best-auc"]["figures"].items()}
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, named))
    assert found["auc"] == pytest.approx(
        metrics.roc_auc_score(truth == loaded.card.classes[1], logits[:, 1] - logits[:, 0])
    )
    confusion = record["confusion"]["run/best-auc"]
    assert (
        confusion["true_by_predicted"] == metrics.confusion_matrix(truth, named, labels=confusion["classes"]).tolist()
    )
    page = (tmp_path / "e/index.html").read_text()
    assert page.count("<img ") == 4 and "ROC curve of M" in page and "http:" not in page


def other(folder, to, sex):
    """The same images of other people."""
    data = open_data(folder / "data")
    items = [Item(n, f"x{n}", f"x{n}", labels={"sex": sex(n)}) for n in range(len(data))]
    return write_data(to, Kind.VOLUMES, np.array(data.images), items, data.manifest.card)


@pytest.mark.parametrize(
    ("sex", "said"),
    [
        (lambda n: "F", "have the same sex, F"),
        (lambda n: "F" if n else "", "1 image of"),
        (lambda n: "FX"[n % 2], "knows the classes F, M, and an image has X"),
    ],
)
def test_one_class_only_missing_labels_and_unknown_classes_are_refused(folder, tmp_path, sex, said):
    other(folder, tmp_path / "d", sex)
    result = evaluate(folder / "run", tmp_path / "d", "--split", "all", "--out", tmp_path / "e")
    assert result.exit_code == 3 and said in " ".join(result.output.split()), result.output
    assert not (tmp_path / "e").exists()


def test_a_label_that_is_not_there_is_refused(folder, tmp_path):
    result = evaluate(folder / "run", folder / "data", "--label", "age", "--out", tmp_path / "e")
    assert result.exit_code == 3 and "age" in result.output and "Traceback" not in result.output


# --------------------------------------------------------------------------------------------------------------- folds


@pytest.fixture(scope="module")
def folds(folder):
    """Three folds of a cross-validation."""
    for number in (1, 2, 3):
        how = ("--backbone", "mrinet-small", "--epochs", "1", "--references", "none", "--fold", f"{number}/3")
        result = train("classes", folder / "data", "--out", folder / f"fold{number}", *how)
        assert result.exit_code == 0, result.output
    return [folder / f"fold{number}" for number in (1, 2, 3)]


def test_folds_judge_everybody_once_by_the_network_that_has_not_seen_them(folder, folds, tmp_path):
    result = evaluate(*folds, folder / "data", "--folds", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    record, data = json.loads((tmp_path / "e/metrics.json").read_text()), open_data(folder / "data")
    right, each = [], []
    for run in folds:
        rows = json.loads((run / "run.json").read_text())["split"]["parts"]["test"]
        loaded = models.load(run / "best-auc.pt")
        with torch.no_grad():
            named = loaded.network(torch.from_numpy(np.array(data.images[rows]))).argmax(1).numpy()
        hits = [
            data.items[row].labels["sex"] == loaded.card.classes[name] for row, name in zip(rows, named, strict=True)
        ]
        right += hits
        each.append(np.mean(hits))
    assert len(right) == len(data) == record["data"]["images"]
    assert record["folds"]["accuracy"]["value"] == pytest.approx(np.mean(right))
    assert [fold["accuracy"] for fold in record["each_fold"].values()] == pytest.approx(each)
    assert f"mean of the folds {np.mean(each):.3f} (SD {np.std(each, ddof=1):.3f})" in " ".join(result.output.split())


def test_what_is_no_cross_validation_is_refused(folder, folds, tmp_path):
    out = ("--folds", "--out", tmp_path / "e")
    for words, said in (
        ((folder / "run", folds[0], folder / "data", *out), "is no fold of a cross-validation"),
        ((folds[0], folds[0], folder / "data", *out), "was given already"),
        ((folds[0], folder / "data", *out), "several folds"),
        ((*folds, folder / "data", "--split", "val", *out), "judged on test people"),
        ((*folds, folder / "data", *out[1:]), "other people in the part test"),
    ):
        result = evaluate(*words)
        assert result.exit_code == 3 and said in " ".join(result.output.split()), result.output
