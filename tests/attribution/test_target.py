"""What can be explained: the score of every target is that of its definition, and the map conserves it."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES
from random_networks import random_network
from torch.nn.functional import cosine_similarity, normalize

from wbtools.attribution import KINDS, Answers, Images, Target, attribute, default
from wbtools.attribution.reference import ReferenceBrain
from wbtools.errors import InputError
from wbtools.model import Card, ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families import ad3dcnn
from wbtools.model.families.ad3dcnn import AD3DCNN
from wbtools.model.families.hemispheres import Hemispheres, HemispheresArchitecture
from wbtools.model.families.mrinet import MriNet, MriNetArchitecture
from wbtools.space.grid import Grid

SHAPE = (26, 30, 24)


@pytest.fixture(scope="module")
def people():
    """Four textured balls."""
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    ball = np.linalg.norm(places, axis=0) < 0.7
    grid = Grid(SHAPE, np.eye(4))
    return [ModelInput((ball * rng.uniform(0.2, 1, SHAPE))[None, None].astype(np.float32), grid) for _ in range(4)]


def _model(network, **card):
    return Model(network, Card("net", "Net", "none", shape=SHAPE, **card), {}, "")


@pytest.fixture(scope="module")
def embedder():
    return _model(random_network(FAMILIES["ResNet 10"]))


@pytest.fixture(scope="module")
def hasher():
    return _model(
        random_network(lambda: AD3DCNN(ad3dcnn.AD3DCNNArchitecture(widths=(3, 4), positions=3 * 4 * 3, bits=8)))
    )


def _tensors(people):
    return [torch.from_numpy(person.data) for person in people]


def objective(model, target, image, people=(), reference=None):
    """What a target asks of a network's answer."""
    return target.objective(Answers(model), Images(image, tuple(people), reference))


def test_scores_are_those_of_the_definitions(embedder, people):
    image, twin, *rest = _tensors(people)
    with torch.no_grad():
        v, *z = (embedder.network.raw(shown) for shown in (image, twin, *rest))
    cosines = [float(cosine_similarity(v, other)) for other in z]
    expected = {
        "embedding": 1.0,
        "dimension:2": float(v[0, 2] / v.norm()),
        "pair": cosines[0],
        "distance": 1 - cosines[0],
        "contrast": cosines[0] - (cosines[1] + cosines[2]) / 2,
    }
    for name, score in expected.items():
        found = objective(embedder, Target.parse(name), image, (twin, *rest))
        assert found.score == pytest.approx(score, abs=1e-6), name
        linear = float((found.directions * v).sum())
        assert linear == pytest.approx(score - (name == "distance"), abs=1e-6), name


def test_with_a_reference_directions_read_off_how_the_target_itself_changes(embedder, people):
    """The length of the embedding is no part of it: differences of cosines and of entries of z by torch."""
    image, twin, *rest, reference = _tensors(people)
    with torch.no_grad():
        v, before, *z = (normalize(embedder.network.raw(shown)) for shown in (image, reference, twin, *rest))
        change = embedder.network.raw(image) - embedder.network.raw(reference)
    to = [float((v - before) @ person.T) for person in z]
    expected = {
        "embedding": 1 - float(v @ before.T),
        "dimension:2": float((v - before)[0, 2]),
        "pair": to[0],
        "distance": -to[0],
        "contrast": to[0] - sum(to[1:]) / len(to[1:]),
    }
    for name, amount in expected.items():
        found = objective(embedder, Target.parse(name), image, (twin, *rest), reference)
        assert float((found.directions * change).sum()) == pytest.approx(amount, abs=1e-5), name
    all_dimensions = objective(embedder, Target("dimension"), image, reference=reference).directions
    torch.testing.assert_close(change @ all_dimensions.T, v - before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ["lrp", "deviation"])
def test_maps_of_every_target_conserve(embedder, people, method, monkeypatch):
    from dataclasses import replace

    from wbtools.attribution.methods import deviation

    monkeypatch.setattr(
        deviation,
        "METHOD",
        replace(deviation.METHOD, reference=lambda card, image, file: ReferenceBrain(people[3].data, people[3].grid)),
    )
    for name in ("embedding", "dimension:2", "pair", "contrast", "distance", "dimension"):
        found = attribute(embedder, people[0], method, Target.parse(name), people[1:])
        assert found.conservation == pytest.approx(1, abs=0.01), name
        total = found.relevance.total()
        if name == "dimension":
            assert total > abs(found.expected_sum)  # the mean of absolute maps is no share of anything
        else:
            assert total == pytest.approx(found.expected_sum, abs=0.01 * abs(found.expected_sum)), name


