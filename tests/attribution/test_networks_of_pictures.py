"""Networks of pictures in the engine: their layers in planes are torch's own, and differences are captum's."""

import pytest
import torch
from captum.attr import DeepLift, IntegratedGradients
from random_networks import random_network
from torch import nn

from wbtools.attribution.engine import DifferencePropagator, RelevancePropagator, dimension_seeds, mean_absolute
from wbtools.attribution.engine.planes import in_planes
from wbtools.attribution.engine.settling import Differences
from wbtools.errors import InputError
from wbtools.model.families.contrastive import Contrastive, ContrastiveArchitecture
from wbtools.model.families.hemispheres import Halves, Hemispheres, HemispheresArchitecture
from wbtools.model.families.slices import SliceNetwork
from wbtools.model.pictures import Pictures, SideBySide
from wbtools.training.backbones import BACKBONES, Sizes
from wbtools.training.recipes import recipe_named

SHAPE = (72, 88, 2)
SMALL = (40, 44, 2)
"""For the largest backbones."""
SHRUNK = {"vgg19": (50176, 16, 1)}
"""Backbones whose `fc` alone would need gigabytes."""

SLOW = ("vgg19", "resnext101_64x4d", "efficientnet_v2_l")


class HandSlices(SliceNetwork):
    """Pictures through layers that are given one by one."""

    def __init__(self, *layers, pictures=None):
        super().__init__(pictures or Pictures())
        self.layers = nn.Sequential(*layers)
        self.eval().requires_grad_(False)

    def raw(self, x):
        return self.per_image(self.layers(self.pictures(x)), x)

    def batch_norms(self):
        return []


def pair(*shape, seed=0):
    """An image and a reference in grey values, empty at both ends."""
    images = torch.rand(2, 1, *shape, generator=torch.Generator().manual_seed(seed)) * 255
    images[:, :, :4] = images[:, :, -4:] = 0
    return images.split(1)


def backbones():
    """All that the recipes of pictures can train."""
    names = [*recipe_named("symmetry").backbones, *recipe_named("contrastive").backbones]
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in names]


def built(name):
    if name in SHRUNK:
        attribute = BACKBONES[name].architecture(Sizes((2, 88, 88))).attribute
        return Hemispheres(HemispheresArchitecture(name, attribute, SHRUNK[name]))
    return BACKBONES[name].build(Sizes((2, 88, 88), code=8))


@pytest.mark.parametrize("name", backbones())
def test_relevance_sums_to_the_change_of_the_answer_in_every_backbone(name):
    network = random_network(lambda: built(name))
    image, reference = (shown / 255 for shown in pair(*(SMALL if name in SLOW else SHAPE)))
    first = Differences(network, image)
    first.settle(
        reference
    )  # batch norms as far from trivial as after training: deep networks answer with one value else
    propagator = first.against(reference)
    relevance = propagator.relevance(propagator.change * torch.linspace(0.5, 1.5, propagator.change.shape[1]))
    expected = (propagator.change * torch.linspace(0.5, 1.5, propagator.change.shape[1])).sum()
    exact = network.double()
    change = exact.raw(image.double()) - exact.raw(reference.double())
    torch.testing.assert_close(propagator.change.double(), change, rtol=2e-3, atol=2e-3 * float(change.abs().max()))
    size = float(relevance.abs().sum())
    assert abs(float(relevance.sum() - expected)) <= 1e-4 * size
    assert float(relevance.sum()) == pytest.approx(float(expected), rel=0.01)
    assert not relevance[(image == 0) & (reference == 0)].any()


@pytest.mark.parametrize("pictures", [Pictures("RPI"), Pictures("LAS")], ids=lambda pictures: pictures.orientation)
def test_without_pools_and_gates_it_is_captums_deep_lift_of_every_picture(pictures):
    torch.manual_seed(0)
    layers = (
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, (3, 2), stride=(2, 1), groups=2), nn.BatchNorm2d(6),
        nn.ReLU(), nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(6 * 3 * 6, 5), nn.Tanh(), nn.Linear(5, 3),
    )  # fmt: skip
    network = random_network(lambda: HandSlices(*layers, pictures=pictures))
    image, reference = (shown / 255 for shown in pair(14, 13, 3))
    propagator = DifferencePropagator(network, image, reference, magnitudes=False)
    units = torch.zeros(3, 3)
    units[:, 1] = 1
    ours = propagator.relevance(propagator.change * units.view(1, -1))
    shown = (pictures(image).clone().requires_grad_(), pictures(reference))
    theirs = pictures(ours), DeepLift(network.layers).attribute(*shown, target=1).detach()
    torch.testing.assert_close(*theirs, rtol=1e-4, atol=1e-5 * float(theirs[1].abs().max()))


@pytest.mark.parametrize("layer", [nn.Hardswish(), nn.SiLU(), nn.Hardsigmoid()], ids=lambda layer: type(layer).__name__)
def test_an_activation_alone_is_the_integral_of_its_gradient_along_the_straight_line(layer):
    network = HandSlices(layer, nn.Flatten())
    generator = torch.Generator().manual_seed(0)
    image, reference = torch.randn(2, 1, 6, 5, 2, generator=generator).mul(4).split(1)
    image[:, :, 0] = reference[:, :, 0] + 1e-4  # next to no change
    propagator = DifferencePropagator(network, image, reference)
    ours = propagator.relevance(propagator.change)
    torch.testing.assert_close(ours, layer(image) - layer(reference), rtol=1e-4, atol=1e-6)
    slopes = IntegratedGradients(layer, multiply_by_inputs=False).attribute(
        image.double(), reference.double(), target=(0, 0, 0, 0), n_steps=1000
    )
    torch.testing.assert_close(float(ours[0, 0, 0, 0, 0] / 1e-4), float(slopes[0, 0, 0, 0, 0]), rtol=5e-3, atol=5e-3)


