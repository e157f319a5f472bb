"""Plain LRP is zennit's own where zennit can follow a network, and has a rule where it cannot."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, Hand, balls, linear, pointwise
from questions import noise, question_about
from random_networks import random_network
from torch import nn
from zennit.composites import (
    EpsilonAlpha2Beta1,
    EpsilonGammaBox,
    EpsilonPlusFlat,
    LayerMapComposite,
    SpecialFirstLayerMapComposite,
    layer_map_base,
)
from zennit.layer import Sum
from zennit.rules import Epsilon, Gamma, Norm, Pass, WSquare, ZBox, ZPlus
from zennit.types import Convolution

from wbtools.attribution import method
from wbtools.attribution.autograd.propagation import layers, merged, propagate
from wbtools.attribution.methods import composites
from wbtools.attribution.registry import ENTRIES
from wbtools.errors import InputError
from wbtools.model.junctions import Add, Gate

REST = [*layer_map_base(), (nn.Linear, Epsilon())]
STOCK = {
    "lrp-epsilon": lambda: LayerMapComposite([(Convolution, Epsilon()), *REST]),
    "lrp-gamma": lambda: LayerMapComposite([(Convolution, Gamma()), *REST]),
    "lrp-alpha-beta": EpsilonAlpha2Beta1,
    "lrp-flat": EpsilonPlusFlat,
    "lrp-w-square": lambda: SpecialFirstLayerMapComposite([(Convolution, ZPlus()), *REST], [(Convolution, WSquare())]),
    "lrp-box": lambda: SpecialFirstLayerMapComposite([(Convolution, ZPlus()), *REST], [(Convolution, ZBox(0.0, 1.0))]),
}


@pytest.fixture(autouse=True)
def without_batch_norms(monkeypatch):
    """Networks made by hand have none."""
    monkeypatch.setattr(Hand, "batch_norms", lambda network: [])


def _chain():
    """Layers one after the other, without biases."""
    torch.manual_seed(0)
    return Hand(
        nn.Conv3d(1, 4, 3, bias=False),
        nn.ReLU(),
        nn.MaxPool3d(2),
        nn.Conv3d(4, 6, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(2),
        nn.Flatten(),
        nn.Linear(48, 8, bias=False),
        nn.ReLU(),
        nn.Linear(8, 3, bias=False),
    )


def test_every_composite_has_its_oracle():
    assert {name for name, entry in ENTRIES.items() if entry.place.startswith("composites.")} == set(STOCK)


@pytest.mark.parametrize("name", STOCK)
def test_chain_of_layers_is_explained_as_zennits_stock_composites_do(name):
    network, image = _chain(), noise(1, 1, 12, 12, 12)
    question = question_about(network, image)
    with STOCK[name]().context(network):
        watched = image.clone().requires_grad_()
        answer = network.raw(watched)
        (stock,) = torch.autograd.grad(answer, watched, question.objective.directions * answer.detach())
    found = method(name).explain(question)
    np.testing.assert_allclose(found.relevance, stock[0, 0].numpy(), atol=1e-6 * float(stock.abs().max()))
    assert found.expected_sum == pytest.approx(1, rel=1e-5)
    # without biases only what cancels or starts in the border is lost
    assert found.conservation == pytest.approx(1, abs=0.02)


def test_gamma_box_of_zennit_is_gamma_and_box():
    network, image = _chain(), noise(1, 1, 12, 12, 12)
    question = question_about(network, image)
    both = composites.LayerRules(Gamma, lambda: ZBox(0.0, 1.0))
    first = network.layers[0]
    found = propagate(question, composites.composite(network, both, first)).relevance
    stock = propagate(question, EpsilonGammaBox(low=0.0, high=1.0)).relevance
    np.testing.assert_allclose(found, stock, atol=1e-6 * np.abs(stock).max())


class Branches(nn.Module):
    """(2 x - y) + (x + 3 y) of an image's neighbours, by our module or by zennit's."""

    def __init__(self, add):
        super().__init__()
        self.one, self.other, self.add, self.relu = (
            pointwise([[2.0]]),
            pointwise([[-0.5]]),
            add,
            nn.ReLU(),
        )
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(27, 4, bias=False))

    def forward(self, x):
        pair = (self.one(x), self.other(x.flip(2)))
        summed = self.add(*pair) if isinstance(self.add, Add) else self.add(torch.stack(pair, -1))
        return self.last(self.relu(summed))


def test_residual_sums_share_as_zennits_own_sum_does():
    torch.manual_seed(0)
    ours = Hand(Branches(Add()))
    zennits = Hand(Branches(Sum(dim=-1)))
    zennits.load_state_dict(ours.state_dict())
    question = question_about(ours, noise(1, 1, 3, 3, 3) - 0.3)
    stock = LayerMapComposite(
        [
            (Sum, Norm()),
            (Convolution, Epsilon()),
            (nn.Linear, Epsilon()),
            (nn.ReLU, Pass()),
        ]
    )
    expected = propagate(question_about(zennits, question.image), stock).relevance
    found = method("lrp-epsilon").explain(question).relevance
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


class Joined(nn.Module):
    """A gated signal plus another."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.add, self.other = (
            pointwise([[2.0]]),
            Gate(),
            Add(),
            pointwise([[-1.0]]),
        )

    def forward(self, x):
        return self.add(self.gate(self.conv(x), torch.sigmoid(x)), self.other(x)).flatten(1)


