"""Whole networks: conservation, equality with zennit, and what must not change a map."""

from copy import deepcopy
from itertools import pairwise

import pytest
import torch
from engine_networks import FAMILIES, OTHERS, SHAPE, balls, embedding_seed
from random_networks import random_network
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wbtools.attribution.autograd.lrp_by_zennit import PositiveParts
from wbtools.attribution.autograd.propagation import SignalTakesAll
from wbtools.attribution.engine import (
    EPSILON,
    PLAIN,
    Z_PLUS,
    DifferencePropagator,
    RelevancePropagator,
    RuleSet,
    dimension_seeds,
    gamma,
    mean_absolute,
)
from wbtools.errors import InputError
from wbtools.model.families import resnet
from wbtools.model.family import Network
from wbtools.model.junctions import Add, Gate

SMALL = (19, 21, 20)  # double precision and gradients take long, and show the same in few voxels

BOTH = {**{name: (build, "raw") for name, build in FAMILIES.items()}, **OTHERS}


@pytest.mark.parametrize("name", BOTH)
def test_rules_of_lrp_conserve_on_every_family_and_the_output_is_the_networks(name):
    build, method = BOTH[name]
    network, image = random_network(build), balls()[:1]
    propagator = RelevancePropagator(network, image, PLAIN, method)
    with torch.no_grad():
        torch.testing.assert_close(propagator.output, getattr(network, method)(image), rtol=1e-4, atol=1e-5)
    for seed in (embedding_seed(propagator), dimension_seeds(propagator)[:2]):
        relevance = propagator.relevance(seed)
        arrived = relevance.double().sum((1, 2, 3, 4)) / seed.double().sum(1)
        # Nothing is lost but rounding; a rule that leaks is off by percents.
        assert arrived.tolist() == pytest.approx([1] * len(seed), abs=1e-4)
        assert not relevance[:, 0, image[0, 0] == 0].any()


def _zennit(network, image, rule, seed, dense=EPSILON):
    """The same rules by zennit, with autograd."""
    from zennit.core import Composite
    from zennit.rules import Epsilon, Gamma, Norm, Pass, ZPlus

    tiny, zero = 1e-12, {"zero_params": "bias"}
    convolution = {EPSILON: Epsilon(tiny, **zero), Z_PLUS: ZPlus(tiny, **zero)}.get(rule) or Gamma(0.25, tiny, **zero)
    kinds = {
        nn.Conv3d: convolution,
        nn.Linear: Epsilon(tiny, **zero) if dense is EPSILON else ZPlus(tiny, **zero),
        nn.AdaptiveAvgPool3d: Norm(tiny),
        nn.AvgPool3d: Norm(tiny),
        (nn.ReLU, nn.BatchNorm3d): Pass(),
        Gate: SignalTakesAll(),
        Add: PositiveParts((torch.ones(()), torch.ones(()))),
    }

    def hook(context, name, module):
        if "_attention" in name:
            return None
        return next((rule for kind, rule in kinds.items() if isinstance(module, kind)), None)

    fused = _without_batch_norms(network)
    with Composite(hook).context(fused):
        watched = image.clone().requires_grad_()
        (relevance,) = torch.autograd.grad(fused.raw(watched), watched, seed)
    return relevance


def _without_batch_norms(network):
    """A copy, fused by torch; zennit's fusion leaves a factor of 1 - 5e-6 in every layer, which plain rules blow up."""
    copy = deepcopy(network)
    for convolution, norm in network.batch_norms():
        fused = fuse_conv_bn_eval(copy.get_submodule(convolution), copy.get_submodule(norm))
        for name, module in ((convolution, fused), (norm, nn.Identity())):
            parent, _, child = name.rpartition(".")
            setattr(copy.get_submodule(parent), child, module)
    return copy.requires_grad_(False)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("rule", [EPSILON, Z_PLUS, gamma(0.25)], ids=["epsilon", "z-plus", "gamma"])
