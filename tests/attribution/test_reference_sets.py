"""Sets of references: what methods that compare with several brains are given, and what made-up heads are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from questions import noise
from random_networks import random_network
from scipy.ndimage import map_coordinates
from test_slicewise import Slices

from wbtools.attribution import Target, method
from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.evaluation.null_maps import _key, asked_of_null
from wbtools.attribution.evaluation.sanity_checks import assess
from wbtools.attribution.evaluation.sensitivity import sensitivity_of
from wbtools.attribution.method import MethodOutput
from wbtools.attribution.question import Question
from wbtools.attribution.reference import placement, template_on
from wbtools.attribution.references import made_up
from wbtools.attribution.references.sets import ReferenceSet
from wbtools.attribution.references.sources import SOURCES, usual
from wbtools.attribution.runtime.device import accelerated
from wbtools.attribution.slicewise import piece_by_piece
from wbtools.errors import InputError
from wbtools.model import Card, Model, ModelInput
from wbtools.model.family import Network
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.grid import Grid

GRID = Grid((36, 44, 36), np.array([[-5.0, 0, 0, 90], [0, 5, 0, -126], [0, 0, 5, -72], [0, 0, 0, 1]]))
"""The field of view of HCP images in voxels of 5 mm."""


def one_by_one(question):
    """Gradient x difference from each reference: the mean of the maps, and of what they should sum to."""
    single = method("gradient-x-difference").explain
    found = [single(question.against(reference)) for reference in question.references]
    expected = np.mean([output.expected_sum for output in found])
    return MethodOutput(np.mean([output.relevance for output in found], axis=0), expected)


SEVERAL = replace(
    method("gradient-x-difference"), explain=piece_by_piece(one_by_one), several_references=True, usual_references=usual
)
"""A method that takes a set."""


class Linear(Network):
    """Answers with three sums over the image, and counts how often it is asked."""

    asked = 0

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(8, 3)

    def raw(self, x):
        self.asked += 1
        return self.last(torch.nn.functional.adaptive_avg_pool3d(x, 2).flatten(1))

    forward = raw


@pytest.fixture(scope="module")
def person():
    """The template with other intensities and noise."""
    brain = np.sqrt(template_on(GRID))
    changed = brain / brain.max() * np.random.default_rng(0).normal(1, 0.05, brain.shape)
    return ModelInput(changed.clip(0, 1)[None, None].astype(np.float32), GRID)


@pytest.fixture(scope="module")
def model():
    card = Card("linear", "linear", "none", shape=GRID.shape)
    return Model(random_network(Linear).eval(), card, {}, "0" * 64)


def question_of(network, target="dimension:1", people=()):
    """Three references, the image and the people compared with."""
    image, *references = (noise(1, 1, 12, 14, 8, seed=seed) for seed in range(4))
    answers = Answers(Model(network, Card("hand", "made by hand", "none"), {}, ""))
    asked = Target.parse(target)
    objective = asked.objective(answers, Images(image, people, references[0]))
    return Question(answers, image, asked, objective, people, reference=references[0], references=tuple(references))


# ------------------------------------------------------------------------------------------------------- made-up heads


def test_made_up_heads_are_the_same_every_time_and_differ_from_one_another(person, model):
    placed = placement(model.card, person)
    first, again = (list(made_up.made_up_heads(placed, count)) for count in (3, 2))
    for head, same in zip(first, again, strict=False):
        assert np.array_equal(head.data, same.data)
    brain = placed.laid > 0
    pairs = [np.corrcoef(first[a].data[0, 0][brain], first[b].data[0, 0][brain])[0, 1] for a, b in ((0, 1), (1, 2))]
    assert max(pairs) < 0.9
    assert "seed" in first[0].source and first[0].source != first[1].source


def test_made_up_head_is_the_template_looked_up_where_its_displacement_points(person, model):
    """Against scipy's interpolation of the laid template: voxels of 5 mm are interpolated twice there, hence .97."""
    placed = placement(model.card, person)
    [head] = made_up.made_up_heads(placed, 1)
    moved = made_up.displacement(GRID, placed.laid > 0, made_up.FIRST_SEED) / 5
    expected = map_coordinates(placed.laid, np.indices(GRID.shape) + moved, order=3)
    inside = expected > 0.3 * expected.max()
    expected = placed.registered.given(expected.clip(0).astype(np.float32), "", "").data[0, 0]
    still = placed.known.data[0, 0]
    agreement, unmoved = (np.corrcoef(head.data[0, 0][inside], other[inside])[0, 1] for other in (expected, still))
    assert agreement > 0.97 > 0.9 > unmoved


