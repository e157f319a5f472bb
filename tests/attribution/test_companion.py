"""The method whose map stands beside another's, and what is said of both."""

import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from wbtools.attribution import METHODS, Target, registry
from wbtools.attribution.measured import MEASURED, WORDS
from wbtools.attribution.references.sets import ReferenceSet, once
from wbtools.attribution.registry import companion
from wbtools.errors import InputError
from wbtools.exporting.explanation import ExplanationOptions
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Card
from wbtools.model.checkpoint import Model

MODEL = Model(None, Card("net", "Net", "none"), {}, "")


@pytest.mark.parametrize(("first", "second"), list(permutations(METHODS, 2))[:: len(METHODS) - 2])
def test_any_two_methods_can_stand_side_by_side_and_the_advice_names_both(first, second):
    found = companion(first, second)
    assert found.method == second
    assert first in found.advice and second in found.advice and found.advice.endswith(".")


@pytest.mark.parametrize("first", METHODS)
def test_no_method_stands_beside_itself(first):
    with pytest.raises(InputError, match=f"--also {first} is the method of the first map") as caught:
        companion(first, first)
    assert "--also" in caught.value.hint


def test_the_advice_has_the_figures_of_both_methods():
    advice = companion("deviation-smooth", "gradient").advice
    for kind in WORDS:
        first, second = (
            f"{getattr(MEASURED[name], kind):.2f}".lstrip("0") for name in ("deviation-smooth", "gradient")
        )
        assert f"{WORDS[kind]} {first} and {second}" in advice


def test_a_name_that_is_no_method_is_refused_with_what_may_be_meant():
    with pytest.raises(InputError, match="second attribution method"):
        ExportSettings(also="smoothgrad-square")
    assert ExportSettings().explanation.also is None


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["deviation-smooth", "gradient"]),
        ({"also": "none"}, ["deviation-smooth"]),
        ({"also": "vargrad"}, ["deviation-smooth", "vargrad"]),
        ({"method": "gradient"}, ["gradient"]),
        ({"target": Target("embedding")}, ["deviation-smooth"]),
    ],
)
def test_the_map_that_ranked_regions_better_somewhere_stands_beside_a_classifiers_unless_told(asked, names):
    options = ExportSettings(**({"method": "deviation-smooth", "target": Target("class")} | asked)).explanation
    assert [how.name for how in options.methods_of(MODEL)] == names


def _ranks(way):
    """The region's mean rank in each kind of task: of the first networks, then of those that see the thalamus."""
    page = (Path(__file__).parents[2] / "docs/evidence/known-source.md").read_text()
    rows = re.findall(rf"^\| {way} \|(( [0-9.]+ / [0-9.]+ \|)+)$", page, re.MULTILINE)
    return [[float(rank) for rank in re.findall(r"/ ([0-9.]+)", row)] for row, _ in rows]


def test_what_is_said_of_ranks_is_what_was_measured():
    advice = companion("deviation-smooth", "gradient").advice
    assert "where the volume of the thalamus was the answer, gradient ranked it better" in advice
    assert "else deviation-smooth on average" in advice
    ours, gradients = (_ranks("deviation-smooth @ made-up"), _ranks("gradient"))
    assert all(mine < other for mine, other in zip(ours[0], gradients[0], strict=True))
    assert ours[1][-1] > gradients[1][-1]


def test_an_explanation_has_the_methods_that_were_named():
    asked = ExportSettings(method="occlusion", target=Target("class"))
    assert [how.name for how in asked.explanation.methods_of(MODEL)] == ["occlusion"]
    options = replace(asked, also="gradient").explanation
    assert [how.name for how in options.methods_of(MODEL)] == ["occlusion", "gradient"]


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