def test_plain_rules_are_those_of_zennit(name, rule):
    # In double precision: plain epsilon and gamma blow rounding up, in zennit as here.
    network, image = random_network(FAMILIES[name]).double(), balls(SMALL)[:1].double()
    propagator = RelevancePropagator(network, image, RuleSet(rule))
    seed = embedding_seed(propagator)
    expected = _zennit(network, image, rule, seed)
    assert (propagator.relevance(seed) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_plain_z_plus_is_that_of_zennit_in_single_precision_too():
    network, image = random_network(FAMILIES["U-Net, attention everywhere"]), balls(SMALL)[:1]
    # z-plus in the last layers, too: the proportional rule there divides by sums that cancel.
    propagator = RelevancePropagator(network, image, RuleSet(Z_PLUS, Z_PLUS))
    seed = embedding_seed(propagator)
    expected = _zennit(network, image, Z_PLUS, seed, dense=Z_PLUS)
    assert (propagator.relevance(seed) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.fixture(scope="module", params=["rules", "differences"])
def propagator(request):
    layout = resnet.ResNetArchitecture(planes=(8, 8, 16, 16), stem=8, embedding=24)
    network = random_network(lambda: resnet.ResNet(layout))
    image, reference = balls().split(1)
    if request.param == "rules":
        return RelevancePropagator(network, image)
    return DifferencePropagator(network, image, reference)


def test_many_seeds_at_once_are_the_seeds_one_by_one(propagator):
    seeds = dimension_seeds(propagator)[:5]
    together, single = propagator.relevance(seeds, at_once=5), propagator.relevance(seeds, at_once=1)
    torch.testing.assert_close(together, single, rtol=1e-4, atol=1e-5 * float(single.abs().max()))


def test_maps_are_linear_in_their_seeds(propagator):
    seeds = dimension_seeds(propagator)[:2]
    first, second = propagator.relevance(seeds)
    torch.testing.assert_close(
        propagator.relevance(2 * seeds[:1] - seeds[1:])[0],
        2 * first - second,
        rtol=1e-3,
        atol=1e-5 * float(first.abs().max()),
    )


def test_mean_over_dimensions_by_low_rank_is_that_of_all_passes(propagator):
    seeds = dimension_seeds(propagator)
    expected = propagator.relevance(seeds, at_once=8).abs().mean(0)[0]
    found, rank = mean_absolute(propagator, seeds, energy=1 - 1e-9)
    assert rank <= 16  # no more than channels at the pool
    assert found.shape == SHAPE
    assert (found - expected).abs().max() <= 1e-3 * expected.max()


def test_same_images_same_map_bit_by_bit():
    def once():
        propagator = RelevancePropagator(random_network(FAMILIES["DenseNet"]), balls()[:1])
        return propagator.relevance(embedding_seed(propagator))

    torch.testing.assert_close(once(), once(), rtol=0, atol=0)


def test_network_and_images_are_left_as_they_were():
    network, pair = random_network(FAMILIES["U-Net, double blocks"]), balls()
    before, images = {key: value.clone() for key, value in network.state_dict().items()}, pair.clone()
    for propagator in (RelevancePropagator(network, pair[:1]), DifferencePropagator(network, *pair.split(1))):
        propagator.relevance(embedding_seed(propagator))
    assert torch.equal(pair, images)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_classifier_has_no_embedding_to_start_from():
    with pytest.raises(InputError, match="classes"):
        RelevancePropagator(random_network(OTHERS["MriNet"][0]), balls()[:1])


class _Flattened(Network):
    """Three convolutions of many channels, and a linear layer on all their voxels."""

    answers = ("raw",)

    def __init__(self, side):
        nn.Module.__init__(self)
        widths = (1, 24, 32, 32)
        layers = [nn.Conv3d(a, b, 3, 1, 1) for a, b in pairwise(widths)]
        for layer in layers:
            layer.bias.data.uniform_(0, 0.3)
        self.layers = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
        self.flatten, self.linear = nn.Flatten(), nn.Linear(widths[-1] * side**3, 2)

    def raw(self, images):
        return self.linear(self.flatten(self.layers(images)))


def test_nothing_leaks_out_of_an_empty_background():
    # A voxel that sees the background alone has next to no contributions: relevance is divided by them, and must
    # meet exactly as little on the way back. Float64 is the oracle; float32 was off by 360 maxima where it did not.
    torch.manual_seed(0)
    image = torch.rand(1, 1, 16, 16, 16)
    image[:, :, 7:] = 0
    network = _Flattened(16).eval().requires_grad_(False)
    maps = []
    for kind in (torch.float32, torch.float64):
        propagator = RelevancePropagator(network.to(kind), image.to(kind), PLAIN)
        maps.append(propagator.relevance(propagator.output).double())
    assert float((maps[0] - maps[1]).abs().max()) < 1e-4 * float(maps[1].abs().max())
