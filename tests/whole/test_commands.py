"""The small commands: doctor, models, demo-subject, help."""

import subprocess
import sys
from importlib import resources

import pytest
from click.testing import CliRunner
from made_workbenches import drawing_operation

from wbtools.cli import main


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.workbench
def test_the_doctor_finds_everything_on_a_complete_machine(wb):
    result = run("doctor")
    assert result.exit_code == 0, result.output
    assert "MISS" not in result.output
    assert f"pictures by Workbench: drawn by {drawing_operation(wb)}" in result.output


def test_the_doctor_says_how_to_get_workbench():
    result = run("doctor", "--wb-command", "/nowhere/wb_command")
    assert result.exit_code == 0
    assert "sudo apt install connectome-workbench" in result.output


def test_what_is_better_with_an_extra_is_said_where_it_is_not_installed(monkeypatch):
    from importlib import metadata

    known = metadata.version

    def version(name):
        if name in {"antspyx", "deepbet", "highdicom"}:
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)
    result = run("doctor")
    assert result.exit_code == 0 and "MISS" not in result.output
    for name, extra in {"antspyx": "t1w", "deepbet": "t1w", "highdicom": "dicom"}.items():
        place = result.output.index(f"none {name}: not installed")
        assert f"pip install {name} (extra {extra})" in result.output[place:].splitlines()[1]


def test_models_lists_the_families_and_the_built_in_network():
    result = run("models")
    assert result.exit_code == 0
    assert "unet" in result.output
    assert "not for science" in result.output


def test_models_says_what_a_published_checkpoint_is(tmp_path):
    import torch

    with resources.as_file(resources.files("wbtools") / "data" / "demo_unet.pt") as path:
        state = torch.load(path, weights_only=True)["model_state_dict"]
    prefixed = {f"module.{key}": value for key, value in state.items()}
    torch.save({"model_state_dict": prefixed, "threshold": 0.25}, tmp_path / "published.pt")
    result = run("models", str(tmp_path / "published.pt"))
    assert result.exit_code == 0, result.output
    assert "0.25" in result.output
    assert "assumed from the family" in result.output


def test_models_refuses_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "notes.pt").write_text("notes")
    result = run("models", str(tmp_path / "notes.pt"))
    assert result.exit_code == 3
    assert "notes.pt" in result.output


@pytest.mark.parametrize("inside", ["100307", "100307/T1w", "100307/new/deeper"])
def test_the_built_in_subject_is_written_into_no_subjects_folder(small_study, inside):
    study = small_study()
    before = sorted(study.rglob("*"))
    result = run("demo-subject", str(study / inside), "--id", "other")
    said = " ".join(result.output.split())
    assert result.exit_code == 3 and "a subject's folder, which is never written to" in said, result.output
    assert "Error: DIR " in said and "choose another DIR" in said and sorted(study.rglob("*")) == before


def test_the_built_in_subject_is_written_into_no_data_set(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    (tmp_path / "images.npy").write_text("")
    result = run("demo-subject", str(tmp_path / "new"))
    assert result.exit_code == 3 and "a data set, which stays as it is" in " ".join(result.output.split())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("folder", ["dangling", "circle", "circle/x", "/proc/x", "n" * 300, ""])
def test_a_folder_that_the_built_in_subject_cannot_be_written_to_is_called_dir(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    result = run("demo-subject", folder)
    assert result.exit_code == 3 and f"Error: DIR {folder[:40] or repr('')}" in result.output, result.output
    assert "--out" not in result.output and ".wbtools-" not in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["circle", "dangling"]


def test_an_id_that_is_too_long_for_names_of_files_is_refused_before_anything_is_written(tmp_path):
    result = run("demo-subject", str(tmp_path / "study"), "--id", "x" * 235)
    assert result.exit_code == 3 and "too long" in result.output and "give a shorter --id" in result.output
    assert not (tmp_path / "study").exists()


def test_the_built_in_subject_is_not_written_over_another_folder(tmp_path):
    (tmp_path / "100307").mkdir()
    result = run("demo-subject", str(tmp_path))
    assert result.exit_code == 3
    assert "100307" in result.output


def test_made_up_people_have_ids_of_their_own(tmp_path):
    for words, name in (((), "100307"), (("--person", "2"), "made-up-2"), (("--person", "2", "--id", "x"), "x")):
        result = run("demo-subject", str(tmp_path), *words)
        assert result.exit_code == 0 and f"Wrote {tmp_path / name}" in result.output.replace("\n", "")
    assert {path.name for path in tmp_path.iterdir()} >= {"100307", "made-up-2", "x"}


def test_models_says_what_was_planted_for_the_built_in_network_and_where_its_decoy_is():
    said = " ".join(run("models").output.split())
    assert "ventral temporal cortex, thalamus, brain stem and cerebellar cortex: " in said and "R_FFC_ROI" in said
    assert "inferior parietal and supramarginal cortex: " in said and "R_PFm_ROI" in said


@pytest.mark.parametrize("command", ["export-subject", "demo-subject", "doctor", "models"])
def test_every_command_has_help(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("group", ["batch", "models", "dicom"])
def test_the_help_of_a_group_says_what_each_command_does_to_its_end(group):
    said = run(group, "--help").output
    listed = said[said.index("Commands:") :]
    assert "..." not in listed and listed.rstrip().endswith(".") and max(map(len, listed.splitlines())) <= 80


def test_a_batch_says_what_its_number_of_threads_is():
    shown = {words: " ".join(run(*words.split(), "--help").output.split()) for words in ("batch run", "export-subject")}
    each, every = "Processor threads of each subject. [default: its share of the processors; slurm: --cpus]", "may use]"
    assert each in shown["batch run"] and every not in shown["batch run"] and every in shown["export-subject"]
    assert "one for every --threads processors, else for every 2]" in shown["batch run"]


def test_an_unknown_command_is_a_usage_error():
    assert run("exprot").exit_code == 2


def test_the_program_runs_as_a_process():
    code = "from wbtools.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("wbtools, version ")
