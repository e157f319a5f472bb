"""Votes of stacks of slices are explained on the volume: relevance is conserved, and lies in the stacks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from engine_networks import balls
from questions import question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution import METHODS, Target, attribute, default_method, method
from wbtools.attribution.engine import DifferencePropagator, RelevancePropagator
from wbtools.attribution.registry import ENTRIES
from wbtools.errors import InputError
from wbtools.model import Card, ModelInput, load
from wbtools.model import card as cards
from wbtools.model.families.stacks import StackNetwork, StacksArchitecture
from wbtools.model.family import Classifier
from wbtools.model.pictures import Abreast, Stacks, Together
from wbtools.space.grid import Grid

SHAPE = (40, 46, 42)
SMALL = (26, 30, 28)
TINY = StacksArchitecture((1, 1, 1), 8, 3)
CARD = Card("net", "net", "stacks", shape=SHAPE, places=5)


def network(plane="axial", architecture=TINY):
    found = random_network(lambda: StackNetwork(architecture))
    found.adapt(replace(CARD, plane=plane))
    return found


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("stack", [3, 5])
def test_relevance_sums_to_the_change_of_the_vote(plane, stack):
    asked = network(plane, StacksArchitecture((2, 1, 1, 1), 8, stack, 3))
    both = balls(SHAPE)
    propagator = DifferencePropagator(asked, both[:1], both[1:], "logits")
    weights = torch.tensor([[1.0, -0.5, 0.25]])
    relevance = propagator.relevance(weights * propagator.change)
    with torch.no_grad():
        answers = asked.double().logits(both.double())
    expected = float((weights.double() * (answers[:1] - answers[1:])).sum())
    assert float(relevance.sum()) == pytest.approx(expected, rel=1e-3)
    seen = relevance[0, 0].abs().movedim({"sagittal": 0, "coronal": 1, "axial": 2}[plane], 0).flatten(1).amax(1) > 0
    assert 0 < seen.sum() <= 5 * stack


def test_relevance_by_rules_sums_to_the_vote():
    asked, image = network(), balls(SHAPE)[:1]
    propagator = RelevancePropagator(asked, image, output="logits")
    torch.testing.assert_close(propagator.output, asked.logits(image), rtol=1e-4, atol=1e-5)
    direction = torch.tensor([[1.0, 0.0]])
    relevance = propagator.relevance(direction * propagator.output)
    assert float(relevance.sum()) == pytest.approx(float(propagator.output[0, 0]), rel=0.01)
    assert not relevance[image == 0].any()


class Plain(Classifier):
    """A vote without pools, of which captum knows every layer."""

    def __init__(self):
        super().__init__()
        self.pictures, self.abreast, self.flatten = Stacks(3, "coronal", 4), Abreast(), Together()
        self.layers = nn.Sequential(nn.Conv2d(3, 5, 3, 2), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.ReLU())
        self.avgpool, self.fc = nn.AdaptiveAvgPool3d(1), nn.Linear(6, 2)

    def logits(self, x):
        maps = self.layers(self.pictures(x))
        return self.fc(self.flatten(self.avgpool(self.abreast(maps, self.pictures.places))))


class OnePicture(nn.Module):
    """What a single picture adds to the vote."""

    def __init__(self, plain):
        super().__init__()
        self.layers, self.pool, self.flatten, self.fc = plain.layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), plain.fc

    def forward(self, x):
        return self.fc(self.flatten(self.pool(self.layers(x))))


def test_without_pools_it_is_the_sum_of_captums_deep_lift_of_every_stack_over_their_number():
    plain = random_network(Plain)
    both = balls((22, 26, 20))
    propagator = DifferencePropagator(plain, both[:1], both[1:], "logits", magnitudes=False)
    ours = propagator.relevance(torch.tensor([[1.0, 0.0]]) * propagator.change)
    middles = plain.pictures.middles(26)
    theirs = torch.zeros(22, 26, 20)
    for middle in middles:
        shown = [each[0, :, middle - 1 : middle + 2].transpose(0, 1)[None].clone() for each in both]
        found = DeepLift(OnePicture(plain)).attribute(shown[0].requires_grad_(), shown[1], target=0).detach()
        theirs[:, middle - 1 : middle + 2] += found[0].transpose(0, 1) / len(middles)
    torch.testing.assert_close(ours[0, 0], theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_the_default_method_knows_every_layer_and_conserves_relevance(tmp_path):
    torch.save(network().state_dict(), tmp_path / "net.pt")
    cards.write(tmp_path / "net.json", CARD)
    model = load(tmp_path / "net.pt")
    name = default_method(model, Target("class"))
    assert name == "deviation-smooth"
    image = ModelInput(balls(SHAPE)[:1].numpy(), Grid(SHAPE, np.eye(4)))
    for chosen in (name, "lrp"):
        assert attribute(model, image, chosen).conservation == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_a_vote(name):
    both = balls(SMALL)
    question = question_about(network(), both[:1], reference=both[1:], regions=(both[0, 0] > 0.5).long())
    if name == "attention":
        with pytest.raises(InputError, match="no spatial attention"):
            method(name).explain(question)
        return
    found = method(name).explain(question)
    assert found.relevance.shape == SMALL and np.isfinite(found.relevance).all()
    assert np.abs(found.relevance).sum() > 0
    if ENTRIES[name].layers == "known" and found.expected_sum is not None:
        assert found.conservation == pytest.approx(1, abs=0.01)
