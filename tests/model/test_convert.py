"""Checkpoints go to safetensors and back without losing weights, threshold or card."""

import errno
import json
import struct
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner
from random_networks import random_network
from safetensors import safe_open
from safetensors.torch import save_file

from wbtools import atomic
from wbtools.cli import main
from wbtools.errors import CheckpointError, InputError
from wbtools.errors.system import from_os_error
from wbtools.model import FAMILIES, Card, load
from wbtools.model import card as cards
from wbtools.model.convert import convert
from wbtools.model.families import resnet
from wbtools.model.families.resnet import ResNet
from wbtools.model.files import safetensors

LAYOUT = resnet.ResNetArchitecture(planes=(4, 6, 8, 10), stem=4, hidden=14, embedding=7)
CARD = Card(name="mine", title="Größe 7 T", family="resnet", shape=(30, 40, 30), performance={"auc": 0.9})


@pytest.fixture
def state():
    return random_network(lambda: ResNet(LAYOUT)).state_dict()


def same(model, state):
    found = model.network.state_dict()
    return list(found) == list(state) and all(torch.equal(found[key], value) for key, value in state.items())


@pytest.mark.parametrize("card", [CARD, None])
def test_there_and_back_keeps_everything(tmp_path, state, card):
    source = tmp_path / "net.pt"
    torch.save({"model_state_dict": {f"module.{k}": v for k, v in state.items()}, "threshold": 0.125}, source)
    if card:
        cards.write(cards.beside(source), card)
    (tmp_path / "away").mkdir()
    (there,) = convert(source, tmp_path / "away" / "net.safetensors")
    with safe_open(there, "pt") as opened:
        metadata = opened.metadata()
        assert set(opened.keys()) == set(state)
    assert metadata["threshold"] == "0.125"
    assert ("card" in metadata) == bool(card)
    if card:
        assert json.loads(metadata["card"])["title"] == "Größe 7 T"
    first = load(there)
    assert same(first, state)
    back = convert(there)
    assert [path.name for path in back] == (["net.pt", "net.json"] if card else ["net.pt"])
    second = load(back[0])
    assert same(second, state)
    assert second.card.assumed == (card is None)
    assert first.card == second.card == load(source).card
    assert second.threshold == 0.125


def test_the_card_beside_a_file_counts_more_than_the_one_inside(tmp_path, state):
    torch.save(state, tmp_path / "net.pt")
    cards.write(tmp_path / "net.json", CARD)
    (path,) = convert(tmp_path / "net.pt")
    assert load(path).card == CARD
    cards.write(tmp_path / "net.json", replace(CARD, title="corrected"))
    assert load(path).card.title == "corrected"
    (tmp_path / "net.json").unlink()
    assert load(path).card == CARD


def test_tensors_without_any_metadata_load_with_the_familys_card(tmp_path, state):
    save_file(state, tmp_path / "net.safetensors")
    model = load(tmp_path / "net.safetensors")
    assert same(model, state)
    assert model.card.assumed
    assert model.threshold is None


def test_half_precision_becomes_single(tmp_path, state):
    halves = {key: v.bfloat16() if v.is_floating_point() else v for key, v in state.items()}
    save_file(halves, tmp_path / "net.safetensors")
    assert load(tmp_path / "net.safetensors").network.conv1.weight.dtype is torch.float32


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, state, part):
    path = tmp_path / "net.safetensors"
    save_file(state, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(CheckpointError, match=r"net\.safetensors") as caught:
        load(path)
    assert caught.value.hint


@pytest.mark.parametrize("header", [b"[]", b"{", b'{"a": 3}', b'{"__metadata__": 3}', b"\xff\xff"])
def test_a_wrong_header_is_refused(tmp_path, header):
    (tmp_path / "net.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(CheckpointError, match=r"net\.safetensors"):
        load(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"card": "{"}, "JSON"),
        ({"card": '{"name": "x"}'}, "lacks"),
        ({"card": cards.dumps(replace(CARD, family="unet"))}, "says unet"),
        ({"threshold": "soon"}, "threshold"),
    ],
)
def test_wrong_metadata_is_refused(tmp_path, state, metadata, words):
    save_file(state, tmp_path / "net.safetensors", metadata)
    with pytest.raises(CheckpointError, match=words):
        load(tmp_path / "net.safetensors")