def test_head_without_displacement_is_the_template(person, model, monkeypatch):
    monkeypatch.setattr(made_up, "DISPLACEMENT", 0.0)
    placed = placement(model.card, person)
    [head] = made_up.made_up_heads(placed, 1)
    # The template is averaged over samples of its voxels, the head is sampled from averages: alike but for rounding.
    difference = np.abs(head.data - placed.known.data)[0, 0]
    assert np.quantile(difference[placed.laid > 0], 0.95) < 0.03 and difference.max() < 0.1


def test_local_volumes_of_made_up_heads_vary_as_documented_and_no_head_folds():
    grid = FIELD_OF_VIEW.covering((65, 78, 65))  # 4 mm
    inside = template_on(grid) > 0
    spread = []
    for seed in range(made_up.FIRST_SEED, made_up.FIRST_SEED + made_up.HEADS):
        field = made_up.displacement(grid, inside, seed)
        slopes = np.array([np.gradient(part, *grid.voxel_sizes) for part in field])
        volume = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)) + np.eye(3))[inside]
        assert volume.min() > 0.2
        spread.append(np.log(volume).std())
    assert np.mean(spread) == pytest.approx(0.24, abs=0.01)


def test_displacement_has_no_affine_part_over_the_brain():
    rng, grid = np.random.default_rng(1), Grid((20, 24, 20), np.diag([8.0, 8, 8, 1]))
    inside = rng.random(grid.shape) > 0.3
    field = made_up.displacement(grid, inside, 7)
    chosen = np.zeros(grid.shape, bool)
    chosen[::4, ::4, ::4] = inside[::4, ::4, ::4]  # the voxels that it was fitted to
    design = np.column_stack([np.ones(chosen.sum()), *(axis[chosen] for axis in np.indices(grid.shape))])
    left = np.linalg.lstsq(design, field[:, chosen].T, rcond=None)[0]
    assert np.abs(left).max() < 1e-3 < field.std()


def test_heads_with_a_skull_have_no_made_up_references_unless_the_card_names_a_brain(person, model):
    head = replace(model, card=replace(model.card, skull_stripped=False))
    for source in SOURCES.values():
        with pytest.raises(InputError, match="no skull"):
            source(head, person)


# ------------------------------------------------------------------------------------------------------------ questions


def test_method_for_several_references_is_given_made_up_heads_and_they_are_on_record(person, model):
    question = SEVERAL.ask(model, [person], Target("embedding"))
    assert len(question.references) == made_up.HEADS and question.reference is question.references[0]
    record = SEVERAL.attribute(question, person).as_record()["reference"]
    assert record["count"] == made_up.HEADS and "made-up" in record["source"]
    assert record["seeds"] == [made_up.FIRST_SEED, made_up.FIRST_SEED + made_up.HEADS - 1]
    assert record["placed"]["correlation_after"] > 0.9


def test_two_methods_share_the_heads_of_a_person(person, model):
    first, again = (SOURCES["made-up"](model, person) for _ in range(2))
    assert all(head is same for head, same in zip(first.brains, again.brains, strict=True))
    other = SOURCES["made-up"](model, replace(person))
    assert other.brains[0] is not first.brains[0] and np.array_equal(other.brains[0].data, first.brains[0].data)


def test_template_as_reference_is_what_a_method_for_one_reference_is_given(person, model):
    several = SEVERAL.ask(model, [person], Target("embedding"), references=SOURCES["template"])
    single = method("gradient-x-difference").ask(model, [person], Target("embedding"))
    assert not single.references and len(several.references) == 1
    torch.testing.assert_close(several.references[0], single.reference, rtol=0, atol=0)
    assert several.reference_record == single.reference_record


def test_references_of_another_source_are_taken_as_they_are(person, model):
    brains = SOURCES["made-up"](model, person).brains[:2]
    question = SEVERAL.ask(model, [person], Target("embedding"), references=lambda *_: ReferenceSet(brains, "two"))
    assert [image.data_ptr() for image in question.references] == [brain.data.ctypes.data for brain in brains]
    assert question.reference_record["count"] == 2 and question.reference_record["source"] == "two"


