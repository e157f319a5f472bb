"""`wbtools compare`: the network's distance, the threshold's verdict, and what the card says of such verdicts."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_asking import KNOWN, ask, image_of, made_place
from made_heads import write_network

from wbtools import model
from wbtools.asking import reliability
from wbtools.asking.reliability import Reliability
from wbtools.attribution.decision import PairDecision
from wbtools.cli import progress
from wbtools.datasets import open_data
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.training import pairs


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


def compare(place, first, second, network="unet", *words):
    return ask("compare", first, second, "--study-folder", place / "study", "--model", place / f"{network}.pt", *words)


def test_the_distance_is_one_minus_the_cosine_of_the_networks_answers(place):
    data = open_data(place / "data")
    with torch.no_grad():
        answers = model.load(place / "unet.pt").network.raw(torch.from_numpy(np.array(data.images))).double()
    rows = {item.person: item.row for item in data.items}
    cosine = torch.cosine_similarity(answers[rows["100"]], answers[rows["105"]], dim=0)
    run = compare(place, "100", "105")
    assert run.exit_code == 0, run.output
    assert f"100: cosine distance to 105 {1 - float(cosine):.4f}, threshold 0.3: twins" in run.output


def test_people_are_counted_while_they_are_read(place, monkeypatch):
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    said = compare(place, "100", "105").output
    assert [f"{done} of 2 people" in said for done in range(3)] == [True] * 3


def test_the_card_says_how_often_such_a_verdict_was_right_and_its_notice_is_repeated(place):
    said = compare(place, "100", "105").output
    assert "96.8 % of verdicts 'twins' were right" in said and "(of 20)" in said
    assert "The threshold was chosen on the same data" in said and "Where pairs of twins are rarer" in said
    assert "not for science" in said and said.endswith("Not for diagnosis.\n")


def test_a_card_that_does_not_say_it_is_said_so_and_one_that_is_missing_as_well(place, tmp_path):
    for name in ("unet.pt", "unet.json"):
        shutil.copy(place / name, tmp_path / name)
    shutil.copytree(place / "study" / "100", tmp_path / "study" / "100")
    shutil.copytree(place / "study" / "101", tmp_path / "study" / "101")
    card = cards.read(tmp_path / "unet.json")
    cards.write(tmp_path / "unet.json", replace(card, performance={"test_auc": 0.95}))
    said = compare(tmp_path, "100", "101").output
    assert "does not say how often such verdicts were right; it states test_auc 0.95" in said


def test_the_same_image_twice_is_no_comparison_and_no_verdict_is_rated(place):
    said = compare(place, "100", image_of(place / "study", "100")).output
    assert "have the very same image: this is no comparison of two people" in said
    assert "were right" not in said


def test_codes_are_compared_bit_by_bit_and_have_no_verdict(place):
    assert "of 12 bits differ; no threshold" in compare(place, "100", "101", "codes").output


def test_a_network_with_classes_is_refused_with_what_to_use_instead(place):
    run = compare(place, "100", "101", "classes")
    assert run.exit_code == 3 and "wbtools classify" in run.output


def test_somebody_who_is_not_there_and_an_export_without_place_are_said_before_anything_is_computed(place, tmp_path):
    run = compare(place, "100", "999")
    assert run.exit_code == 3 and "999" in run.output
    assert "add --out DIR" in compare(place, "100", "101", "unet", "--explain").output
    assert "add --explain" in compare(place, "100", "101", "unet", "--out", tmp_path).output


@pytest.mark.slow
def test_explain_adds_the_export_of_the_pair(small_study, tmp_path):
    study = small_study("LAS")
    network = write_network(tmp_path)
    other = small_study("LAS", variant="average") / "100307"
    words = ("--study-folder", study, "--model", network, "--explain", "--out", tmp_path / "out", "--no-render")
    run = ask("compare", "100307", other, *words)
    assert run.exit_code == 0, run.output
    record = json.loads((tmp_path / "out" / "100307" / "provenance.json").read_text())
    assert record["settings"]["target"] == "pair" and record["settings"]["other"] == "100307"
    (explained,) = record["networks"].values()
    said = explained["decision"]["comparisons"][0]["distance"]
    assert f"cosine distance to 100307 {said:.4f}" in run.output.splitlines()[0]


# ------------------------------------------------------------------------------------------------------- reliability


NEAR, FAR = PairDecision("101", 0.9, 0.1, 0.3), PairDecision("101", 0.4, 0.6, 0.3)


def test_verdicts_have_the_words_of_what_the_network_was_trained_on():
    pair = replace(NEAR, alike="one class")
    assert (pair.verdict, replace(FAR, alike="one class").verdict) == ("one class", "not one class")
    said = " ".join(Reliability(0.9, 0.9, 20).sentences(pair))
    assert "90.0 % of verdicts 'one class' were right: 90.0 % of pairs of one class (of 20)" in said
    assert "twin" not in said


def test_the_share_of_right_verdicts_is_that_of_counted_pairs():
    dice = np.random.default_rng(0)
    together, apart = dice.normal(0.3, 0.1, 400), dice.normal(0.6, 0.15, 400)
    found = pairs.figures(together, apart)
    known = Reliability(found["sensitivity"], found["specificity"], int(found["pairs"]))
    below, above = together < found["threshold"], apart < found["threshold"]
    assert known.right(near=True) == pytest.approx(below.sum() / (below.sum() + above.sum()))
    assert known.right(near=False) == pytest.approx((~above).sum() / ((~above).sum() + (~below).sum()))
    assert known.pairs == 400


def test_figures_that_are_no_shares_are_not_believed():
    card = Card("net", "net", "unet", performance={**KNOWN, "validation_sensitivity": 17.0})
    assert reliability.of(card) is None
    assert "does not say" in reliability.said_of(card, NEAR)[0]


def test_a_verdict_that_never_occurred_is_said():
    assert "there was no such verdict" in Reliability(0.0, 1.0).sentences(NEAR)[0]


@pytest.mark.parametrize("pairs", [1, 2, 7, 29])
def test_from_few_pairs_little_follows_and_the_interval_is_wilsons(pairs):
    found = Reliability(1.0, 0.95, pairs).sentences(FAR)
    low = 1 / (1 + 1.959964**2 / pairs)  # Wilson's interval where all were right
    assert f"from {100 * low:.1f} % to 100 %" in found[1]
    assert not any("Little follows" in said for said in Reliability(1.0, 0.95, 30).sentences(FAR))


def test_somebody_whom_the_network_learned_from_is_named(place, tmp_path):
    for name in ("unet.pt", "unet.json"):
        shutil.copy(place / name, tmp_path / name)
    shutil.copytree(place / "study", tmp_path / "study")
    split = {"people": {"train": ["101"], "val": ["sub-102"], "test": ["100"]}, "how": "", "parts": {}, "seed": 1}
    record = {"run": 1, "recipe": "twins", "backbone": "unet", "settings": {}, "options": {}, "references": "none"}
    more = {"split": split, "data_sha256": "", "init_sha256": "", "threads": 1, "torch": ""}
    (tmp_path / "run.json").write_text(json.dumps({**record, **more}))
    assert "101 is among the training people" in compare(tmp_path, "100", "101").output
    said = compare(tmp_path, "100", "102").output
    assert "102 is among the validation people" in said and "100 is among" not in said
    (tmp_path / "run.json").write_text("{}")
    assert "is among" not in compare(tmp_path, "100", "101").output
