"""Which method's map stands beside another's: what the user named, else what the registry has."""

from dataclasses import replace
from itertools import permutations, product

import pytest

from wbtools.attribution import METHODS, Target, registry
from wbtools.attribution.references.sets import ReferenceSet, once
from wbtools.attribution.registry import ENTRIES, NONE, Companion, companion, companions_by_default
from wbtools.errors import InputError
from wbtools.exporting.explanation import ExplanationOptions
from wbtools.exporting.references.choice import ReferenceChoice
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Card
from wbtools.model.checkpoint import Model

MODEL = Model(None, Card("net", "Net", "none"), {}, "")
EMBEDDING, CLASSES = Target("embedding"), Target("class", "male")
BETTER = Companion("smoothgrad-squared", "Trust it for voxels.")


@pytest.fixture
def beside_occlusion(monkeypatch):
    """A registry in which occlusion of classes has a companion."""
    entry = replace(
        ENTRIES["occlusion"],
        also=lambda model, target, people: BETTER if target.kind == "class" and not people else None,
    )
    monkeypatch.setitem(registry.ENTRIES, "occlusion", entry)


def test_the_registry_decides_for_each_network_and_target(beside_occlusion):
    assert companion("occlusion", MODEL, CLASSES) == BETTER
    assert companion("occlusion", MODEL, EMBEDDING) is None
    assert companion("occlusion", MODEL, CLASSES, people=True) is None
    assert companion("gradient", MODEL, CLASSES) is None
    assert "occlusion" in companions_by_default()


def test_the_user_can_switch_it_off_or_name_another(beside_occlusion):
    assert companion("occlusion", MODEL, CLASSES, NONE) is None
    assert companion("occlusion", MODEL, CLASSES, "gradient").method == "gradient"
    assert companion("occlusion", MODEL, CLASSES, BETTER.method) == BETTER, "what was measured of it stays known"


@pytest.mark.parametrize(("first", "second"), list(permutations(METHODS, 2))[:: len(METHODS) - 2])
def test_any_two_methods_can_stand_side_by_side_and_the_advice_names_both(first, second):
    found = companion(first, MODEL, EMBEDDING, second)
    assert found.method == second
    assert first in found.advice and second in found.advice and found.advice.endswith(".")


@pytest.mark.parametrize("first", METHODS)
def test_no_method_stands_beside_itself(first):
    with pytest.raises(InputError, match=f"--also {first} is the method of the first map") as caught:
        companion(first, MODEL, EMBEDDING, first)
    assert "--also" in caught.value.hint


@pytest.mark.parametrize("target", [EMBEDDING, CLASSES])
@pytest.mark.parametrize("people", [False, True])
def test_beside_deviation_smooth_stands_the_map_that_ranks_lesions_better(target, people):
    found = companion("deviation-smooth", MODEL, target, people=people)
    assert found.method == "deviation-magnitude" and "lesion" in found.advice


def test_no_entry_names_itself_or_what_is_no_method():
    for name, entry in ENTRIES.items():
        found = (
            [entry.also(MODEL, *asked) for asked in product((EMBEDDING, CLASSES), (False, True))] if entry.also else []
        )
        assert all(known is None or (known.method in METHODS and known.method != name) for known in found)


def test_a_name_that_is_no_method_is_refused_with_what_may_be_meant():
    with pytest.raises(InputError, match="second attribution method"):
        ExportSettings(also="smoothgrad-square")
    assert ExportSettings(also=NONE).explanation.also == NONE


def test_people_as_references_are_known_when_the_second_method_is_decided(beside_occlusion):
    for references, wanted in ((ReferenceChoice(), BETTER), (ReferenceChoice(count=3), None)):
        options = ExportSettings(method="occlusion", target=CLASSES, references=references).explanation
        assert options.companion_of(MODEL) == wanted
        assert [how.name for how in options.methods_of(MODEL)] == ["occlusion", *([wanted.method] if wanted else [])]


def test_a_second_map_is_compared_with_randomised_networks_only_on_request():
    how = registry.method("deviation")
    assert ExplanationOptions().null_networks_of(how) == how.null_networks > 0
    assert ExplanationOptions().null_networks_of(how, second=True) == 0
    assert ExplanationOptions(thorough=True).null_networks_of(how, second=True) == how.null_networks
    assert ExplanationOptions(null_networks=4).null_networks_of(how, second=True) == 4


def test_methods_of_one_explanation_are_given_the_same_references():
    made = []
    source = once(lambda model, image: made.append(image) or ReferenceSet((image,)))
    assert source(MODEL, "person") is source(MODEL, "person")
    assert made == ["person"]
