"""Each rule on a case that is worked out by hand, and every linear map against autograd."""

import pytest
import torch
from engine_networks import Hand, linear, pointwise
from torch import nn

from wbtools.attribution.engine import EPSILON, MATCHED, Z_PLUS, RelevancePropagator, RuleSet, gamma
from wbtools.attribution.engine.linear import Average, Cells, Convolution, Dense, Mean
from wbtools.errors import InputError
from wbtools.model.family import Network
from wbtools.model.junctions import Add, Gate


def _voxels(*values):
    """An image (1, 1, n, 1, 1)."""
    return torch.tensor(values).view(1, 1, -1, 1, 1)


def _two_layers(*between):
    """Two voxels x, y: hidden = (x - 2 y, 3 x + y), then what is between, output = 7 h0 + 2 h1."""
    mixing = nn.Conv3d(1, 2, (2, 1, 1), bias=False)
    mixing.weight.data = torch.tensor([[1.0, -2.0], [3.0, 1.0]]).view(2, 1, 2, 1, 1)
    return Hand(mixing, *between, nn.Flatten(), linear([[7.0, 2.0]]))


def test_two_layers_of_plain_rules_by_hand():
    # x = (1, 2): hidden (0, 5); all 10 go to the second unit, whose contributions are 3 and 2
    for rule in (EPSILON, Z_PLUS, MATCHED, gamma(0.5)):
        propagator = RelevancePropagator(_two_layers(nn.ReLU()), _voxels(1.0, 2.0), RuleSet(rule))
        assert propagator.output.item() == 10
        torch.testing.assert_close(propagator.relevance(torch.tensor([[10.0]])).flatten(), torch.tensor([6.0, 4.0]))


def test_contributions_of_both_signs_by_hand():
    # x = (1, 1): hidden 1 - 2 = -1 and 3 + 1 = 4; output -7 + 8 = 1, and the linear layer hands on -7 and 8.
    expected = {
        # -7 in proportion to (1, -2) of -1; 8 in proportion to (3, 1) of 4
        EPSILON: (7 + 6.0, -14 + 2.0),
        # only contributions of the output's sign: -7 all to the second voxel
        MATCHED: (0 + 6.0, -7 + 2.0),
        # with gamma 1 those of the output's sign count double: (1, -4) of -3, and (6, 2) of 8
        gamma(1.0): (7 / 3 + 6.0, -28 / 3 + 2.0),
    }
    for rule, relevance in expected.items():
        propagator = RelevancePropagator(_two_layers(), _voxels(1.0, 1.0), RuleSet(rule))
        assert propagator.output.item() == pytest.approx(1)
        torch.testing.assert_close(propagator.relevance(propagator.output).flatten(), torch.tensor(relevance))


def test_maximum_pool_gives_all_to_the_winner():
    propagator = RelevancePropagator(Hand(nn.MaxPool3d((2, 1, 1)), nn.Flatten()), _voxels(1.0, 5.0, 3.0, 2.0))
    torch.testing.assert_close(propagator.output, torch.tensor([[5.0, 3.0]]))
    relevance = propagator.relevance(torch.tensor([[7.0, -6.0]])).flatten()
    torch.testing.assert_close(relevance, torch.tensor([0.0, 7.0, -6.0, 0.0]))


def test_average_pools_share_by_parts_of_the_sums_sign():
    for network in (Hand(nn.AvgPool3d((4, 1, 1)), nn.Flatten()), Hand(nn.AdaptiveAvgPool3d(1), nn.Flatten())):
        propagator = RelevancePropagator(network, _voxels(3.0, 1.0, -2.0, 0.0), RuleSet(EPSILON))
        # 3, 1, -2, 0 with mean 1/2: positive parts 3 and 1 share 8
        relevance = propagator.relevance(torch.tensor([[8.0]])).flatten()
        torch.testing.assert_close(relevance, torch.tensor([6.0, 2.0, 0.0, 0.0]))


class _Joined(Network):
    """Gate(2 x, sigmoid-free coefficient from x) + other * x."""

    def __init__(self, other):
        super().__init__()
        self.conv, self.coefficient, self.other = pointwise([[2.0]]), pointwise([[0.5]]), pointwise([[other]])
        self.gate, self.add, self.flatten = Gate(), Add(), nn.Flatten()
        self.eval().requires_grad_(False)

    def raw(self, x):
        return self.flatten(self.add(self.gate(self.conv(x), self.coefficient(x)), self.other(x)))


@pytest.mark.parametrize(("other", "share"), [(-1.0, 1.0), (3.0, 4 / 10)])
def test_gate_gives_all_to_its_signal_and_a_sum_shares_by_parts_of_its_sign(other, share):
    propagator = RelevancePropagator(_Joined(other), _voxels(2.0), RuleSet(EPSILON))
    # gate: 2 x * x / 2 = 4; the other branch gives -2 or 6
    assert propagator.output.item() == pytest.approx(4 + 2 * other)
    gate, branch = (propagator.relevance(torch.ones(1, 1), stop=step).item() for step in (3, 4))
    assert (gate, branch) == pytest.approx((share, 1 - share))
    # nothing comes back through the coefficient: one seed arrives once
    assert propagator.relevance(torch.ones(1, 1)).item() == pytest.approx(1)


