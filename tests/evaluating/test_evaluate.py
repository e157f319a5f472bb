"""`wbtools evaluate` on networks of twins: what it finds, what it writes, and what it refuses."""

import csv
import html.parser
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_learning import CARD, SHAPE, evaluate, made_twins, train
from sklearn import metrics

from wbtools import model as models
from wbtools.datasets import Item, Kind, open_data, write_data

QUICK = ("--backbone", "unet-tiny", "--epochs", "2", "--rate", "2e-3", "--batch", "12", "--set", "accumulate=1")
FEW = ("--resamples", "100")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set and two runs that share a split."""
    place = tmp_path_factory.mktemp("evaluate")
    made_twins(place / "data", pairs=16)
    for name, more in (("run", ()), ("other", ("--set", "margin=.5"))):
        result = train("twins", place / "data", "--out", place / name, *QUICK, "--fractions", ".4", ".3", ".3", *more)
        assert result.exit_code == 0, result.output
    return place


@pytest.fixture(scope="module")
def done(folder):
    """An evaluation of both runs, and what it printed."""
    result = evaluate(folder / "run", folder / "other", folder / "data", "--out", folder / "done", *FEW)
    assert result.exit_code == 0, result.output
    return folder / "done", result.output


@pytest.fixture(scope="module")
def odd(folder):
    """An evaluation with all that is unusual: an odd name, synthetic data and wishes for thresholds."""
    shutil.copytree(folder / "run", folder / "odd" / "<b>&$x$")
    data = open_data(folder / "data")
    images = np.array(data.images)
    write_data(folder / "synthetic", Kind.VOLUMES, images, data.items, data.manifest.card, synthetic=True)
    words = ("--min-recall", ".9", "--min-precision", ".9", *FEW)
    out = folder / "odd" / "done"
    result = evaluate(folder / "odd" / "<b>&$x$", folder / "synthetic", "--out", out, *words)
    assert result.exit_code == 0, result.output
    return out, result.output


def said(result):
    return " ".join(result.output.split())


def record(place):
    return json.loads((place / "metrics.json").read_text())


class Page(html.parser.HTMLParser):
    """What tags a page has, and its text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words = [], []
        self.text = path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def test_figures_are_those_of_the_test_people_at_the_checkpoints_threshold(folder, done):
    chosen = models.load(folder / "run/best-auc.pt")
    data = open_data(folder / "data")
    rows = json.loads((folder / "run/run.json").read_text())["split"]["parts"]["test"]
    with torch.no_grad():
        embeddings = chosen.network(torch.from_numpy(np.array(data.images[rows]))).numpy().astype(float)
    twin = np.array([data.items[row].labels["twin"] for row in rows])
    first, second = np.triu_indices(len(rows), 1)
    distance, truth = (1 - embeddings @ embeddings.T)[first, second], twin[first] == twin[second]

    found = record(done[0])["checkpoints"]["run/best-auc"]
    assert found["threshold"] == chosen.threshold and found["sha256"] == chosen.sha256
    figures = {name: each["value"] for name, each in found["figures"].items()}
    assert figures["auc"] == pytest.approx(metrics.roc_auc_score(truth, -distance))
    assert figures["f1_all"] == pytest.approx(metrics.f1_score(truth, distance < chosen.threshold))
    assert figures["recall"] == pytest.approx(metrics.recall_score(truth, distance < chosen.threshold))
    assert figures["together_mean"] == pytest.approx(distance[truth].mean(), rel=1e-5)
    for each in found["figures"].values():
        assert each["low"] <= each["value"] + 0.2 and each["low"] <= each["high"]


def test_the_threshold_study_looks_at_validation_people_alone(folder, done):
    record_of = record(done[0])
    log = [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]
    best = max((line for line in log if "auc" in line["best"]), key=lambda line: line["epoch"])
    assert record_of["thresholds"]["run/best-auc"]["f1"] == pytest.approx(best["val"]["threshold"], abs=1e-4)
    assert len(record_of["thresholds"]["run/best-auc"]) == 1 + 7


def test_least_recall_and_precision_add_thresholds(odd):
    (thresholds,) = record(odd[0])["thresholds"].values()
    assert {"least_recall", "least_precision"} <= set(thresholds)


def test_two_checkpoints_stand_side_by_side_with_their_differences(done):
    with (done[0] / "side-by-side.tsv").open() as stream:
        rows = list(csv.reader(stream, delimiter="\t"))
    assert rows[0] == ["figure", "run/best-auc", "other/best-auc", "other/best-auc less run/best-auc"]
    values = [float(cell.split(" ")[0].lstrip("'")) for cell in rows[1][1:]]
    assert values[2] == pytest.approx(values[1] - values[0], abs=2e-3)


def test_the_page_needs_nothing_else_and_can_be_read_without_pictures(done):
    page = Page(done[0] / "index.html")
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2 + 2 * 4
    assert all(each["src"].startswith("data:image/svg+xml;base64,") and len(each["alt"]) > 40 for each in pictures)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert not re.search(r"https?://|url\(|@import", page.text)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    words = " ".join(" ".join(page.words).split())
    assert "no evidence that it diagnoses" in words and "area under the ROC curve" in words
    assert {"caption", "thead", "th"} <= {tag for tag, _ in page.tags}
    assert ("html", {"lang": "en"}) in page.tags


