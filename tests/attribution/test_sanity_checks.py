"""What is said of a map: maps that fail do fail, maps that pass pass, and nothing is computed twice."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, Hand
from random_networks import random_network
from scipy import stats
from torch import nn

from wbtools.attribution import Target, attribute, method
from wbtools.attribution.evaluation import null_maps as nulls
from wbtools.attribution.evaluation.faithfulness import Faithfulness, against_random, faithfulness_of
from wbtools.attribution.evaluation.null_maps import FIRST_SEED, NullCache, null_maps
from wbtools.attribution.evaluation.randomisation import randomised
from wbtools.attribution.evaluation.sanity_checks import TOO_ALIKE, Trust, assess
from wbtools.attribution.evaluation.similarity import Similarity
from wbtools.attribution.methods import deviation
from wbtools.attribution.reference import template_on
from wbtools.attribution.references.sets import ReferenceSet
from wbtools.model import ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families.resnet import FAMILY
from wbtools.report.wall import declared
from wbtools.space.grid import Grid

GRID = Grid((20, 24, 20), np.array([[-9.0, 0, 0, 85], [0, 9, 0, -122], [0, 0, 9, -68], [0, 0, 0, 1]]))
TARGET = Target("embedding")


@pytest.fixture(scope="module")
def person():
    """The template, a voxel further to the front, with another contrast and noise."""
    brain = np.roll(template_on(GRID), 1, 1)
    noise = np.random.default_rng(0).normal(1, 0.05, brain.shape)
    image = (np.sqrt(brain) * noise * (brain > 0)).astype(np.float32)
    return ModelInput((image / image.max())[None, None], GRID)


@pytest.fixture(scope="module")
def model():
    return Model(random_network(FAMILIES["ResNet 10"]), FAMILY.card, {}, "")


@pytest.fixture(scope="module")
def quick():
    """Of no family, and quickly run."""
    torch.manual_seed(2)
    network = Hand(
        nn.Conv3d(1, 4, 5, stride=2),
        nn.ReLU(),
        nn.Conv3d(4, 4, 3),
        nn.ReLU(),
        nn.AvgPool3d(3),
        nn.Flatten(),
        nn.Linear(32, 6),
    )
    network.forward = network.raw
    return Model(network, replace(FAMILY.card, family="another"), {}, "")


@pytest.fixture(scope="module")
def question(model, person):
    return deviation.METHOD.ask(model, [person], TARGET)


@pytest.fixture(scope="module")
def attribution(model, person):
    return attribute(model, person, "deviation", TARGET)


@pytest.fixture(scope="module")
def maps(question):
    said = []
    found = null_maps(question, deviation.METHOD, count=2, told=said.append)
    assert said == ["randomised network 1 of 2", "randomised network 2 of 2"]
    assert found.seeds == (FIRST_SEED, FIRST_SEED + 1)
    return found.maps


def test_null_maps_are_the_maps_of_randomised_networks(model, person, question, maps):
    assert maps.shape == (2, *GRID.shape)
    assert not np.array_equal(maps[0], maps[1])
    network = randomised(model, torch.cat((question.image, question.reference)), FIRST_SEED + 1)
    there = attribute(replace(model, network=network), person, "deviation", TARGET)
    np.testing.assert_allclose(maps[1], there.relevance.data * GRID.voxel_volume, rtol=1e-5, atol=1e-9)


def test_the_target_is_read_off_the_answers_of_another_network_anew(model, person):
    network = random_network(FAMILIES["ResNet 10"], seed=5)
    other = deviation.METHOD.ask(model, [person, person], Target("pair")).for_network(network)
    assert other.network is network
    assert other.objective.score == pytest.approx(1, abs=1e-5)  # the cosine of a person to themselves
    assert other.objective.directions.shape == (1, other.known_answer(other.image).shape[1])


def test_null_is_computed_once_for_all_checkpoints_of_a_family(model, person, question, maps, tmp_path, monkeypatch):
    cache = NullCache(tmp_path / "work")
    first = null_maps(question, deviation.METHOD, count=1, cache=cache).maps
    np.testing.assert_array_equal(first, maps[:1])
    made = []
    true = nulls._null_map
    monkeypatch.setattr(nulls, "_null_map", lambda *arguments: made.append(arguments[-1]) or true(*arguments))
    another = replace(model, network=random_network(FAMILIES["ResNet 10"], seed=9), sha256="other")
    two = null_maps(deviation.METHOD.ask(another, [person], TARGET), deviation.METHOD, count=2, cache=cache)
    assert made == [FIRST_SEED + 1]  # the first one was there
    np.testing.assert_allclose(two.maps, maps, rtol=1e-5, atol=1e-9)
    changed = replace(question, image=question.image * 0.5)
    null_maps(changed, deviation.METHOD, count=1, cache=cache)
    dimension = deviation.METHOD.ask(model, [person], Target("dimension", "3"))
    null_maps(dimension, deviation.METHOD, count=1, cache=cache)
    assert len(made) == 3
    assert len(list((tmp_path / "work").iterdir())) == 4


def test_randomised_networks_without_a_map_are_replaced_by_the_next(question, maps, monkeypatch):
    true = nulls._null_map

    def without_the_first(asked, how, seed):
        return np.zeros(GRID.shape, np.float32) if seed == FIRST_SEED else true(asked, how, seed)

    monkeypatch.setattr(nulls, "_null_map", without_the_first)
    replaced = null_maps(question, deviation.METHOD, count=1)
    np.testing.assert_array_equal(replaced.maps, maps[1:])
    assert replaced.seeds == (FIRST_SEED + 1,)
    monkeypatch.setattr(nulls, "_null_map", lambda *asked: np.zeros(GRID.shape, np.float32))
    empty = null_maps(question, deviation.METHOD, count=2)
    assert not empty.maps.any() and empty.maps.shape[0] == 2 and empty.seeds == ()


def test_damaged_cache_is_computed_again_and_one_that_cannot_be_written_does_no_harm(tmp_path, caplog):
    cache = NullCache(tmp_path / "work")
    data = np.ones((2, 3, 4), np.float32)
    cache.write("null-a.npy", data)
    np.testing.assert_array_equal(cache.read("null-a.npy", (2, 3, 4)), data)
    assert cache.read("null-a.npy", (2, 3, 5)) is None
    (tmp_path / "work" / "null-b.npy").write_bytes(b"\x93NUMPY nonsense")
    np.save(tmp_path / "work" / "null-long.npy", np.ones((200, 300, 4), np.float32))
    np.save(tmp_path / "work" / "null-pickle.npy", np.array([print] * 24, dtype=object))
    os.mkfifo(tmp_path / "work" / "null-pipe.npy")
    for name in ("b", "long", "pickle", "pipe"):
        assert cache.read(f"null-{name}.npy", (2, 3, 4)) is None, name
    assert cache.read("null-c.npy", (2, 3, 4)) is None
    (tmp_path / "file").write_text("")
    NullCache(tmp_path / "file").write("null-a.npy", data)
    assert "could not be cached" in caplog.text


def test_likeness_is_scipys_correlation_of_the_magnitudes():
    first, second = np.random.default_rng(1).normal(size=(2, 500))
    found = Similarity.of(first, second)
    assert found.pearson == pytest.approx(stats.pearsonr(abs(first), abs(second)).statistic, abs=1e-6)
    assert found.spearman == pytest.approx(stats.spearmanr(abs(first), abs(second)).statistic, abs=1e-6)
    assert Similarity.of(first, np.ones(500)) == Similarity(0.0, 0.0)


def test_map_of_a_randomised_network_fails_and_says_so(question, attribution, maps):
    same = attribution.relevance.data[None] * 3 * np.random.default_rng(0).choice([-1, 1], (1, *GRID.shape))
    failed = assess(attribution, question, same)
    assert failed.randomised.pearson == pytest.approx(1)
    assert failed.mark.startswith("Map failed its check: the map is much like that of networks with randomised weights")
    assert "1.00" in failed.verdict
    assert failed.as_record()["passed"] is False
    passed = assess(attribution, question, maps)
    expected = Similarity.mean(
        [
            Similarity.of(*(values[(question.image + question.reference)[0, 0].numpy() > 0] for values in pair))
            for pair in ((attribution.relevance.data, null) for null in maps)
        ]
    )
    assert passed.randomised == expected
    assert passed.verdict == (
        f"The map passed its checks: correlation {expected.highest:.2f} with maps of networks with randomised weights, "
        f"{passed.image.highest:.2f} with the image (at most {TOO_ALIKE:g} each)."
    )
    wall = {"verdict": passed.verdict, "passed": True}
    assert declared._trust(wall, True) == declared._trust({**wall, "verdict": "Passed: as of old."}, True) == "passed"


def test_map_that_is_the_image_or_its_difference_from_the_reference_fails(question, attribution, maps):
    for shown, word in ((question.image, "image itself"), (question.image - question.reference, "bare difference")):
        relevance = replace(attribution.relevance, data=shown[0, 0].numpy())
        trust = assess(replace(attribution, relevance=relevance), question, maps)
        assert any(word in failure for failure in trust.failures)


def test_relevance_outside_both_brains_and_relevance_that_got_lost_fail(question, attribution):
    nowhere = ((question.image == 0) & (question.reference == 0))[0, 0].numpy()
    data = attribution.relevance.data / np.abs(attribution.relevance.data).sum()
    data = data + 2 * nowhere / nowhere.sum()
    lost = replace(attribution, relevance=replace(attribution.relevance, data=data), conservation=0.5)
    trust = assess(lost, question, np.empty((0, *GRID.shape)))
    assert trust.outside == pytest.approx(2 / 3, abs=1e-5)
    assert any("67% of the relevance lies outside" in failure for failure in trust.failures)
    assert any("sums to 50% of the score" in failure for failure in trust.failures)
    sound = assess(attribution, question, np.empty((0, *GRID.shape)))
    assert sound.outside < 1e-5
    assert sound.mark == ""
    assert "Not compared" in sound.verdict


@pytest.fixture(scope="module")
def pooled(model, person):
    """The default's question and map, against three shifted templates."""
    how = method("deviation-smooth")
    usual = deviation.METHOD.reference(model.card, person, None)
    brains = tuple(replace(usual, data=np.roll(usual.data, step, 3)) for step in (-2, 2, 3))
    question = how.ask(model, [person], TARGET, references=lambda model, image: ReferenceSet(brains))
    return how, question, how.attribute(question, person)


