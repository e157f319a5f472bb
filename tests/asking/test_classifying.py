"""`wbtools classify`: what classifiers answer, and what the nearest labelled examples vote for."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_asking import ask, made_place

from wbtools import model
from wbtools.asking import people
from wbtools.asking.classifying import Vote, vote
from wbtools.asking.embedding import Kind
from wbtools.asking.index import Header
from wbtools.asking.indexing import Work, in_memory
from wbtools.asking.neighbours import Neighbour, Neighbours
from wbtools.datasets import Item, open_data
from wbtools.model import card as cards

sklearn = pytest.importorskip("sklearn.neighbors")


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


def classify(place, *words, network="classes"):
    return ask("classify", *words, "--study-folder", place / "study", "--model", place / f"{network}.pt")


def voted(*classes):
    """A vote of examples in the order of their distance."""
    found = tuple(
        Neighbour(rank, Item(rank, f"p{rank}", f"{rank}.nii", labels={"sex": name}), 0.1 * rank)
        for rank, name in enumerate(classes, 1)
    )
    header = Header(Kind.EMBEDDINGS, 4, 9, "net", "net", "")
    return Vote(Neighbours("me", header, found, len(found)), "sex")


def test_the_probability_is_the_softmax_of_the_networks_answer(place, tmp_path):
    data = open_data(place / "data")
    (row,) = (item.row for item in data.items if item.person == "104")
    with torch.no_grad():
        logits = model.load(place / "classes.pt").network.logits(torch.from_numpy(np.array(data.images[[row]])))
    known = logits.double().softmax(1)[0]
    run = classify(place, "104", "--tsv", tmp_path / "a.tsv")
    assert run.exit_code == 0 and f"104: class {'FM'[int(known.argmax())]}, probability {known.max():.3f}" in run.output
    heading, cells = (line.split("\t") for line in (tmp_path / "a.tsv").read_text().splitlines())
    assert heading == ["person", "class", "probability", "p(F)", "p(M)"]
    np.testing.assert_allclose([float(cell) for cell in cells[3:]], known, atol=1e-5)


def test_how_often_classes_were_right_is_said_or_that_the_card_does_not_say(place, tmp_path):
    assert "does not say how often its classes were right" in classify(place, "100").output
    shutil.copy(place / "classes.pt", tmp_path / "classes.pt")
    card = cards.read(place / "classes.json")
    cards.write(tmp_path / "classes.json", replace(card, performance={"validation_accuracy": 0.875}))
    run = ask("classify", "100", "--study-folder", place / "study", "--model", tmp_path / "classes.pt")
    assert "On the network's validation data, 87.5 % of classes were right." in run.output
    known = {"validation_accuracy": 0.875, "validation_people": 16.0}
    cards.write(tmp_path / "classes.json", replace(card, performance=known))
    run = ask("classify", "100", "--study-folder", place / "study", "--model", tmp_path / "classes.pt")
    assert "On the network's validation data (16 people), 87.5 % of classes were right." in run.output
    low, high = wilson(0.875, 16)
    assert f"Little follows from 16 people: that share may be anything from {low:.1%} to {high:.1%}" in percents(run)


def wilson(share, count, z=1.959964):
    """The interval of a share, by its formula."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - half, middle + half


def percents(run):
    return run.output.replace(" %", "%")


def test_several_people_are_a_table(place):
    run = classify(place, "100", "101", "102")
    rows = run.output.splitlines()
    assert rows[0].split() == ["person", "class", "probability"]
    assert [row.split()[0] for row in rows[1:4]] == ["100", "101", "102"]
    assert run.output.count("not for science") == 1 and run.output.endswith("Not for diagnosis.\n")


def test_the_vote_is_that_of_scikit_learns_neighbours_without_the_person(place):
    network, data = model.load(place / "unet.pt"), open_data(place / "data")
    examples = in_memory(Work(data, network))
    (found,) = people.find(place / "study", ["104"])
    near = vote(people.shown(found, network), network, examples, "sex", 3)
    (mine,) = (item.row for item in data.items if item.person == "104")
    others = [row for row in range(len(data)) if row != mine]
    oracle = sklearn.KNeighborsClassifier(3, metric="cosine", algorithm="brute")
    oracle.fit(examples.vectors[others], np.array(data.labels("sex"))[others])
    assert near.decided == oracle.predict(examples.vectors[[mine]])[0]
    assert near.near.own_images == 1 and sum(near.votes.values()) == 3


def test_examples_may_be_a_data_set_or_its_index_with_the_same_answer(place, tmp_path):
    assert ask("index", place / "data", "--model", place / "unet.pt", "--out", tmp_path / "a.npz").exit_code == 0
    said = [
        classify(place, "103", "--examples", examples, "--label", "sex", network="unet").output.splitlines()[0]
        for examples in (place / "data", tmp_path / "a.npz")
    ]
    assert said[0] == said[1] and "of the 7 nearest examples" in said[0]


def test_a_tie_goes_to_the_class_of_the_nearest_example():
    assert voted("F", "M", "M", "F").decided == "F" and voted("M", "F", "F", "M").decided == "M"
    assert voted("F", "M", "M").decided == "M"


def test_examples_without_the_label_do_not_vote(place):
    network = model.load(place / "unet.pt")
    examples = in_memory(Work(open_data(place / "data"), network))
    few = tuple(
        replace(item, labels={**item.labels, "sex": item.labels["sex"] if item.row < 3 else ""})
        for item in examples.items
    )
    (found,) = people.find(place / "study", ["107"])
    near = vote(people.shown(found, network), network, replace(examples, items=few), "sex", 9)
    assert near.near.searched == 3


def test_what_is_missing_is_said_in_a_sentence(place, tmp_path):
    assert "--examples DATA --label NAME" in classify(place, "100", network="unet").output
    assert "several labels" in classify(place, "100", "--examples", place / "data", network="unet").output
    run = classify(place, "100", "--examples", place / "data", "--label", "hair", network="unet")
    assert run.exit_code == 3 and "'hair' is no label of the examples" in run.output
    said = classify(place, "100", "--examples", place / "data", "--label", "sex").output
    assert "has no embedding" in said and "Hint: leave out --examples" in said
    assert "add --examples" in classify(place, "100", "--label", "sex").output
    (tmp_path / "a.tsv").write_text("mine")
    assert "exists" in classify(place, "100", "--tsv", tmp_path / "a.tsv").output
    assert (tmp_path / "a.tsv").read_text() == "mine"


def test_where_everybody_votes_it_is_said_that_nearness_decided_nothing():
    assert "all 3 examples voted" in voted("F", "M", "M").said_of_everybody()
    assert voted("F", "F").said_of_everybody() == ""
    few = voted("F", "M", "M")
    assert replace(few, near=replace(few.near, searched=4)).said_of_everybody() == ""
