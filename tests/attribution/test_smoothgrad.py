"""SmoothGrad, SmoothGrad squared and VarGrad against captum's NoiseTunnel, finite sums of numpy, and closed forms."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, NoiseTunnel, Saliency
from engine_networks import FAMILIES, OTHERS, Hand, balls, linear, pointwise
from questions import noise, question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution import Target, method
from wbtools.attribution.autograd.gradients import Score, differentiable
from wbtools.attribution.evaluation.null_maps import null_maps
from wbtools.attribution.methods import smoothgrad
from wbtools.attribution.methods.smoothgrad import moments
from wbtools.attribution.noise import Noise
from wbtools.model import Card, ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.space.grid import Grid

CUBE = (4, 4, 4)
FORMS = {"smoothgrad": "smoothgrad", "smoothgrad-squared": "smoothgrad_sq", "vargrad": "vargrad"}
"""Names of the same moments, here and in captum."""

FEW = Noise(draws=4, level=0.1, seed=3)


@pytest.fixture
def few_draws(monkeypatch):
    """Four draws."""
    monkeypatch.setattr(smoothgrad, "NOISE", FEW)


def _of(found):
    return {"smoothgrad": found.mean, "smoothgrad-squared": found.square, "vargrad": found.variance}


@pytest.mark.parametrize("family", ["ResNet 10", "U-Net, double blocks", "MriNet"])
def test_moments_are_those_of_captums_noise_tunnel_for_the_same_draws(family, few_draws):
    network = random_network(FAMILIES.get(family) or OTHERS[family][0])
    image = balls()[:1] if family in OTHERS else balls((17, 19, 18))[:1]
    question = replace(question_about(network, image), bounds=(0.0, 2.0))
    score = Score(network, question.objective.answer, question.objective.directions[0])
    for name, captums in FORMS.items():
        with torch.random.fork_rng(), differentiable(network):
            torch.manual_seed(FEW.seed)
            expected = NoiseTunnel(Saliency(score)).attribute(
                image,
                nt_type=captums,
                nt_samples=FEW.draws,
                nt_samples_batch_size=1,
                stdevs=0.1 * 2.0,
                abs=False,
            )
        found = method(name).explain(question).relevance
        # captum sums squares in single precision: a variance is right to 1e-6 of the largest square.
        np.testing.assert_allclose(found, expected[0, 0], atol=2e-6 * float(expected.abs().max()), rtol=1e-4)


def test_moments_are_numpys_over_the_gradients_of_all_copies(few_draws):
    network = random_network(FAMILIES["ResNet 10"])
    question = question_about(network, balls((17, 19, 18))[:1])
    direction = question.objective.directions[0]
    generator = torch.Generator().manual_seed(FEW.seed)
    gradients = []
    for _ in range(FEW.draws):
        noisy = question.image + 0.1 * torch.randn(question.image.shape, generator=generator)
        noisy.requires_grad_()
        (network.raw(noisy)[0] @ direction).backward()
        gradients.append(noisy.grad[0, 0].double().numpy())
    expected = {
        "smoothgrad": np.mean(gradients, 0),
        "smoothgrad-squared": np.mean(np.square(gradients), 0),
        "vargrad": np.var(gradients, 0),
    }
    for name, moment in expected.items():
        found = method(name).explain(question).relevance
        np.testing.assert_allclose(found, moment, atol=1e-6 * np.abs(moment).max())


def _reading(*more):
    """A network with one weight for each voxel of a cube, and its weights."""
    weights = noise(*CUBE, seed=2) - 0.5
    network = Hand(nn.Flatten(), linear([weights.flatten().tolist()], [0.7]), *more)
    return question_about(network, noise(1, 1, *CUBE), torch.ones(1, 1), noise(1, 1, *CUBE, seed=1)), weights


def test_of_a_linear_network_every_moment_is_known():
    question, weights = _reading()
    image, change = question.image[0, 0], (question.image - question.reference)[0, 0]
    expected = {
        "gradient": weights,
        "smoothgrad": weights,
        "smoothgrad-x-input": weights * image,
        "smoothgrad-x-difference": weights * change,
        "smoothgrad-squared": weights**2,
        "smoothgrad-squared-x-input": (weights * image) ** 2,
        "smoothgrad-squared-x-difference": (weights * change) ** 2,
    }
    for name, relevance in expected.items():
        np.testing.assert_allclose(method(name).explain(question).relevance, relevance, rtol=1e-5, atol=1e-9)
    for name in ("vargrad", "vargrad-x-input", "vargrad-x-difference"):
        assert not method(name).explain(question).relevance.any()  # exactly: equal gradients are subtracted


class Square(nn.Module):
    """Squares its input."""

    def forward(self, x):
        return x * x


def test_of_a_square_the_variance_is_that_of_the_noise():
    # f = sum x^2: the gradient 2 x has mean 2 x and variance 4 s^2 under noise of standard deviation s
    network = Hand(Square(), nn.Flatten(), linear([[1.0] * 64]))
    question = question_about(network, noise(1, 1, *CUBE), torch.ones(1, 1))
    score = Score(network, "raw", torch.ones(1))
    many = Noise(draws=4000, level=0.1)
    found = moments(score, question.image.clone().requires_grad_(), (0.0, 2.0), many)
    deviation = 0.2
    # six standard errors for each of 64 voxels
    np.testing.assert_allclose(found.mean, 2 * question.image, atol=6 * 2 * deviation / 4000**0.5)
    np.testing.assert_allclose(found.variance, 4 * deviation**2, rtol=6 * (2 / 4000) ** 0.5)


def test_products_are_moments_of_gradient_times_input(few_draws, monkeypatch):
    network = random_network(FAMILIES["ResNet 10"])
    both = balls((17, 19, 18))
    question = question_about(network, both[:1], reference=both[1:])
    for factor, by in (("input", both[0, 0]), ("difference", (both[0] - both[1])[0])):
        for name in FORMS:
            plain = method(name).explain(question).relevance
            found = method(f"{name}-x-{factor}").explain(question).relevance
            times = by if method(name).signed else by**2
            np.testing.assert_allclose(found, plain * times.numpy(), rtol=1e-6)
    # Where the noise is nothing the mean product is captum's gradient x input.
    monkeypatch.setattr(smoothgrad, "NOISE", replace(FEW, level=0.0))
    score = Score(network, "raw", question.objective.directions[0])
    expected = InputXGradient(score).attribute(both[:1].clone().requires_grad_()).detach()
    found = method("smoothgrad-x-input").explain(question).relevance
    np.testing.assert_allclose(found, expected[0, 0], atol=1e-6 * float(expected.abs().max()))


def test_draws_depend_on_the_seed_alone(few_draws, monkeypatch):
    question = question_about(random_network(FAMILIES["ResNet 10"]), balls((17, 19, 18))[:1])
    first = method("smoothgrad").explain(question).relevance
    torch.manual_seed(77)
    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(method("smoothgrad").explain(question).relevance, first)
    assert torch.equal(torch.random.get_rng_state(), state)
    monkeypatch.setattr(smoothgrad, "NOISE", replace(FEW, seed=4))
    assert np.abs(method("smoothgrad").explain(question).relevance - first).max() > 0.01 * np.abs(first).max()


def test_noise_is_a_share_of_the_images_range(few_draws):
    # The same image in other units: its gradient is as much smaller as its values are larger.
    class Scaled(nn.Module):
        def forward(self, x):
            return x / 255

    image = noise(1, 1, *CUBE)
    layers = pointwise([[1.0], [-1.0]], [-0.5, 0.5]), nn.ReLU(), Square(), nn.Flatten(), linear([[1.0] * 128])
    small = replace(question_about(Hand(*layers), image, torch.ones(1, 1)), bounds=(0.0, 1.0))
    large = replace(question_about(Hand(Scaled(), *layers), 255 * image, torch.ones(1, 1)), bounds=(0.0, 255.0))
    found, expected = (method("smoothgrad").explain(question).relevance for question in (large, small))
    np.testing.assert_allclose(255 * found, expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected).max() > 0


def test_noise_is_on_the_record():
    entry = method("smoothgrad-squared")
    assert entry.noise.as_record((-1.0, 3.0)) == {
        "draws": 25,
        "level": 0.1,
        "seed": 0,
        "standard_deviation": pytest.approx(0.4),
    }
    assert "25 draws of normal noise, standard deviation .1 of the image's range" in entry.rules[0]
    assert method("gradient").noise is None


@pytest.mark.parametrize("asked", ["embedding", "pair", "distance", "dimension"])
def test_every_target_and_randomised_networks_are_explained_by_the_same_draws(asked, few_draws):
    network = random_network(partial(UNet, UNetArchitecture((8, 8), attention=(), embedding=5)))
    model = Model(network, Card("unet", "", "unet"), {}, "")
    person, other = (ModelInput(image[None].numpy(), Grid((20, 20, 20), np.eye(4))) for image in balls((20, 20, 20)))
    how = method("smoothgrad-squared")
    question = how.ask(model, (person, other), Target(asked))
    found = how.explain(question).relevance
    directions = question.objective.directions
    assert len(directions) == (5 if asked == "dimension" else 1)
    with differentiable(network):
        scores = [Score(network, "raw", direction) for direction in directions]
        image = question.image.clone().requires_grad_()
        expected = np.mean([moments(score, image, question.bounds).square[0, 0].numpy() for score in scores], 0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9 * expected.max())
    (null,) = null_maps(question, how, 1).maps
    assert null.min() >= 0 and null.max() > 0
    assert np.abs(null - found).max() > 0.01 * found.max()
