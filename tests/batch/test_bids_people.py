"""Whom `wbtools-bids` finds in a dataset, and what it says of those whom it does not: names of files decide."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wbtools.cli.apps.bids_app import main
from wbtools.cli.apps.bids_people import Wanted, find_people
from wbtools.cli.failures import SPELLINGS, _respelled
from wbtools.errors import InputError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something")


def write_raw(root, *names):
    for name in names:
        touch(root.joinpath(*name.split("_"), "anat", f"{name}_T1w.nii.gz"))


def write_derivatives(root, *names):
    for name in names:
        touch(root.joinpath(*name.split("_"), "anat", f"{name}_desc-preproc_T1w.nii.gz"))
        touch(root.joinpath(*name.split("_"), "anat", f"{name}_hemi-L_white.surf.gii"))


def write_freesurfer(root, *names):
    for name in names:
        for file in ("mri/T1.mgz", "surf/lh.white", "surf/rh.white"):
            touch(root / name / file)


@pytest.fixture
def dataset(tmp_path):
    """Two sessions, one session, none, and somebody without derivatives."""
    write_raw(tmp_path, "sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a", "sub-03", "sub-04")
    write_derivatives(tmp_path / "derivatives" / "fmriprep", "sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a", "sub-03")
    return tmp_path


def found(dataset, *derivatives, **wanted):
    return find_people(dataset, list(map(Path, derivatives)), Wanted(**wanted))


def refused(*words):
    run = CliRunner().invoke(main, [str(word) for word in words])
    assert run.exit_code == 3, run.output
    return " ".join(run.output.split())


def test_each_session_with_surfaces_of_its_own_is_an_export(dataset):
    people = found(dataset)
    assert people.ids == ("sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a", "sub-03")
    assert people.without == ("04",) and people.study == dataset


def test_a_derivative_is_a_dataset_itself(dataset):
    people = found(dataset / "derivatives" / "fmriprep")
    assert people.ids == ("sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a", "sub-03") and people.without == ()


def test_derivatives_may_lie_elsewhere_and_have_a_name(dataset, tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    write_raw(raw, "sub-03", "sub-09")
    for folder in (dataset / "derivatives" / "fmriprep", f"anat={dataset / 'derivatives' / 'fmriprep'}"):
        people = found(raw, folder, labels=["03"])
        assert people.ids == ("sub-03",) and people.study == dataset / "derivatives" / "fmriprep"


def test_of_several_derivatives_that_with_the_participants_is_taken(dataset):
    write_derivatives(dataset / "more" / "smriprep", "sub-77")
    both = dataset / "derivatives" / "fmriprep", dataset / "more" / "smriprep"
    assert found(dataset, *both, labels=["77"]).ids == ("sub-77",)
    with pytest.raises(InputError, match="both have these participants"):
        found(dataset, *both)


def test_labels_choose_participants_and_sessions(dataset):
    assert found(dataset, labels=["01", "03"]).ids == ("sub-01_ses-a", "sub-01_ses-b", "sub-03")
    assert found(dataset, sessions=["a"]).ids == ("sub-01_ses-a", "sub-02_ses-a")
    assert found(dataset, sessions=["a"]).without == ("03", "04")
    assert found(dataset, labels=["01"], sessions=["b"]).ids == ("sub-01_ses-b",)


def test_raw_images_are_explained_on_request_only(dataset):
    assert found(dataset, layout="t1w", labels=["03", "04"]).ids == ("sub-03", "sub-04")
    said = refused(dataset, dataset / "derivatives" / "out", "participant", "--participant-label", "sub-04")
    assert "participants without surfaces" in said and ": 04" in said and "--layout t1w" in said


def test_of_several_raw_images_the_batch_tells_and_the_others_are_explained(dataset):
    touch(dataset / "sub-03" / "anat" / "sub-03_run-2_T1w.nii.gz")
    touch(dataset / "sub-01" / "ses-b" / "anat" / "sub-01_ses-b_run-2_T1w.nii.gz")
    (dataset / "sub-05" / "func").mkdir(parents=True)
    people = found(dataset, layout="t1w")
    assert people.ids == ("sub-01_ses-a", "sub-01_ses-b", "sub-02_ses-a", "sub-03", "sub-04")
    assert people.without == ("05",)


def test_a_session_in_two_datasets_is_not_dropped_silently(dataset):
    write_derivatives(dataset / "derivatives" / "smriprep", "sub-01_ses-b")
    with pytest.raises(InputError, match="in 2 places"):
        found(dataset)
    assert found(dataset, sessions=["a"], labels=["02"]).ids == ("sub-02_ses-a",)


def test_freesurfer_s_folders_of_sessions_are_found_and_yield_to_fmriprep(dataset, tmp_path_factory):
    alone = tmp_path_factory.mktemp("alone")
    write_raw(alone, "sub-01_ses-a", "sub-01_ses-b", "sub-02")
    write_freesurfer(alone / "derivatives" / "freesurfer", "sub-01_ses-a", "sub-01_ses-b", "sub-02")
    assert found(alone).ids == ("sub-01_ses-a", "sub-01_ses-b", "sub-02")
    write_freesurfer(dataset / "sourcedata" / "freesurfer", "sub-03")
    assert found(dataset, labels=["03"]).ids == ("sub-03",)


def test_of_two_datasets_with_everybody_the_user_chooses(dataset):
    write_derivatives(dataset / "derivatives" / "smriprep", "sub-01_ses-a", "sub-01_ses-b", "sub-03")
    for label in ("01", "03"):
        said = refused(dataset, dataset / "derivatives" / "out", "participant", "--participant-label", label)
        assert "in 2 places" in said and f"--derivatives {dataset / 'derivatives' / 'fmriprep'}" in said
    chosen = dataset / "derivatives" / "smriprep"
    assert found(dataset, chosen).ids == ("sub-01_ses-a", "sub-01_ses-b", "sub-03")


def test_labels_that_nobody_has_are_named_with_those_that_exist(dataset):
    out = dataset / "derivatives" / "out"
    said = refused(dataset, out, "participant", "--participant_label", "01", "sub-9", "8")
    assert "has no participant 9, 8; it has 01, 02, 03, 04" in said
    said = refused(dataset, out, "participant", "--participant-label", "", "../x", "9" * 5000)
    assert "has no participant '', ../x, 999" in said and len(said) < 1000
    assert "has no session x; it has a, b" in refused(dataset, out, "participant", "--session-label", "ses-x")
    said = refused(dataset, out, "participant", "--participant-label", "02", "--session-label", "b")
    assert "nobody of those asked for has surfaces of session b" in said


def test_a_dataset_without_anybody_and_one_without_surfaces_are_refused(tmp_path):
    assert "has no participant" in refused(tmp_path, tmp_path / "derivatives" / "out", "participant")
    write_raw(tmp_path, "sub-01")
    assert "--layout t1w" in refused(tmp_path, tmp_path / "derivatives" / "out", "participant")
    assert "does not exist" in refused(tmp_path / "none", tmp_path / "out", "participant")
    file = tmp_path / "derivatives" / "file"
    touch(file)
    for words in ((file, tmp_path / "out", "participant"), (tmp_path, file, "group")):
        assert "file is no folder" in refused(*words)
    assert "does not exist" in refused(tmp_path, "out", "participant", "--derivatives", tmp_path / "none")


@pytest.mark.parametrize("out", [".", "out", "derivatives", "derivatives/fmriprep/x", "sub-03", "sub-03/derivatives/x"])
def test_a_dataset_is_written_to_among_its_derivatives_only(dataset, out):
    for level in ("participant", "group"):
        said = refused(dataset, dataset / out, level)
        assert "OUTPUT_DIR" in said and f"for example {dataset / 'derivatives' / 'wbtools'}" in said


def test_nothing_is_written_into_the_derivatives_that_are_read(dataset):
    fmriprep = dataset / "derivatives" / "fmriprep"
    assert f"for example {dataset / 'derivatives' / 'wbtools'}" in refused(fmriprep, fmriprep / "out", "participant")
    assert "study folder" in refused(dataset, fmriprep, "participant", "--derivatives", fmriprep)


@pytest.mark.parametrize(
    ("level", "words"),
    [("participant", ["--formula", "age"]), ("group", ["--model", "x"]), ("group", ["--participant-label", "01"])],
)
def test_an_option_of_the_other_level_is_a_usage_error(dataset, level, words):
    run = CliRunner().invoke(main, [str(dataset), str(dataset / "derivatives" / "out"), level, *words])
    assert run.exit_code == 2 and f"{words[0]} means nothing at level {level}" in run.output


def test_an_unknown_level_is_a_usage_error(dataset):
    run = CliRunner().invoke(main, [str(dataset), "out", "session"])
    assert run.exit_code == 2 and "'session' is not one of 'participant', 'group'" in run.output


def test_a_group_before_its_participants_is_told_what_comes_first(dataset):
    said = refused(dataset, dataset / "derivatives" / "wbtools", "group")
    assert "does not exist" in said and "run level participant first" in said


def test_nothing_is_written_for_a_group_in_somebody_else_s_folder(dataset):
    theirs = dataset / "derivatives" / "theirs"
    touch(theirs / "sub-01" / "file")
    said = refused(dataset, theirs, "group")
    assert "holds no finished export" in said and "run level participant first" in said
    assert [path.name for path in theirs.iterdir()] == ["sub-01"]


def test_errors_name_the_arguments_of_the_app_and_not_options_of_other_commands(dataset, tmp_path_factory):
    file = dataset / "derivatives" / "file"
    file.write_text("")
    raw, fmriprep = tmp_path_factory.mktemp("raw"), dataset / "derivatives" / "fmriprep"
    write_raw(raw, "sub-03")
    inside = raw, fmriprep / "sub-03" / "mine", "participant", "--derivatives", fmriprep
    for words in ((dataset, file, "participant"), inside):
        said = refused(*words)
        assert "another OUTPUT_DIR" in said and "--out" not in said


def test_lines_of_other_commands_keep_their_options():
    with click.Context(main) as context:
        context.meta[SPELLINGS] = {"--out": "OUTPUT_DIR", "with --out": "as OUTPUT_DIR"}
        said = "--out x: choose another with --out, see --outer; wbtools batch run LIST --out OUT"
        assert _respelled(said) == "OUTPUT_DIR x: choose another as OUTPUT_DIR, see --outer; " + said.partition("; ")[2]
