"""Networks with randomised weights: of the same kind, of nothing learned, and the same again for the same seed."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from engine_networks import FAMILIES, OTHERS, Hand, balls
from random_networks import random_network
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from wbtools.attribution.engine import DifferencePropagator, Differences
from wbtools.attribution.evaluation.randomisation import cascade, randomised, untrained
from wbtools.model import known_families
from wbtools.model.checkpoint import Model

KINDS = {
    "U-Net, attention everywhere": "unet",
    "ResNet 10": "resnet",
    "DenseNet": "densenet",
    "MriNet": "mrinet",
    "AD_3DCNN": "ad3dcnn",
}


SMALL = (17, 19, 18)


def images(name):
    return balls() if name in OTHERS else balls(SMALL)  # the others take images of one shape only


def model_of(network, family):
    card = next((known.card for known in known_families() if known.name == family), known_families()[0].card)
    return Model(network, card, {}, "")


def learned(name):
    build = FAMILIES.get(name) or OTHERS[name][0]
    return model_of(random_network(build), KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_randomised_network_shares_nothing_with_the_trained_one_but_its_shape(name):
    model = learned(name)
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    other = randomised(model, images(name), seed=11)
    assert type(other) is type(model.network)
    assert other.answers == model.network.answers
    assert not other.training
    assert {key: value.shape for key, value in other.state_dict().items()} == {k: v.shape for k, v in before.items()}
    for key, value in other.named_parameters():
        assert not value.requires_grad
        if value.ndim > 1:
            both = torch.stack((value.flatten(), before[key].flatten()))
            # four standard errors of the correlation of numbers that have nothing to do with each other
            assert abs(torch.corrcoef(both)[0, 1]) < 4 / value.numel() ** 0.5
    for key, value in model.network.state_dict().items():
        assert torch.equal(value, before[key])  # the trained network is left as it was


def test_seed_decides_the_network_and_leaves_torchs_own_generator_alone():
    model = learned("ResNet 10")
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = (randomised(model, balls(SMALL), seed).conv1.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.rand(3), expected)


def settled_on_the_way(name, seed):
    """A randomised network whose batch norms are fitted while both images pass it for their difference; its answers."""
    network, (image, reference) = untrained(learned(name), seed), images(name).split(1)
    return network, Differences(network, image, network.answers[0]).settle(reference)


@pytest.mark.parametrize("on_the_way", [False, True])
@pytest.mark.parametrize("name", ["U-Net, attention everywhere", "ResNet 10", "DenseNet", "MriNet"])
def test_batch_norms_have_the_statistics_of_the_images_as_torch_itself_finds_them(name, on_the_way):
    network = settled_on_the_way(name, 3)[0] if on_the_way else randomised(learned(name), images(name), seed=3)
    ours = {key: value.clone() for key, value in network.state_dict().items() if "running" in key}
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            module.momentum = None
            module.train()
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
    network(images(name))
    for key, value in network.state_dict().items():
        if key.endswith("running_mean") and "fc" not in key:
            torch.testing.assert_close(ours[key], value, rtol=1e-3, atol=1e-5)
        elif key.endswith("running_var") and "fc" not in key:
            # torch divides by one value less than there are, in every channel; 4 values remain where there are fewest
            ratio = ours[key] / value
            torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-3, atol=0)
            assert 0.74 < ratio[0] < 1


@pytest.mark.parametrize("name", KINDS)
def test_network_that_is_settled_on_the_way_answers_and_is_explained_as_it_is_afterwards(name):
    # In single precision, or where nothing is shown, rounding may decide which voxel is the largest.
    network = untrained(learned(name), 3).double()
    image, first, second = torch.rand(3, *images(name).shape[1:], dtype=torch.float64).split(1)
    differences = Differences(network, image, network.answers[0], count=2)
    answers = differences.settle(first)
    with torch.no_grad():
        expected = getattr(network, network.answers[0])(torch.cat((image, first)))
    torch.testing.assert_close(answers, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    for reference in (first, second, first):  # the first was begun, the next one is not, and neither is given twice
        ours = differences.against(reference)
        alone = DifferencePropagator(network, image, reference, network.answers[0])
        expected = alone.relevance(alone.change)
        torch.testing.assert_close(
            ours.relevance(ours.change), expected, rtol=0, atol=1e-9 * float(expected.abs().max())
        )


def test_layers_are_randomised_from_the_last_to_the_first():
    model = learned("ResNet 10")
    before = model.network.state_dict()
    changed = []
    for name, network in cascade(model, balls(SMALL), seed=11, steps=5):
        different = {key for key, value in network.named_parameters() if not torch.equal(value, before[key])}
        assert any(key.startswith(f"{name}.") for key in different)
        changed.append(different)
    assert len(changed) == 5
    for fewer, more in pairwise(changed):
        assert fewer < more
    assert "conv1.weight" in changed[-1] - changed[-2]
    assert "fc2.weight" in changed[0]
    whole = randomised(model, balls(SMALL), seed=11).state_dict()
    for key, value in network.state_dict().items():
        torch.testing.assert_close(value, whole[key])


def test_network_of_no_family_has_its_layers_reset_and_its_own_parameters_shuffled():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.arange(50.0))

        def forward(self, x):
            return x * self.scale[:, None, None, None]

    network = Hand(nn.Conv3d(1, 50, 3), Own(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(50, 4))
    network.forward = network.raw
    card = known_families()[0].card
    model = Model(network, replace(card, family="another"), {}, "")
    other = randomised(model, balls(), seed=11)
    scale = dict(other.named_parameters())["layers.1.scale"]
    assert not torch.equal(scale, torch.arange(50.0))
    assert torch.equal(scale.sort().values, torch.arange(50.0))
    assert not torch.equal(other.layers[0].weight, network.layers[0].weight)
