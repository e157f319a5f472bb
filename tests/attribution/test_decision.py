"""What a network says is what its answer is, in numbers and in words."""

import json

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES
from random_networks import random_network
from scipy.special import expit, softmax

from wbtools.attribution import Answers, Images, Target
from wbtools.attribution import decision as decisions
from wbtools.attribution.decision import Classes, Code
from wbtools.errors import CheckError, InputError
from wbtools.exporting.explanation import ShownPerson, _shown_twice
from wbtools.model import Card, ModelInput
from wbtools.model.checkpoint import Model
from wbtools.model.families import ad3dcnn
from wbtools.model.families.ad3dcnn import AD3DCNN
from wbtools.model.families.mrinet import MriNet, MriNetArchitecture
from wbtools.model.family import Classifier
from wbtools.model.imported.foreign import Foreign
from wbtools.space.grid import Grid

SHAPE = (26, 30, 24)
NAMES = ("100307", "twin", "stranger")


@pytest.fixture(scope="module")
def people():
    """Three textured balls; the second is nearly the first."""
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    ball = np.linalg.norm(places, axis=0) < 0.7
    first, last = ball * rng.uniform(0.2, 1, SHAPE), ball * rng.uniform(0.2, 1, SHAPE)
    return [
        ModelInput(answer[None, None].astype(np.float32), Grid(SHAPE, np.eye(4)))
        for answer in (first, 0.99 * first + 0.01 * last, last)
    ]


def _model(network, **card):
    return Model(network, Card("net", "Net", "none", shape=SHAPE, **card), {}, "")


def images_of(people):
    """The first is explained, the others are compared with."""
    person, *others = (torch.from_numpy(shown.data) for shown in people)
    return Images(person, tuple(others))


def decide(model, people, target):
    """What a network says of people, who have names of NAMES."""
    return decisions.decide(Answers(model), images_of(people), NAMES[: len(people)], target)


def _answer(model, kind, person):
    with torch.no_grad():
        return getattr(model.network, kind)(torch.from_numpy(person.data)).double().numpy().ravel()


@pytest.fixture(scope="module")
def embedder():
    return random_network(FAMILIES["ResNet 10"])


@pytest.fixture(scope="module")
def classifier():
    class Two(Classifier):
        def __init__(self):
            super().__init__()
            self.last = torch.nn.Linear(int(np.prod(SHAPE)), 2)

        def logits(self, x):
            return 20 * self.last(x.flatten(1))

    torch.manual_seed(1)
    return Two().eval()


class Fixed(Classifier):
    """Answers with the same logits for everybody."""

    def __init__(self, *values):
        super().__init__()
        self.values = values

    def logits(self, x):
        return torch.tensor([self.values] * len(x))


def test_a_classifier_says_its_class_with_probability_and_the_others(classifier, people):
    model = _model(classifier, classes=("female", "male"))
    decision = decide(model, people[:1], Target("class"))
    shares = softmax(_answer(model, "logits", people[0]))
    (class_,) = decision.as_record()["classes"]
    assert class_["index"] == shares.argmax() and class_["class"] == ("female", "male")[shares.argmax()]
    assert class_["probability"] == pytest.approx(shares.max())
    assert class_["probabilities"] == pytest.approx({"female": shares[0], "male": shares[1]})
    (sentence,) = decision.sentences()
    assert f"class {class_['class']}" in sentence and "female" in sentence and "male" in sentence
    json.dumps(decision.as_record(), allow_nan=False)


def test_the_explained_class_is_named_and_told_from_the_decision(people):
    answers, images = Answers(_model(Fixed(1.0, 3.0), classes=("no", "yes"))), images_of(people[:1])
    words = [Target("class", which).objective(answers, images).description for which in ("", "no", "1")]
    assert words[0] == "the logit of class yes, which the network decides for"
    assert words[1] == "the logit of class no; the network decides for class yes"
    assert words[2] == words[0]


@pytest.mark.parametrize(("logit", "word"), [(2.0, "yes"), (-2.0, "no")])
def test_a_single_logit_is_a_yes_or_no(people, logit, word):
    decision = decide(_model(Fixed(logit)), people[:1], Target("class"))
    assert decision.classes[0].probabilities == pytest.approx((expit(logit),))
    assert decision.sentences() == (f"class 0, probability {expit(logit):.3f} ({word})",)


def test_a_network_of_slices_says_which_are_above_zero(people):
    class Slices(Fixed):
        yes_or_no = True

    decision = decide(_model(Slices(-1.0, 3.0, 0.5)), people[:1], Target("class"))
    assert decision.classes[0].probabilities == pytest.approx(tuple(expit([-1.0, 3.0, 0.5])))
    assert decision.sentences()[0].startswith("2 of 3 slices are above 0 (yes); highest: slice 1, probability 0.953")


