"""What holds for every method: several directions, foreign networks, and a network that is left as it was."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, OTHERS, balls
from questions import answers_of, question_about
from random_networks import random_network
from torch import fx, nn

from wbtools.attribution import METHODS, method
from wbtools.attribution.methods import integrated_gradients, perturbation, smoothgrad
from wbtools.attribution.noise import Noise
from wbtools.attribution.registry import ENTRIES
from wbtools.errors import InputError
from wbtools.model.imported.exported import load
from wbtools.model.imported.foreign import Foreign

SHAPE = (17, 19, 18)
ONE_AT_A_TIME = {
    "integrated-gradients",
    "integrated-gradients-zero",
    "integrated-gradients-blurred",
    "meaningful-perturbation",
}
MANY = [name for name in METHODS if name not in {*ONE_AT_A_TIME, "attention"}]
SEEING = {name for name, entry in ENTRIES.items() if entry.layers == "visible"}
"""Methods that need layers."""

ANYTHING = [name for name, entry in ENTRIES.items() if entry.layers != "known"]
"""Methods that do not need to know every step of a network."""


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """A short search for the mask, few images on the way, few draws: what is found is not looked at here."""
    monkeypatch.setattr(smoothgrad, "NOISE", Noise(draws=2, level=0.1))
    monkeypatch.setattr(integrated_gradients, "STEPS", 4)
    few = perturbation.Settings(steps=3, ramp=1, jitters=2, reach=1)
    explain = perturbation.explain
    quick = replace(perturbation.METHOD, explain=lambda question: explain(question, few))
    monkeypatch.setattr(perturbation, "METHOD", quick)


@cache
def _network():
    return random_network(FAMILIES["ResNet 10"])


def _question(network, **changes):
    both = balls(SHAPE)
    regions = torch.zeros(SHAPE, dtype=torch.int64)
    regions[:9], regions[9:] = 5, 11
    return question_about(network, both[:1], reference=both[1:], regions=regions, **changes)


@pytest.mark.parametrize("name", METHODS)
def test_network_and_image_are_left_as_they_were_and_the_same_comes_out_again(name):
    network = random_network(FAMILIES["ResNet 10"])
    network.requires_grad_(True)
    network.fc1.weight.requires_grad_(False)
    network.relu.inplace = True
    question = _question(network)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    learning = [parameter.requires_grad for parameter in network.parameters()]
    image, reference = question.image.clone(), question.reference.clone()
    with torch.no_grad():  # as a caller may have it
        first = method(name).explain(question).relevance
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    torch.manual_seed(99)
    np.testing.assert_array_equal(first, method(name).explain(question).relevance)
    assert first.shape == SHAPE
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert [parameter.requires_grad for parameter in network.parameters()] == learning
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.relu.inplace
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in network.modules())
    assert torch.equal(question.image, image)
    assert torch.equal(question.reference, reference)
    assert not question.image.requires_grad
    assert question.image.grad is None


def _before_pooling(output):
    """The magnitudes of a map, unpooled."""
    return np.abs(output.relevance) if output.squares is None else np.sqrt(output.squares)


@pytest.mark.parametrize("name", MANY)
def test_map_of_several_directions_is_the_mean_of_the_absolute_maps(name):
    network = _network()
    directions = torch.randn(3, 128, generator=torch.Generator().manual_seed(0))
    found = method(name).explain(_question(network, directions=directions))
    each = [method(name).explain(_question(network, directions=direction[None])) for direction in directions]
    expected = np.mean([_before_pooling(output) for output in each], 0)
    # The engine takes means of many maps by a low-rank form that is right to about 1 % of the highest.
    tolerance = 1e-4 if name in ANYTHING else 0.01
    np.testing.assert_allclose(_before_pooling(found), expected, atol=tolerance * np.abs(expected).max())
    if each[0].expected_sum is not None:
        assert found.expected_sum == pytest.approx(np.mean([output.expected_sum for output in each]), rel=1e-3)
        actual_sum = np.mean([output.expected_sum * output.conservation for output in each])
        assert found.expected_sum * found.conservation == pytest.approx(actual_sum, rel=1e-2)


@pytest.mark.parametrize("name", METHODS)
def test_maps_tell_for_from_against_or_are_nowhere_negative_as_their_method_says(name):
    network, found = _network(), method(name)
    direction = torch.randn(1, 128, generator=torch.Generator().manual_seed(0))
    question, opposite = (_question(network, directions=sign * direction) for sign in (1, -1))
    both = np.stack([found.explain(asked).relevance for asked in (question, opposite)])
    assert both.max() > 0
    assert found.signed == (both.min() < 0)
    # Of several directions it is the mean of magnitudes, whatever the method.
    several = replace(question.objective, directions=torch.eye(128)[:3])
    assert found.signed_for(question.objective) == found.signed
    assert not found.signed_for(several)


@pytest.mark.parametrize("name", sorted(ONE_AT_A_TIME))
def test_several_directions_are_refused_where_each_would_cost_as_much_again(name):
    with pytest.raises(InputError, match="explains one number, and this target has 4") as caught:
        method(name).explain(_question(_network(), directions=torch.eye(128)[:4]))
    assert "deviation" in caught.value.hint


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("family", ["MriNet", "AD_3DCNN"])
def test_classifiers_and_codes_are_explained(family, name):
    build, _ = OTHERS[family]
    network = random_network(build)
    both = balls()
    question = question_about(network, both[:1], reference=both[1:], regions=(both[0, 0] > 0.5).long())
    if name == "attention":
        with pytest.raises(InputError, match="no spatial attention"):
            method(name).explain(question)
    else:
        assert np.abs(method(name).explain(question).relevance).sum() > 0


def _careless():
    """A network as they come: in place, one ReLU for all, sums that are no modules."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv3d(1, 4, 3, padding=1), nn.Conv3d(4, 4, 3, padding=1)
            self.norm, self.relu, self.pool = nn.BatchNorm3d(4), nn.ReLU(inplace=True), nn.MaxPool3d(2)
            self.last = nn.Linear(4, 3)

        def forward(self, x):
            x = self.pool(self.relu(self.first(x)))
            y = self.norm(self.second(x))
            y += x
            return self.last(self.relu(y).mean((2, 3, 4)))

    return random_network(Block)