def test_question_against_one_reference_explains_the_difference_from_it_and_asks_the_network_once_for_each_image():
    network = random_network(Linear)
    question = question_of(network, "embedding")
    network.asked = 0
    for _ in range(2):
        for reference in question.references:
            asked = question.against(reference)
            assert asked.reference is reference and not asked.references
            v, before = (asked.known_answer(image) for image in (asked.image, reference))
            distance = 1 - torch.nn.functional.cosine_similarity(v, before).item()
            assert asked.objective.score == pytest.approx(distance, abs=1e-6)
            assert (asked.objective.directions * (v - before)).sum().item() == pytest.approx(distance, abs=1e-6)
    assert network.asked == 2  # the second and the third reference: image and first reference were known


@pytest.mark.parametrize("target", ["embedding", "dimension", "dimension:1", "pair", "contrast", "distance"])
def test_every_target_is_asked_against_every_reference(target):
    people = (noise(1, 1, 12, 14, 8, seed=8), noise(1, 1, 12, 14, 8, seed=9))
    question = question_of(random_network(Linear), target, people)
    found = [question.against(reference) for reference in question.references]
    if target == "embedding":
        assert question.score == pytest.approx(np.mean([asked.objective.score for asked in found]))
        assert len({asked.objective.score for asked in found}) == 3
    else:
        assert question.score == pytest.approx(question.objective.score)
    assert all(asked.objective.description == question.objective.description for asked in found)
    output = SEVERAL.explain(question)
    expected = np.mean([method("gradient-x-difference").explain(asked).relevance for asked in found], axis=0)
    np.testing.assert_allclose(output.relevance, expected, atol=1e-9)
    if target != "dimension":  # a linear network's gradient x difference conserves; of many dimensions, magnitudes
        assert output.conservation == pytest.approx(1, abs=1e-3)


def test_network_that_looks_at_slabs_is_explained_against_each_reference(monkeypatch):
    question = question_of(random_network(Slices))
    found = {}
    for slab in (2, 100):
        monkeypatch.setattr("wbtools.model.families.slices.SLAB", slab)
        found[slab] = SEVERAL.explain(question)
    np.testing.assert_allclose(found[2].relevance, found[100].relevance, atol=1e-5 * abs(found[100].relevance).max())
    assert found[2].expected_sum == pytest.approx(found[100].expected_sum, rel=1e-4)


def test_on_another_device_every_reference_and_person_is_there():
    people = (noise(1, 1, 12, 14, 8, seed=8),)
    question = question_of(random_network(Linear), "pair", people)
    moved = accelerated(
        lambda asked: one_by_one(replace(asked, objective=asked.objective)), lambda: torch.device("cpu")
    )
    np.testing.assert_allclose(moved(question).relevance, one_by_one(question).relevance, atol=1e-9)


def test_checks_of_a_map_look_at_every_reference(person, model):
    question = SEVERAL.ask(model, [person], Target("embedding"))
    nearest = replace(question, reference=question.image, references=(question.image, *question.references[:1]))
    assert sensitivity_of(nearest).change > 0
    trust = assess(SEVERAL.attribute(question, person), question, np.zeros((0, *GRID.shape), np.float32))
    brain = question.brain.numpy()
    assert (
        brain.sum() == (np.any([(person.data[0, 0] > 0), *(r[0, 0].numpy() > 0 for r in question.references)], 0)).sum()
    )
    assert trust.difference is not None and trust.outside == 0


@pytest.mark.parametrize("target", ["embedding", "pair"])
def test_randomised_networks_are_asked_about_the_first_two_references(target):
    question = question_of(random_network(Linear), target, (noise(1, 1, 12, 14, 8, seed=8),))
    asked = asked_of_null(question)
    assert len(question.references) == 3
    assert [reference is known for reference, known in zip(asked.references, question.references, strict=False)] == [
        True,
        True,
    ]
    found = [method("gradient-x-difference").explain(question.against(r)).relevance for r in question.references[:2]]
    np.testing.assert_allclose(one_by_one(asked).relevance, np.mean(found, axis=0), atol=1e-9)
    single = question.against(question.references[1])
    assert asked_of_null(single) is single and asked_of_null(asked) is asked


def test_cached_maps_of_randomised_networks_belong_to_one_set_of_references():
    question = question_of(random_network(Linear))
    first, second, third = question.references
    keys = {
        _key(replace(question, references=references), SEVERAL)
        for references in ((first,), (first, second), (first, third), (first, second, third))
    }
    assert len(keys) == 4
    moved_on = replace(question, references=(first,), people=(second,))
    assert _key(moved_on, SEVERAL) != _key(replace(question, references=(first, second)), SEVERAL)