def test_nothing_is_replaced_and_unknown_endings_are_refused(tmp_path, state):
    source = tmp_path / "net.pt"
    torch.save(state, source)
    (tmp_path / "net.safetensors").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        convert(source)
    with pytest.raises(InputError, match="ending"):
        convert(source, tmp_path / "net.onnx")
    assert (tmp_path / "net.safetensors").read_text() == "mine"
    (tmp_path / "linked.safetensors").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists already"):
        convert(source, tmp_path / "linked.safetensors")
    assert not (tmp_path / "nowhere").exists()


def test_a_conversion_that_cannot_be_finished_leaves_nothing(tmp_path, state, monkeypatch):
    source = tmp_path / "net.safetensors"
    source.write_bytes(safetensors.dumps(state, CARD, None))
    true = atomic.write_new

    def fail(path, content):
        if path.suffix == ".json":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        true(path, content)

    monkeypatch.setattr(atomic, "write_new", fail)
    with pytest.raises(OSError) as caught:
        convert(source, tmp_path / "new.pt")
    assert from_os_error(caught.value).exit_code == 75
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_the_reference_brain_comes_along(tmp_path, state):
    torch.save(state, tmp_path / "net.pt")
    cards.write(tmp_path / "net.json", replace(CARD, reference="brain.nii.gz"))
    (tmp_path / "brain.nii.gz").write_bytes(b"a brain")
    (tmp_path / "away").mkdir()
    written = convert(tmp_path / "net.pt", tmp_path / "away" / "net.safetensors")
    assert [path.name for path in written] == ["net.safetensors", "brain.nii.gz"]
    model = load(written[0])
    assert model.reference == tmp_path / "away" / "brain.nii.gz"
    assert model.reference.read_bytes() == b"a brain"
    assert [path.name for path in convert(tmp_path / "net.pt")] == ["net.safetensors"]


def test_another_brain_of_the_references_name_does_not_stand_in_for_it(tmp_path, state):
    torch.save(state, tmp_path / "net.pt")
    cards.write(tmp_path / "net.json", replace(CARD, reference="brain.nii.gz"))
    (tmp_path / "brain.nii.gz").write_bytes(b"a brain")
    away = tmp_path / "away"
    away.mkdir()
    (away / "brain.nii.gz").write_bytes(b"another")
    with pytest.raises(InputError, match=r"away/brain\.nii\.gz exists already"):
        convert(tmp_path / "net.pt", away / "net.safetensors")
    assert {path.name: path.read_bytes() for path in away.iterdir()} == {"brain.nii.gz": b"another"}


def test_a_file_outside_the_networks_folder_is_not_copied_out_as_its_reference_brain(tmp_path, state):
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir(), away.mkdir()
    (tmp_path / "secret").write_bytes(b"a key")
    torch.save(state, home / "net.pt")
    cards.write(home / "net.json", replace(CARD, reference="brain.nii.gz"))
    (home / "brain.nii.gz").symlink_to("../secret")
    with pytest.raises(CheckpointError, match="outside its folder"):
        convert(home / "net.pt", away / "net.safetensors")
    assert not list(away.iterdir())


def test_only_checkpoints_are_converted(tmp_path):
    with pytest.raises(InputError, match="only checkpoints"):
        convert(tmp_path / "net.pt2")


def test_the_command_converts_and_describes(tmp_path, state):
    torch.save(state, tmp_path / "net.pt")
    result = CliRunner().invoke(main, ["models", "convert", str(tmp_path / "net.pt")])
    assert result.exit_code == 0, result.output
    assert "net.safetensors" in result.output
    result = CliRunner().invoke(main, ["models", str(tmp_path / "net.safetensors")])
    assert result.exit_code == 0, result.output
    assert "ResNet" in result.output
    result = CliRunner().invoke(main, ["models", "convert", str(tmp_path / "net.pt")])
    assert result.exit_code == 3
    assert "Hint: " in result.output


def test_the_list_names_every_family():
    result = CliRunner().invoke(main, ["models"])
    assert result.exit_code == 0, result.output
    for name in (*FAMILIES, "any other"):
        assert f"{name}: " in result.output
