"""Cards are read strictly and written back whole."""

import json
import os
from dataclasses import replace

import pytest
import torch
from random_networks import random_unet

from wbtools.errors import CheckpointError
from wbtools.model import Card, load
from wbtools.model import card as cards
from wbtools.model.families import ad3dcnn, mrinet
from wbtools.model.families.ad3dcnn import AD3DCNN
from wbtools.model.families.mrinet import MriNet

CARD = Card(name="mine", title="My network", family="unet", threshold=0.2, shape=(10, 12, 10), performance={"auc": 0.9})
FULL = replace(
    CARD, answer="classes", classes=("männlich", "weiblich"), reference="brain.nii.gz", planted=("V1",), planted_in="V1"
)


@pytest.mark.parametrize("card", [CARD, FULL])
def test_card_survives_its_file(tmp_path, card):
    cards.write(tmp_path / "x.json", card)
    assert cards.read(tmp_path / "x.json") == card
    assert cards.parse(cards.dumps(card), tmp_path) == card


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"colour": "red"}, "colour"),
        ({"title": 3}, "title"),
        ({"threshold": "low"}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"shape": [1, 2]}, "shape"),
        ({"shape": [1, 2, 0]}, "shape"),
        ({"shape": [1, 1, 1]}, "too small to hold a brain"),
        ({"shape": [86, 103, 1]}, "too small to hold a brain"),
        ({"shape": [86, 3, 2]}, "too small to hold a brain"),
        ({"shape": [1, 2, 3.5]}, "shape"),
        ({"orientation": "LAX"}, "LAX"),
        ({"skull_stripped": "yes"}, "skull_stripped"),
        ({"intensity": "z-score"}, "z-score"),
        ({"resampling": "nearest"}, "nearest"),
        ({"name": "../x"}, "../x"),
        ({"assumed": True}, "assumed"),
        ({"answer": "logits"}, "logits"),
        ({"answer": None}, "answer"),
        ({"classes": "ab"}, "classes"),
        ({"classes": ["a", 3]}, "classes"),
        ({"classes": ["a", " "]}, "classes"),
        ({"classes": ["a", "b\n"]}, "classes"),
        ({"classes": ["a", "a"]}, "twice"),
        ({"planted": "ab"}, "planted"),
        ({"planted_in": "a\nb"}, "planted_in is not one line"),
        ({"decoy": ["a", "a"]}, "decoy hold a name twice"),
        ({"reference": "/data/brain.nii"}, "reference"),
        ({"reference": "../brain.nii"}, "reference"),
        ({"reference": "brains\\brain.nii"}, "reference"),
        ({"reference": "brain.png"}, "reference"),
        ({"reference": ".nii"}, "reference"),
        ({"reference": 3}, "reference"),
        ({"shape": [10**18, 10**18, 10**18]}, "shape"),
        ({"shape": [10**6, 1, 1]}, "shape"),
        ({"shape": [4000, 4000, 4000]}, "shape"),
        ({"shape": [10**4000, 1, 1]}, "shape"),
        ({"notice": "a\nb"}, "notice"),
        ({"notice": "a\tb"}, "notice"),
        ({"notice": "\x1b[31m"}, "notice"),
        ({"title": "\u202egpj"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": "x" * 100_000}, "title"),
        ({"training_data": "x" * 100_000}, "training_data"),
        ({"name": "x" * 300}, "name"),
        ({"classes": ["x" * 1000]}, "classes"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 10**400}, "threshold"),
        ({"threshold": -5}, "no cosine distance"),
        ({"threshold": -0.001}, "no cosine distance"),
        ({"threshold": 2.001}, "no cosine distance"),
        ({"planted": ["A", "B"], "decoy": ["C", "B"]}, "planted and decoy both name 'B'"),
        ({"performance": {"auc": "high"}}, "performance"),
        ({"performance": {"auc": float("inf")}}, "performance"),
        ({"performance": {"a\nb": 1.0}}, "performance"),
        ({"provenance": {"command": "a\nb"}}, "provenance"),
        ({"provenance": {"command": [1]}}, "provenance"),
        ({"provenance": {str(k): "x" for k in range(1000)}}, "provenance"),
    ],
)
def test_wrong_field_is_named(tmp_path, change, word):
    path = tmp_path / "x.json"
    cards.write(path, CARD)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=word) as caught:
        cards.read(path)
    assert "x.json" in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert caught.value.hint


