"""Each rule on a case that is worked out by hand, and the engine against zennit on whole networks."""

import engine_networks
import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, balls
from questions import question_about
from random_networks import random_network, random_unet
from torch import nn

from wbtools.attribution import method
from wbtools.attribution.autograd import lrp_by_zennit
from wbtools.attribution.autograd.propagation import merged
from wbtools.attribution.engine import RelevancePropagator
from wbtools.errors import InputError
from wbtools.model.families.unet import UNetArchitecture
from wbtools.model.junctions import Add, Gate


class Hand(nn.Module):
    """A network whose layers are given one by one."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def raw(self, x):
        return self.layers(x)

    def batch_norms(self):
        return []


def _filter(weights, bias=None):
    """A 1 x 1 x 1 convolution with these weights (outputs, inputs)."""
    weights = torch.tensor(weights)
    layer = nn.Conv3d(weights.shape[1], weights.shape[0], 1, bias=bias is not None)
    layer.weight.data = weights[:, :, None, None, None]
    if bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


def _propagate(network, x, seed):
    network.eval().requires_grad_(False)
    with lrp_by_zennit.composite(network, lrp_by_zennit.image_shares(network, x)).context(network):
        watched = x.clone().requires_grad_()
        (relevance,) = torch.autograd.grad(network.raw(watched), watched, seed)
    return relevance


def test_two_layers_by_hand():
    # x = (1, 2); hidden = relu(1 - 4, 3 + 2) = (0, 5), out = 2 * 5
    network = Hand(_filter([[1.0, -2.0], [3.0, 1.0]]), nn.ReLU(), nn.Flatten(), nn.Linear(2, 1, bias=False))
    network.layers[3].weight.data = torch.tensor([[7.0, 2.0]])
    x = torch.tensor([1.0, 2.0]).view(1, 2, 1, 1, 1)
    relevance = _propagate(network, x, torch.tensor([[10.0]]))
    # all 10 go to the second hidden unit; there the contributions are 3 and 2 of 5
    torch.testing.assert_close(relevance.flatten(), torch.tensor([6.0, 4.0]))


def test_negative_contributions_get_nothing_and_biases_take_nothing():
    # positive contributions to the only unit: 1 * 2; negative: -1 * 1; bias 5
    network = Hand(_filter([[2.0, -1.0]], bias=[5.0]), nn.ReLU(), nn.Flatten(), nn.Linear(1, 1))
    network.layers[3].weight.data.fill_(3.0)
    network.layers[3].bias.data.fill_(-4.0)
    relevance = _propagate(network, torch.ones(1, 2, 1, 1, 1), torch.tensor([[1.0]]))
    torch.testing.assert_close(relevance.flatten(), torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize(("bias", "shares"), [(-5.0, [0.0, 0.25, 0.75]), (5.0, [1.0, 0.0, 0.0])])
def test_last_layers_count_contributions_of_the_outputs_sign(bias, shares):
    network = Hand(nn.Flatten(), nn.Linear(3, 1))
    network.layers[1].weight.data = torch.tensor([[2.0, -1.0, -3.0]])
    network.layers[1].bias.data.fill_(bias)  # the output is -7 or 3
    relevance = _propagate(network, torch.ones(1, 3), torch.tensor([[1.0]]))
    # gamma is 1000, not infinite
    torch.testing.assert_close(relevance.flatten(), torch.tensor(shares), atol=5e-3, rtol=0)


def test_activation_made_by_biases_shares_as_little_as_the_image_contributed():
    # two voxels, one empty. First layer: x + 1, so hidden = (3, 1): 2/3 and 0 of them come from the image.
    network = Hand(_filter([[1.0]], bias=[1.0]), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(1, 1))
    x = torch.tensor([2.0, 0.0]).view(1, 1, 2, 1, 1)
    shares = lrp_by_zennit.image_shares(network.eval(), x)["layers.2"][0]
    torch.testing.assert_close(shares.flatten().float(), torch.tensor([2 / 3, 0.0]), atol=1e-3, rtol=0)
    relevance = _propagate(network, x, torch.tensor([[1.0]]))
    torch.testing.assert_close(relevance.flatten(), torch.tensor([1.0, 0.0]))


def test_maximum_pool_gives_all_to_the_winner_and_average_pool_shares():
    x = torch.tensor([1.0, 3.0, 4.0, 2.0]).view(1, 1, 4, 1, 1)
    network = Hand(nn.MaxPool3d((2, 1, 1)), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    relevance = _propagate(network, x, torch.tensor([[7.0]]))
    torch.testing.assert_close(relevance.flatten(), torch.tensor([0.0, 3.0, 4.0, 0.0]))


class Joined(nn.Module):
    """(2 x gated by a coefficient made from x) + (-x), or + 3 x."""

    def __init__(self, other):
        super().__init__()
        self.conv, self.gate, self.add, self.other = _filter([[2.0]]), Gate(), Add(), _filter([[other]])

    def raw(self, x):
        return self.add(self.gate(self.conv(x), torch.sigmoid(x)), self.other(x)).flatten(1)

    def batch_norms(self):
        return []


@pytest.mark.parametrize("other", [-1.0, 3.0])
def test_gate_is_a_constant_and_a_sum_shares_by_positive_parts(other):
    network = Joined(other).eval().requires_grad_(False)
    x = torch.tensor([0.5]).view(1, 1, 1, 1, 1)
    noted = {}
    with lrp_by_zennit.composite(network, lrp_by_zennit.image_shares(network, x)).context(network):
        for name in ("conv", "other"):
            module = getattr(network, name)
            module.register_forward_hook(
                lambda m, i, o, name=name: o.register_hook(lambda g: noted.__setitem__(name, float(g))) and None
            )
        watched = x.clone().requires_grad_()
        (relevance,) = torch.autograd.grad(network.raw(watched), watched, torch.ones(1, 1))
    gated, plain = float(2 * 0.5 * torch.sigmoid(x)), max(0.0, other * 0.5)
    assert noted["conv"] == pytest.approx(gated / (gated + plain), rel=1e-5)
    assert noted["other"] == pytest.approx(plain / (gated + plain), abs=1e-6)
    assert float(relevance) == pytest.approx(1.0, rel=1e-5)  # nothing through the coefficient


def test_merging_batch_norms_changes_no_output_and_is_undone():
    network = random_unet(UNetArchitecture((16, 16, 32)))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.rand(1, 1, 16, 16, 16)
    plain = network.raw(x)
    with merged(network).context(network):
        torch.testing.assert_close(network.raw(x), plain, rtol=1e-3, atol=1e-4)
        assert bool((network.bn1.weight == 1).all())
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_engine_and_zennit_draw_the_same_map_of_every_family(name, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "half", lambda share: share)  # in half precision another voxel may win a pool
    question = question_about(random_network(FAMILIES[name]), balls((19, 21, 20))[:1])
    ours, zennits = method("lrp").explain(question), lrp_by_zennit.explain(question)
    assert ours.conservation == pytest.approx(zennits.conservation, rel=1e-4)
    np.testing.assert_allclose(ours.relevance, zennits.relevance, atol=1e-4 * np.abs(zennits.relevance).max())


def test_a_network_with_a_layer_that_the_engine_does_not_know_is_explained_by_zennit(monkeypatch):
    torch.manual_seed(0)
    network = engine_networks.Hand(nn.Conv3d(1, 4, 3), nn.ELU(), nn.Flatten(), nn.Linear(4 * 64, 3))
    monkeypatch.setattr(type(network), "batch_norms", lambda network: [])
    question = question_about(network, torch.rand(1, 1, 6, 6, 6))
    with pytest.raises(InputError, match=r"layers\.1 \(ELU\)"):
        RelevancePropagator(network, question.image)
    found = method("lrp").explain(question)
    np.testing.assert_array_equal(found.relevance, lrp_by_zennit.explain(question).relevance)
    assert np.abs(found.relevance).sum() > 0