def test_a_pooled_map_is_checked_as_it_was_before_in_the_persons_brain_only(pooled, person):
    how, question, found = pooled
    plain = method("deviation-smooth").explain(question).squares
    brain = person.brain
    trust = assess(found, question, null_maps(question, how, 1).maps)
    differences = np.mean([abs(question.image - other)[0, 0].numpy() for other in question.references], axis=0)
    expected = stats.spearmanr(np.sqrt(plain[brain]), differences[brain]).statistic
    assert trust.difference.spearman == pytest.approx(expected, abs=1e-4)
    network = randomised(question.model, question.shown, FIRST_SEED)
    other = how.explain(question.for_network(network)).squares
    expected = stats.spearmanr(plain[brain], other[brain]).statistic
    assert trust.randomised.spearman == pytest.approx(expected, abs=1e-4)


def test_a_pooled_map_and_what_ranks_regions_are_0_outside_the_brain_and_it_is_known_what_was_there(pooled, person):
    how, question, found = pooled
    roots = np.sqrt(how.explain(question).squares)
    assert roots[~person.brain].any(), "references reach further"
    assert not found.relevance.data[~person.brain].any()
    assert not found.squares.data[~person.brain].any()
    assert found.squares.data[person.brain].any()
    assert found.background == pytest.approx(roots[~person.brain].sum() / roots.sum(), rel=1e-5)