LAYERS = {
    "convolution in groups": (nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), groups=2), (4, 9, 10)),
    "wide convolution": (nn.Conv2d(4, 3, 3, padding=2, dilation=2, bias=False), (4, 9, 10)),
    "batch norm": (nn.BatchNorm2d(4), (4, 9, 10)),
    "maximum": (nn.MaxPool2d(3, 2, 1), (4, 9, 10)),
    "maximum, last window cut": (nn.MaxPool2d((2, 3), ceil_mode=True), (4, 9, 10)),
    "average": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (4, 9, 10)),
    "mean": (nn.AdaptiveAvgPool2d(1), (4, 9, 10)),
    "means of cells": (nn.AdaptiveAvgPool2d((3, 7)), (4, 9, 10)),
    "means along one axis": (nn.AdaptiveAvgPool2d((None, 2)), (4, 9, 10)),
    "vectors": (nn.Flatten(), (4, 9, 10)),
    "pairs": (SideBySide(), (5,)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_in_planes_gives_what_torchs_layer_gives_for_every_picture(name):
    torch.manual_seed(0)
    layer, shape = LAYERS[name]
    network = random_network(lambda: layer)
    pictures = torch.randn(6, *shape)
    expected, planes = network(pictures), in_planes(layer).eval()
    found = planes(pictures.transpose(0, 1)[None] if len(shape) > 1 else pictures[None])
    there = found[0].transpose(0, 1) if found.dim() > 3 else found[0]
    torch.testing.assert_close(there, expected)


@pytest.mark.parametrize("layer", [Halves("RAI"), Halves("PLS")], ids=lambda layer: layer.orientation)
def test_what_is_taken_from_an_image_goes_back_to_where_it_was_taken_from(layer):
    image = torch.rand(1, 1, 7, 9, 8)
    planes = in_planes(layer)
    sent = torch.rand(2, *planes(image).shape[1:])
    watched = image.clone().requires_grad_()
    for some, found in zip(sent, planes.back(sent, image.shape[1:]), strict=True):
        (expected,) = torch.autograd.grad(planes(watched), watched, some[None])
        torch.testing.assert_close(found, expected[0])
    once = planes.back(planes(image), image.shape[1:])
    shown = planes.back(torch.ones_like(sent[:1]), image.shape[1:])
    torch.testing.assert_close(once, image * shown)


def test_a_batch_norm_that_is_settled_in_planes_is_the_networks_own():
    network = HandSlices(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    image, reference = pair(12, 11, 2)
    Differences(network, image).settle(reference)
    conv, norm = network.layers[:2]
    reached = conv(network.pictures(torch.cat((image, reference))))
    torch.testing.assert_close(norm.running_mean, reached.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(norm.running_var, reached.var((0, 2, 3), correction=0), rtol=1e-4, atol=1e-4)


def test_the_convolution_that_sees_the_pictures_shares_by_the_magnitudes_of_contributions():
    torch.manual_seed(0)
    network = HandSlices(nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.Flatten(), pictures=Halves())
    image, reference = torch.rand(2, 1, 6, 5, 2).split(1)
    units = torch.eye(60).view(60, 1, 6, 5, 2)
    nothing = network.raw(torch.zeros(1, 1, 6, 5, 2))
    matrix = torch.cat([network.raw(unit[None]) for unit in units]) - nothing  # (voxels, outputs)
    change = matrix * (image - reference).view(60, 1)
    seeds = change.sum(0) * torch.randn(2, change.shape[1])
    sizes = change.abs()
    expected = (seeds @ (sizes / sizes.sum(0).clamp(min=1e-20)).T).view(2, 1, 6, 5, 2)
    ours = DifferencePropagator(network, image, reference).relevance(seeds)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


def test_mean_over_dimensions_is_the_mean_of_single_maps():
    network = random_network(
        lambda: Contrastive(ContrastiveArchitecture(channels=1, head=("classifier",), units=(1024, 4)))
    )
    propagator = DifferencePropagator(network, *pair(32, 40, 1))
    seeds = dimension_seeds(propagator)
    mean, _ = mean_absolute(propagator, seeds, energy=1 - 1e-10)
    single = propagator.relevance(seeds)[:, 0].abs().mean(0)
    torch.testing.assert_close(mean, single, rtol=0, atol=1e-3 * float(single.max()))


def test_relevance_by_rules_passes_networks_of_pictures_too():
    network = random_network(lambda: built("resnet18"))
    image = pair(*SHAPE)[0]
    propagator = RelevancePropagator(network, image)
    torch.testing.assert_close(propagator.output, network.raw(image), rtol=1e-4, atol=1e-4)
    relevance = propagator.relevance(propagator.output)
    assert relevance.sum() == pytest.approx(float(propagator.output.sum()), rel=0.01)
    assert not relevance[image == 0].any()


def test_a_layer_of_pictures_that_nothing_is_known_of_is_named():
    image = torch.rand(1, 1, 6, 6, 2)
    with pytest.raises(InputError, match=r"layers\.0 \(GELU\)"):
        DifferencePropagator(HandSlices(nn.GELU(), nn.Flatten()), image, image)
