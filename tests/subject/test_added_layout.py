"""A layout is a module and an entry of `LAYOUTS`: everything else follows from the fields of its entry."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wbtools.cli import main
from wbtools.errors import InputError
from wbtools.subject import find, recognise, resolve
from wbtools.subject.containment import default_out, require_no_subject, require_place
from wbtools.subject.layouts import LAYOUTS

HERE = Path(__file__).parent


@pytest.fixture
def toy(monkeypatch):
    """The registry with the toy layout."""
    monkeypatch.setitem(LAYOUTS, "toy", "toy_layout")


@pytest.fixture
def study(small_study, tmp_path):
    """A study folder of two subjects in the toy layout."""
    scan = small_study("LAS") / "100307" / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"
    for name in ("anna", "berta"):
        folder = tmp_path / "study" / name / "toy"
        (folder / "ToyBox").mkdir(parents=True)
        (folder / f"{name}_T1w.nii.gz").symlink_to(scan)
    return tmp_path / "study"


def test_it_is_a_choice_of_the_command_line():
    code = (
        f"import sys; sys.path.append({str(HERE)!r}); from wbtools.subject.layouts import LAYOUTS; "
        "LAYOUTS['toy'] = 'toy_layout'; from wbtools.cli import main; main(['export-subject', '--help'])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "|toy]" in "".join(run.stdout.split())


@pytest.mark.usefixtures("toy")
def test_its_subjects_are_found_by_id(study):
    assert recognise(study, "anna") == "toy"
    subject = find(study, "anna")
    assert (subject.id, subject.layout, subject.t1w) == ("anna", "toy", study / "anna" / "toy" / "anna_T1w.nii.gz")


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("place", ["anna", "anna/toy", "anna/toy/ToyBox"])
def test_its_subjects_are_found_by_a_path_to_or_inside_their_folder(study, place):
    assert resolve(study, str(study / place)) == (study, "anna")


def test_without_the_entry_the_same_folder_is_somebody_elses(study):
    assert resolve(study, str(study / "anna" / "toy" / "ToyBox")) != (study, "anna")
    require_place(study / "berta" / "results", study)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("place", ["berta", "berta/results", "berta/toy/new", "anna/results"])
def test_nothing_is_written_into_the_folder_of_any_subject(study, place):
    options = ["--study-folder", str(study), "--out", str(study / place), "--dry-run"]
    for command in (["export-subject", "anna"], ["batch", "run", "anna"]):
        result = CliRunner().invoke(main, [*command, *options])
        assert result.exit_code == 3 and "would write" not in result.output
        assert "never written to" in result.output or "lies in an input" in result.output, result.output


@pytest.mark.usefixtures("toy")
def test_elsewhere_it_may_be_exported(study, tmp_path):
    options = ["--study-folder", str(study), "--out", str(tmp_path / "out"), "--dry-run"]
    result = CliRunner().invoke(main, ["export-subject", "anna", *options])
    assert result.exit_code == 0, result.output
    assert "subject: anna (toy layout" in result.output and "would write" in result.output


@pytest.mark.usefixtures("toy")
def test_its_study_folder_receives_no_exports_and_its_folders_are_not_replaced(study, tmp_path):
    with pytest.raises(InputError, match=r"is a study folder: it holds (anna|berta)"):
        require_place(study, tmp_path / "other")
    with pytest.raises(InputError, match="holds a subject's files"):
        require_no_subject(study / "anna", study)
    assert default_out(study / "anna" / "toy") == study / "derivatives" / "wbtools"