def test_record_is_plain_json(question, attribution, maps):
    import json

    trust = replace(assess(attribution, question, maps), faithfulness=Faithfulness((("fc2", 0.5),), 0.1, 0.2, None))
    assert json.loads(json.dumps(trust.as_record(), allow_nan=False))["randomised_networks"] == 2


def test_deletion_in_the_right_order_beats_random_order_and_in_the_wrong_one_loses(quick, person):
    question = deviation.METHOD.ask(quick, [person], TARGET)
    gradient = method("gradient-x-difference").explain(question).relevance
    edges = np.array([2, 2, 2])
    right, wrong = against_random(question, gradient, edges), against_random(question, -gradient, edges)
    assert min(right) > 0 > max(wrong)
    assert against_random(replace(question, image=question.reference), gradient, edges) == (0, 0)


def test_map_against_the_score_fails():
    assert not Faithfulness((), -0.1, 0.1, None).failures
    backwards = Faithfulness((), -0.1, -0.1, None)
    assert "no sooner" in backwards.failures[0]
    found = Trust(0, None, Similarity(0, 0), None, 0.0, None, backwards)
    assert "no sooner" in found.mark


def test_full_trust_of_occlusion_itself_is_agreement_with_itself(quick, person):
    keys = (np.indices(GRID.shape) // 5).sum(0) + 1
    name = "occlusion"
    question = method(name).ask(quick, [person], TARGET, keys)
    found = method(name).attribute(question, person)
    result = faithfulness_of(found, question, method(name), keys)
    assert result.occlusion == pytest.approx(1)
    assert [name for name, _ in result.cascade] == ["layers.6", "layers.2", "layers.0"]
    assert max(result.deletion, result.insertion) > 0


def test_methods_that_cost_much_are_compared_with_one_network_only():
    assert method("deviation").null_networks == 20
    assert method("meaningful-perturbation").null_networks == 1
