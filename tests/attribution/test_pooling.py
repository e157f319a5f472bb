"""Maps that are pooled over neighbouring voxels, and ranks that are not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, OTHERS, Hand, balls
from questions import question_about
from random_networks import random_network
from scipy.ndimage import gaussian_filter
from torch import nn

from wbtools.attribution import Objective, Target, method
from wbtools.attribution.methods.deviation import SMOOTH
from wbtools.attribution.pooling import pooling, root_of_pooled

EVERY = {**{name: (build, "raw") for name, build in FAMILIES.items()}, **OTHERS}
SHAPE = (17, 19, 18)
LARGE = balls().shape[2:]
"""As some families need it."""

explain = method("deviation-smooth").explain


def _asked(network, target="embedding", count=4, objective=None, shape=SHAPE):
    image = balls(shape)[:1]
    references = tuple(balls(shape, seed=seed)[1:] for seed in range(1, count + 1))
    question = replace(question_about(network, image, reference=references[0]), references=references)
    if objective is not None:
        return replace(question, objective=objective, objectives=(objective,) * count)
    question = replace(question, target=Target.parse(target))
    return replace(question, objective=question.target.objective(question.answers, question.images))


def test_squares_are_captums_deep_shap_against_each_reference_and_the_map_pools_them():
    from captum.attr import DeepLift

    torch.manual_seed(0)
    network = Hand(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.AvgPool3d(5), nn.Flatten(), nn.Linear(108, 2)).eval()
    question = _asked(network, objective=Objective("raw", torch.tensor([[0.0, 1.0]]), "", 0.0))
    theirs = DeepLift(network.layers)
    maps = [
        theirs.attribute(question.image.clone().requires_grad_(), reference, target=1).detach()[0, 0].double().numpy()
        for reference in question.references
    ]
    squares = np.mean(np.square(maps), axis=0)
    found = explain(question)
    # float32, and captum divides by changes that are nearly 0
    np.testing.assert_allclose(found.squares, squares, rtol=1e-3, atol=1e-4 * squares.max())
    pooled = np.sqrt(gaussian_filter(squares, SMOOTH.pooled, mode="constant"))
    expected = pooled * np.sqrt(squares).sum() / pooled.sum()
    np.testing.assert_allclose(found.relevance, expected, rtol=1e-3, atol=1e-4 * expected.max())


@pytest.mark.parametrize("name", EVERY)
def test_signed_relevance_is_conserved_in_every_family(name):
    build, output = EVERY[name]
    question = _asked(random_network(build), "class" if output == "logits" else "embedding", shape=LARGE)
    found = explain(question)
    assert found.relevance.min() >= 0 < found.relevance.max()
    assert found.conservation == pytest.approx(1, abs=2e-3)  # float32: the answer's change may nearly cancel


def test_person_who_is_the_reference_has_no_relevance():
    question = _asked(random_network(FAMILIES["ResNet 10"]))
    same = replace(question, reference=question.image, references=(question.image.clone(),))
    assert not explain(same).relevance.any()


def test_a_voxel_that_stands_alone_becomes_half_a_gaussian_as_wide_as_was_asked():
    squares = np.zeros((21, 21, 21))
    squares[10, 10, 10] = 9.0
    found = root_of_pooled(squares, 1.5)
    along = found[10, 10].astype(float)
    distance = np.arange(21) - 10
    # The root of a Gaussian of 1.5 voxels is one of 1.5 * sqrt(2); near its middle, scipy's truncation is not seen.
    near = abs(distance) <= 3
    np.testing.assert_allclose(along[near] / along[10], np.exp(-(distance[near] ** 2) / (4 * 1.5**2)), rtol=1e-3)
    assert found.sum() == pytest.approx(3.0, rel=1e-5)


def test_a_method_that_is_not_pooled_stays_as_it_is():
    def explain(question):
        raise AssertionError

    assert pooling(explain, 0.0) is explain
    assert method("deviation-squared").explain(_asked(random_network(FAMILIES["ResNet 10"]))).squares is None


def test_it_is_unsigned_and_takes_made_up_heads_unless_told():
    how = method("deviation-smooth")
    assert not how.signed
    assert how.several_references
    assert how.usual_references is not None
