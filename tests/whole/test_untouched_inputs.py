"""Nothing in a study folder changes, whatever folder a command is told to write to."""

import json
import shutil
from contextlib import nullcontext

import pytest
from click.testing import CliRunner

from wbtools.batch.engines.first import Identified
from wbtools.cli import main

ID = "100307"


@pytest.fixture(scope="module")
def study(small_study, tmp_path_factory):
    """A copy of the small study, in a folder that is called like its subject."""
    folder = tmp_path_factory.mktemp("data") / ID
    shutil.copytree(small_study("LAS"), folder)
    return folder


def tree(folder):
    """Names, kinds, modes, times, numbers, sizes and targets of links of everything there is; contents of small files.

    A file that was written to has another time, one that was replaced another number.
    """
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() and facts.st_size < 1 << 16 else None
        target = path.readlink() if path.is_symlink() else None
        found[str(path)] = (facts.st_mode, facts.st_mtime_ns, facts.st_ino, facts.st_size, content, target)
    return found


OUTS = {
    "the study": lambda study, links: study,
    "the study, spelt otherwise": lambda study, links: study / ID / ".." / "." / ".." / study.name,
    "the study, linked": lambda study, links: linked(links, study),
    "the subject's folder": lambda study, links: study / ID,
    "the subject's folder, linked": lambda study, links: linked(links, study / ID),
    "inside the subject's folder": lambda study, links: study / ID / "T1w" / "new" / "er",
    "inside a linked subject's folder": lambda study, links: linked(links, study / ID) / "new",
    "above a study that is called like the subject": lambda study, links: study.parent,
    "that, linked": lambda study, links: linked(links, study.parent),
    "a folder in which the subject's name is a link to the study": lambda study, links: named(links, study),
    "a folder in which the subject's name is a link to the subject": lambda study, links: named(links, study / ID),
}


def linked(links, target):
    (links / "link").symlink_to(target)
    return links / "link"


def named(links, target):
    (links / ID).symlink_to(target)
    return links


COMMANDS = {
    "export": ["export-subject", ID],
    "export --overwrite": ["export-subject", ID, "--overwrite"],
    "export --dry-run": ["export-subject", ID, "--dry-run"],
    "batch run": ["batch", "run", ID],
    "batch run --dry-run": ["batch", "run", ID, "--dry-run"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", OUTS)
def test_an_output_folder_that_is_in_or_around_an_input_is_refused_before_any_work(
    study, tmp_path, place, command, monkeypatch
):
    known = Identified("0" * 64)  # the network is of no interest here
    monkeypatch.setattr("wbtools.cli.batch.run.identified", lambda options: nullcontext(known))
    out = OUTS[place](study, tmp_path)
    before = tree(study.parent), tree(tmp_path)
    words = [*COMMANDS[command], "--study-folder", str(study), "--out", str(out)]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 3, refused.output
    assert "Hint: choose another --out" in refused.output and "add --overwrite" not in refused.output
    assert (tree(study.parent), tree(tmp_path)) == before


@pytest.mark.parametrize("command", ["clean", "verify", "status", "retry", "cancel", "script"])
@pytest.mark.parametrize("place", list(OUTS)[:6])
def test_looking_after_a_batch_where_there_is_none_changes_nothing(study, tmp_path, place, command):
    out = OUTS[place](study, tmp_path)
    before = tree(study.parent)
    refused = CliRunner().invoke(main, ["batch", command, str(out), *(["--now"] if command == "clean" else [])])
    assert refused.exit_code == 3 and "holds no batch" in refused.output
    assert tree(study.parent) == before


def test_an_early_versions_batch_in_the_study_is_not_cleaned_of_inputs(study, tmp_path):
    # It moved every subject's folder of inputs into `aside`, which `clean` then removed.
    folder = tmp_path / "study"
    shutil.copytree(study, folder)
    aside = folder / ".wbtools" / "aside"
    aside.mkdir(parents=True)
    (folder / ID).rename(aside / f"{ID}.0123456789ab")
    plan = {"settings_sha256": "0", "command": ["true"], "max_attempts": 3}
    (folder / ".wbtools" / "batch.json").write_text(json.dumps(plan))
    (folder / ".wbtools" / "subjects.txt").write_text(f"{ID}\n")
    before = tree(aside)
    for words in (["clean", str(folder), "--now"], ["verify", str(folder)], ["clean", str(folder), "--all"]):
        assert CliRunner().invoke(main, ["batch", *words]).exit_code == 0
    assert tree(aside) == before


def test_what_is_written_to_a_folder_of_ones_own_changes_no_input(study, tmp_path):
    before = tree(study)
    done = CliRunner().invoke(
        main, ["export-subject", ID, "--study-folder", str(study), "--out", str(tmp_path), "--dry-run"]
    )
    assert done.exit_code == 0 and f"would write: {tmp_path / ID}" in done.output
    assert tree(study) == before


def test_a_cache_in_the_subjects_folder_is_refused(study, tmp_path):
    before = tree(study)
    words = ["--study-folder", str(study), "--out", str(tmp_path), "--work", str(study / ID / "cache")]
    refused = CliRunner().invoke(main, ["export-subject", ID, *words])
    assert refused.exit_code == 3 and "--work" in refused.output
    assert tree(study) == before


def test_people_that_are_compared_with_are_inputs_too(study, tmp_path):
    other = tmp_path / "other" / ID / "scan.nii.gz"
    other.parent.mkdir(parents=True)
    shutil.copyfile(study / ID / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz", other)
    words = ["--study-folder", str(study), "--out", str(other.parent.parent), "--overwrite"]
    refused = CliRunner().invoke(main, ["export-subject", ID, *words, "--target", "pair", "--other", str(other)])
    assert refused.exit_code == 3 and "holds an input" in refused.output
    assert other.exists()


def test_a_foreign_folder_of_the_subjects_name_is_refused_and_overwrite_is_not_advised(study, tmp_path):
    mine = tmp_path / ID / "T1w.nii.gz"
    mine.parent.mkdir()
    mine.write_text("mine")
    before = tree(tmp_path)
    for again in ((), ("--overwrite",)):
        words = ["export-subject", ID, "--study-folder", str(study), "--out", str(tmp_path), *again]
        refused = CliRunner().invoke(main, words)
        assert refused.exit_code == 3 and "not wbtools' to replace" in refused.output
        assert "add --overwrite" not in refused.output
    assert tree(tmp_path) == before
