"""The method in the registry, and networks of which it is known what they use."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, Hand, embedding_seed
from random_networks import random_network
from torch import nn

from wbtools.attribution import attribute
from wbtools.attribution.engine import DifferencePropagator
from wbtools.attribution.methods import deviation
from wbtools.attribution.reference import ReferenceBrain, reference_brain, template_on
from wbtools.model import ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families.unet import FAMILY
from wbtools.space.grid import Grid

GRID = Grid((26, 31, 26), np.array([[-7.0, 0, 0, 90], [0, 7, 0, -126], [0, 0, 7, -72], [0, 0, 0, 1]]))
"""The field of view of HCP images in voxels of 7 mm."""


@pytest.fixture(scope="module")
def person():
    """The template moved by a voxel, with another contrast and noise."""
    brain = np.roll(template_on(GRID), 1, 1)
    noise = np.random.default_rng(0).normal(1, 0.05, brain.shape)
    image = (np.sqrt(brain) * noise * (brain > 0)).astype(np.float32)
    return ModelInput((image / image.max())[None, None], GRID)


def _model(network):
    return Model(network, FAMILY.card, {}, "")


@pytest.mark.parametrize("name", ["U-Net, attention everywhere", "ResNet 10", "DenseNet"])
def test_map_conserves_says_what_it_explains_and_stays_in_the_two_brains(name, person):
    found = attribute(_model(random_network(FAMILIES[name])), person, "deviation")
    assert found.conservation == pytest.approx(1, abs=1e-3)
    assert found.relevance.total() == pytest.approx(found.expected_sum * found.conservation, rel=1e-3)
    assert found.target == "what makes the embedding point elsewhere than the reference's: their cosine distance"
    assert found.expected_sum == pytest.approx(found.score, rel=1e-3, abs=1e-6)
    assert "not what is ill" in found.caution
    nowhere = (person.data[0, 0] == 0) & (reference_brain(FAMILY.card, person).data[0, 0] == 0)
    assert nowhere.any()
    assert not found.relevance.data[nowhere].any()
    again = attribute(_model(random_network(FAMILIES[name])), person, "deviation")
    np.testing.assert_array_equal(found.relevance.data, again.relevance.data)


def test_reference_brain_itself_has_an_empty_map(person, monkeypatch):
    same = replace(deviation.METHOD, reference=lambda card, image, file: ReferenceBrain(image.data, image.grid))
    monkeypatch.setattr(deviation, "METHOD", same)
    found = attribute(_model(random_network(FAMILIES["ResNet 10"])), person, "deviation")
    assert not found.relevance.data.any()
    assert (found.expected_sum, found.conservation, found.background) == (0, 1, 0)


SHAPE = (12, 12, 12)
USED = (slice(2, 5),) * 3


def _knowing(weights, channels=6, seed=0):
    """A network whose answer depends on the voxels that are given a weight, and on nothing else."""
    torch.manual_seed(seed)
    first = nn.Conv3d(1, channels, 1)
    reading = nn.Conv3d(channels, 16, SHAPE, bias=True)
    reading.weight.data *= weights
    return Hand(first, nn.ReLU(), reading, nn.ReLU(), nn.Flatten(), nn.Linear(16, 8))


def _images(count=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count + 1, 1, *SHAPE, generator=generator)


def test_relevance_of_a_network_that_reads_one_region_lies_there_and_not_in_a_decoy():
    weights = torch.zeros(SHAPE)
    weights[USED] = 10
    image, reference = _images()
    only_used_differs = reference.clone()
    only_used_differs[0][USED] = image[0][USED]
    network = _knowing(weights)
    for other in (image, only_used_differs):
        propagator = DifferencePropagator(network, other[None], reference[None])
        seed = embedding_seed(propagator)
        relevance = propagator.relevance(seed)[0, 0]
        assert relevance[USED].abs().sum() > 0
        assert relevance.sum() == pytest.approx(float(seed.sum()), rel=1e-4)
        relevance[USED] = 0
        assert not relevance.any()


def test_change_in_one_place_is_the_only_place_of_relevance_in_a_linear_network():
    torch.manual_seed(0)
    network = Hand(nn.Conv3d(1, 3, 3, padding=1), nn.Conv3d(3, 3, 3, padding=1), nn.AvgPool3d(2), nn.Flatten())
    reference = torch.rand(1, 1, *SHAPE)
    image = reference.clone()
    image[0, 0, 4, 5, 6] += 1
    for magnitudes in (True, False):
        propagator = DifferencePropagator(network, image, reference, magnitudes=magnitudes)
        relevance = propagator.relevance(propagator.change)[0, 0]
        assert relevance[4, 5, 6] == pytest.approx(float(propagator.change.sum()), rel=1e-4)
        relevance[4, 5, 6] = 0
        assert not relevance.any()
