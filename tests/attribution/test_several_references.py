"""Deviation from several references: means of the maps, and one pass of the image for all."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, OTHERS, Hand, balls
from questions import question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution import Target
from wbtools.attribution.engine import DifferencePropagator, Kept
from wbtools.attribution.methods.several_references import explain_over
from wbtools.attribution.relevance_map import relevance_map

EVERY = {**{name: (build, "raw") for name, build in FAMILIES.items()}, **OTHERS}
SHAPE = (17, 19, 18)


def _asked(network, target="embedding", count=3, shape=SHAPE, people=()):
    """A question against several references, as a method is given it."""
    image = balls(shape)[:1]
    references = tuple(balls(shape, seed=seed)[1:] for seed in range(1, count + 1))
    question = question_about(network, image, reference=references[0])
    question = replace(question, target=Target.parse(target), references=references, people=people)
    return replace(question, objective=question.target.objective(question.answers, question.images))


@pytest.fixture(scope="module")
def question():
    return _asked(random_network(FAMILIES["ResNet 10"]))


def _single(question):
    """One image, one reference, one pass each."""
    propagator = DifferencePropagator(question.network, question.image, question.reference, question.objective.answer)
    return relevance_map(propagator, question.objective.directions)


def _singles(question):
    return [_single(question.against(reference)) for reference in question.references]


@pytest.mark.parametrize("name", EVERY)
def test_image_that_was_kept_gives_the_maps_of_two_images_in_one_pass_in_every_family(name):
    build, output = EVERY[name]
    network = random_network(build)
    image, kept = balls()[:1], Kept()
    for seed in (1, 2, 1):
        reference = balls(seed=seed)[1:]
        alone = DifferencePropagator(network, image, reference, output)
        shared = DifferencePropagator(network, image, reference, output, kept=kept)
        assert torch.equal(alone.change, shared.change)
        assert torch.equal(alone.relevance(alone.change), shared.relevance(shared.change))
    equal = DifferencePropagator(network, image, image.clone(), output, kept=kept)
    assert not equal.change.any()


@pytest.mark.parametrize("name", EVERY)
def test_signed_mean_is_the_mean_of_the_single_maps_and_conserves_in_every_family(name):
    build, output = EVERY[name]
    question = _asked(random_network(build), "class" if output == "logits" else "embedding", shape=balls().shape[2:])
    found, singles = explain_over(question), _singles(question)
    mean = np.mean([single.relevance.astype(np.float64) for single in singles], axis=0)
    # Rounding depends on where tensors lie in memory, and counts for more the smaller an answer's change is: here 1e-5
    # of the answer. ResNet below is exact to 1e-6.
    np.testing.assert_allclose(found.relevance, mean, rtol=0, atol=1e-4 * np.abs(mean).max())
    # The reference's answer is known from its difference, not from a pass of its own: the same to rounding.
    assert found.expected_sum == pytest.approx(np.mean([single.expected_sum for single in singles]), rel=1e-4)
    moved = np.mean([np.abs(single.relevance).sum(dtype=np.float64) for single in singles])
    assert abs(found.actual_sum - found.expected_sum) <= 1e-5 * moved
    assert found.relevance.sum(dtype=np.float64) == pytest.approx(found.actual_sum, abs=1e-5 * moved)


@pytest.mark.parametrize(
    ("over", "expected"),
    [("magnitude", lambda r: np.abs(r).mean(0)), ("square", lambda r: np.sqrt(np.square(r).mean(0)))],
)
def test_magnitudes_and_squares_report_the_conservation_of_the_signed_mean(question, over, expected):
    singles = _singles(question)
    mean = expected(np.array([single.relevance for single in singles], np.float64))
    found = explain_over(question, over)
    np.testing.assert_allclose(found.relevance, mean, rtol=0, atol=1e-6 * mean.max())
    assert (found.expected_sum, found.actual_sum) == (
        explain_over(question).expected_sum,
        explain_over(question).actual_sum,
    )
    assert found.conservation == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("over", ["signed", "magnitude", "square"])
def test_map_from_a_single_reference_is_the_map_itself_or_its_magnitude(question, over):
    single = question.against(question.references[0])
    plain = _single(single).relevance
    expected = plain if over == "signed" else np.abs(plain)
    np.testing.assert_allclose(explain_over(single, over).relevance, expected, rtol=1e-6)


def test_multipliers_times_differences_are_captums_deep_shap():
    from captum.attr import DeepLiftShap

    torch.manual_seed(0)
    network = Hand(
        nn.Conv3d(1, 4, 3), nn.ReLU(), nn.Conv3d(4, 5, 3, stride=2), nn.BatchNorm3d(5), nn.ReLU(), nn.AvgPool3d(2),
        nn.Flatten(), nn.Linear(5 * 27, 6), nn.Tanh(), nn.Linear(6, 3),
    )  # fmt: skip
    image, *references = torch.rand(4, 1, 15, 15, 15).split(1)
    theirs = DeepLiftShap(network.layers).attribute(image.clone(), torch.cat(references), target=1).detach()[0, 0]
    ours, kept = torch.zeros_like(image), Kept()
    for reference in references:
        propagator = DifferencePropagator(network, image, reference, magnitudes=False, kept=kept)
        relevance = propagator.relevance(propagator.change * torch.tensor([[0.0, 1, 0]]))
        assert propagator.total(relevance) == pytest.approx(float(propagator.change[0, 1]), rel=1e-4)
        ours += relevance / 3
    np.testing.assert_allclose(ours[0, 0], theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("target", ["dimension", "dimension:2", "pair", "contrast", "distance"])
def test_every_target_is_that_against_each_reference(target):
    network = random_network(FAMILIES["ResNet 10"])
    people = tuple(balls(SHAPE, seed=seed)[:1] for seed in (7, 8))
    question = _asked(network, target, count=2, people=people)
    found, singles = explain_over(question), _singles(question)
    mean = np.mean([single.relevance.astype(np.float64) for single in singles], axis=0)
    np.testing.assert_allclose(found.relevance, mean, rtol=0, atol=1e-5 * np.abs(mean).max())
    assert found.conservation == pytest.approx(1, abs=1e-3)


def test_no_reference_passes_the_network_for_its_answer():
    network = random_network(FAMILIES["ResNet 10"])
    raw, calls = network.raw, []
    network.raw = lambda x: calls.append(len(x)) or raw(x)
    question = _asked(network, count=4)
    before = len(calls)  # the person's and the first reference's, for the objective
    explain_over(question)
    score = question.score
    assert len(calls) == before
    distances = [1 - float(torch.cosine_similarity(raw(question.image), raw(r))) for r in question.references]
    assert score == pytest.approx(np.mean(distances), rel=1e-3, abs=1e-6)


def test_randomised_networks_answer_the_same_question():
    question = _asked(random_network(FAMILIES["ResNet 10"]), count=2)
    other = random_network(FAMILIES["ResNet 10"], seed=1)
    found = explain_over(question.for_network(other), "magnitude")
    assert found.conservation == pytest.approx(1, abs=1e-3)
    plain = explain_over(replace(_asked(other, count=2), references=question.references), "magnitude")
    np.testing.assert_allclose(found.relevance, plain.relevance, rtol=0, atol=1e-4 * plain.relevance.max())


def test_pieces_of_an_image_are_asked_with_objectives_of_their_own(question):
    objectives = tuple(
        replace(question.objective, directions=factor * question.objective.directions) for factor in (1, 2, 3)
    )
    found = explain_over(replace(question, objectives=objectives))
    parts = [
        _single(replace(question.against(r), objective=o)) for r, o in zip(question.references, objectives, strict=True)
    ]
    mean = np.mean([part.relevance.astype(np.float64) for part in parts], axis=0)
    np.testing.assert_allclose(found.relevance, mean, rtol=0, atol=1e-6 * np.abs(mean).max())
