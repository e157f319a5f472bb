"""Deviation from a reference in several places."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, balls
from questions import along, answers_of
from random_networks import random_network

from wbtools.attribution import Objective, Question, Target
from wbtools.attribution.methods import shifted_deviation
from wbtools.attribution.methods.several_references import explain_over


@pytest.fixture(scope="module")
def question():
    network = random_network(FAMILIES["ResNet 10"])
    image, reference = balls().split(1)
    directions = along(network.raw(image))
    objective = Objective("raw", directions, "", 1.0)
    return Question(answers_of(network), image, Target("embedding"), objective, reference=reference)


def test_it_is_the_mean_magnitude_of_maps_that_each_conserve(question, monkeypatch):
    found = shifted_deviation.explain(question)
    assert found.conservation == pytest.approx(1, abs=1e-3)
    assert (found.relevance >= 0).all()
    monkeypatch.setattr(shifted_deviation, "shifted_reference", lambda reference, seed: reference)
    still = shifted_deviation.explain(question)
    once = explain_over(question)
    np.testing.assert_allclose(still.relevance, abs(once.relevance), rtol=1e-4, atol=1e-9)
    assert not np.allclose(found.relevance, still.relevance)


def test_places_are_rigid_small_and_always_the_same():
    places = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in (30, 36, 32)), indexing="ij"))
    ball = ((places - torch.tensor([14.0, 18, 15]).view(3, 1, 1, 1)).norm(dim=0) < 9).float()[None, None]
    centres = []
    for seed in range(4):
        there = shifted_deviation.shifted_reference(ball, seed)
        assert torch.equal(there, shifted_deviation.shifted_reference(ball, seed))
        assert there.sum() == pytest.approx(float(ball.sum()), rel=0.02)  # rigid: the volume stays
        centres.append((places * there[0, 0]).sum((1, 2, 3)) / there.sum())
    distance = (torch.stack(centres) - torch.tensor([14.0, 18, 15])).norm(dim=1)
    assert 0.1 < distance.mean() < 3
