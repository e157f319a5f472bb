"""Whole networks: conservation, equality with zennit, and what must not change a map."""

from copy import deepcopy

import pytest
import torch
from engine_networks import FAMILIES, OTHERS, SHAPE, balls, enlivened
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wbtools.attribution.engine import (
    EPSILON,
    MATCHED,
    Z_PLUS,
    Rules,
    Walk,
    dimension_seeds,
    embedding_seed,
    gamma,
    mean_absolute,
)
from wbtools.attribution.methods import lrp
from wbtools.errors import InputError
from wbtools.model.families import resnet, unet
from wbtools.model.junctions import Add, Gate

SMALL = (19, 21, 20)  # double precision and gradients take long, and show the same in few voxels

BOTH = {**{name: (build, "raw") for name, build in FAMILIES.items()}, **OTHERS}


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("rule", [gamma(0.25), MATCHED], ids=["gamma", "matched"])
def test_deviation_conserves_on_every_family_and_the_output_is_the_networks(name, rule):
    build, method = BOTH[name]
    network, pair = enlivened(build), balls()
    walk = Walk(network, pair, Rules(rule), method)
    with torch.no_grad():
        image, reference = getattr(network, method)(pair)
    torch.testing.assert_close(walk.output[0], image, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(walk.change[0], image - reference, rtol=1e-3, atol=1e-5)
    for seed in (embedding_seed(walk), dimension_seeds(walk)[:2]):
        relevance = walk.relevance(seed)
        arrived = relevance.double().sum((1, 2, 3, 4)) / seed.double().sum(1)
        # Nothing is lost but rounding; a rule that leaks is off by percents.
        assert arrived.tolist() == pytest.approx([1] * len(seed), abs=1e-4)
        assert not relevance[:, 0, (pair == 0).all(0)[0]].any()


@pytest.mark.parametrize("name", BOTH)
def test_image_that_is_the_reference_has_a_map_of_exactly_nothing(name):
    build, method = BOTH[name]
    image = balls()[:1]
    walk = Walk(enlivened(build), torch.cat((image, image)), output=method)
    assert not walk.change.any()
    assert not walk.relevance(torch.ones_like(walk.output)).any()


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
        Gate: lrp.SignalTakesAll(),
        Add: lrp.PositiveParts((torch.ones(()), torch.ones(()))),
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
    network, image = enlivened(FAMILIES[name]).double(), balls(SMALL)[:1].double()
    walk = Walk(network, image, Rules(rule))
    seed = embedding_seed(walk)
    expected = _zennit(network, image, rule, seed)
    assert (walk.relevance(seed) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_plain_z_plus_is_that_of_zennit_in_single_precision_too():
    network, image = enlivened(FAMILIES["U-Net, attention everywhere"]), balls(SMALL)[:1]
    # z-plus in the last layers, too: the proportional rule there divides by sums that cancel.
    walk = Walk(network, image, Rules(Z_PLUS, Z_PLUS))
    expected = _zennit(network, image, Z_PLUS, embedding_seed(walk), dense=Z_PLUS)
    assert (walk.relevance(embedding_seed(walk)) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.fixture(scope="module")
def walk():
    layout = resnet.Layout(planes=(8, 8, 16, 16), stem=8, embedding=24)
    return Walk(enlivened(lambda: resnet.ResNet(layout)), balls())


def test_many_seeds_at_once_are_the_seeds_one_by_one(walk):
    seeds = dimension_seeds(walk)[:5]
    together, single = walk.relevance(seeds, at_once=5), walk.relevance(seeds, at_once=1)
    torch.testing.assert_close(together, single, rtol=1e-4, atol=1e-5 * float(single.abs().max()))


def test_maps_are_linear_in_their_seeds(walk):
    seeds = dimension_seeds(walk)[:2]
    first, second = walk.relevance(seeds)
    torch.testing.assert_close(
        walk.relevance(2 * seeds[:1] - seeds[1:])[0],
        2 * first - second,
        rtol=1e-3,
        atol=1e-5 * float(first.abs().max()),
    )


def test_mean_over_dimensions_by_low_rank_is_that_of_all_passes(walk):
    seeds = dimension_seeds(walk)
    expected = walk.relevance(seeds, at_once=8).abs().mean(0)[0]
    found, rank = mean_absolute(walk, seeds, energy=1 - 1e-9)
    assert rank <= 16  # no more than channels at the pool
    assert found.shape == SHAPE
    assert (found - expected).abs().max() <= 1e-3 * expected.max()


def test_same_images_same_map_bit_by_bit():
    def once():
        walk = Walk(enlivened(FAMILIES["DenseNet"]), balls())
        return walk.relevance(embedding_seed(walk))

    torch.testing.assert_close(once(), once(), rtol=0, atol=0)


def test_network_and_images_are_left_as_they_were():
    network, pair = enlivened(FAMILIES["U-Net, double blocks"]), balls()
    before, images = {key: value.clone() for key, value in network.state_dict().items()}, pair.clone()
    walk = Walk(network, pair)
    walk.relevance(embedding_seed(walk))
    assert torch.equal(pair, images)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_reference_far_along_the_same_direction_has_a_negative_score():
    network = enlivened(lambda: unet.UNet(unet.Layout((8,), attention=())))
    network.fc1.bias.zero_(), network.fc2.bias.zero_()
    pair = torch.rand(1, 1, 12, 12, 12) * torch.tensor([1.0, 3.0])[:, None, None, None, None]
    score = float(embedding_seed(Walk(network, pair)).sum())
    with torch.no_grad():
        v, other = network.raw(pair)
    assert score == pytest.approx(float(1 - v @ other / (v @ v)), rel=1e-3)
    assert score < 0


def test_classifier_has_no_embedding_to_start_from():
    with pytest.raises(InputError, match="classes"):
        Walk(enlivened(OTHERS["MriNet"][0]), balls())