def test_mean_over_dimensions_is_the_mean_of_the_single_maps(embedder, people):
    size = embedder.network(torch.from_numpy(people[0].data)).shape[1]
    single = [attribute(embedder, people[0], "lrp", Target("dimension", str(k))).relevance.data for k in range(size)]
    together = attribute(embedder, people[0], "lrp", Target("dimension")).relevance.data
    expected = np.abs(single).mean(0)
    np.testing.assert_allclose(together, expected, atol=0.005 * expected.max())  # the engine keeps all but 1e-8


def test_classes_go_by_name_number_or_the_networks_own_choice(people):
    network = random_network(lambda: MriNet(MriNetArchitecture(width=2, positions=1 * 2 * 1, classes=3)))
    model = _model(network, classes=("female", "male", "unknown"))
    image = torch.from_numpy(people[0].data)
    logits = network.logits(image)[0]
    best = int(logits.argmax())
    assert str(default(model)) == "class"
    for name, index in (("class:male", 1), ("class:2", 2), ("class", best)):
        found = objective(model, Target.parse(name), image)
        assert found.score == pytest.approx(float(logits[index]))
        assert found.directions.argmax() == index
        assert model.card.classes[index] in found.description
    for method in ("lrp",):
        found = attribute(model, people[0], method)
        assert found.conservation == pytest.approx(1, abs=0.01)
    with pytest.raises(InputError, match="no class 'neither'") as caught:
        objective(model, Target("class", "neither"), image)
    assert "female, male, unknown" in caught.value.hint


def test_bits_and_their_distance_are_read_off_the_code(hasher, people):
    image, other, *_ = _tensors(people)
    code, theirs = (hasher.network(shown).sign() for shown in (image, other))
    found = objective(hasher, Target("distance"), image, [other])
    assert found.score == pytest.approx(float((code != theirs).float().mean()))
    bit = objective(hasher, Target("bit", "3"), image)
    assert np.sign(bit.score) == float(code[0, 3])
    assert bit.score == pytest.approx(float(hasher.network.raw(image)[0, 3]), rel=1e-5)
    assert objective(hasher, Target("class"), image).answer == "logits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("voodoo", "'voodoo' cannot be explained"),
        ("dimension:x", "does not name a number"),
        ("dimension:²", "does not name a number"),
        ("bit", "needs the number"),
        ("pair:3", "takes no '3'"),
        ("class:", "ends in a colon"),
    ],
)
def test_targets_that_cannot_be_meant_are_refused(text, message):
    with pytest.raises(InputError, match=message) as caught:
        Target.parse(text)
    assert caught.value.hint


def test_targets_that_the_network_or_the_people_named_do_not_allow_are_refused(embedder, hasher, people):
    image, other, *_ = _tensors(people)
    for target, message in (
        (Target("class"), "answers with an embedding"),
        (Target("bit", "1"), "no hash codes"),
        (Target("slices"), "answers with an embedding"),
        (Target("pair"), "compares two people"),
        (Target("dimension", "999"), "no dimension 999"),
    ):
        with pytest.raises(InputError, match=message):
            objective(embedder, target, image)
    with pytest.raises(InputError, match="several people"):
        objective(embedder, Target("contrast"), image, [other])
    with pytest.raises(InputError, match="no bit 8"):
        objective(hasher, Target("bit", "8"), image)


def test_of_a_network_with_a_yes_or_no_for_every_slice_their_mean_is_explained(people):
    """By hand: the values of single slices, each of which the network gives alone."""
    model = _model(random_network(lambda: Hemispheres(HemispheresArchitecture())))
    assert default(model) == Target("slices")
    image = torch.from_numpy(people[0].data)
    with torch.no_grad():
        single = [float(model.network.logits(image[..., k : k + 1])) for k in range(SHAPE[2])]
    found = objective(model, Target("slices"), image)
    assert found.score == pytest.approx(np.mean(single), rel=1e-4)
    assert float(found.directions @ model.network.logits(image).T) == pytest.approx(found.score, rel=1e-4)
    assert f"{sum(value > 0 for value in single)} of which are above 0" in found.description
    assert objective(model, Target("class", "3"), image).score == pytest.approx(single[3], rel=1e-4)


def test_slices_are_no_target_of_a_network_of_classes(people):
    model = _model(random_network(lambda: MriNet(MriNetArchitecture(width=2, positions=1 * 2 * 1))))
    with pytest.raises(InputError, match="no yes or no for every slice") as caught:
        objective(model, Target("slices"), torch.from_numpy(people[0].data))
    assert caught.value.hint == "choose --target from class[:NAME]"


def test_every_kind_is_described():
    assert all(len(kind.title) > 20 for kind in KINDS.values())
