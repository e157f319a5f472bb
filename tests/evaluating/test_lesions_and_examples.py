"""`wbtools evaluate` on networks of slices and of pictures, against what is computed by hand."""

import csv
import json

import numpy as np
import pytest
import torch
from made_learning import evaluate, made_pictures, made_slices, train
from sklearn import metrics

from wbtools import model as models
from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.evaluating.maps.lesions import with_lesions
from wbtools.evaluating.recipes.contrastive import similarities
from wbtools.evaluating.recipes.symmetry import scores_of
from wbtools.training.recipes.contrastive import shown
from wbtools.training.simulated import SIZES

FEW = ("--resamples", "100")


def parts_of(run):
    return json.loads((run / "run.json").read_text())["split"]["parts"]


def record(place):
    return json.loads((place / "metrics.json").read_text())


# ------------------------------------------------------------------------------------------------------------ symmetry


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    place = tmp_path_factory.mktemp("symmetry")
    made_slices(place / "data", 24)
    how = ("--backbone", "halves-resnet-tiny", "--epochs", "1", "--batch", "8", "--fractions", ".4", ".2", ".4")
    for name, size in (("small", 10), ("large", 40)):
        result = train("symmetry", place / "data", "--out", place / name, *how, "--set", f"sizes={size}")
        assert result.exit_code == 0, result.output
    result = evaluate(place / "small", place / "large", place / "data", "--out", place / "done", *FEW)
    assert result.exit_code == 0, result.output
    return place