@pytest.mark.parametrize(("name", "other"), [("lrp-epsilon", -1.0), ("lrp-box", 0.0)])
def test_sums_share_by_summands_or_their_positive_parts_and_gates_give_all_to_the_signal(name, other):
    network = Hand(Joined())
    noted = {}

    def note(module, inputs, output):
        if output.requires_grad:
            output.register_hook(lambda gradient: noted.update({module: float(gradient)}))

    parts = network.layers[0]
    parts.conv.register_forward_hook(note)
    parts.other.register_forward_hook(note)
    image = torch.tensor([0.9]).view(1, 1, 1, 1, 1)
    method(name).explain(question_about(network, image, torch.ones(1, 1)))
    gated = float(2 * 0.9 * torch.sigmoid(image))
    score = gated - 0.9
    assert noted[parts.other] == pytest.approx(score * other * 0.9 / (gated + other * 0.9), abs=1e-5)
    assert noted[parts.conv] == pytest.approx(score * gated / (gated + other * 0.9), rel=1e-5)


def test_only_the_convolution_that_reads_the_image_takes_the_first_rule():
    class Reversed(nn.Module):
        """Its second layer is called first."""

        def __init__(self):
            super().__init__()
            self.late, self.early = pointwise([[1.0]]), pointwise([[1.0]])

        def forward(self, x):
            return self.late(self.early(x)).flatten(1)

    network = Hand(Reversed())
    used = []
    rules = composites.LayerRules(
        lambda: used.append("other") or ZPlus(),
        lambda: used.append("first") or ZPlus(),
    )
    composites.explain(question_about(network, noise(1, 1, 2, 2, 2), torch.ones(1, 8)), "lrp-flat", rules)
    assert used == ["other", "first"]  # in the order of the modules


@pytest.mark.parametrize("name", STOCK)
def test_published_networks_keep_relevance_in_the_brain_unless_the_first_rule_looks_at_weights_alone(name):
    network, image = random_network(FAMILIES["ResNet 10"]), balls((17, 19, 18))[:1]
    found = method(name).explain(question_about(network, image))
    assert np.isfinite(found.relevance).all()
    outside = np.abs(found.relevance[image[0, 0] == 0]).sum()
    assert (outside > 0) == (name in {"lrp-flat", "lrp-w-square", "lrp-box"})
    assert found.conservation != pytest.approx(1, abs=0.01)  # biases take what is theirs, and it is said


def test_attention_takes_no_part_and_batch_norms_are_merged():
    network = random_network(FAMILIES["U-Net, attention everywhere"])
    names = [name for name, _ in layers(network)]
    assert "encoders.3.block.gates.1" in names
    assert not any("_attention" in name for name in names)
    with merged(network).context(network):
        assert bool((network.bn1.weight == 1).all())
    assert not bool((network.bn1.weight == 1).all())


def test_network_without_visible_convolutions_is_refused():
    network = Hand(nn.Flatten(), linear([[1.0] * 8]))
    with pytest.raises(InputError, match="--method lrp-flat needs"):
        method("lrp-flat").explain(question_about(network, noise(1, 1, 2, 2, 2)))