def test_every_figure_is_there_as_png_and_svg_and_every_file_is_on_the_record(done):
    names = {path.stem for path in (done[0] / "figures").glob("*.svg")}
    assert names == {path.stem for path in (done[0] / "figures").glob("*.png")}
    assert {"roc", "precision-recall", "losses-1", "distances-2", "confusion-1", "thresholds-2"} <= names
    known = json.loads((done[0] / "provenance.json").read_text())["outputs_sha256"]
    there = {path.relative_to(done[0]).as_posix() for path in done[0].rglob("*") if path.is_file()}
    assert there == {*known, "provenance.json"}


def test_no_output_names_a_person_or_a_folder_of_the_machine(folder, done):
    people = open_data(folder / "data").people
    for path in done[0].rglob("*"):
        if path.suffix in {".json", ".tsv", ".html"}:
            text = path.read_text()
            assert str(folder) not in text
            assert not [name for name in people if f"{name}.nii" in text]


def test_the_same_evaluation_gives_the_same_files(folder, done, tmp_path):
    result = evaluate(folder / "run", folder / "other", folder / "data", "--out", tmp_path / "again", *FEW)
    assert result.exit_code == 0, result.output
    for path in done[0].rglob("*"):
        if path.is_file() and path.name != "provenance.json":
            assert (tmp_path / "again" / path.relative_to(done[0])).read_bytes() == path.read_bytes(), path.name


def test_names_of_folders_do_not_become_markup(odd):
    page = Page(odd[0] / "index.html")
    assert "b" not in {tag for tag, _ in page.tags} and "<b>&$x$/best-auc" in " ".join(page.words)


def test_synthetic_data_are_called_so(odd):
    assert "The images are synthetic" in (odd[0] / "index.html").read_text()
    assert record(odd[0])["data"]["synthetic"] is True and "synthetic" in odd[1]


