"""The Boutiques descriptor of `wbtools-bids` is what its options say, and lines that Boutiques writes are taken."""

import json
import shlex
import subprocess
import sys
from importlib import resources
from pathlib import Path

import click
import pytest

from wbtools.cli.apps.bids_app import main
from wbtools.cli.apps.bids_names import NAME
from wbtools.cli.apps.bids_options import parameters
from wbtools.cli.apps.boutiques import descriptor

KEPT = resources.files("wbtools") / "data" / "boutiques.json"
WORDS = {"time": "2h", "timeout": "3h", "pack": "7"}
"""Values of options that take neither any text nor a choice."""


def bosh(*words):
    """What Boutiques' own program prints."""
    pytest.importorskip("boutiques")
    return subprocess.run(
        [Path(sys.executable).with_name("bosh"), *map(str, words)], capture_output=True, text=True, check=True
    ).stdout


def an_invocation(inputs):
    """A value for every input."""

    def value(each):
        if "value-choices" in each:
            return each["value-choices"][-1]
        if each["type"] == "Number":
            return each.get("minimum", 3)
        return WORDS.get(each["id"], f"some {each['id']}")

    return {
        each["id"]: True
        if each["type"] == "Flag"
        else [value(each), f"2nd {each['id']}"]
        if each.get("list")
        else value(each)
        for each in inputs
    }


def test_the_descriptor_that_is_kept_is_made_of_the_options():
    made = json.loads(json.dumps(descriptor()))
    assert json.loads(KEPT.read_text()) == made, f"python -m wbtools.cli.apps.boutiques > {KEPT}"


def test_boutiques_finds_it_valid():
    assert "OK" in bosh("validate", KEPT)


def test_a_line_that_boutiques_writes_gives_every_option_its_value(tmp_path):
    inputs = json.loads(KEPT.read_text())["inputs"]
    invocation = an_invocation(inputs)
    (tmp_path / "invocation.json").write_text(json.dumps(invocation))
    printed = bosh("exec", "simulate", "-i", tmp_path / "invocation.json", KEPT)
    program, *words = shlex.split(printed.splitlines()[1])
    assert program == NAME
    found = main.make_context(NAME, words).params
    flags = {each["command-line-flag"]: each["id"] for each in inputs if "command-line-flag" in each}
    for param in parameters():
        if not param.expose_value or getattr(param, "hidden", False):
            continue
        key = next((flags[word] for word in param.opts if word in flags), param.name)
        given, value = invocation[key], found[param.name]
        if key in WORDS:
            assert value in (given, 10800.0, 7)
        elif isinstance(given, list):
            assert [str(each) for each in value] == [str(each) for each in given]
        elif given is True:
            assert value in (True, 1)
        else:
            assert str(value) == str(given)


def test_values_of_a_repeated_option_may_follow_one_another_or_not():
    apart = ["D", "O", "participant", "--participant-label", "01", "--participant-label", "02", "-v"]
    for words in (
        ["D", "O", "participant", "--participant-label", "01", "02", "-v"],
        ["-v", "--participant_label", "01", "02", "D", "O", "participant"],
        ["D", "O", "--participant_label=01", "--participant-label", "02", "-v", "--", "participant"],
    ):
        assert main.make_context(NAME, words).params == main.make_context(NAME, list(apart)).params


def test_an_option_of_slurm_may_look_like_an_option():
    found = main.make_context(NAME, ["D", "O", "participant", "--sbatch-arg", "--account=me", "--wait"]).params
    assert found["sbatch"] == ("--account=me",) and found["wait"]


def test_a_list_without_values_is_refused():
    with pytest.raises(click.UsageError, match="requires an argument"):
        main.make_context(NAME, ["D", "O", "participant", "--participant-label"])


def test_help_version_and_descriptor_load_no_option():
    code = (
        "import sys; from wbtools.cli.apps.bids_app import main; main([sys.argv[1]], standalone_mode=False); "
        "print(sorted({'numpy', 'torch', 'wbtools.subject', 'wbtools.cli.export'} & set(sys.modules)))"
    )
    for word, said in (
        ("--help", "--participant-label"),
        ("--version", "wbtools-bids, version"),
        ("--boutiques", "inputs"),
    ):
        run = subprocess.run([sys.executable, "-c", code, word], capture_output=True, text=True, check=True)
        assert said in run.stdout and run.stdout.splitlines()[-1] == "[]"
