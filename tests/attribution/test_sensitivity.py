"""A map of an answer that is the same whatever the network is shown fails, whatever the method and the target."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from wbtools.attribution import Target, method, reference
from wbtools.attribution.evaluation.sanity_checks import assess
from wbtools.attribution.evaluation.sensitivity import LEAST_LOGIT, LEAST_PART, sensitivity_of
from wbtools.attribution.methods import integrated_gradients, perturbation
from wbtools.attribution.reference import template_on
from wbtools.errors import InputError
from wbtools.model import ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families.resnet import FAMILY
from wbtools.model.family import Network
from wbtools.space.grid import Grid

GRID = Grid((20, 24, 20), np.array([[-9.0, 0, 0, 85], [0, 9, 0, -122], [0, 0, 9, -68], [0, 0, 0, 1]]))
METHODS = (
    "deviation",
    "gradient-x-input",
    "integrated-gradients-zero",
    "grad-cam",
    "occlusion",
    "meaningful-perturbation",
)
REGIONS = np.zeros(GRID.shape, np.int64)
REGIONS[:10], REGIONS[10:] = 3, 7


class Dimmed(Network):
    """Answers with an offset, and with as little of what it sees as it is told."""

    answers = ("raw", "logits")
    hashes = True

    def __init__(self, part, outputs=6):
        super().__init__()
        torch.manual_seed(3)
        self.see = nn.Sequential(
            nn.Conv3d(1, 4, 5, stride=2), nn.ReLU(), nn.Conv3d(4, 6, 3), nn.ReLU(), nn.AvgPool3d(3), nn.Flatten()
        )
        self.last = nn.Linear(6 * 8, outputs)
        self.last.weight.data *= part
        self.last.bias.data = torch.linspace(-0.6, 0.6, outputs)

    def raw(self, x):
        return self.last(self.see(x))

    def logits(self, x):
        return self.raw(x)

    def forward(self, x):
        return self.raw(x)

    def batch_norms(self):
        return []


def remembered(function):
    """A function of volumes and grids that is asked once for the same ones."""
    known = {}

    def once(*things):
        grids = [getattr(thing, "grid", thing) for thing in things]
        data = [hash(thing.data.tobytes()) for thing in things if hasattr(thing, "data")]
        key = (*data, *((grid.shape, grid.affine.tobytes()) for grid in grids))
        if key not in known:
            known[key] = function(*things)
        return known[key]

    return once


REGISTERED = {name: remembered(getattr(reference, name)) for name in ("affine_between", "_laid")}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """The maps themselves are not looked at here, and the same three people are registered again and again."""
    for name, once in REGISTERED.items():
        monkeypatch.setattr(reference, name, once)
    monkeypatch.setattr(integrated_gradients, "STEPS", 4)
    few = perturbation.Settings(steps=3, ramp=1, jitters=2, reach=1)
    explain = perturbation.explain
    quick = replace(perturbation.METHOD, explain=lambda question: explain(question, few))
    monkeypatch.setattr(perturbation, "METHOD", quick)


@pytest.fixture(scope="module")
def people():
    """The template, moved, with another contrast and noise; three times."""
    brain = template_on(GRID)

    def met(seed):
        noise = np.random.default_rng(seed).normal(1, 0.1, brain.shape)
        image = (np.sqrt(np.roll(brain, seed % 2, 1)) * noise * (brain > 0)).astype(np.float32)
        return ModelInput((image / image.max())[None, None], GRID)

    return [met(seed) for seed in (1, 2, 3)]


def trusted(part, people, name, target, outputs=6):
    """What is said of the map of a network."""
    network = Dimmed(part, outputs).eval().requires_grad_(False)
    model = Model(network, replace(FAMILY.card, family="another", shape=GRID.shape), {}, "")
    how = method(name)
    question = how.ask(model, people, Target.parse(target), REGIONS)
    found = how.attribute(question, people[0])
    return assess(found, question, np.empty((0, *GRID.shape), np.float32))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("part", [0.0, 2e-5])
def test_a_map_of_an_answer_that_hardly_differs_fails(people, name, part):
    try:
        trust = trusted(part, people, name, "class")
    except InputError as error:  # this method finds out by itself
        assert name == "meaningful-perturbation"
        assert "nothing to take away" in str(error)
        return
    assert trust.sensitivity.change < 1e-4
    assert "hardly differs" in trust.failures[0]
    assert trust.verdict.startswith("Not to be trusted")
    assert trust.mark
    assert not trust.as_record()["passed"]


@pytest.mark.parametrize("target", ["embedding", "dimension:2", "dimension", "pair", "contrast", "distance", "bit:1"])
@pytest.mark.parametrize("name", ["deviation", "gradient-x-input"])
def test_every_target_of_a_blind_network_fails_and_of_a_seeing_one_does_not(people, name, target):
    assert "hardly differs" in trusted(2e-5, people, name, target).failures[0]
    seeing = trusted(5.0, people, name, target)
    assert not any("hardly differs" in failure for failure in seeing.failures)


@pytest.mark.parametrize("name", METHODS)
def test_a_network_that_sees_is_not_called_blind(people, name):
    trust = trusted(5.0, people, name, "class")
    assert not trust.sensitivity.blind
    assert not any("hardly differs" in failure for failure in trust.failures)


def test_a_single_value_is_judged_by_its_size_for_it_may_have_any_unit(people):
    assert trusted(2e-5, people, "deviation", "class:0", outputs=1).sensitivity.blind
    assert not trusted(5.0, people, "deviation", "class:0", outputs=1).sensitivity.blind


def test_what_is_measured_is_the_change_of_the_answer(people):
    """Against the answers themselves."""
    network = Dimmed(5.0).eval().requires_grad_(False)
    model = Model(network, replace(FAMILY.card, family="another", shape=GRID.shape), {}, "")
    how = method("deviation")
    question = how.ask(model, people[:1], Target("class", "4"))
    change = float((network(question.image) - network(question.reference))[0, 4].abs())
    assert sensitivity_of(question).change == pytest.approx(change, rel=1e-4)
    assert sensitivity_of(question).least == LEAST_LOGIT
    question = how.ask(model, people[:1], Target("embedding"))
    first, second = (network(x)[0].double() for x in (question.image, question.reference))
    angle = float(torch.acos(first @ second / first.norm() / second.norm()))
    assert sensitivity_of(question).change == pytest.approx(angle, rel=1e-4)
    assert sensitivity_of(question).least == LEAST_PART
