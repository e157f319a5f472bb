"""`scripts/demo` exports made-up people only: a copy of it beside stand-ins of `setup` and `wbtools` that log calls."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "demo"
NOTICE = "Built-in subject: group average, made-up deformation, no person\n"


@pytest.fixture
def demo(tmp_path):
    """Runs the script; gives its exit code, what it said, and the calls of `setup` and `wbtools`."""
    calls = tmp_path / "calls"
    tree = tmp_path / "tree"
    for name in ("scripts/setup", ".venv/bin/wbtools"):
        program = tree / name
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/usr/bin/env bash\necho "{program.name} $*" >> "{calls}"\n')
        program.chmod(0o755)
    shutil.copy(SCRIPT, tree / "scripts")

    def run(*words):
        calls.unlink(missing_ok=True)
        done = subprocess.run(
            ["bash", tree / "scripts" / "demo", *words], capture_output=True, text=True, timeout=60, check=False
        )
        made = [line.strip() for line in calls.read_text().splitlines()] if calls.exists() else []
        return done.returncode, done.stdout + done.stderr, made

    return run


def test_every_made_up_person_is_written_and_exported_once(demo, tmp_path):
    study = tmp_path / "study"
    code, _, calls = demo(study, "3", "12", "3")
    expected = ["setup"]
    for name, person in (("100307", 0), ("made-up-3", 3), ("made-up-12", 12)):
        expected += [
            f"wbtools demo-subject {study} --id {name} --person {person}",
            f"wbtools export-subject {name} --study-folder {study} --layout hcp --overwrite",
        ]
    assert (code, calls) == (0, expected)


def test_a_built_in_subject_that_is_there_is_exported_again(demo, tmp_path):
    (tmp_path / "100307").mkdir()
    (tmp_path / "100307" / "wbtools-notice.txt").write_text(NOTICE)
    code, _, calls = demo(tmp_path)
    assert code == 0 and [call.split()[1:2] for call in calls] == [[], ["export-subject"]]


@pytest.mark.parametrize("person", ["0", "01", "1000", "-1", "1.5", "two", "", "1 2", "../x"])
def test_a_person_that_is_none_is_refused_before_the_setup(demo, tmp_path, person):
    code, said, calls = demo(tmp_path, "1", person)
    assert (code, calls) == (2, []) and f"PERSON '{person}'" in said and said.count("\n") == 1


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["folder", "--help"]])
def test_help_is_the_usage_and_nothing_else(demo, words):
    code, said, calls = demo(*words)
    assert (code, calls) == (0, []) and "Usage: scripts/demo [DIR [PERSON...]]" in said and "set -" not in said


@pytest.mark.parametrize("name", ["100307", "made-up-7"])
@pytest.mark.parametrize("there", ["a person", "another notice", "a file", "a link", "an export"])
def test_what_wbtools_did_not_make_up_is_refused_before_the_setup(demo, tmp_path, name, there):
    folder = tmp_path / ("derivatives/wbtools" if there == "an export" else "") / name
    if there == "a link":
        folder.symlink_to("nowhere")
    elif there == "a file":
        folder.write_text(NOTICE)
    else:
        (folder / "T1w").mkdir(parents=True)
    if there == "another notice":
        (folder / "wbtools-notice.txt").write_text("Not a Built-in subject\n")
    code, said, calls = demo(tmp_path, "7")
    assert (code, calls) == (2, []) and str(folder) in said and said.count("\n") == 1
