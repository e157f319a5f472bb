"""A batch takes every option of export-subject, whatever they are, and gives them to its workers unchanged."""

import json

import click
import pytest
from click.testing import CliRunner

from wbtools.batch.engines.slurm.request import Request
from wbtools.batch.resources import slurm_seconds
from wbtools.batch.state.export import as_json, from_json
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.overview import Cost
from wbtools.batch.state.plan import Plan
from wbtools.cli.batch.engines import BATCH_ENGINES
from wbtools.cli.batch.options import export_asked, subject_options
from wbtools.cli.batch.run import _Batch, _say_what_would_be_done, run
from wbtools.cli.export import command as export_subject
from wbtools.errors import InputError

ONLY_ONE = {"subject", "id", "patient_id", "series", "out", "overwrite", "dry_run", "print_viewers", "verbose", "debug"}


def given(*words):
    """What is made of a command line's options of an export."""
    found = {}

    @click.command()
    @subject_options
    def holder(**values):
        found["export"] = export_asked(values)

    result = CliRunner().invoke(holder, list(words))
    assert result.exit_code == 0, result.output
    return found["export"]


def another_value(option):
    """Words of a command line that give an option a value which it does not have by itself."""
    if option.is_flag:
        return [option.opts[0]]
    words = {
        "target": "class:male",
        "threads": "3",
        "nulls": "4",
        "allow": "contrast",
        "subcortex": "aseg+hypothalamus=/a+b",
    }
    choices = [choice for choice in getattr(option.type, "choices", ()) if choice != option.default]
    return [option.opts[0], choices[-1] if choices else words.get(option.name, "something")]


OPTIONS = [option for option in export_subject.params if option.name not in ONLY_ONE and option.name != "atlas"]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.opts[0])
def test_every_option_of_an_export_is_an_option_of_a_batch_and_is_kept(option):
    words = another_value(option)
    if words[0] == "--engine":
        words[0] = "--mapping-engine"
    export = given("--study-folder", "/data", *words)
    assert export != given("--study-folder", "/data")
    assert from_json(json.loads(json.dumps(as_json(export)))) == export


