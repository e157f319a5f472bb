"""Methods on a graphics card find what they find on the processor; without a card nothing changes."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, SHAPE
from questions import noise, question_about
from random_networks import random_network

from wbtools.attribution import METHODS, method
from wbtools.attribution.methods.several_references import explain_over as explain
from wbtools.attribution.runtime import device
from wbtools.attribution.runtime.device import accelerated

ON_CARDS = [name for name in METHODS if method(name).on_cards]


@pytest.fixture
def question():
    network = random_network(FAMILIES["U-Net, attention everywhere"])
    image = noise(1, 1, *SHAPE, seed=1)
    reference = noise(1, 1, *SHAPE, seed=2)
    return question_about(network, image, reference=reference)


def processor():
    return torch.device("cpu")


def test_the_question_is_the_same_on_another_device(question):
    before = torch.backends.cudnn.allow_tf32
    seen = []

    def watched(moved):
        seen.append((moved.objective.answer, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return explain(moved)

    found, expected = accelerated(watched, processor)(question), explain(question)
    assert np.array_equal(found.relevance, expected.relevance)
    assert (found.expected_sum, found.device, expected.device) == (expected.expected_sum, "cpu", "processor")
    assert seen == [(question.objective.answer, False, False)], "in full precision"
    assert torch.backends.cudnn.allow_tf32 is before


def test_where_the_cards_memory_does_not_suffice_the_processor_takes_over(question, caplog):
    tried = []

    def greedy(asked):
        tried.append(asked)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("full")
        return explain(asked)

    found = accelerated(greedy, processor)(question)
    assert found.device == "processor"
    assert len(tried) == 2
    assert "does not suffice" in caplog.text


def test_networks_of_other_people_stay_where_they_are(question):
    question.network.movable = False
    assert accelerated(explain, processor)(question).device == "processor"


def test_without_a_card_there_is_none(question, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device.usable.cache_clear()
    assert device.usable() is None
    assert method("deviation").explain(question).device == "processor"
    device.usable.cache_clear()


def test_a_card_that_cannot_convolve_is_not_used(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # its first tensor then fails: there is no driver
    device.usable.cache_clear()
    if torch.cuda.device_count():
        pytest.skip("there is a graphics card")
    assert device.usable() is None
    assert "is not used" in caplog.text
    device.usable.cache_clear()


@pytest.mark.parametrize("name", ON_CARDS)
def test_a_card_finds_what_the_processor_finds(name, monkeypatch):
    device.usable.cache_clear()
    if device.usable() is None:
        pytest.skip("there is no graphics card")
    for build in FAMILIES.values():
        network = random_network(build)
        question = question_about(network, noise(1, 1, *SHAPE, seed=1), reference=noise(1, 1, *SHAPE, seed=2))
        found = method(name).explain(question)
        assert found.device != "processor"
        assert all(parameter.device.type == "cpu" for parameter in network.parameters())
        with monkeypatch.context() as patch:
            patch.setattr(device, "usable", lambda: None)
            expected = method(name).explain(question)
        assert expected.device == "processor"
        apart = np.linalg.norm(found.relevance - expected.relevance) / np.linalg.norm(expected.relevance)
        print(f"{name}, {type(network).__name__}: {apart:.1e}")
        # Sums in another order. They decide, where two voxels are nearly alike, which of them a pool takes, and leave
        # a rest of both signs where epsilon divides by almost nothing; the methods of wbtools' own have neither.
        assert apart < (3e-4 if name in ("deviation", "lrp") else 0.03)
