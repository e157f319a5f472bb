"""Cards are read strictly and written back whole."""

import json

import pytest
import torch
from lively_unet import lively

from wbtools.errors import CheckpointError
from wbtools.model import Card, load
from wbtools.model import card as cards
from wbtools.model.unet import Layout

CARD = Card(name="mine", title="My network", family="unet", threshold=0.2, shape=(10, 12, 10), performance={"auc": 0.9})


def test_card_survives_its_file(tmp_path):
    cards.write(tmp_path / "x.json", CARD)
    assert cards.read(tmp_path / "x.json") == CARD


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"colour": "red"}, "colour"),
        ({"title": 3}, "title"),
        ({"threshold": "low"}, "threshold"),
        ({"threshold": True}, "threshold"),
        ({"shape": [1, 2]}, "shape"),
        ({"shape": [1, 2, 0]}, "shape"),
        ({"shape": [1, 2, 3.5]}, "shape"),
        ({"orientation": "LAX"}, "LAX"),
        ({"skull_stripped": "yes"}, "skull_stripped"),
        ({"intensity": "z-score"}, "z-score"),
        ({"resampling": "nearest"}, "nearest"),
        ({"name": "../x"}, "../x"),
        ({"assumed": True}, "assumed"),
    ],
)
def test_wrong_field_is_named(tmp_path, change, word):
    path = tmp_path / "x.json"
    cards.write(path, CARD)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=word) as caught:
        cards.read(path)
    assert "x.json" in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}'])
def test_what_is_no_card_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"x\.json"):
        cards.read(tmp_path / "x.json")


def test_card_beside_the_checkpoint_is_used_and_the_files_own_threshold_counts(tmp_path):
    state = lively(Layout((16, 16))).state_dict()
    torch.save({"model_state_dict": state, "threshold": 0.4}, tmp_path / "x.pt")
    cards.write(tmp_path / "x.json", CARD)
    model = load(tmp_path / "x.pt")
    assert (model.name, model.card.assumed, model.threshold) == ("mine", False, 0.4)
    torch.save(state, tmp_path / "x.pt")
    assert load(tmp_path / "x.pt").threshold == 0.2


def test_card_of_another_family_is_refused(tmp_path):
    torch.save(lively(Layout((16, 16))).state_dict(), tmp_path / "x.pt")
    cards.write(tmp_path / "x.json", Card(name="x", title="x", family="resnet"))
    with pytest.raises(CheckpointError, match="resnet"):
        load(tmp_path / "x.pt")