def test_batch_norm_that_no_convolution_comes_before_hands_relevance_on_unchanged():
    norm = nn.BatchNorm3d(1)
    norm.weight.data.fill_(2.0), norm.bias.data.fill_(-3.0)
    norm.running_mean.fill_(0.5), norm.running_var.fill_(4.0)
    propagator = RelevancePropagator(Hand(norm, nn.Flatten()), _voxels(4.0, 1.0))
    # 2 (x - 1/2) / 2 - 3
    torch.testing.assert_close(propagator.output, torch.tensor([[0.5, -2.5]]))
    torch.testing.assert_close(propagator.relevance(torch.tensor([[2.0, 3.0]])).flatten(), torch.tensor([2.0, 3.0]))


CONVOLUTIONS = [
    ((5, 3, 3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
    ((5, 3, 3, 3, 3), (2, 2, 2), (1, 1, 1), (2, 2, 2)),
    ((5, 3, 1, 1, 1), (2, 2, 2), (0, 0, 0), (1, 1, 1)),
    ((5, 1, 7, 7, 7), (1, 1, 1), (3, 3, 3), (1, 1, 1)),
    ((5, 1, 7, 7, 7), (1, 2, 2), (3, 3, 3), (1, 1, 1)),
    ((5, 1, 3, 4, 5), (2, 3, 2), (0, 1, 0), (1, 1, 1)),
    ((5, 1, 3, 3, 3), (3, 1, 2), (0, 2, 0), (1, 2, 2)),
    ((5, 1, 3, 3, 3), (1, 1, 1), (0, 0, 0), (2, 1, 1)),
]


@pytest.mark.parametrize(("shape", "stride", "padding", "dilation"), CONVOLUTIONS)
def test_adjoint_of_a_convolution_is_that_of_autograd(shape, stride, padding, dilation):
    torch.manual_seed(0)
    _compare(Convolution(torch.randn(shape).double(), stride, padding, dilation), (shape[1], 11, 12, 13))


@pytest.mark.parametrize("groups", [2, 6])
@pytest.mark.parametrize(("kernel", "stride"), [((1, 1, 1), 1), ((1, 1, 1), 2), ((1, 3, 3), 1), ((3, 3, 3), 2)])
def test_adjoint_of_a_convolution_in_groups_is_that_of_autograd(kernel, stride, groups):
    torch.manual_seed(0)
    padding = tuple(size // 2 for size in kernel)
    weight = torch.randn(12, 6 // groups, *kernel).double()
    _compare(Convolution(weight, (stride,) * 3, padding, (1, 1, 1), groups=groups), (6, 7, 8, 9))


def test_adjoints_of_averages_and_linear_layers_are_those_of_autograd():
    _compare(Average(nn.AvgPool3d(2)), (3, 5, 6, 7))
    _compare(Average(nn.AvgPool3d(3, stride=2, padding=1)), (3, 5, 6, 7))
    _compare(Mean(), (3, 5, 6, 7))
    _compare(Mean((3, 4)), (3, 5, 6, 7))
    _compare(Cells((None, 4, 9)), (3, 5, 6, 7))
    _compare(Cells((2, 3, 2)), (3, 5, 6, 7))
    _compare(Dense(torch.randn(4, 6).double()), (6,))


def _compare(linear, shape):
    x = torch.randn(2, *shape).double().requires_grad_()
    y = linear(x)
    weight = torch.randn(y.shape).double()
    (expected,) = torch.autograd.grad(y, x, weight)
    with torch.no_grad():
        torch.testing.assert_close(linear.adjoint(weight, shape), expected)


def test_unknown_layers_and_untraceable_networks_are_named():
    with pytest.raises(InputError, match=r"layers\.0 \(GELU\)"):
        RelevancePropagator(Hand(nn.GELU(), nn.Flatten()), _voxels(1.0))
    with pytest.raises(InputError, match=r"oddly padded convolution layers\.0"):
        RelevancePropagator(Hand(nn.Conv3d(1, 2, 3, padding=1, padding_mode="reflect")), torch.ones(1, 1, 4, 4, 4))

    class Deciding(Hand):
        def raw(self, x):
            return self.layers(x) if x.sum() > 0 else x

    class Hidden(Hand):
        def raw(self, x):
            return torch.exp(self.layers(x))

    for kind in (Deciding, Hidden):
        with pytest.raises(InputError, match=f"{kind.__name__} cannot be followed"):
            RelevancePropagator(kind(nn.ReLU()), _voxels(1.0))


def test_network_in_training_is_refused():
    with pytest.raises(InputError, match="evaluation"):
        RelevancePropagator(Hand(nn.ReLU(), nn.Flatten()).train(), _voxels(1.0))
