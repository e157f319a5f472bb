"""Differences sent through a network: nothing is lost, and captum and analytic cases agree."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, OTHERS, Hand, balls, linear, pointwise
from random_networks import random_network
from torch import nn

from wbtools.attribution.engine import DifferencePropagator, dimension_seeds, mean_absolute, pooled_convolution
from wbtools.attribution.engine.rescale import product
from wbtools.attribution.engine.signal import ActivationChange
from wbtools.errors import InputError
from wbtools.model.junctions import ChannelAttention, Gate, SpatialAttention

EVERY = {**{name: (build, "raw") for name, build in FAMILIES.items()}, **OTHERS}


@pytest.mark.parametrize("name", EVERY)
def test_relevance_sums_to_the_change_of_the_answer_in_every_family(name):
    build, output = EVERY[name]
    network = random_network(build)
    image, reference = balls().split(1)
    propagator = DifferencePropagator(network, image, reference, output)
    answers = torch.cat([getattr(network, output)(shown) for shown in (image, reference)])
    torch.testing.assert_close(propagator.output, answers[:1], rtol=1e-4, atol=1e-5 * float(answers.abs().max()))
    seeds = dimension_seeds(propagator)[:3] + propagator.change / 7
    relevance = propagator.relevance(seeds)
    size = relevance.abs().sum((1, 2, 3, 4))
    # Float32, measured against all that is moved about: the answer's own change may be a small difference of it.
    assert ((relevance.sum((1, 2, 3, 4)) - seeds.sum(1)).abs() <= 1e-5 * size).all()
    assert relevance.sum() == pytest.approx(float(seeds.sum()), rel=1e-2)
    nowhere = (image == 0) & (reference == 0)
    assert not relevance[nowhere.expand_as(relevance)].any()


@pytest.mark.parametrize("name", ["U-Net, attention everywhere", "DenseNet"])
def test_equal_images_differ_by_exactly_nothing(name):
    image = balls()[:1]
    propagator = DifferencePropagator(random_network(FAMILIES[name]), image, image.clone())
    assert not propagator.change.any()
    assert not propagator.relevance(torch.ones_like(propagator.change)).any()


def test_without_pools_and_gates_it_is_captums_deep_lift():
    from captum.attr import DeepLift

    torch.manual_seed(0)
    network = Hand(
        nn.Conv3d(1, 4, 3), nn.ReLU(), nn.Conv3d(4, 5, 3, stride=2), nn.BatchNorm3d(5), nn.ReLU(), nn.AvgPool3d(2),
        nn.Flatten(), nn.Linear(5 * 27, 6), nn.Tanh(), nn.Linear(6, 3),
    )  # fmt: skip
    image, reference = torch.rand(2, 1, 15, 15, 15).split(1)
    propagator = DifferencePropagator(network, image, reference, magnitudes=False)
    ours = propagator.relevance(propagator.change * torch.tensor([[0.0, 1, 0]]))
    theirs = DeepLift(network.layers).attribute(image.clone().requires_grad_(), reference, target=1).detach()
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_the_convolution_that_sees_the_image_shares_by_the_magnitudes_of_contributions():
    torch.manual_seed(0)
    network = Hand(nn.Conv3d(1, 3, 3, stride=2, padding=1), nn.Flatten())
    image, reference = torch.rand(2, 1, 5, 4, 6).split(1)
    seeds = torch.randn(2, 3 * 3 * 2 * 3) * DifferencePropagator(network, image, reference).change
    units = torch.eye(120).view(120, 1, 5, 4, 6)
    matrix = network.raw(units) - network.raw(torch.zeros(1, 1, 5, 4, 6))  # (voxels, outputs)
    sizes = (matrix * (image - reference).view(120, 1)).abs()
    expected = (seeds @ (sizes / sizes.sum(0)).T).view(2, 1, 5, 4, 6)
    ours = DifferencePropagator(network, image, reference).relevance(seeds)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("magnitudes", [True, False])
def test_a_convolution_with_its_pool_in_slabs_is_the_two_one_after_the_other(magnitudes, monkeypatch):
    monkeypatch.setattr(pooled_convolution, "SLAB", 2000)
    torch.manual_seed(0)
    first, norm, last = nn.Conv3d(1, 4, 5, padding=2), nn.BatchNorm3d(4), nn.Linear(4 * 216, 3)
    together = Hand(first, norm, nn.ReLU(), nn.MaxPool3d(3, 2, 1), nn.Flatten(), last)
    apart = Hand(first, norm, nn.ReLU(), nn.Identity(), nn.MaxPool3d(3, 2, 1), nn.Flatten(), last)
    image, reference = torch.rand(2, 1, 11, 12, 12).split(1)
    maps = [DifferencePropagator(network, image, reference, magnitudes=magnitudes) for network in (together, apart)]
    ours, plain = (propagator.relevance(propagator.change) for propagator in maps)
    torch.testing.assert_close(ours, plain, rtol=1e-3, atol=1e-5 * float(plain.abs().max()))


@pytest.mark.parametrize(
    "layers",
    [
        lambda: (nn.MaxPool3d((2, 1, 1)), nn.Flatten(), nn.Linear(108, 2)),
        lambda: (SpatialAttention(1), nn.Flatten(), nn.Linear(216, 2)),
    ],
    ids=["maximum of two", "spatial attention"],
)
def test_a_layer_alone_is_the_integral_of_its_gradient_along_the_straight_line(layers):
    """captum's integrated gradients with many steps go round the maximum's kink and along the sigmoid's curve."""
    from captum.attr import IntegratedGradients

    torch.manual_seed(1)
    network = Hand(*layers())
    image, reference = torch.randn(2, 1, 6, 6, 6).split(1)
    propagator = DifferencePropagator(network, image, reference)
    ours = propagator.relevance(propagator.change * torch.tensor([[1.0, 0]]))
    theirs = IntegratedGradients(network.layers).attribute(image, reference, target=0, n_steps=2000)
    # 2000 steps place a kink to 1/2000 of the way.
    torch.testing.assert_close(ours, theirs.float(), rtol=0, atol=2e-3 * float(theirs.abs().max()))
    assert ours.sum() == pytest.approx(float(propagator.change[0, 0]), rel=1e-4)


