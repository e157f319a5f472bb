"""A batch takes every option of export-subject, whatever they are, and gives them to its workers unchanged."""

import json

import click
from click.testing import CliRunner

from wbtools.cli.batch_options import as_json, from_json, subject_options
from wbtools.cli.export import command as export_subject

ONLY_ONE = {"subject", "id", "out", "overwrite", "dry_run", "verbose", "debug"}


def given(*words):
    """What `subject_options` makes of a command line."""
    found = {}

    @click.command()
    @subject_options
    def holder(**values):
        found.update(values)

    result = CliRunner().invoke(holder, list(words))
    assert result.exit_code == 0, result.output
    return found


def test_every_option_of_an_export_is_an_option_of_a_batch():
    names = {option.name for option in export_subject.params} - ONLY_ONE
    assert set(from_json(as_json(given()))) == names


def test_values_survive_being_kept_as_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pt").touch()
    (tmp_path / "other.nii.gz").touch()
    (tmp_path / "study").mkdir()
    words = ["--model", "net.pt", "--study-folder", "study", "--mapping-engine", "wb_command", "--mesh", "32k"]
    kept = json.loads(json.dumps(as_json(given(*words, "--other", "other.nii.gz", "--no-render", "--threads", "3"))))
    monkeypatch.chdir("/")
    values = from_json(kept)
    assert values["models"] == (tmp_path / "net.pt",)
    assert values["study_folder"] == tmp_path / "study"
    assert values["other"] == str(tmp_path / "other.nii.gz")
    assert (values["engine"], values["mesh"], values["no_render"], values["threads"]) == ("wb_command", "32k", True, 3)


def test_other_subjects_stay_ids_and_programs_stay_names():
    kept = as_json(given("--other", "100408", "--wb-command", "wb_command"))
    assert (kept["other"], kept["wb_command"]) == ("100408", "wb_command")


def test_a_batch_of_a_version_with_fewer_options_can_be_read():
    kept = as_json(given("--no-render"))
    del kept["mesh"]
    assert from_json(kept)["mesh"] is None and from_json(kept)["no_render"] is True