@pytest.mark.slow
def test_slices_are_shown_with_the_same_lesions_of_every_size_to_all(slices):
    found = record(slices / "done")
    data, rows = open_data(slices / "data"), np.array(parts_of(slices / "large")["test"])
    network = models.load(slices / "large/best-auc.pt").network
    halves = np.array(data.images[rows])

    def values(images):
        both = np.concatenate([images[:, :1], images[:, 1:]]).astype(np.float32)
        with torch.no_grad():
            return network.compared(torch.from_numpy(both))[:, 0].numpy()

    healthy = values(halves)
    for place, size in enumerate(SIZES):
        sick = values(with_lesions(halves, rows, place)[0])
        truth = np.repeat([0, 1], len(rows))
        both = np.concatenate([healthy, sick])
        each = found["sizes"]["large/best-auc"][str(size)]
        assert each["auc"]["value"] == pytest.approx(metrics.roc_auc_score(truth, both), abs=1e-3)
        assert each["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(truth, both > 0), abs=1e-3)


def test_a_table_has_a_row_for_every_size_and_a_column_for_every_checkpoint(slices):
    with (slices / "done/sizes-accuracy.tsv").open() as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    assert [row[0] for row in rows[1:]] == [str(size) for size in SIZES]
    assert rows[0] == ["pixels across", "small/best-auc", "large/best-auc"]
    assert {"auc-by-size.png", "accuracy-by-size.svg"} <= {path.name for path in (slices / "done/figures").iterdir()}


def test_a_lesion_is_in_one_half_of_every_slice_and_as_large_as_its_name(tmp_path):
    data = made_slices(tmp_path / "data", 8)
    halves = np.array(data.images)
    rows = np.arange(len(halves))
    areas = []
    for size in range(len(SIZES)):
        changed = with_lesions(halves, rows, size)[0] != halves
        assert (changed.any((2, 3)).sum(1) == 1).all()
        areas.append(changed.sum((1, 2, 3)).mean())
    assert areas == sorted(areas)
    assert (with_lesions(halves[3:4], rows[3:4], 4)[0] == with_lesions(halves, rows, 4)[0][3:4]).all()


def test_in_the_mixture_slices_have_lesions_of_all_sizes_in_turn():
    values = np.arange(12.0).reshape(4, 3)
    found = scores_of(values, np.arange(4))
    assert found.scores[:, 1].tolist() == [0, 3, 6, 9, 1, 5, 7, 11]
    assert found.truth.tolist() == [0] * 4 + [1] * 4 and found.group.tolist() == [0, 1, 2, 3] * 2
    assert scores_of(values, np.arange(4), 1).scores[4:, 1].tolist() == [2, 5, 8, 11]


def test_slices_of_another_size_than_in_training_are_refused(slices, tmp_path):
    data = open_data(slices / "data")
    items = [Item(n, f"x{n}", f"x{n}") for n in range(len(data))]
    write_data(tmp_path / "d", Kind.SLICES, np.array(data.images[..., :-1]), items)
    result = evaluate(slices / "small", tmp_path / "d", "--split", "all", "--out", tmp_path / "e")
    assert result.exit_code == 3 and "takes images of 48 x 48" in " ".join(result.output.split())


def test_a_network_of_slices_is_not_given_pictures(slices, tmp_path):
    made_pictures(tmp_path / "pictures")
    result = evaluate(slices / "small", tmp_path / "pictures", "--split", "all", "--out", tmp_path / "e")
    assert result.exit_code == 3 and "holds pictures" in " ".join(result.output.split())


# --------------------------------------------------------------------------------------------------------- contrastive


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    place = tmp_path_factory.mktemp("contrastive")
    made_pictures(place / "data", 20)
    how = ("--backbone", "densenet2d-tiny", "--epochs", "1", "--batch", "12", "--rate", "1e-3")
    how += ("--fractions", ".5", ".2", ".3", "--set", "examples=8")
    for name, plain in (("siamese", "no"), ("plain", "yes")):
        words = ("--set", "embedding=16", "--set", f"plain={plain}")
        result = train("contrastive", place / "data", "--out", place / name, *how, *words)
        assert result.exit_code == 0, result.output
    result = evaluate(place / "siamese", place / "plain", place / "data", "--out", place / "done", *FEW)
    assert result.exit_code == 0, result.output
    return place


@pytest.mark.slow
def test_pictures_are_told_by_the_examples_that_the_network_was_trained_on(pictures):
    data, parts = open_data(pictures / "data"), parts_of(pictures / "siamese")
    network = models.load(pictures / "siamese/best-accuracy.pt").network
    classes = np.array([item.labels["class"] for item in data.items])
    order = np.random.default_rng(42).permutation(parts["train"])
    examples = {name: order[classes[order] == name][:8] for name in np.unique(classes)}

    def units(rows):
        with torch.no_grad():
            images = torch.from_numpy(np.array(data.images[rows], np.float32))
            return torch.nn.functional.normalize(network.of_pictures(shown(images)), dim=1).numpy()

    mine = units(parts["test"])
    near = np.stack([(mine @ units(rows).T).mean(1) for rows in examples.values()], axis=1)
    said = np.array(list(examples))[near.argmax(1)]
    found = record(pictures / "done")["checkpoints"]["siamese/best-accuracy"]["figures"]
    assert found["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(classes[parts["test"]], said))
    assert "from 24 examples" in (pictures / "done/index.html").read_text()


def test_a_plain_network_stands_beside_the_siamese_with_the_difference(pictures):
    with (pictures / "done/side-by-side.tsv").open() as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    assert rows[0][1:] == [
        "siamese/best-accuracy",
        "plain/best-accuracy",
        "plain/best-accuracy less siamese/best-accuracy",
    ]
    data, rows = open_data(pictures / "data"), parts_of(pictures / "plain")["test"]
    network = models.load(pictures / "plain/best-accuracy.pt").network
    with torch.no_grad():
        said = network.of_pictures(shown(torch.from_numpy(np.array(data.images[rows], np.float32)))).argmax(1).numpy()
    truth = [data.items[row].labels["class"] for row in rows]
    found = record(pictures / "done")["checkpoints"]["plain/best-accuracy"]["figures"]["accuracy"]["value"]
    assert found == pytest.approx(np.mean(np.array(["across", "down", "slant"])[said] == truth))


def test_fewer_examples_are_tried_for_the_siamese_alone(pictures):
    found = record(pictures / "done")["examples"]
    assert set(found) == {"siamese/best-accuracy"}
    assert set(found["siamese/best-accuracy"]) == {"1", "5"}


def test_the_similarity_to_a_class_is_the_mean_of_cosines_and_a_class_without_examples_is_last():
    dice = np.random.default_rng(0)
    mine, examples, known = dice.normal(size=(5, 3)), dice.normal(size=(6, 3)), np.array([0, 0, 0, 2, 2, 2])
    found = similarities(mine, examples, known, 3)
    cosine = 1 - metrics.pairwise.cosine_distances(mine, examples)
    assert found[:, 0] == pytest.approx(cosine[:, :3].mean(1)) and found[:, 2] == pytest.approx(cosine[:, 3:].mean(1))
    assert (found[:, 1] < -1).all()


def test_pictures_without_labelled_examples_are_refused(pictures, tmp_path):
    data = open_data(pictures / "data")
    items = [Item(n, f"x{n}", f"x{n}", labels=item.labels) for n, item in enumerate(data.items)]
    write_data(tmp_path / "d", Kind.PICTURES, np.array(data.images), items)
    result = evaluate(pictures / "siamese", tmp_path / "d", "--split", "all", "--out", tmp_path / "e")
    assert result.exit_code == 3 and "labelled examples" in " ".join(result.output.split()), result.output
