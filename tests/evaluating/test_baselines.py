"""Classic models beside a network, against scikit-learn on the same voxels, and on answers that are known."""

import json

import numpy as np
import pytest
from made_learning import evaluate, made_classes, train
from sklearn.metrics import accuracy_score
from sklearn.svm import SVC

from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.evaluating.recipes import baselines
from wbtools.evaluating.recipes.baselines import Task

FEW = ("--resamples", "100", "--baselines")


def made(folder, images):
    """A data set of these volumes."""
    items = [Item(n, f"p{n}", f"p{n}.nii", labels={"sex": "FM"[n % 2]}) for n in range(len(images))]
    return write_data(folder / "data", Kind.VOLUMES, images.astype(np.float32), items)


def test_kernels_give_the_support_vector_machine_of_scikit_learn_on_the_voxels_themselves(tmp_path):
    dice = np.random.default_rng(3)
    images = 400 + 90 * dice.normal(size=(40, 1, 5, 6, 4))
    truth = np.arange(40) % 2
    images[truth == 1, :, 2] += 60
    task = Task(made(tmp_path, images), np.arange(28), np.arange(28, 40), truth[:28])
    flat = images.astype(np.float32).astype(np.float64).reshape(40, -1)
    flat -= flat[:28].mean(0)
    flat /= np.sqrt((flat[:28] ** 2).sum(1).mean())
    expected = SVC(kernel="linear").fit(flat[:28], truth[:28]).decision_function(flat[28:])
    found = baselines.by_voxels(task)
    np.testing.assert_allclose(found[:, 1], expected, atol=1e-3)  # both solve to a tolerance of 1e-3
    np.testing.assert_array_equal(found[:, 0], -found[:, 1])


def test_brains_of_other_volume_are_told_by_their_volume_alone(tmp_path):
    images = np.zeros((30, 1, 8, 8, 8))
    for number, image in enumerate(images):
        image[0, : 3 + 2 * (number % 2) + (number % 3 == 0)] = 1
    task = Task(made(tmp_path, images), np.arange(20), np.arange(20, 30), np.arange(20) % 2)
    assert accuracy_score(np.arange(20, 30) % 2, baselines.by_volume(task).argmax(1)) == 1


def test_of_a_table_that_measure_counts_that_decides_and_missing_numbers_are_no_obstacle(tmp_path):
    dice = np.random.default_rng(5)
    data = made(tmp_path, dice.normal(size=(120, 1, 4, 4, 4)))
    truth = np.arange(120) % 2
    values = dice.normal(size=(120, 3))
    values[:, 1] += 6 * truth
    rows = [
        f"sub-p{n}\t{a:.4f}\t{b:.4f}\t{'n/a' if n == 7 else f'{c:.4f}'}\ttext" for n, (a, b, c) in enumerate(values)
    ]
    (tmp_path / "aseg.tsv").write_text("\n".join(["participant_id\tleft\tthalamus\tright\tnote", *rows]) + "\n")
    found = baselines.measures_in(tmp_path / "aseg.tsv", data, np.arange(120))
    assert found.names == ("left", "thalamus", "right") and np.isnan(found.values[7, 2])
    task = Task(data, np.arange(80), np.arange(80, 120), truth[:80])
    for scores in baselines.of_measures(found).values():
        assert accuracy_score(truth[80:], scores(task).argmax(1)) > 0.95
    assert baselines.importances(found, task, truth[80:])[0][0] == "thalamus"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network of two classes, and what it was trained on."""
    place = tmp_path_factory.mktemp("baselines")
    made_classes(place / "data")
    train(
        "classes", place / "data", "--out", place / "run", "--backbone", "mrinet-small", "--epochs", "1", "--batch", "8"
    )
    return place


def test_classic_models_stand_beside_the_network_with_intervals_and_differences(run, tmp_path):
    data = open_data(run / "data")
    rows = "\n".join(f"{item.person},{item.row % 5},{'FM'.find(item.labels['sex'])}" for item in data.items)
    (tmp_path / "measures.csv").write_text(f"Subject,noise,what\n{rows}\n")
    out = tmp_path / "out"
    done = evaluate(run / "run", run / "data", "--out", out, *FEW, "--measures", tmp_path / "measures.csv")
    assert done.exit_code == 0, done.output
    heading = (out / "side-by-side.tsv").read_text().splitlines()[0].split("\t")
    assert "brain volume" in heading and "linear SVM on voxels" in heading
    assert "gradient boosting on measures" in heading
    assert (out / "importances.tsv").read_text().splitlines()[1].startswith("what\t")
    assert "Measures that gradient boosting relies on" in (out / "index.html").read_text()
    assert json.loads((out / "metrics.json").read_text())["settings"]["measures"] == "measures.csv"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("a,b\n1,2\n", "has no column of ids"),
        ("Subject,b\nnobody,2\n", "has no line of"),
        ("Subject,b\np0,2\np0,3\n", "has two lines of p0"),
        ("Subject,b\n" + "".join(f"p{n},1e308\n" for n in range(40)), "has no column of numbers"),
    ],
)
def test_a_table_that_cannot_be_used_is_said_before_anything_is_computed(run, tmp_path, table, said):
    (tmp_path / "t.csv").write_text(table)
    done = evaluate(run / "run", run / "data", "--out", tmp_path / "out", *FEW, "--measures", tmp_path / "t.csv")
    assert done.exit_code == 3 and said in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()
