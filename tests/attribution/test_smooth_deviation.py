"""The smooth deviation: relevance against several references, and how its slopes vary with the reference."""

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
from wbtools.attribution.methods.smooth_deviation import NOISE, PASSES, explain
from wbtools.attribution.noise import Noise

EVERY = {**{name: (build, "raw") for name, build in FAMILIES.items()}, **OTHERS}
SHAPE = (17, 19, 18)
LARGE = balls().shape[2:]
"""As some families need it."""


def _asked(network, target="embedding", count=PASSES, objective=None, shape=SHAPE):
    image = balls(shape)[:1]
    references = tuple(balls(shape, seed=seed)[1:] for seed in range(1, count + 1))
    question = replace(question_about(network, image, reference=references[0]), references=references)
    if objective is not None:
        return replace(question, objective=objective, objectives=(objective,) * count)
    question = replace(question, target=Target.parse(target))
    return replace(question, objective=question.target.objective(question.answers, question.images))


def _chain(activation):
    torch.manual_seed(0)
    return Hand(nn.Conv3d(1, 4, 3, padding=1), activation, nn.AvgPool3d(5), nn.Flatten(), nn.Linear(108, 2)).eval()


def _points(question):
    """Every reference with its point halfway, by the formula in the docstring."""
    drawn = Noise(PASSES, NOISE).added(torch.zeros_like(question.image), question.bounds)
    for reference, noise in zip(question.references, drawn, strict=True):
        inside = (question.image != question.empty) | (reference != question.empty)
        yield reference, (question.image + reference) / 2 + noise * inside


def _pooled(question, values):
    return gaussian_filter(np.asarray(values, np.float64), 1.0, mode="constant") * (question.image[0, 0] != 0).numpy()


def test_map_is_made_of_captums_multipliers():
    from captum.attr import DeepLift

    network = _chain(nn.ReLU())
    question = _asked(network, objective=Objective("raw", torch.tensor([[0.0, 1.0]]), "", 0.0))
    theirs = DeepLift(network.layers, multiply_by_inputs=False)
    slopes, relevances = [], []
    for reference, halfway in _points(question):
        found = theirs.attribute(question.image.clone().requires_grad_(), halfway, target=1).detach()
        slopes.append(found[0, 0].double().numpy())
        relevances.append(slopes[-1] * (question.image - reference)[0, 0].double().numpy())
    e = _pooled(question, np.mean(np.square(relevances), axis=0))
    v = _pooled(question, np.var(slopes, axis=0, ddof=1))
    expected = np.sqrt(e / e.mean() + v / v.mean())
    expected *= np.sqrt(e).sum() / expected.sum()
    # float32, and captum divides by changes that are nearly 0
    assert np.allclose(explain(question).relevance, expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_map_of_a_linear_network_is_its_weights_times_the_usual_difference():
    network = _chain(nn.Identity())
    question = _asked(network, objective=Objective("raw", torch.tensor([[1.0, 0.0]]), "", 0.0))
    image = question.image.clone().requires_grad_()
    (weight,) = torch.autograd.grad(network.raw(image)[0, 0], image)
    squares = [np.square((weight * (question.image - r))[0, 0].double().numpy()) for r in question.references]
    expected = np.sqrt(_pooled(question, np.mean(squares, axis=0)))
    assert np.allclose(explain(question).relevance, expected, rtol=1e-4, atol=1e-6 * expected.max())


@pytest.mark.parametrize("name", EVERY)
def test_signed_relevance_on_the_way_is_conserved_in_every_family(name):
    build, output = EVERY[name]
    found = explain(_asked(random_network(build), "class" if output == "logits" else "embedding", shape=LARGE))
    assert found.relevance.min() >= 0 < found.relevance.max()
    assert found.conservation == pytest.approx(1, abs=2e-3)  # float32: the answer's change may nearly cancel


def test_one_reference_is_taken_as_often_as_several():
    question = _asked(random_network(FAMILIES["ResNet 10"]), count=1)
    found = explain(question)
    assert found.relevance.max() > 0
    assert np.array_equal(found.relevance, explain(question).relevance), "with the same noise each time"


def test_person_who_is_the_reference_has_no_relevance():
    question = _asked(random_network(FAMILIES["ResNet 10"]))
    same = replace(question, reference=question.image, references=(question.image.clone(),))
    assert not explain(same).relevance.any()


def test_mean_over_dimensions_is_near_whether_directions_are_sent_one_by_one_or_mixed(monkeypatch):
    from wbtools.attribution.methods import smooth_deviation

    question = _asked(random_network(FAMILIES["DenseNet"]), "dimension")
    assert len(question.objective.directions) > 16
    mixed = explain(question).relevance
    monkeypatch.setattr(smooth_deviation, "_DIRECTIONS", 1000)
    each = explain(question).relevance
    assert np.corrcoef(mixed.ravel(), each.ravel())[0, 1] > 0.97
    assert mixed.sum() == pytest.approx(each.sum(), rel=0.1)  # 16 draws of signs


def test_it_is_unsigned_and_takes_made_up_heads_unless_told():
    how = method("deviation-smooth")
    assert not how.signed
    assert how.several_references
    assert how.usual_references is not None
