"""What cautions say was measured is what the page of the measurements says."""

import re
from pathlib import Path

import pytest

from wbtools.attribution import METHODS, method
from wbtools.attribution.measured import MEASURED, NOT_MEASURED, WORDS, Measured, best, sentence

PAGE = (Path(__file__).parents[2] / "docs" / "evidence" / "known-source.md").read_text()


def _rows(kind):
    """Of the page's table for a kind of task: what was measured, with its references, and the voxel AUC."""
    section = re.search(rf"^## {kind.capitalize()}: .*?(?=^## |\Z)", PAGE, re.S | re.M)[0]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines() if row.count("|") > 8]
    return {row[0]: float(row[2].split()[0]) for row in cells if re.match(r"[01]\.\d+ \[", row[2])}


def _named(name):
    """A method as the page has it: against what it is compared with unless the user says."""
    how = method(name)
    return f"{name} @ made-up" if how.usual_references else f"{name} @ template" if how.reference else name


def _table():
    """By method, the figure for each kind of task, None where there is none."""
    found = {name: {kind: _rows(kind).get(_named(name)) for kind in WORDS} for name in METHODS}
    return {name: figures for name, figures in found.items() if any(figures.values())}


def test_figures_are_those_of_the_page():
    assert {name: Measured(**figures) for name, figures in _table().items()} == MEASURED
    assert set(MEASURED) <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_caution_ends_with_what_was_measured(name):
    caution = method(name).caution
    assert caution.endswith(sentence(name))
    if name not in MEASURED:
        assert caution.endswith(NOT_MEASURED)
        return
    for kind, figure in _table()[name].items():
        said = re.search(rf"{WORDS[kind]} (\.\d\d)(?: \(best: ([a-z-]+), (\.\d\d)\))?", caution)
        if figure is None:
            assert said is None
            continue
        # Cautions round to two digits; the best is named only where that is not this method, by what is said.
        highest = max(row[kind] for row in _table().values() if row[kind] is not None)
        assert float(said[1]) == pytest.approx(figure, abs=0.00501)
        assert (said[2] is None) == (round(highest, 2) == round(figure, 2))
        assert said[2] is None or said[2] == best(kind)


def test_the_page_of_methods_has_each_with_its_sign():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "methods.md").read_text()
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in page.splitlines() if re.match(r"\| \[?`", row)]
    told = {}
    for named, _, sign, *_ in (row for row in rows if len(row) == 6):
        for name in re.findall(r"`([a-z-]+)`", named):
            # `integrated-gradients-zero`, `-blurred`
            told[name if name in METHODS else f"integrated-gradients{name}"] = sign
    assert told == {name: "signed" if method(name).signed else "magnitude" for name in METHODS}
