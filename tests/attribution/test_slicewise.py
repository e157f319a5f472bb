"""A network that looks at slices is explained slab by slab, and the map is that of the whole."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from questions import noise, question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution import Target, method
from wbtools.model.families.slices import SliceNetwork
from wbtools.model.pictures import Pictures

SHAPE = (12, 14, 7)


class Slices(SliceNetwork):
    """Two values for each slice."""

    def __init__(self):
        super().__init__(Pictures())
        self.conv, self.relu = nn.Conv2d(1, 3, 3), nn.ReLU()
        self.pool, self.flatten, self.last = nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)

    def raw(self, x):
        features = self.pool(self.relu(self.conv(self.pictures(x))))
        return self.per_image(self.last(self.flatten(features)), x)

    def batch_norms(self):
        return []


@pytest.fixture
def question():
    """A brain that does not reach the first slices."""
    image, reference = noise(1, 1, *SHAPE), noise(1, 1, *SHAPE, seed=1)
    image[..., :2] = reference[..., :2] = 0
    regions = (torch.arange(12) // 4).view(12, 1, 1).expand(SHAPE)
    return question_about(random_network(Slices), image, reference=reference, regions=regions)


@pytest.mark.parametrize(
    "name",
    [
        "gradient",
        "gradient-x-input",
        "gradient-x-difference",
        "integrated-gradients",
        "guided-backprop",
        "hires-cam",
        "grad-cam",
        "lrp-epsilon",
        "lrp-w-square",
    ],
)
def test_map_made_of_slabs_is_the_map_of_the_whole(name, question, monkeypatch):
    found = {}
    for slab in (2, 100):
        monkeypatch.setattr("wbtools.model.families.slices.SLAB", slab)
        found[slab] = method(name).explain(question)
    brain = found[100].relevance * (question.image[0, 0] != 0).any(0).any(0).numpy()
    np.testing.assert_allclose(found[2].relevance, brain, atol=1e-5 * np.abs(brain).max())
    assert (found[2].expected_sum is None) == (found[100].expected_sum is None)
    if "difference" in name or "integrated" in name:
        assert found[2].expected_sum == pytest.approx(found[100].expected_sum, rel=1e-4)
        assert found[2].conservation == pytest.approx(found[100].conservation, rel=1e-4)


def test_occlusion_of_slabs_sums_to_the_fall_of_the_score_of_whole_regions(question, monkeypatch):
    monkeypatch.setattr("wbtools.model.families.slices.SLAB", 2)
    relevance = method("occlusion").explain(question).relevance
    monkeypatch.setattr("wbtools.model.families.slices.SLAB", 100)
    expected = method("occlusion").explain(question).relevance
    for key in (0, 1, 2):
        here = (question.regions == key).numpy()
        assert relevance[here].sum() == pytest.approx(expected[here].sum(), rel=1e-4)


def test_slabs_without_brain_or_without_a_part_in_the_question_are_not_looked_at(question, monkeypatch):
    monkeypatch.setattr("wbtools.model.families.slices.SLAB", 1)
    seen = []
    question.network.conv.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    directions = torch.zeros(1, 14)
    directions[0, 8] = 1
    method("gradient-x-input").explain(question)
    assert len(seen) == 2 * 5  # the score, and its gradient
    one_slice = question_about(question.network, question.image, directions)
    seen.clear()
    relevance = method("gradient-x-input").explain(one_slice).relevance
    assert len(seen) == 2
    assert np.argwhere(relevance.any((0, 1))).flatten().tolist() == [4]


class Answering(Slices):
    """Its values are answers."""

    answers = ("logits", "raw")
    yes_or_no = True

    def logits(self, x):
        return self.raw(x)


@pytest.mark.parametrize("target", [Target("slices"), Target("class", "5")])
def test_references_whose_slices_passed_the_network_are_not_shown_to_it_once_more(target, question):
    network = random_network(Answering)
    shown = []
    network.pictures.register_forward_pre_hook(lambda module, given: shown.append(given[0].shape[4]))
    asked = question_about(network, question.image, reference=question.reference)
    others = tuple(question.image * noise(1, 1, *SHAPE, seed=seed) for seed in (2, 3))
    asked = replace(asked, target=target, objective=target.objective(asked.answers, asked.images))
    asked = replace(asked, references=(question.reference, *others))
    shown.clear()
    assert method("deviation").explain(asked).conservation == pytest.approx(1, abs=1e-3)
    known = [asked.known_answer(reference) for reference in asked.references]
    assert 2 in shown and SHAPE[2] not in shown
    torch.testing.assert_close(torch.cat(known), network.raw(torch.cat(asked.references)), rtol=1e-4, atol=1e-5)
