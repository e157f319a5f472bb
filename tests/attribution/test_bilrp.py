"""The table of pairs of regions sums to the cosine, and is what its definition says."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES
from random_networks import random_network
from torch.nn.functional import cosine_similarity

from wbtools.attribution.bilrp import interaction, region_table
from wbtools.attribution.engine import (
    MATCHED,
    Z_PLUS,
    DifferencePropagator,
    RelevancePropagator,
    RuleSet,
    dimension_seeds,
)

SHAPE = (26, 30, 24)


@pytest.fixture(scope="module")
def brains():
    """Two brains and a reference: textured balls."""
    generator = torch.Generator().manual_seed(0)
    places = torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    common = torch.rand(SHAPE, generator=generator)
    return [
        ((places.norm(dim=0) < 0.7) * (common + 0.3 * torch.rand(SHAPE, generator=generator)))[None, None]
        for _ in range(3)
    ]


@pytest.fixture(scope="module")
def pool():
    """Sums over 12 parts that cover the grid."""
    parts = np.arange(SHAPE[0]) * 12 // SHAPE[0]
    keys = np.broadcast_to(parts[:, None, None], SHAPE).ravel()
    return lambda maps: np.stack([np.bincount(keys, m, 12) for m in maps.T], axis=1)


@pytest.mark.parametrize("name", ["U-Net, double blocks", "ResNet 10", "DenseNet"])
def test_the_table_of_differences_from_a_reference_sums_to_the_cosine(name, brains, pool):
    network = random_network(FAMILIES[name])
    person, other, reference = brains
    with torch.no_grad():
        cosine = float(cosine_similarity(network.raw(person), network.raw(other)))
    tables = tuple(region_table(DifferencePropagator(network, image, reference), pool) for image in (person, other))
    table = interaction(tables)
    assert table.shape == (13, 13)
    assert table.sum() == pytest.approx(cosine, abs=1e-3 * abs(cosine))


def test_the_table_is_the_sum_over_single_dimensions(brains, pool):
    network = random_network(FAMILIES["ResNet 10"])
    tables, expected = [], []
    for brain in brains[:2]:
        propagator = DifferencePropagator(network, brain, brains[2])
        tables.append(region_table(propagator, pool))
        single = [propagator.relevance(seed[None]).flatten(1).T.numpy() for seed in dimension_seeds(propagator)]
        expected.append(np.concatenate([pool(difference) for difference in single], axis=1).T)
    table = interaction(tuple(tables))[:-1, :-1]
    np.testing.assert_allclose(table, expected[0].T @ expected[1], atol=1e-3 * np.abs(table).max())


def test_without_a_reference_there_is_no_part_of_it(brains, pool):
    network = random_network(FAMILIES["ResNet 10"])
    propagator = RelevancePropagator(network, brains[0], RuleSet(Z_PLUS, MATCHED))
    table = region_table(propagator, pool)
    assert table.shape == (len(propagator.output[0]), 12)
