"""Of people of fewer than five families no interval is given: nowhere, by no recipe; nor of a class that is so rare."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_learning import evaluate, made_classes, made_pictures, made_slices, made_twins, train

from wbtools.datasets import Item, write_data
from wbtools.evaluating.bootstrap import Resampling
from wbtools.evaluating.classification import Scores
from wbtools.evaluating.told import Told, results

FEW = ("--resamples", "100")
QUICK = ("--epochs", "1", "--batch", "8", "--fractions", ".5", ".2", ".3", "--set", "settle=1")
RECIPES = {
    "twins": (made_twins, 12, ("--backbone", "unet-tiny", "--references", "none", "--set", "accumulate=1")),
    "symmetry": (made_slices, 12, ("--backbone", "halves-resnet-tiny")),
    "classes": (made_classes, 24, ("--backbone", "mrinet-small", "--references", "none")),
    "contrastive": (
        made_pictures,
        8,
        (
            "--backbone",
            "densenet2d-tiny",
        ),
    ),
    "hashing": (made_classes, 24, ("--references", "none", "--set", "label=sex", "--set", "bits=8")),
}


def of_families(data, to, families):
    """The same images of other people; those of the second half, who are tested, of so many families."""
    items = []
    half = len(data) // 2
    for n, item in enumerate(data.items):
        family = int("".join(filter(str.isdigit, item.labels.get("twin") or item.person)))
        items.append(
            Item(
                n, f"new{item.person}", item.source, f"family {family % families}" if n >= half else f"other {family}",
                labels=item.labels, split="test" if n >= half else "train",
            )
        )  # fmt: skip
    return write_data(to, data.manifest.kind, np.array(data.images), items, data.manifest.card)


def estimates(found):
    """All figures in a record, wherever they are."""
    if isinstance(found, dict):
        if {"value", "low", "high"} <= set(found):
            yield found
        for each in found.values():
            yield from estimates(each)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_no_recipe_gives_an_interval_of_three_families(recipe, tmp_path):
    made, count, words = RECIPES[recipe]
    result = train(recipe, make(made, tmp_path / "data", count), "--out", tmp_path / "run", *QUICK, *words)
    assert result.exit_code == 0, result.output
    other = made(tmp_path / "made", count, seed=7)
    few = of_families(other, tmp_path / "few", 3)
    result = evaluate(tmp_path / "run", few.folder, "--out", tmp_path / "e", *FEW)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "e/metrics.json").read_text())
    figures = list(estimates(record))
    assert len(figures) > 5 and all(each["low"] is None and each["high"] is None for each in figures)
    page = (tmp_path / "e/index.html").read_text()
    assert "No interval can be given of 3 families: 5 are the least." in page
    assert "No figure has an interval" in page and "intervals are too narrow" not in page
    assert "(no interval)" in result.output
    for path in (tmp_path / "e").glob("*.tsv"):
        assert "[" not in path.read_text() and "nan" not in path.read_text(), path.name
    assert ", with intervals" not in page and ">nan" not in page


def make(made, folder, count):
    made(folder, count)
    return folder


def told(truth, group):
    """A network that is right nine times of ten."""
    scores = np.random.default_rng(0).normal(size=(len(truth), 2))
    scores[np.arange(len(truth)), truth] += 2
    return Told("net", 1, Scores(scores, np.array(truth), np.array(group), ("no", "yes")))


def test_of_a_class_of_four_families_and_of_means_over_classes_there_is_no_interval():
    truth = np.array([0] * 30 + [1] * 8)
    case = told(truth, [*range(30), *np.repeat(range(30, 34), 2)])
    found = case.estimates(Resampling(200))
    sure = {name for name, each in found.items() if each.sure}
    assert sure == {"accuracy", "majority", "precision: no", "recall: no", "f1: no", "auc: no"}
    section = results([case], {"net": found}, ["words"], Resampling(200))
    assert "yes (4 families)" in section.words[-1] and "5 are the least" in section.words[-1]
    more = replace(case, scores=replace(case.scores, group=np.array([*range(30), *np.arange(8) // 1 + 30])))
    assert all(each.sure for each in more.estimates(Resampling(200)).values())