DEEP = '{"name": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', DEEP, "{" + " " * 2_000_000 + "}", '{"a\\nb": 1}'])
def test_what_is_no_card_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"x\.json"):
        cards.read(tmp_path / "x.json")


def test_card_beside_the_checkpoint_is_used_and_the_files_own_threshold_counts(tmp_path):
    state = random_unet().state_dict()
    torch.save({"model_state_dict": state, "threshold": 0.4}, tmp_path / "x.pt")
    cards.write(tmp_path / "x.json", CARD)
    model = load(tmp_path / "x.pt")
    assert (model.name, model.card.assumed, model.threshold) == ("mine", False, 0.4)
    torch.save(state, tmp_path / "x.pt")
    assert load(tmp_path / "x.pt").threshold == 0.2


@pytest.mark.parametrize("field", ["threshold", "title", "colour", "shape"])
def test_a_number_too_long_for_python_is_refused_in_words_of_our_own(tmp_path, field):
    text = json.dumps({"name": "x", "title": "x", "family": "unet", field: None}).replace("null", "7" * 5000)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(CheckpointError, match="a number in it has 5,000 digits") as caught:
        cards.read(tmp_path / "x.json")
    assert "sys." not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("threshold", [-5.0, -0.001, 2.5, 40])
def test_a_threshold_that_is_no_cosine_distance_is_left_aside_and_said(tmp_path, threshold):
    state = random_unet().state_dict()
    torch.save({"model_state_dict": state, "threshold": threshold}, tmp_path / "x.pt")
    model = load(tmp_path / "x.pt")
    assert model.threshold is None
    (remark,) = model.remarks
    assert f"{threshold:.4g}" in remark and "cosine distance" in remark
    cards.write(tmp_path / "x.json", CARD)
    assert load(tmp_path / "x.pt").threshold == CARD.threshold  # the card's is one
    torch.save({"model_state_dict": state, "threshold": 2.0}, tmp_path / "x.pt")
    assert (load(tmp_path / "x.pt").threshold, load(tmp_path / "x.pt").remarks) == (2.0, ())