def test_of_equally_large_voxels_the_one_counts_that_is_the_largest_on_the_way():
    """As along the rim of a brain, where the reference is an empty background: captum goes the way itself."""
    from captum.attr import IntegratedGradients

    torch.manual_seed(1)
    network = Hand(nn.MaxPool3d((3, 1, 1)), nn.Flatten(), nn.Linear(36, 2))
    image = torch.rand(1, 1, 3, 6, 6)
    reference = torch.full_like(image, 0.2)
    reference[:, :, 2] = 0.1  # the first two of every window are equally large
    for here, there in ((image, reference), (reference, image)):
        propagator = DifferencePropagator(network, here, there)
        ours = propagator.relevance(propagator.change * torch.tensor([[1.0, 0]]))
        theirs = IntegratedGradients(network.layers).attribute(here, there, target=0, n_steps=2000).float()
        # 2000 steps place a kink to 1/2000 of the way.
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-3 * float(theirs.abs().max()))


@pytest.mark.parametrize("pool", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (3, 3, 0)])
@pytest.mark.parametrize("where", [(4, 5, 6), (0, 0, 0), (10, 11, 11)])
def test_change_in_one_place_is_followed_there_alone_and_to_the_same_map(where, pool, monkeypatch):
    monkeypatch.setattr(pooled_convolution, "SLAB", 2000)
    torch.manual_seed(0)
    first, norm, count = nn.Conv3d(1, 4, 5, stride=1, padding=2), nn.BatchNorm3d(4), nn.Flatten()
    together = Hand(first, norm, nn.ReLU(), nn.MaxPool3d(*pool), count)
    apart = Hand(first, norm, nn.ReLU(), nn.Identity(), nn.MaxPool3d(*pool), count)
    reference = torch.rand(1, 1, 11, 12, 12)
    image = reference.clone()
    image[(0, 0, *(slice(max(0, i - 1), i + 2) for i in where))] += 0.5
    weights = torch.randn(1, together.raw(image).shape[1])
    ours, plain = (DifferencePropagator(network, image, reference) for network in (together, apart))
    torch.testing.assert_close(ours.output, plain.output)
    torch.testing.assert_close(ours.change, plain.change, rtol=1e-4, atol=1e-6)
    maps = [propagator.relevance(propagator.change * weights) for propagator in (ours, plain)]
    torch.testing.assert_close(*maps, rtol=1e-3, atol=1e-5 * float(maps[1].abs().max()))


