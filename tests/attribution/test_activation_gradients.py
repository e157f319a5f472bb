"""Activation-gradient maps: as captum, autograd and a calculation by hand have them, and blind to the target."""

import numpy as np
import pytest
import torch
from captum.attr import NeuronGradient
from engine_networks import FAMILIES, Hand, balls, pointwise
from questions import noise, question_about
from random_networks import random_network
from test_slicewise import Slices
from torch import nn

from wbtools.attribution import method
from wbtools.errors import InputError

METHOD = method("activation-gradients")


def test_map_of_two_channels_is_the_mean_of_their_magnitudes_by_hand():
    first = pointwise([[2.0], [-3.0]])
    network = Hand(first, nn.ReLU(), pointwise([[1.0, 1.0], [4.0, 0.5]], [9.0, 9.0]), nn.Flatten(), nn.Linear(4, 1))
    image = torch.tensor([1.0, -1.0]).view(1, 1, 2, 1, 1)
    found = METHOD.explain(question_about(network, image)).relevance.flatten()
    # above 0 only the first unit passes: gradients 2 and 8; below 0 only the second: -3 and -1.5
    np.testing.assert_allclose(found, [(2 + 8) / 2, (3 + 1.5) / 2])


def test_map_is_the_mean_magnitude_of_captums_neuron_gradients_of_the_last_convolutions_channels():
    torch.manual_seed(0)
    last = nn.Conv3d(3, 2, 3, stride=2)
    network = Hand(nn.Conv3d(1, 3, 3), nn.ReLU(), last, nn.BatchNorm3d(2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 4))
    image, gradient = noise(1, 1, 8, 8, 8).requires_grad_(), NeuronGradient(network.layers, last)
    channels = [gradient.attribute(image, lambda found, k=k: found[:, k].sum((1, 2, 3))) for k in (0, 1)]
    expected = (channels[0].abs() + channels[1].abs())[0, 0].detach() / 2
    np.testing.assert_allclose(
        METHOD.explain(question_about(network, image.detach())).relevance, expected, rtol=1e-5, atol=1e-7
    )


def test_it_does_not_depend_on_what_is_asked_and_nothing_is_negative():
    network = random_network(FAMILIES["U-Net, attention everywhere"])
    image = balls((17, 19, 18))[:1]
    size = network.raw(image).shape[1]
    maps = [METHOD.explain(question_about(network, image, torch.eye(size)[k][None])).relevance for k in (0, 1)]
    np.testing.assert_array_equal(*maps)
    assert maps[0].min() >= 0 < maps[0].max()


def test_it_takes_the_slices_of_an_image_one_after_the_other():
    network, image = random_network(Slices), noise(1, 1, 12, 14, 5)
    slices = image[0, 0].permute(2, 0, 1)[:, None].clone().requires_grad_()  # no channel sees two slices
    features = nn.functional.conv2d(slices, network.conv.weight, network.conv.bias)
    each = [torch.autograd.grad(features[:, k].sum(), slices, retain_graph=True)[0] for k in range(3)]
    expected = torch.stack(each).abs().mean(0)[:, 0].permute(1, 2, 0)
    np.testing.assert_allclose(METHOD.explain(question_about(network, image)).relevance, expected, rtol=1e-5, atol=1e-7)


def test_a_network_without_convolutions_is_refused():
    network = Hand(nn.Flatten(), nn.Linear(8, 2))
    with pytest.raises(InputError, match="activation-gradients needs a network whose convolutions"):
        METHOD.explain(question_about(network, noise(1, 1, 2, 2, 2)))