NO_FILES = {
    "a link to nowhere": (lambda path: path.symlink_to(".git/annex/objects/ab/cd/KEY/KEY"), "link to nowhere"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "leads back to itself"),
    "a pipe": (os.mkfifo, "no ordinary file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "no ordinary file"),
    "nothing in it": (lambda path: path.touch(), "is empty"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_has_the_cards_name_and_is_no_file_is_refused_and_nothing_is_assumed(tmp_path, kind):
    make, words = NO_FILES[kind]
    torch.save(random_unet().state_dict(), tmp_path / "x.pt")
    make(tmp_path / "x.json")
    with pytest.raises(CheckpointError, match=words) as caught:
        load(tmp_path / "x.pt")
    assert "the card " in str(caught.value) and "x.json" in str(caught.value)
    assert "defaults are assumed" in caught.value.hint


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_reference_brain_that_is_no_file_is_refused_for_what_it_is(tmp_path, kind):
    make, words = NO_FILES[kind]
    path = saved(tmp_path, random_unet().state_dict(), family="unet", reference="brain.nii")
    make(tmp_path / "brain.nii")
    with pytest.raises(CheckpointError, match=words) as caught:
        load(path)
    assert "does not exist" not in str(caught.value)
    assert "leave it out of the card" in caught.value.hint


def linked(folder, store, name="brain.nii"):
    """A file in a store, and a link in a folder that leads there."""
    for place in (folder, store):
        place.mkdir(parents=True, exist_ok=True)
    (store / f"{name}-key").write_bytes(b"content")
    (folder / name).symlink_to(os.path.relpath(store / f"{name}-key", folder))


@pytest.mark.parametrize("store", ["private", "networks-2", "other/.git/annex/objects/ab", "networks/../.ssh"])
def test_a_reference_brain_that_is_a_link_out_of_the_networks_folder_is_refused(tmp_path, store):
    home = tmp_path / "networks"
    linked(home, tmp_path / store)
    path = saved(home, random_unet().state_dict(), family="unet", reference="brain.nii")
    with pytest.raises(CheckpointError, match="a link to a file outside its folder"):
        load(path)


@pytest.mark.parametrize("store", ["networks/big", ".git/annex/objects/ab/cd", "networks/.git/annex/objects/ab/cd"])
def test_a_reference_brain_may_be_a_link_into_the_folder_and_into_its_trees_annex(tmp_path, store):
    home = tmp_path / "networks"
    linked(home, tmp_path / store)
    path = saved(home, random_unet().state_dict(), family="unet", reference="brain.nii")
    assert load(path).reference == home / "brain.nii"
    (tmp_path / "elsewhere").symlink_to(home)
    assert load(tmp_path / "elsewhere" / path.name).reference.read_bytes() == b"content"


def test_a_download_cache_keeps_the_network_and_its_reference_brain_side_by_side(tmp_path):
    home, blobs = tmp_path / "snapshots" / "1", tmp_path / "blobs"
    linked(home, blobs)
    path = saved(home, random_unet().state_dict(), family="unet", reference="brain.nii")
    path.rename(blobs / "0123")
    path.symlink_to(blobs / "0123")
    assert load(path).reference == home / "brain.nii"


def saved(tmp_path, state, **card):
    torch.save(state, tmp_path / "x.pt")
    cards.write(tmp_path / "x.json", Card(name="x", title="x", **card))
    return tmp_path / "x.pt"


def test_the_reference_brain_lies_beside_the_checkpoint(tmp_path):
    path = saved(tmp_path, random_unet().state_dict(), family="unet", reference="brain.nii")
    with pytest.raises(CheckpointError, match=r"brain\.nii does not exist") as caught:
        load(path)
    assert caught.value.hint
    (tmp_path / "brain.nii").write_bytes(b"a brain")
    assert load(path).reference == tmp_path / "brain.nii"


SEX = {"family": "mrinet", "shape": (22, 22, 22), "classes": ("female", "male")}


def test_classes_have_names_as_many_as_there_are(tmp_path):
    state = MriNet(mrinet.MriNetArchitecture(width=2, positions=1)).state_dict()
    model = load(saved(tmp_path, state, **SEX))
    assert model.card.classes == ("female", "male")
    with pytest.raises(CheckpointError, match="2 classes, its card names 3"):
        load(saved(tmp_path, state, **{**SEX, "classes": ("a", "b", "c")}))
    with pytest.raises(CheckpointError, match="no classes, its card names 1"):
        load(saved(tmp_path, random_unet().state_dict(), family="unet", classes=("a",)))


def test_the_card_chooses_among_the_answers_of_its_network(tmp_path):
    state = AD3DCNN(ad3dcnn.AD3DCNNArchitecture(widths=(2, 3), positions=1)).state_dict()
    shape = (16, 16, 16)
    assert load(saved(tmp_path, state, family="ad3dcnn", shape=shape)).network.answers == ("raw", "logits")
    chosen = load(saved(tmp_path, state, family="ad3dcnn", shape=shape, answer="classes"))
    assert chosen.network.answers == ("logits", "raw")
    assert AD3DCNN.answers == ("raw", "logits")
    with pytest.raises(CheckpointError, match=r"x\.pt.*'embedding', which MriNet does not give"):
        load(
            saved(
                tmp_path,
                MriNet(mrinet.MriNetArchitecture(width=2, positions=1)).state_dict(),
                answer="embedding",
                **SEX,
            )
        )


def test_card_of_another_family_is_refused(tmp_path):
    torch.save(random_unet().state_dict(), tmp_path / "x.pt")
    cards.write(tmp_path / "x.json", Card(name="x", title="x", family="resnet"))
    with pytest.raises(CheckpointError, match="resnet"):
        load(tmp_path / "x.pt")