def test_channel_attention_and_maxima_of_many_voxels_lose_nothing():
    torch.manual_seed(1)
    for layers in ((ChannelAttention(3), nn.Flatten(), nn.Linear(3, 2)), (nn.MaxPool3d(3, 2, 1), nn.Flatten())):
        network = Hand(nn.Conv3d(1, 3, 1), *layers)
        image, reference = torch.randn(2, 1, 6, 6, 6).split(1)
        propagator = DifferencePropagator(network, image, reference)
        assert propagator.relevance(propagator.change).sum() == pytest.approx(float(propagator.change.sum()), rel=1e-4)


def test_a_product_is_shared_by_the_product_rule():
    signal = ActivationChange(torch.tensor([[[[[2.0]]]]]), torch.tensor([[[[[3.0]]]]]))  # 1 to 3
    coefficient = ActivationChange(torch.tensor([[[[[4.0]]]]]), torch.tensor([[[[[4.5]]]]]))  # 0.5 to 4.5
    output, back = product(signal, coefficient)
    assert (output.change.item(), output.whole.item()) == (13, 13.5)  # 3 * 4.5 - 1 * 0.5
    first, second = back(torch.ones(1, 1, 1, 1, 1))
    assert (first.item() * 2, second.item() * 4) == (5, 8)


def test_what_cancels_inside_the_network_is_not_shown():
    """Two units read used + decoy and used - decoy; their sum ignores the decoy."""
    reading = pointwise([[1.0, 1.0], [1.0, -1.0]], [100.0, 100.0])
    network = Hand(nn.Conv3d(1, 2, 1, bias=False), reading, nn.ReLU(), nn.Flatten(), nn.Linear(16, 1))
    network.layers[0].weight.data.fill_(1)  # both channels see the voxel
    network.layers[4].weight.data.fill_(1)
    image, reference = torch.rand(2, 1, 2, 2, 2).split(1)
    propagator = DifferencePropagator(network, image, reference)
    # used + decoy counts each voxel twice, used - decoy not at all
    torch.testing.assert_close(propagator.relevance(propagator.change), 2 * (image - reference), rtol=1e-4, atol=1e-4)


def test_mean_over_dimensions_is_the_mean_of_single_maps():
    network = random_network(FAMILIES["ResNet 10"])
    propagator = DifferencePropagator(network, *balls().split(1))
    seeds = dimension_seeds(propagator)
    mean, rank = mean_absolute(propagator, seeds, energy=1 - 1e-10)
    single = propagator.relevance(seeds, at_once=8)[:, 0].abs().mean(0)
    assert 1 <= rank <= len(seeds)
    torch.testing.assert_close(mean, single, rtol=0, atol=1e-3 * float(single.max()))


def test_gate_without_a_change_of_the_signal_is_the_coefficients_relevance():
    class Gated(Hand):
        def __init__(self):
            super().__init__(nn.Flatten(), linear([[1.0] * 8]))
            self.attention, self.gate = SpatialAttention(1), Gate()
            self.eval().requires_grad_(False)

        def raw(self, x):
            return self.layers(self.gate(x, self.attention(x)))

    torch.manual_seed(0)
    network = Gated()
    image, reference = torch.rand(2, 1, 2, 2, 2).split(1)
    image[..., 0] = reference[..., 0]
    propagator = DifferencePropagator(network, image, reference)
    relevance = propagator.relevance(propagator.change)
    assert not relevance[..., 0].any()
    each = network.gate(image, network.attention(image)) - network.gate(reference, network.attention(reference))
    np.testing.assert_allclose(relevance.numpy(), each.numpy(), rtol=1e-4, atol=1e-6)


def test_layers_that_nothing_is_known_of_and_networks_in_training_are_refused():
    image = torch.rand(1, 1, 4, 4, 4)
    with pytest.raises(InputError, match=r"layers.0 \(ELU\)"):
        DifferencePropagator(Hand(nn.ELU()), image, image)
    with pytest.raises(InputError, match="evaluation"):
        DifferencePropagator(Hand(nn.ReLU()).train(), image, image)
