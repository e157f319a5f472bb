"""The attention map is what the network's own modules put out."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, OTHERS, Hand, balls, pointwise
from questions import noise, question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution.autograd.features import Placement, calls, placements, reading, spread
from wbtools.attribution.methods import attention_maps
from wbtools.errors import InputError
from wbtools.model.families import unet
from wbtools.model.junctions import Gate, SpatialAttention

explain = attention_maps.METHOD.explain


class Attending(nn.Module):
    """One spatial attention at full resolution."""

    def __init__(self):
        super().__init__()
        self.conv, self.attention, self.gate = pointwise([[1.0], [-2.0]]), SpatialAttention(2), Gate()

    def forward(self, x):
        x = self.conv(x)
        return self.gate(x, self.attention(x)).mean((2, 3, 4))


def test_map_of_one_attention_at_full_resolution_is_its_output():
    torch.manual_seed(0)
    network, image = Hand(Attending()), noise(1, 1, 4, 5, 6)
    parts = network.layers[0]
    with torch.no_grad():
        expected = parts.attention(parts.conv(image))[0, 0]
    np.testing.assert_allclose(explain(question_about(network, image)).relevance, expected, rtol=1e-5)


def test_several_are_laid_over_each_other_where_their_features_look():
    network = random_network(lambda: unet.UNet(unet.UNetArchitecture((8, 8, 16), attention=(0, 2))))
    image = balls((20, 18, 22))[:1]
    outputs = {}
    for stage in (0, 2):
        module = network.encoders[stage].block.spatial_attention
        module.register_forward_hook(lambda m, i, o, stage=stage: outputs.update({stage: o[0].detach()}))
    found = explain(question_about(network, image)).relevance
    # a maximum pool of three voxels, padded, sees first the voxel 0; those of two voxels the middle of a pair
    places = {0: Placement((2,) * 3, (0,) * 3), 2: Placement((8,) * 3, (3,) * 3)}
    first, last = (spread(outputs[stage], places[stage], image.shape[2:])[0] for stage in (0, 2))
    np.testing.assert_allclose(found, (first * last).sqrt(), rtol=1e-4)


def test_attention_that_is_applied_twice_counts_twice():
    network, image = random_network(FAMILIES["DenseNet"]), balls((17, 19, 18))[:1]
    question = question_about(network, image)
    outputs = []
    modules = [module for module in network.modules() if isinstance(module, SpatialAttention)]
    handles = [module.register_forward_hook(lambda m, i, o: outputs.append(o.detach()[:, 0])) for module in modules]
    with torch.no_grad():
        network.raw(image)
    for handle in handles:
        handle.remove()
    assert len(outputs) == 2 * len(modules) == 6
    made = calls(question)
    places = placements(made, reading(made, ""))
    laid = [
        spread(output, places.get(tuple(output.shape[1:])), image.shape[2:])[0]
        for output in outputs
        if output.numel() > 1
    ]
    expected = torch.stack(laid).log().mean(0).exp()
    np.testing.assert_allclose(explain(question).relevance, expected, rtol=1e-4)


@pytest.mark.parametrize("build", [OTHERS["MriNet"][0], lambda: unet.UNet(unet.UNetArchitecture((8, 8), attention=()))])
def test_networks_without_spatial_attention_are_refused(build):
    with pytest.raises(InputError, match="no spatial attention"):
        explain(question_about(random_network(build), balls()[:1]))
