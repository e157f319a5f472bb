"""Each image is shown to a network once, whoever asks for its answer; and the answer is the network's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES
from random_networks import random_network

from wbtools.attribution import Answers, Target, method
from wbtools.attribution.autograd.gradients import score_of
from wbtools.attribution.decision import decide
from wbtools.attribution.evaluation.sensitivity import sensitivity_of
from wbtools.model import Card, ModelInput
from wbtools.model.checkpoint import Model
from wbtools.space.grid import Grid

SHAPE = (26, 30, 24)


def _counted(network):
    """The network, and the sum of every image that it has been shown."""
    shown, raw = [], network.raw
    network.raw = lambda image: shown.append(float(image.sum())) or raw(image)
    return network, shown


def _people(count):
    rng = np.random.default_rng(0)
    images = (rng.random((1, 1, *SHAPE), np.float32) ** (4 * power + 1) for power in range(count))
    return [ModelInput(image, Grid(SHAPE, np.eye(4))) for image in images]


def test_decision_target_score_and_sensitivity_ask_for_each_image_once():
    network, shown = _counted(random_network(FAMILIES["ResNet 10"]))
    model = Model(network, Card("net", "Net", "none", shape=SHAPE), {}, "")
    people = _people(3)
    question = method("integrated-gradients-zero").ask(model, people, Target("contrast"))
    decision = decide(question.answers, question.images, ("me", "twin", "stranger"), question.target)
    change = score_of(question, question.reference)
    moved = sensitivity_of(question)
    assert sorted(shown) == sorted(float(image.sum()) for image in (question.image, *question.people, question.base))
    with torch.no_grad():
        mine, other, third, nothing = (
            random_network(FAMILIES["ResNet 10"]).raw(image)
            for image in (question.image, *question.people, question.base)
        )
    similarity = torch.nn.functional.cosine_similarity
    assert decision.comparisons[0].cosine == pytest.approx(float(similarity(mine, other)), abs=1e-6)
    assert question.objective.score == pytest.approx(float(similarity(mine, other) - similarity(mine, third)), abs=1e-6)
    assert change == pytest.approx(float((mine - nothing) @ question.objective.directions.T), abs=1e-6)
    assert abs(question.objective.score) > 1e-4
    assert moved.change > moved.least


def test_a_second_question_about_the_same_person_shows_the_network_only_what_is_new():
    network, shown = _counted(random_network(FAMILIES["ResNet 10"]))
    model = Model(network, Card("net", "Net", "none", shape=SHAPE), {}, "")
    people = _people(3)
    first = method("gradient").ask(model, people, Target("contrast"))
    count = len(shown)
    second = method("integrated-gradients-zero").ask(model, people, Target("contrast"), answers=first.answers)
    assert count == 3 and sorted(shown) == sorted(
        float(image.sum()) for image in (*first.images.people, first.image, second.base)
    )
    assert second.image is first.image and second.people == first.people
    alone = method("integrated-gradients-zero").ask(model, _people(3), Target("contrast"))
    torch.testing.assert_close(second.objective.directions, alone.objective.directions, rtol=0, atol=0)


def test_another_network_is_asked_anew_unless_its_answer_is_known():
    network, shown = _counted(random_network(FAMILIES["ResNet 10"], seed=1))
    model = Model(random_network(FAMILIES["ResNet 10"]), Card("net", "Net", "none", shape=SHAPE), {}, "")
    question = method("integrated-gradients-zero").ask(model, _people(2), Target("pair"))
    asked = question.for_network(network)
    assert len(shown) == 3
    with torch.no_grad():
        known = torch.cat([network.raw(image) for image in (question.image, question.reference)])
    shown.clear()
    again = question.for_network(network, known)
    assert shown == [float(question.people[0].sum())]
    torch.testing.assert_close(again.objective.directions, asked.objective.directions)


def test_images_of_the_same_values_are_told_apart_and_an_identity_is_never_taken_over():
    network, shown = _counted(random_network(FAMILIES["ResNet 10"]))
    answers = Answers(Model(network, Card("net", "Net", "none", shape=SHAPE), {}, ""))
    found = [answers.of(torch.full((1, 1, *SHAPE), float(value)), "raw") for value in (1, 1, 2)]
    assert len(shown) == 3
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