def test_a_dry_run_says_who_and_writes_nothing(folder, tmp_path):
    result = evaluate(folder / "run", folder / "data", "--out", tmp_path / "e", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "test: 10 images of 10 people, by the split of the run (random)" in result.output
    assert not (tmp_path / "e").exists()


def test_validation_people_can_be_looked_at_and_the_page_says_what_that_is_worth(folder, tmp_path):
    result = evaluate(folder / "run", folder / "data", "--out", tmp_path / "e", "--split", "val", *FEW)
    assert result.exit_code == 0, result.output
    assert "figures are too good" in said(result)
    log = [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]
    best = [line for line in log if "auc" in line["best"]][-1]
    found = record(tmp_path / "e")["checkpoints"]["run/best-auc"]["figures"]
    assert found["f1"]["value"] == pytest.approx(best["val"]["f1"], abs=1e-4)


def test_a_study_without_validation_twins_is_judged_at_the_checkpoints_threshold_alone(folder, tmp_path):
    made = made_twins(tmp_path / "new", pairs=6, seed=9)
    parts = ["train", "train", "val", "val", *("test",) * 8]
    items = [
        Item(n, f"new{n}", f"{n}", labels={"twin": item.labels["twin"] if n > 3 else ""}, split=part)
        for n, (item, part) in enumerate(zip(made.items, parts, strict=True))
    ]
    write_data(tmp_path / "study", Kind.VOLUMES, np.array(made.images), items, made.manifest.card)
    result = evaluate(folder / "run", tmp_path / "study", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    found = record(tmp_path / "e")
    assert found["pairs"] == {"twins": 4, "others": 24} and list(found["thresholds"]["run/best-auc"]) == ["checkpoint"]
    assert not (tmp_path / "e/thresholds-1.tsv").exists()


# ----------------------------------------------------------------------------------------------------------- ownership


def test_only_an_earlier_evaluation_is_replaced_and_only_if_it_is_wanted(folder, done, tmp_path):
    shutil.copytree(done[0], tmp_path / "e")
    words = (folder / "run", folder / "data", "--out", tmp_path / "e", *FEW)
    again = evaluate(*words)
    assert again.exit_code == 3 and "--overwrite" in again.output
    (tmp_path / "e/mine.txt").write_text("mine")
    assert evaluate(*words, "--overwrite").exit_code == 0
    assert (tmp_path / "e/mine.txt").read_text() == "mine"

    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/notes.txt").write_text("mine")
    refused = evaluate(*words[:2], "--out", tmp_path / "foreign", "--overwrite")
    assert refused.exit_code == 3 and "not wbtools' to replace" in said(refused)
    assert [path.name for path in (tmp_path / "foreign").iterdir()] == ["notes.txt"]


# ------------------------------------------------------------------------------------------------------------ refusals


def refused(*words):
    """The sentence of a refusal; nothing is written."""
    result = evaluate(*words)
    assert result.exit_code == 3, result.output
    assert result.output.count("Error:") == 1 and "Hint:" in result.output and "Traceback" not in result.output
    return said(result)


def remade(folder, to, *, images=None, items=None, **card):
    data = open_data(folder / "data")
    images = np.array(data.images) if images is None else images
    return write_data(to, Kind.VOLUMES, images, items or data.items, {**data.manifest.card, **card})


def test_a_network_is_not_given_images_that_it_was_not_trained_for(folder, tmp_path):
    remade(folder, tmp_path / "raw", intensity="raw")
    remade(folder, tmp_path / "small", images=np.array(open_data(folder / "data").images[..., :-1]))
    out = ("--out", tmp_path / "e")
    assert "intensity minmax" in refused(folder / "run", tmp_path / "raw", *out)
    assert "takes images of 12 x 14 x 12" in refused(folder / "run", tmp_path / "small", *out)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    "items", [lambda data: None, lambda data: [replace(item, person=f"sub-{item.person}") for item in data.items]]
)
def test_people_who_were_trained_on_are_refused_in_another_data_set_too(folder, tmp_path, items):
    data = open_data(folder / "data")
    images = np.array(data.images)
    images[0, 0, 5, 5, 5] += 0.01
    remade(folder, tmp_path / "other", images=images, items=items(data))
    sentence = refused(folder / "run", tmp_path / "other", "--split", "all", "--out", tmp_path / "e")
    assert "was in the part train of the run of run/best-auc" in sentence or "was in the part val" in sentence


def test_a_checkpoint_without_its_run_is_not_judged_on_what_it_was_trained_on(folder, tmp_path):
    for name in ("best-auc.pt", "best-auc.json", *(path.name for path in (folder / "run").glob("*.nii.gz"))):
        shutil.copy(folder / "run" / name, tmp_path / name)
    sentence = refused(tmp_path / "best-auc.pt", folder / "data", "--split", "all", "--out", tmp_path / "e")
    assert "nothing says on whom" in sentence
    other = made_twins(tmp_path / "new", pairs=6, seed=9)
    result = evaluate(tmp_path / "best-auc.pt", tmp_path / "new", "--split", "all", "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    assert record(tmp_path / "e")["data"]["images"] == len(other)
    assert "test: it brings no split" in refused(tmp_path / "best-auc.pt", tmp_path / "new", "--out", tmp_path / "f")


def test_runs_with_other_test_people_are_not_compared(folder, tmp_path):
    words = (*QUICK[:2], "--epochs", "1", "--fractions", ".4", ".3", ".3", "--seed", "7", "--references", "none")
    assert train("twins", folder / "data", "--out", tmp_path / "run", *words).exit_code == 0
    sentence = refused(folder / "run", tmp_path / "run", folder / "data", "--out", tmp_path / "e")
    assert "other people in the part test" in sentence


def test_all_people_are_not_new_to_a_network_that_was_trained_on_most_of_them(folder, tmp_path):
    sentence = refused(folder / "run", folder / "data", "--split", "all", "--out", tmp_path / "e")
    assert "not all of its people are new to it" in sentence


def test_a_part_without_twins_and_one_that_does_not_exist_are_refused(folder, tmp_path):
    items = [
        Item(n, f"x{n}", f"x{n}", labels={"twin": "p" if n < 2 else ""}, split="val" if n < 2 else "test")
        for n in range(6)
    ]
    items[2:3] = [Item(2, "x2", "x2", labels={"twin": ""}, split="train")]
    images = np.random.default_rng(0).random((6, 1, *SHAPE)).astype(np.float32)
    write_data(tmp_path / "d", Kind.VOLUMES, images, items, {**CARD, "shape": list(SHAPE)})
    assert "no pair of twins" in refused(folder / "run", tmp_path / "d", "--out", tmp_path / "e")
    assert "there is no such part" in refused(
        folder / "run", folder / "data", "--split", "tset", "--out", tmp_path / "e"
    )


def test_images_and_embeddings_that_are_not_finite_are_named(folder, tmp_path):
    made = made_twins(tmp_path / "new", pairs=4, seed=9)
    for name, value, sentence in (("nan", np.nan, "values that are no numbers"), ("huge", 1e38, "no finite number")):
        images = np.array(made.images)
        images[3] = value
        items = [Item(n, f"new{item.person}", item.source, labels=item.labels) for n, item in enumerate(made.items)]
        write_data(tmp_path / name, Kind.VOLUMES, images, items, made.manifest.card)
        found = refused(folder / "run", tmp_path / name, "--split", "all", "--out", tmp_path / "e")
        assert sentence in found and made.items[3].source in found
    assert not (tmp_path / "e").exists()


def test_what_is_no_run_no_data_set_or_too_little_is_said(folder, tmp_path):
    out = ("--out", tmp_path / "e")
    assert "is no run" in refused(folder, folder / "data", *out)
    assert "no data set" in refused(folder / "run", folder / "other", *out)
    assert "a checkpoint and a data set are needed" in refused(folder / "run", *out)
    assert "does not exist" in refused(folder / "nothing.pt", folder / "data", *out)
    assert "recipe that can be evaluated" in refused(folder / "run", folder / "data", "--recipe", "twin", *out)
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run/run.json").write_text('{"run": 1}')
    assert "damaged" in refused(tmp_path / "run", folder / "data", *out)