def test_values_survive_being_kept_as_json(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pt").touch()
    (tmp_path / "other.nii.gz").touch()
    (tmp_path / "study").mkdir()
    words = ["--model", "net.pt", "--study-folder", "study", "--mapping-engine", "wb_command", "--mesh", "32k"]
    kept = json.loads(json.dumps(as_json(given(*words, "--other", "other.nii.gz", "--no-render", "--threads", "3"))))
    monkeypatch.chdir("/")
    found = from_json(kept)
    assert found.settings.models == (tmp_path / "net.pt",)
    assert found.study_folder == tmp_path / "study"
    assert found.compared.other == str(tmp_path / "other.nii.gz")
    how = found.settings
    assert (how.engine, how.mesh, how.render, how.threads) == ("wb_command", "32k", False, 3)


def test_other_subjects_stay_ids_and_programs_stay_names():
    kept = as_json(given("--other", "100408", "--wb-command", "wb_command"))
    assert (kept["other"], kept["wb_command"]) == ("100408", "wb_command")


def test_a_batch_of_a_version_with_fewer_options_can_be_read():
    words = ["--study-folder", "/data", "--no-render"]
    kept = as_json(given(*words))
    del kept["mesh"], kept["nulls"], kept["keep_face"]
    assert from_json(kept) == given(*words)


def test_a_batch_of_the_first_version_with_a_plan_can_be_read():
    kept = {
        **{"study_folder": "/data", "layout": "auto", "naming": "bids", "models": ["/nets/a.pt", "pkg.nets:build"]},
        **{"method": "lrp", "target": "class:male", "other": None, "others": [], "nulls": 2, "trust": "full"},
        **{"mesh": "both", "surf_reg": "MSMSulc", "atlas": "hcp-mmp1", "mapping_engine": "native"},
        **{"allow": ["contrast"], "keep_face": True, "threads": None, "no_render": True, "wb_command": "wb_command"},
        "work": "/scratch",
    }
    words = "--study-folder /data --naming bids --model /nets/a.pt --model pkg.nets:build --method lrp --null 2"
    more = "--target class:male --trust full --mesh both --surf-reg MSMSulc --allow contrast --keep-face --no-render"
    assert from_json(kept) == given(*words.split(), *more.split(), "--wb-command", "wb_command", "--work", "/scratch")
    assert as_json(from_json(kept)) == {**kept, "references": None}  # which that version had not


def test_a_dry_run_says_who_was_found_as_what_and_who_is_missing(tmp_path, capsys):
    for name in ("sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz", "sub-02/anat/sub-02_T1w.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"an image, as far as finding goes")
    options = as_json(given("--study-folder", str(tmp_path)))
    batch = _Batch(BatchFiles(tmp_path / "out"), Plan("", options), ["sub-01", "sub-09", "sub-02"])
    assert _say_what_would_be_done(batch, BATCH_ENGINES["local"]) == 1
    said = capsys.readouterr().out
    assert (
        "3 subjects: 0 done already, 3 to do (1 of them not found, or not whole)" in said
        and "found: 2\n" in said
        and "found as sub-01_ses-a (t1w layout" in said
    )
    missing = said[said.index("not found, or not whole: 1") :]
    assert "sub-09: " in missing and "has no subject sub-09" in missing and "sub-02: found" not in missing
    assert "worker" not in said and not (tmp_path / "out").exists()
    batch = _Batch(batch.files, batch.plan, ["sub-02"])
    assert _say_what_would_be_done(batch, BATCH_ENGINES["local"]) == 0


@pytest.mark.parametrize(
    ("asked", "given_to_slurm"),
    [("2h", "02:00:00"), ("90m", "01:30:00"), ("2:00:00", "2:00:00"), ("1-12", "1-12"), ("UNLIMITED", "UNLIMITED")],
)
def test_times_reach_slurm_in_a_form_that_it_knows(asked, given_to_slurm):
    assert Request(time=asked).words(None, 1)[-1] == f"--time={given_to_slurm}"


@pytest.mark.parametrize(
    ("asked", "warning"), [("1:00", 15), ("2:00", 30), ("4:00", 60), ("2h", 60), ("UNLIMITED", 60)]
)
def test_a_task_of_little_time_is_not_told_of_its_end_as_it_begins(asked, warning):
    assert f"--signal=B:TERM@{warning}" in Request(time=asked).words(None, 1)


def test_the_time_asked_for_has_room_for_the_warning_and_for_loading_libraries():
    cost = Cost(20, 1.0, 2.0, 1)
    time = Request().words(cost, 1)[-1].removeprefix("--time=")
    assert slurm_seconds(time) >= 60 + 60 + 1.5 * 2 and Request(time="3:00").pack_of(100, cost) == 1


@pytest.mark.parametrize("asked", ["2x", "soon", "0", "1:2:3:4"])
def test_what_is_no_time_is_refused_before_slurm_sees_it(asked):
    with pytest.raises(InputError, match=f"--time '{asked}' is no time") as caught:
        Request(time=asked)
    assert "2:00:00" in caught.value.hint


@pytest.mark.parametrize(
    ("option", "instead"), [("--id", "export-subject takes --id"), ("--overwrite", "batch verify")]
)
def test_options_of_a_single_export_are_not_taken_for_others(option, instead):
    result = CliRunner().invoke(run, ["a", "--out", "x", option, "me"])
    assert result.exit_code == 2 and f"No such option: {option}." in result.output and instead in result.output
    assert "Did you mean" not in result.output


def test_other_unknown_options_still_get_the_nearest_name():
    assert "--partition" in CliRunner().invoke(run, ["a", "--out", "x", "--partitoin", "p"]).output


@pytest.mark.parametrize("where", ["out", "out/100307", "out/sub-01/ses-a"])
def test_the_folder_of_a_single_export_is_told_from_an_empty_one(tmp_path, where):
    record = tmp_path / where / "provenance.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    with pytest.raises(InputError, match=r"there are exports, but no \.wbtools") as caught:
        BatchFiles.of(tmp_path / "out")
    assert str(record) in caught.value.hint and "start one" not in caught.value.hint
