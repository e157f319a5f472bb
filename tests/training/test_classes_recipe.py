"""The recipe of classes: its constants, its figures, and that it learns."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from made_learning import evaluate, lines, made_classes, train, weights

from wbtools import model as models
from wbtools.datasets import Kind, open_data, write_data
from wbtools.training import classification
from wbtools.training.backbones import BACKBONES, Sizes
from wbtools.training.recipes import recipe_named


def said(result):
    return " ".join(result.output.split())


def test_the_constants_are_the_published_ones():
    told = recipe_named("classes").settings
    assert (told.optimiser, told.rate, told.weight_decay, told.batch, told.epochs) == ("adam", 3e-4, 1e-5, 45, 20)
    assert (told.schedule, told.milestones, told.factor, told.augment) == ("steps", (15,), 0.3, False)
    network = BACKBONES["mrinet"].build(Sizes((1, 58, 70, 58), classes=2))
    assert network.state_dict()["linear.weight"].shape == (2, 22400)


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4))
def test_figures_agree_with_their_definitions(seed, classes):
    dice = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), dice.integers(classes, size=20)])
    shares = dice.dirichlet(np.ones(classes), len(truth)).round(1)
    found, answers = classification.figures(shares, truth), shares.argmax(1)
    aucs, hits, f1 = [], [], []
    for k in range(classes):
        mine, others = shares[truth == k, k], shares[truth != k, k]
        aucs.append(np.mean([(m > o) + 0.5 * (m == o) for m in mine for o in others]))
        hits.append(np.mean(answers[truth == k] == k))
        right, told = np.sum((answers == k) & (truth == k)), np.sum(answers == k) + np.sum(truth == k)
        f1.append(2 * right / told)
    assert found["auc"] == pytest.approx(np.mean(aucs))
    assert found["balanced"] == pytest.approx(np.mean(hits))
    assert found["f1"] == pytest.approx(np.mean(f1))
    assert found["accuracy"] == pytest.approx(np.mean(answers == truth))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    home = tmp_path_factory.mktemp("classes")
    made_classes(home / "data", 60)
    how = ("--backbone", "mrinet-small", "--epochs", "8", "--rate", "1e-3", "--batch", "8")
    result = train("classes", home / "data", "--out", home / "run", *how)
    assert result.exit_code == 0, result.output
    return home


def test_a_planted_difference_is_learned_and_the_test_part_confirms_it(run):
    assert lines(run / "run")[-1]["val"]["auc"] == 1
    loaded, data = models.load(run / "run/best-auc.pt"), open_data(run / "data")
    rows = json.loads((run / "run/run.json").read_text())["split"]["parts"]["test"]
    with torch.no_grad():
        answers = loaded.network.logits(torch.from_numpy(np.array(data.images[rows]))).argmax(1)
    told = [loaded.card.classes[answer] for answer in answers]
    assert np.mean([each == data.items[row].labels["sex"] for each, row in zip(told, rows, strict=True)]) >= 0.8


def test_the_file_is_a_bare_state_dict_and_the_card_names_classes_and_raw_intensities(run):
    content = torch.load(run / "run/best-auc.pt", weights_only=True)
    assert "linear.weight" in content and weights(run / "run/last.pt").keys() == content.keys()
    card = models.load(run / "run/best-auc.pt").card
    assert (card.classes, card.intensity, card.answer, card.threshold) == (("F", "M"), "raw", "classes", None)


def test_sexes_are_as_frequent_in_all_parts(run):
    parts = json.loads((run / "run/run.json").read_text())["split"]["parts"]
    data = open_data(run / "data")
    for rows in parts.values():
        assert sum(data.items[row].labels["sex"] == "F" for row in rows) == pytest.approx(len(rows) / 2, abs=1)


def test_missing_labels_and_a_single_class_are_refused_in_a_sentence(tmp_path):
    data = made_classes(tmp_path / "data", 12)
    for name, sex, sentence in (
        ("missing", "", "1 image of"),
        ("single", None, "have the same sex, F"),
        ("rare", "X", "images whose sex is X"),
    ):
        items = [
            dataclasses.replace(item, labels={"sex": "F" if sex is None else item.labels["sex"]}) for item in data.items
        ]
        if sex is not None:
            items[3] = dataclasses.replace(items[3], labels={"sex": sex})
        write_data(tmp_path / name, Kind.VOLUMES, np.array(data.images), items)
        result = train("classes", tmp_path / name, "--out", tmp_path / "run")
        assert result.exit_code == 3 and sentence in said(result), result.output


@pytest.fixture(scope="module")
def stacks(run):
    how = ("--backbone", "stack-resnet-tiny", "--epochs", "4", "--rate", "1e-3", "--batch", "8", "--set", "stack=5")
    words = ("--set", "plane=coronal", "--set", "places=3")
    result = train("classes", run / "data", "--out", run / "stacks", *how, *words)
    assert result.exit_code == 0, result.output
    return run / "stacks"


def test_a_network_of_stacks_learns_the_planted_difference_and_its_card_says_what_it_is_shown(run, stacks):
    assert lines(stacks)[-1]["val"]["auc"] == 1
    loaded, data = models.load(stacks / "best-auc.pt"), open_data(run / "data")
    assert (loaded.family, loaded.card.plane, loaded.card.places) == ("stacks", "coronal", 3)
    assert loaded.card.classes == ("F", "M") and weights(stacks / "last.pt")["conv1.weight"].shape == (8, 5, 7, 7)
    rows = json.loads((stacks / "run.json").read_text())["split"]["parts"]["val"]
    truth = np.array([data.items[row].labels["sex"] == "M" for row in rows])
    with torch.no_grad():
        logits = loaded.network.logits(torch.from_numpy(np.array(data.images[rows])))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(truth).long())
    figure = loaded.card.performance["validation_loss"]  # of the network in training: it was shown the same slices
    assert float(loss) == pytest.approx(figure, rel=1e-3)


def test_a_network_of_stacks_is_evaluated_on_the_people_it_has_not_seen(run, stacks, tmp_path):
    result = evaluate(stacks, run / "data", "--split", "test", "--out", tmp_path / "found")
    assert result.exit_code == 0, result.output
    assert "accuracy 1.000" in said(result)
    record = json.loads((tmp_path / "found/metrics.json").read_text())
    ((name, votes),) = record["votes"].items()
    loaded, data = models.load(stacks / "best-auc.pt"), open_data(run / "data")
    rows = json.loads((stacks / "run.json").read_text())["split"]["parts"]["test"]
    with torch.no_grad():
        named = loaded.network.each_place(torch.from_numpy(np.array(data.images[rows]))).argmax(2).numpy()
    truth = np.array([data.items[row].labels["sex"] == "M" for row in rows])
    assert votes == {"places": 3, "unanimous": pytest.approx(np.mean(np.ptp(named, axis=1) == 0)), "tied": 0.0}
    figures = record["checkpoints"][name]["figures"]
    right = (named.sum(1) >= 2) == truth
    assert figures["vote_accuracy"]["value"] == pytest.approx(right.mean())
    assert figures["vote_less_mean"]["value"] == pytest.approx(right.mean() - figures["accuracy"]["value"])
    assert "Majority votes of the places" in (tmp_path / "found/index.html").read_text()


def test_the_published_stack_is_torchvisions_resnet_18_of_three_or_five_channels():
    for stack in (3, 5):
        state = BACKBONES["stack-resnet"].build(Sizes((1, 58, 70, 58), classes=2, stack=stack)).state_dict()
        expected = torchvision.models.resnet18(num_classes=2).state_dict()
        expected["conv1.weight"] = torch.zeros(64, stack, 7, 7)
        assert {key: value.shape for key, value in state.items()} == {k: v.shape for k, v in expected.items()}


@pytest.mark.parametrize(
    ("backbone", "word", "sentence", "hint"),
    [
        ("stack-resnet-tiny", "stack=4", "stacks have 3 or 5 slices", "give one of these"),
        ("stack-resnet-tiny", "plane=axail", "'axail' is no plane", "did you mean axial"),
        ("stack-resnet-tiny", "places=0", "places=0 is too small", "give 1 or more"),
        ("stack-resnet-tiny", "places=14", "22 axial slices are too few for stacks of 3 at 14 places", "fewer places"),
        (
            "stack-resnet-tiny",
            "places=4097",
            "22 axial slices are too few for stacks of 3 at 4097 places",
            "fewer places",
        ),
        ("mrinet-small", "plane=coronal", "plane is a setting of stack-resnet", "give --backbone stack-resnet"),
    ],
)
def test_stacks_that_cannot_be_are_refused_in_a_sentence_before_anything_is_written(
    run, tmp_path, backbone, word, sentence, hint
):
    result = train("classes", run / "data", "--out", tmp_path / "run", "--backbone", backbone, "--set", word)
    assert result.exit_code == 3 and sentence in said(result) and hint in said(result), result.output
    assert not (tmp_path / "run").exists()


def test_images_that_are_too_small_for_the_network_are_refused(tmp_path):
    data = made_classes(tmp_path / "data", 12)
    small = np.array(data.images)[:, :, :18, :18, :18].copy()
    write_data(tmp_path / "small", Kind.VOLUMES, small, data.items)
    result = train("classes", tmp_path / "small", "--out", tmp_path / "run")
    assert result.exit_code == 3 and "mrinet cannot take images of 1 x 18 x 18 x 18" in said(result)


def relabelled(folder, data, labels):
    """The same images with other labels: a function of the row gives them."""
    items = [dataclasses.replace(item, labels=labels(item.row)) for item in data.items]
    write_data(folder, Kind.VOLUMES, np.array(data.images), items, data.manifest.card)
    return folder


def halves(row):
    return {"lesion": ["yes", "no"][row % 2], "age": str(row), "site": "A"}


def test_the_only_label_that_classes_can_be_made_of_is_taken_and_said(tmp_path):
    data = made_classes(tmp_path / "data", 24)
    how = ("--out", tmp_path / "run", "--dry-run")
    found = said(train("classes", relabelled(tmp_path / "one", data, halves), *how))
    assert "Note: The label is lesion, the only one that classes can be made of." in found
    assert "label=lesion" in found and "classes: no, yes" in found
    assert "Note:" not in said(train("classes", tmp_path / "one", *how, "--set", "label=lesion"))
    assert "Note:" not in said(train("classes", tmp_path / "data", *how))


def test_of_several_labels_the_usual_one_is_taken_and_without_it_one_has_to_be_chosen(tmp_path):
    data = made_classes(tmp_path / "data", 24)
    how = ("--out", tmp_path / "run", "--dry-run")
    both = relabelled(tmp_path / "both", data, lambda row: {"arm": "ab"[row % 2], "side": "lr"[row // 2 % 2]})
    run = train("classes", both, *how)
    assert run.exit_code == 3 and "several labels that classes can be made of: arm, side" in said(run)
    assert "--set label=arm" in said(run)
    usual = relabelled(tmp_path / "usual", data, lambda row: {"arm": "ab"[row % 2], "sex": "FM"[row % 2]})
    assert "label=sex" in said(train("classes", usual, *how))


def test_a_usual_label_that_somebody_lacks_is_named_where_others_could_be_meant(tmp_path):
    data = made_classes(tmp_path / "data", 24)
    gaps = relabelled(
        tmp_path / "gaps",
        data,
        lambda row: {"arm": "ab"[row % 2], "side": "lr"[row // 2 % 2], "sex": "FM "[row % 3].strip()},
    )
    run = train("classes", gaps, "--out", tmp_path / "run", "--dry-run")
    assert run.exit_code == 3 and "lack the label sex" in said(run)


def test_a_run_that_took_its_label_goes_on_without_naming_it(tmp_path):
    data = made_classes(tmp_path / "data", 24)
    data = relabelled(tmp_path / "single", data, halves)
    how = ("--epochs", "1", "--batch", "8", "--references", "none", "--backbone", "mrinet-small")
    assert train("classes", data, "--out", tmp_path / "run", *how).exit_code == 0
    run = train("classes", data, "--out", tmp_path / "run", "--resume", *how)
    assert run.exit_code == 0, run.output


def test_the_card_names_label_and_classes_and_how_many_people_its_figures_are_of(tmp_path):
    made_classes(tmp_path / "data", 24)
    how = ("--epochs", "1", "--batch", "8", "--references", "none", "--backbone", "mrinet-small")
    assert train("classes", tmp_path / "data", "--out", tmp_path / "run", *how).exit_code == 0
    card = models.load(tmp_path / "run" / "last.pt").card
    assert card.title == "sex (F, M), told from a brain (mrinet, trained with wbtools)"
    split = json.loads((tmp_path / "run" / "run.json").read_text())["split"]
    assert card.performance["validation_people"] == len(split["people"]["val"])
    assert card.performance["validation_images"] == len(split["parts"]["val"])


def test_of_many_classes_the_title_names_some():
    classes = [f"c{number}" for number in range(9)]
    recipe = recipe_named("hashing")
    title = recipe.titled(recipe.options, classes)
    assert title == "codes by which images of the same sex (c0, c1, c2, c3, c4, c5 and 3 more) are found"
    assert recipe_named("twins").titled(None, ()) == recipe_named("twins").title