def _foreign(network):
    return Foreign(network).eval()


@pytest.mark.parametrize("name", [name for name in ANYTHING if name != "attention"])
def test_foreign_networks_that_work_in_place_are_explained(name):
    found = method(name).explain(_question(_foreign(_careless()), directions=torch.tensor([[1.0, 0, 0]])))
    assert np.isfinite(found.relevance).all()
    assert np.abs(found.relevance).sum() > 0


@pytest.mark.parametrize("name", ["gradient-x-input", "integrated-gradients", "grad-cam", "hires-cam"])
def test_working_in_place_changes_no_map(name):
    careless, careful = _careless(), _careless()
    careful.relu.inplace = False
    found, expected = (
        method(name).explain(_question(_foreign(network), directions=torch.tensor([[1.0, 0, 0]]))).relevance
        for network in (careless, careful)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


class Overwriting(nn.Module):
    """A ReLU overwrites what a convolution was given before."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.relu = nn.Conv3d(1, 2, 1), nn.Conv3d(2, 2, 1), nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.first(x)
        return torch.cat((self.second(x), self.relu(x)), 1).mean((2, 3, 4))


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.place.startswith("composites.")])
def test_rules_see_what_layers_were_given_and_not_what_was_made_of_it(name):
    network = _foreign(random_network(Overwriting))
    network.network.first.bias.data.fill_(-0.5)
    question = _question(network, directions=torch.ones(1, 4))
    found = method(name).explain(question).relevance
    network.network.relu.inplace = False
    np.testing.assert_array_equal(found, method(name).explain(question).relevance)


class Steps(nn.Module):
    """A network all of whose steps are functions: no layer can be seen."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 1, 3, 3, 3, generator=torch.Generator().manual_seed(0)))

    def forward(self, x):
        return torch.relu(nn.functional.conv3d(x, self.weight)).mean((2, 3, 4))


@pytest.mark.parametrize("name", ANYTHING)
def test_networks_without_layers_are_explained_by_gradients_and_refused_by_what_needs_layers(name):
    question = _question(_foreign(fx.symbolic_trace(Steps())), directions=torch.tensor([[1.0, 0, 0]]))
    if name in SEEING:
        with pytest.raises(InputError, match="layers"):
            method(name).explain(question)
    else:
        assert np.abs(method(name).explain(question).relevance).sum() > 0


@pytest.mark.parametrize("name", ["integrated-gradients", "gradient-x-difference", "occlusion", "grad-cam"])
def test_exported_programs_are_explained_or_refused(name):
    exported = torch.export.export(_careless(), (torch.zeros(1, 1, *SHAPE),)).module()
    question = _question(Foreign(exported), directions=torch.tensor([[1.0, 0, 0]]))
    if name == "grad-cam":
        with pytest.raises(InputError, match="layers"):
            method(name).explain(question)
    else:
        expected = method(name).explain(replace(question, answers=answers_of(_foreign(_careless())))).relevance
        np.testing.assert_allclose(
            method(name).explain(question).relevance,
            expected,
            atol=1e-5 * np.abs(expected).max(),
        )


@pytest.mark.parametrize("name", ["grad-cam", "hires-cam", "guided-backprop", "gradient-x-input"])
def test_networks_from_files_are_explained_like_those_they_were_made_from(name, tmp_path):
    program = torch.export.export(_careless(), (torch.zeros(1, 1, *SHAPE),))
    torch.export.save(program, tmp_path / "network.pt2")
    direction = torch.tensor([[1.0, 0, 0]])
    found, expected = (
        method(name).explain(_question(network, directions=direction)).relevance
        for network in (load(tmp_path / "network.pt2").network, _foreign(_careless()))
    )
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
