"""Occlusion is what running the network again with one region replaced says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_networks import Hand, balls, linear
from questions import noise, question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution import attribute
from wbtools.attribution.methods import occlusion
from wbtools.attribution.reference import template_on
from wbtools.errors import InputError
from wbtools.model import ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families import mrinet
from wbtools.space.grid import Grid

explain = occlusion.METHOD.explain
SHAPE = (24, 24, 24)
KEYS = (10, 201, 7)


@pytest.fixture
def question():
    """Two balls, and an atlas of a few blocks with keys as atlases have them; the last one lies outside both balls."""
    both = balls(SHAPE)
    regions = torch.zeros(SHAPE, dtype=torch.int64)
    for key, block in zip(KEYS, (slice(8, 12), slice(12, 16), slice(0, 2)), strict=True):
        regions[block, 8:16, 8:16] = key
    network = random_network(lambda: mrinet.MriNet(mrinet.MriNetArchitecture(width=4, positions=1, classes=3)))
    return question_about(network, both[:1], reference=both[1:], regions=regions)


def _fall(question, key):
    """The fall of all scores, by an image made by hand."""
    mixed = question.image.clone()
    here = question.regions == key
    mixed[0, 0][here] = question.reference[0, 0][here]
    with torch.no_grad():
        return (
            question.objective.directions
            @ (question.network.logits(question.image) - question.network.logits(mixed))[0]
        )


def test_every_region_sums_to_the_fall_of_the_score_when_it_is_replaced(question):
    found = explain(question).relevance
    for key in (0, *KEYS):
        expected = float(_fall(question, key)[0])
        assert found[question.regions == key].sum() == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert found[question.regions == 201].any()
    assert not found[question.regions == 7].any()  # empty in both
    same = (question.image == question.reference)[0, 0]
    assert not found[same].any()


def test_of_several_directions_the_mean_size_is_shown_in_as_many_runs_as_of_one(question):
    several = replace(question, objective=replace(question.objective, directions=torch.eye(3) - 0.5))
    runs = []
    question.network.register_forward_pre_hook(lambda *_: runs.append(1))
    logits = question.network.logits
    question.network.logits = lambda x: runs.append(1) or logits(x)
    found = explain(several).relevance
    question.network.logits = logits
    for key in KEYS:
        expected = float(_fall(several, key).abs().mean())
        assert found[question.regions == key].sum() == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert len(runs) == 1 + 4  # the image, three regions and the rest


def test_region_is_flat_where_it_was_replaced_and_linear_networks_get_their_weights():
    weights = noise(4, 4, 4) - 0.5
    network = Hand(nn.Flatten(), linear([weights.flatten().tolist()]))
    regions = torch.arange(4).repeat_interleave(16).view(4, 4, 4) * 100
    image, reference = noise(1, 1, 4, 4, 4, seed=1), noise(1, 1, 4, 4, 4, seed=2)
    found = explain(question_about(network, image, torch.ones(1, 1), reference, regions)).relevance
    expected = (weights * (image - reference)[0, 0]).mean((1, 2))
    np.testing.assert_allclose(found, expected[:, None, None].expand(4, 4, 4), rtol=1e-4, atol=1e-7)


def test_atlas_is_asked_for_and_the_rest_of_the_brain_is_one_more_region():
    grid = Grid((26, 31, 26), np.array([[-7.0, 0, 0, 90], [0, 7, 0, -126], [0, 0, 7, -72], [0, 0, 0, 1]]))
    brain = np.roll(template_on(grid), 1, 1)
    image = ModelInput((brain / brain.max())[None, None], grid)
    network = random_network(lambda: mrinet.MriNet(mrinet.MriNetArchitecture(width=4, positions=2)))
    model = Model(network, mrinet.FAMILY.card, {}, "")
    with pytest.raises(InputError, match="needs the regions of an atlas"):
        attribute(model, image, "occlusion")
    regions = np.zeros(grid.shape, np.int32)
    regions[:13] = 3
    found = attribute(model, image, "occlusion", regions=regions)
    assert found.conservation is None
    for side in (regions == 3, regions == 0):
        inside = found.relevance.data[side]
        assert len(np.unique(inside)) == 2  # 0 and one value