@pytest.mark.parametrize(
    ("threshold", "verdicts"), [(1e-9, ("not twins",) * 2), (2.0, ("twins",) * 2), (None, ("", ""))]
)
def test_two_people_are_twins_below_the_threshold_and_without_one_it_is_said(embedder, people, threshold, verdicts):
    model = _model(embedder, threshold=threshold)
    decision = decide(model, people, Target("contrast"))
    mine, *theirs = (_answer(model, "raw", person) for person in people)
    for comparison, other, verdict in zip(decision.comparisons, theirs, verdicts, strict=True):
        cosine = mine @ other / np.linalg.norm(mine) / np.linalg.norm(other)
        assert comparison.distance == pytest.approx(1 - cosine, abs=1e-6) and comparison.verdict == verdict
    first, second = decision.sentences()[:2]
    assert "distance to twin" in first and "distance to stranger" in second
    assert ("no threshold" in first) == (threshold is None)
    assert decision.comparisons[0].distance < decision.comparisons[1].distance


def test_an_embedding_alone_is_no_decision_and_says_so(embedder, people):
    decision = decide(_model(embedder), people[:1], Target("embedding"))
    length = np.linalg.norm(_answer(_model(embedder), "raw", people[0]))
    assert decision.as_record()["embeddings"][0]["length"] == pytest.approx(length)
    assert decision.sentences() == ("none; this network compares two people: add --other PERSON",)
    assert decision.caption() == "Decision: none; this network compares two people: add --other PERSON"


def test_a_hash_code_shows_its_bits_and_how_many_differ(people):
    network = random_network(lambda: AD3DCNN(ad3dcnn.AD3DCNNArchitecture(widths=(3, 4), positions=3 * 4 * 3, bits=8)))
    model = _model(network, threshold=0.3)
    decision = decide(model, people, Target("distance"))
    bits = ["".join("1" if v > 0 else "0" for v in _answer(model, "raw", person)) for person in people]
    assert [code.bits for code in decision.codes] == bits
    assert any(f"hash code {bits[0]}" in sentence for sentence in decision.sentences())
    for comparison, other in zip(decision.comparisons, bits[1:], strict=True):
        assert comparison.differing == sum(a != b for a, b in zip(bits[0], other, strict=True))
        assert comparison.verdict == ""  # the threshold is one of cosines
    assert len(decision.classes) == 3 and decision.classes[1].person == "twin"


def test_a_foreign_network_answers_as_its_card_or_the_target_says(people):
    inner = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(SHAPE)), 3))
    bare = _model(Foreign(inner))
    assert not decide(bare, people[:1], Target("embedding")).classes
    asked = decide(bare, people[:1], Target("class"))
    assert asked.classes and not asked.codes
    named = _model(Foreign(inner), classes=("a", "b", "c"))
    assert decide(named, people[:1], Target("class")).classes[0].names == ("a", "b", "c")


def test_an_answer_that_is_not_finite_is_refused(people):
    with pytest.raises(CheckError, match="not finite"):
        decide(_model(Fixed(float("nan"), 1.0)), people[:1], Target("class"))


def test_many_classes_are_cut_in_words_and_whole_in_the_record(people):
    model = _model(Fixed(*range(50)))
    decision = decide(model, people[:1], Target("class"))
    assert "46 more" in decision.sentences()[0] and len(decision.sentences()[0]) < 200
    assert len(decision.as_record()["classes"][0]["probabilities"]) == 50


def test_no_word_is_a_diagnosis(people):
    decision = decide(_model(Fixed(0.0, 9.0), classes=("CN", "AD")), people[:1], Target("class"))
    words = " ".join((*decision.sentences(), decision.caption())).lower()
    assert not any(word in words for word in ("diagnos", "patient", "suffers", "disease", " has ad"))


@pytest.mark.parametrize("which", ["martian", "2", "-1", "9" * 5000, "²"])
def test_a_class_that_the_network_has_not_is_refused_before_an_image_is_read(which):
    model = _model(MriNet(MriNetArchitecture(width=4, positions=1)), classes=("female", "male"))
    with pytest.raises(InputError, match="has no class") as caught:
        Target("class", which).require_existing(model)
    assert "female, male" in caught.value.hint


def test_without_names_the_number_of_classes_is_asked_of_the_network():
    model = _model(Fixed(1.0, 2.0, 3.0))
    Target("class", "2").require_existing(model)
    with pytest.raises(InputError) as caught:
        Target("class", "3").require_existing(model)
    assert "0, 1, 2" in caught.value.hint


def test_a_dimension_that_is_not_there_is_refused_before_an_image_is_read(embedder):
    Target("dimension", "0").require_existing(_model(embedder))
    with pytest.raises(InputError, match="no dimension 100000"):
        Target("dimension", "100000").require_existing(_model(embedder))


def test_people_are_compared_whatever_is_explained_and_an_image_that_is_ones_own_is_told(embedder, people):
    decision = decide(_model(embedder), [people[0], people[0], people[2]], Target("embedding"))
    assert [comparison.other for comparison in decision.comparisons] == ["twin", "stranger"]
    images = people[0], people[0], people[2]
    (said,) = _shown_twice([ShownPerson(name, image) for name, image in zip(NAMES, images, strict=True)])
    assert said == "The other person (twin) has the very image of 100307: no comparison."


def test_one_bit_and_one_slice_are_singular():
    assert Code("p", 1, 1.0, "0").sentence() == "hash code 0 (1 bit)"
    classes = Classes("p", ("0", "1"), (1.0, -1.0), (0.7, 0.3), apart=True)
    assert classes.sentence().startswith("1 of 2 slices is above 0 (yes)")
