"""Majority votes of the places of an image, against votes that are counted by hand."""

from collections import Counter

import numpy as np
import pytest
import torch
from random_networks import random_network

from wbtools.evaluating.bootstrap import Resampling
from wbtools.evaluating.recipes.votes import Votes, answer, findings, logits_of
from wbtools.model.families.mrinet import MriNet, MriNetArchitecture
from wbtools.model.families.stacks import StackNetwork, StacksArchitecture

HOW = Resampling(200)


def counted(places):
    """The class that most of the places (P, K) name; of several, that with the highest mean."""
    votes = Counter(int(place.argmax()) for place in places)
    most = [name for name, count in votes.items() if count == max(votes.values())]
    return max(most, key=lambda name: places[:, name].mean())


def test_votes_of_a_network_of_stacks_are_those_of_its_places():
    network = random_network(lambda: StackNetwork(StacksArchitecture((1, 1), 4, 3, classes=3)))
    images = torch.rand(12, 1, 34, 41, 37, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = answer(network, images).numpy()
        each = network.each_place(images).numpy()
        torch.testing.assert_close(torch.from_numpy(logits_of(said)), network.logits(images), rtol=1e-4, atol=1e-5)
    found = Votes("net", said, np.zeros(12, np.int64), np.arange(12))
    assert found.places == each.shape[1] == 8
    assert found.voted.tolist() == [counted(places) for places in each]
    assert [row.astype(int).tolist() for row in found.counts] == [
        [int((places.argmax(1) == name).sum()) for name in range(3)] for places in each
    ]


def test_a_network_that_looks_at_the_whole_image_has_no_votes():
    network = random_network(lambda: MriNet(MriNetArchitecture(width=4, positions=27)))
    images = torch.rand(2, 1, 40, 40, 40, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        said = answer(network, images).numpy()
        assert np.array_equal(logits_of(said), network.logits(images).numpy())
    found = findings([Votes("net", said, np.array([0, 1]), np.array([0, 1]))], HOW)
    assert not found.sections and not found.estimates and not found.more


def test_ties_go_to_the_higher_mean_and_the_accuracy_is_beside_that_of_the_mean():
    logits = np.array([[1.0, 0.5], [0.2, 0.4], [3.0, 0.0], [0.1, 0.0], [0.0, 1.0], [0.3, 0.2]])
    counts = np.array([[2, 2], [2, 2], [1, 3], [4, 0], [0, 4], [3, 1]])
    truth = np.array([0, 0, 1, 0, 1, 0])
    case = Votes("net", np.concatenate([logits, counts], 1), truth, np.arange(6))
    assert case.voted.tolist() == [0, 1, 1, 0, 1, 0]
    found = findings([case], HOW)
    estimates = found.estimates["net"]
    assert estimates["vote_accuracy"].value == pytest.approx(5 / 6)
    assert estimates["vote_less_mean"].value == pytest.approx(1 / 6)
    assert found.more["votes"]["net"] == pytest.approx({"places": 4, "unanimous": 2 / 6, "tied": 2 / 6})
    (table,) = found.sections[0].tables
    assert table.rows[0][:2] == ("net", "4") and table.rows[0][-2:] == ("33.3%", "33.3%")
