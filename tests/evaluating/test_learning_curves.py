"""Learning curves of contrastive runs, against scipy's intervals and accuracies that are computed by hand."""

import csv
import json

import numpy as np
import pytest
import torch
from made_learning import evaluate, made_pictures, train
from scipy import stats

from wbtools import model as models
from wbtools.datasets import open_data
from wbtools.evaluating.recipes.learning_curves import DIFFERENCE, PLAIN, SIAMESE, Curves, Key, headline, verdict
from wbtools.training.recipes.contrastive import shown

FEW = ("--resamples", "100")
HOW = ("--backbone", "densenet2d-tiny", "--epochs", "1", "--batch", "8", "--fractions", ".5", ".2", ".3")
SMALL = ("--set", "settle=1", "--set", "embedding=8", "--set", "steps=3", "--rate", "5e-3")
EXAMPLES, SEEDS = (2, 6), (0, 1, 2)


def record(place):
    return json.loads((place / "metrics.json").read_text())


def trained(data, out, examples, plain, seed, *more):
    words = ("--set", f"examples={examples}", "--set", f"plain={plain}", "--seed", seed, *more)
    result = train("contrastive", data, "--out", out, *HOW, *SMALL, *words)
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Siamese and plain runs of two numbers of examples and three seeds, whose splits differ; one plain is missing."""
    place = tmp_path_factory.mktemp("curves")
    made_pictures(place / "data", 20)
    for examples in EXAMPLES:
        for seed in SEEDS:
            for plain in ("no", "yes"):
                if (examples, plain, seed) != (6, "yes", 2):
                    trained(place / "data", place / f"{examples}-{plain}-{seed}", examples, plain, seed)
    return place


def runs(folder):
    return sorted(path for path in folder.iterdir() if path.name[0].isdigit())


@pytest.fixture(scope="module")
def done(folder):
    result = evaluate(*runs(folder), folder / "data", "--out", folder / "done", *FEW)
    assert result.exit_code == 0, result.output
    return folder / "done", result.output


@pytest.fixture(scope="module")
def alone(folder):
    """The accuracy of every run by itself, by hand."""
    data = open_data(folder / "data")
    classes, names = np.array([item.labels["class"] for item in data.items]), ("across", "down", "slant")
    found = {}
    for run in runs(folder):
        examples, plain, seed = run.name.split("-")
        parts = json.loads((run / "run.json").read_text())["split"]["parts"]
        network = models.load(run / "best-accuracy.pt").network

        def said(rows, network=network):
            with torch.no_grad():
                return network.of_pictures(shown(torch.from_numpy(np.array(data.images[rows], np.float32))))

        near = said(parts["test"])
        if plain == "no":
            order = np.random.default_rng(int(seed)).permutation(parts["train"])
            kept = [order[classes[order] == name][: int(examples)] for name in names]
            units = [torch.nn.functional.normalize(said(np.sort(rows)), dim=1) for rows in kept]
            near = torch.stack([(torch.nn.functional.normalize(near, dim=1) @ each.T).mean(1) for each in units], 1)
        found[run.name] = float(np.mean(np.array(names)[near.argmax(1).numpy()] == classes[parts["test"]]))
    return found


@pytest.mark.slow
def test_accuracies_are_those_of_every_run_by_itself_with_intervals_over_seeds(done, alone):
    found = record(done[0])["learning_curves"]
    assert list(found["examples"]) == ["2", "6"] and found["level"] == 0.95
    for examples, each in found["examples"].items():
        for name, plain in (("siamese", "no"), ("plain", "yes")):
            known = {seed: alone[key] for seed in SEEDS if (key := f"{examples}-{plain}-{seed}") in alone}
            assert each[name]["seeds"] == pytest.approx({str(seed): value for seed, value in known.items()})
            values = list(known.values())
            assert each[name]["value"] == pytest.approx(np.mean(values))
            if np.ptp(values):
                low, high = stats.ttest_1samp(values, 0).confidence_interval()
                assert (each[name]["low"], each[name]["high"]) == pytest.approx((low, high), rel=1e-5)


def test_differences_are_between_runs_of_the_same_seed_and_examples(done, alone):
    found = record(done[0])["learning_curves"]["examples"]
    for examples, seeds in (("2", "012"), ("6", "01")):
        apart = {seed: alone[f"{examples}-no-{seed}"] - alone[f"{examples}-yes-{seed}"] for seed in seeds}
        assert found[examples]["difference"]["seeds"] == pytest.approx(apart, abs=1e-6)


def test_table_figure_and_page_show_the_curves_and_no_single_run(done):
    with (done[0] / "learning-curves.tsv").open() as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    assert [row[0] for row in rows[1:]] == ["2", "6"]
    assert [row[4] for row in rows[1:]] == ["3", "2"] and [row[6] for row in rows[1:]] == ["3", "2"]
    with (done[0] / "learning-curve-runs.tsv").open() as stream:
        each = list(csv.reader(stream, delimiter="\t"))[1:]
    assert [row[1:4] for row in each[:4]] == [
        ["2", "Siamese", "0"],
        ["2", "Siamese", "1"],
        ["2", "Siamese", "2"],
        ["2", "plain CNN", "0"],
    ]
    names = {path.name for path in (done[0] / "figures").iterdir()}
    assert {"learning-curves.png", "learning-curves.svg"} <= names and not [name for name in names if "roc" in name]
    page = (done[0] / "index.html").read_text()
    assert "Accuracy by training examples of each class" in page and "faint points single seeds" in page
    assert "of its own split" in page
    assert page.count("trained on pictures, which") == 1 and "<p>11 checkpoints: " in page  # the same is said once
    found = record(done[0])["learning_curves"]["difference"]
    assert sorted(which for group in found.values() for which in group) == ["2", "6"]


def test_runs_of_a_seed_that_were_judged_on_other_pictures_are_refused(folder, tmp_path):
    trained(folder / "data", tmp_path / "other", 6, "yes", 0, "--fractions", ".4", ".2", ".4")
    places = (folder / "6-no-0", tmp_path / "other", folder / "6-no-1", folder / "data")
    result = evaluate(*places, "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 3 and "other people in the part test" in " ".join(result.output.split())


@pytest.mark.slow
def test_of_one_seed_there_is_no_interval_and_the_page_says_so(folder, tmp_path):
    places = [folder / f"{examples}-{plain}-0" for examples in EXAMPLES for plain in ("no", "yes")]
    result = evaluate(*places, folder / "data", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    found = record(tmp_path / "e")["learning_curves"]
    for each in found["examples"].values():
        for name in ("siamese", "plain", "difference"):
            assert each[name]["value"] is not None and each[name]["low"] is None and each[name]["high"] is None
    assert found["difference"]["no_interval"] == ["2", "6"]
    assert "there is no interval with 2 and 6 examples" in " ".join(result.output.split())
    assert "(no interval)" in (tmp_path / "e/learning-curves.tsv").read_text()
    assert (tmp_path / "e/side-by-side.tsv").exists()  # so few, on the same pictures, are compared one by one as well


@pytest.mark.slow
def test_settings_that_differ_otherwise_make_no_curve_and_are_named(folder, tmp_path):
    trained(folder / "data", tmp_path / "other", 6, "no", 0, "--set", "margin=.5")
    result = evaluate(folder / "2-no-0", tmp_path / "other", folder / "data", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    assert "learning_curves" not in record(tmp_path / "e")
    assert "differ in margin: they form no learning curve" in (tmp_path / "e/index.html").read_text()


@pytest.mark.slow
def test_what_a_class_lacks_of_the_examples_asked_for_and_what_else_differs_in_pairs_is_said(folder, tmp_path):
    trained(folder / "data", tmp_path / "many", 500, "no", 0)
    trained(folder / "data", tmp_path / "all", 0, "no", 0)
    trained(folder / "data", tmp_path / "faster", 2, "yes", 0, "--rate", "1e-2")
    places = (folder / "2-no-0", tmp_path / "faster", tmp_path / "many", tmp_path / "all")
    result = evaluate(*places, folder / "data", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    with (tmp_path / "e/learning-curves.tsv").open() as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    assert [row[0] for row in rows[1:]] == ["2", "500 (10)", "all (10)"]
    assert "The two runs of a pair differ in rate as well" in (tmp_path / "e/index.html").read_text()


def made(**differences):
    """Curves whose pairs differ by so much, by number of examples."""
    dice = np.random.default_rng(0)
    found = {}
    for examples, by in differences.items():
        for seed, more in enumerate(by):
            plain = dice.uniform(0.4, 0.6)
            found |= {Key(int(examples[1:]), True, seed): plain, Key(int(examples[1:]), False, seed): plain + more}
    return Curves(found, 0.95)


def test_the_verdict_names_where_the_interval_is_above_0_below_0_or_neither():
    found = made(
        n5=(0.1, 0.11, 0.12), n10=(0.2, 0.21, 0.23), n50=(-0.1, 0.1, 0.02), n300=(-0.1, -0.11, -0.12), n7=(0.1,)
    )
    assert found.signs() == {"above_0": [5, 10], "below_0": [300], "holds_0": [50], "no_interval": [7]}
    said = verdict(found)
    assert "above 0 with 5 and 10; below 0 with 300; on both sides of 0 with 50 examples of each class." in said
    assert "no interval with 7 examples" in said
    for examples, by in ((5, (0.1, 0.11, 0.12)), (50, (-0.1, 0.1, 0.02))):
        known = stats.ttest_1samp(by, 0).confidence_interval()
        apart = found.estimate(examples, DIFFERENCE)
        assert (apart.low, apart.high) == pytest.approx((known.low, known.high))


def test_kinds_without_a_partner_have_no_difference():
    found = Curves({Key(5, False, 0): 0.5, Key(5, True, 1): 0.6, Key(float("inf"), False, 0): 0.9}, 0.95)
    assert found.estimate(5, DIFFERENCE) is None and found.estimate(5, SIAMESE).value == 0.5
    assert found.estimate(float("inf"), PLAIN) is None
    assert "no difference to look at" in verdict(found) and headline(found)[-1].startswith("all examples")
