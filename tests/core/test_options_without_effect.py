"""An option that would have no effect is refused before anything is read, not passed over in silence."""

import pytest
from click.testing import CliRunner

from wbtools.cli import main

COMPARE = ("compare", "A", "B", "--model", "none.pt")
QUERY = ("query", "A", "--index", "none.npz", "--model", "none.pt")
CLASSIFY = ("classify", "A", "--model", "none.pt")
EVALUATE = ("evaluate", "none.pt", "data", "--out", "out")


@pytest.mark.parametrize(
    ("command", "words", "needed"),
    [
        (COMPARE, ("--out", "o"), "--explain"),
        (COMPARE, ("--target", "pair"), "--explain"),
        (COMPARE, ("--null", "3"), "--explain"),
        (COMPARE, ("--no-render",), "--explain"),
        (COMPARE, ("--overwrite",), "--explain"),
        (QUERY, ("--overwrite",), "--out"),
        (CLASSIFY, ("--label", "sex"), "--examples"),
        (CLASSIFY, ("--top", "9"), "--examples"),
        (CLASSIFY, ("--device", "cpu"), "--examples"),
        (EVALUATE, ("--explain-images", "20"), "--explain"),
    ],
)
def test_an_option_that_needs_another_is_refused_without_it(command, words, needed):
    run = CliRunner().invoke(main, [*command, *words])
    assert run.exit_code == 3
    said = " ".join(run.output.split())
    assert f"Error: {words[0]} means nothing without {needed}" in said
    assert f"Hint: add {needed}, or leave {words[0]} out" in said


@pytest.mark.parametrize(
    ("command", "other"),
    [
        (("export-subject", "A"), "--no-render"),
        (("batch", "run", "A", "--out", "out"), "--no-render"),
        (("group", "exports", "--out", "out"), "--no-render"),
        (("group", "exports", "--out", "out"), "--no-maps"),
    ],
)
def test_an_option_that_another_leaves_nothing_to_is_refused_beside_it(command, other):
    run = CliRunner().invoke(main, [*command, "--renderer", "own", other])
    assert run.exit_code == 3
    said = " ".join(run.output.split())
    assert f"Error: --renderer means nothing with {other}" in said
    assert f"Hint: leave --renderer or {other} out" in said


@pytest.mark.parametrize("command", [COMPARE, QUERY, CLASSIFY, EVALUATE])
def test_defaults_are_no_options_that_were_given(command):
    assert "means nothing" not in CliRunner().invoke(main, list(command)).output
