"""Whatever happens to the batch's own files, no subject is lost, and no command ends in a traceback."""

import json
import os
import random
import shutil
import subprocess
from dataclasses import replace

import pytest
import stub_batch
from click.testing import CliRunner
from crash_recovery import is_whole, wbtools
from stand_in import installed, manner

from wbtools.batch.engines.slurm import rounds
from wbtools.batch.state.export import from_json
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import DamagedPlan, Plan, list_subjects
from wbtools.batch.state.published import Published, look
from wbtools.cli import main
from wbtools.cli.batch import worker
from wbtools.errors import InputError, WbtoolsError

CARE = ("status", "verify", "retry", "cancel", "clean")


@pytest.fixture(autouse=True, scope="module")
def empty_queue(tmp_path_factory):
    """Slurm's programs, by stand-ins that know no job."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("squeue", "scancel"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A batch of three: one published, one that failed, one that was interrupted."""
    out = tmp_path_factory.mktemp("done") / "out"
    stub_batch.run(out, "good", "bad", "left", options=("--max-attempts", 1), how=("--misbehave", "bad", "bad", "left"))
    home = out / ".wbtools"
    (home / "attempts" / "left.jsonl").write_text('{"event": "start", "run": "x", "time": 1.0}\n{"event": "e')
    (home / "submissions.jsonl").write_text('{"name": "wb-1-0", "job": "7", "cluster": "delta"}\n')
    return out


@pytest.fixture
def out(done, tmp_path):
    shutil.copytree(done, tmp_path / "out")
    return tmp_path / "out"


def care(command, out, *words):
    """What a command prints and its exit code, in this process; a traceback is an error here."""
    with installed():
        result = CliRunner().invoke(main, ["batch", command, str(out), *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def again(out):
    options = ("--max-attempts", 1)
    return stub_batch.run(out, "good", "bad", "left", options=options, how=("--misbehave", "bad", "bad", "left"))


PLANS = [b"", b"{}", b"[]", b"null", b"\x00\xff\xfe", b'{"command": 5}', b"[" * 100_000, b'{"a":' * 5000]


@pytest.mark.parametrize("content", PLANS, ids=range(len(PLANS)))
def test_a_damaged_plan_is_named_by_every_command_and_stops_none_but_the_workers(out, content):
    (out / ".wbtools" / "batch.json").write_bytes(content)
    for command in CARE:
        code, said = care(command, out)
        assert code in (0, 1, 75), (command, said)
        assert command == "cancel" or ("batch.json is damaged" in said and "own line again" in said), command
    assert "1 done" in care("status", out)[1] and "1 of 3 subjects published" in care("verify", out)[1]
    with pytest.raises(DamagedPlan):
        Plan.read(BatchFiles(out))


def test_a_worker_does_nothing_by_a_damaged_plan(out):
    (out / ".wbtools" / "batch.json").write_text("{")
    done = stub_batch.worker(out, "--list", out / ".wbtools" / "subjects.txt")
    assert done.returncode == 3 and "batch.json is damaged" in done.stderr


def test_the_batchs_own_line_writes_a_damaged_plan_anew(out):
    before = Plan.read(BatchFiles(out))
    (out / ".wbtools" / "batch.json").write_text("{")
    done = again(out)
    assert done.returncode in (1, 75) and "written anew" in done.stderr, done.stderr
    assert replace(Plan.read(BatchFiles(out)), line="") == replace(before, line="") and is_whole(out, "good")


def test_a_missing_plan_is_told_from_a_damaged_one(out):
    (out / ".wbtools" / "batch.json").unlink()
    code, said = care("status", out)
    assert code == 3 and "holds no batch" in said and "batch.json is missing" in said
    assert "is missing" not in care("status", out.parent)[1]


@pytest.mark.parametrize(
    "value",
    [
        {"max_attempts": "3"},
        {"max_attempts": 0},
        {"timeout": None},
        {"timeout": float("nan")},
        {"threads": 1.5},
        {"options": []},
        {"engine": 3},
        {"line": 7},
        {"surprise": 1},
        {"scratch": ["/"]},
    ],
)
def test_a_plan_with_values_of_other_kinds_is_damaged(out, value):
    path = out / ".wbtools" / "batch.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **value}))
    with pytest.raises(DamagedPlan, match=r"batch\.json is damaged"):
        Plan.read(BatchFiles(out))


def test_a_damaged_list_shows_whom_it_still_names(out):
    (out / ".wbtools" / "subjects.txt").write_bytes(b"good\n../../etc\n\xff\xfe\x00\nle\x1b[2Jft\nleft\n")
    assert list_subjects(BatchFiles(out)) == ["good", "left"]
    code, said = care("status", out)
    assert code in (1, 75) and "2 subjects: 1 done" in said


def test_a_record_of_submissions_with_damaged_lines_still_finds_its_jobs(out):
    path = out / ".wbtools" / "submissions.jsonl"
    path.write_bytes(
        path.read_bytes() + b'{"name": "wb-2-0;rm"}\n{"name": ["x"]}\nnull}\n\xff}\n{"name": "wb-3-0"}\n{"na'
    )
    assert rounds._submitted(BatchFiles(out)) == {"delta": ["wb-1-0"], "": ["wb-3-0"]}


def test_an_engine_that_was_recorded_by_nobody_is_refused_in_a_sentence(out):
    path = out / ".wbtools" / "batch.json"
    for engine in ({}, {"sbatch": 3}, {"sbatch": [], "cpus": "2"}, {"sbatch": [1]}):
        path.write_text(json.dumps({**json.loads(path.read_text()), "engine": engine}))
        for words in ((), ("--scheduler", "pbs")):
            care("retry", out)
            code, said = care("script", out, *words)
            assert code == 3 and "engine is damaged" in said, (engine, said)


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"outputs_sha256": []},
        {"outputs_sha256": {}, "outputs_bytes": 7},
        {"outputs_sha256": {"a\0b": "x"}},
        {"outputs_sha256": {}, "inputs_sha256": "x"},
    ],
)
def test_a_record_of_another_shape_is_a_damaged_subject(tmp_path, record):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "provenance.json").write_text(json.dumps(record))
    assert look(tmp_path / "a", "", tmp_path).what is Published.DAMAGED


def mutated(data, dice):
    """Other bytes, fewer, more, or values of other kinds."""
    data = bytearray(data)
    for _ in range(dice.randint(1, 5)):
        kind, place = dice.randrange(5), dice.randrange(len(data) + 1)
        if kind == 0:
            del data[place:]
        elif kind == 1:
            data[place:place] = dice.choice(
                [b"\x00", b"\xff", b"[" * 2000, b"9" * 400, b"null", b'"', b"\n", b"{}", b"-1"]
            )
        elif kind == 2 and place < len(data):
            data[place] = dice.randrange(256)
        elif kind == 3:
            del data[place : place + dice.randint(1, 30)]
        else:
            data[place:place] = data[: dice.randint(0, 200)]
    return bytes(data)


def test_three_hundred_damaged_states_end_in_no_traceback(done, tmp_path):
    dice = random.Random(11)
    out = tmp_path / "out"
    shutil.copytree(done, out)
    files = BatchFiles(out)
    damaged = [files.plan, files.subjects, files.submissions, *files.attempts("x").parent.iterdir()]
    damaged.append(out / "good" / "provenance.json")
    whole = {path: path.read_bytes() for path in damaged}
    for _ in range(300):
        chosen = dice.sample(damaged, dice.randint(1, 3))
        for path in chosen:
            path.write_bytes(mutated(whole[path], dice))
        command = dice.choice([command for command in CARE if command not in ("clean", "cancel")])
        code, said = care(command, out)
        assert code in (0, 1, 3, 75), said
        try:
            rounds._submitted(files), Plan.read(files)
        except WbtoolsError as error:
            assert "\n" not in str(error)
        for path in chosen:
            path.write_bytes(whole[path])
        files.attempts("bad").write_bytes(whole[files.attempts("bad")])
        files.attempts("left").write_bytes(whole[files.attempts("left")])
    assert is_whole(out, "good")


def test_a_folder_of_somebody_else_and_a_reader_who_may_not_write_are_told(tmp_path):
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / ".wbtools").write_text("not a folder")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "foreign" / ".wbtools" / "batch.json").mkdir(parents=True)
    for name in ("file", "loop", "foreign", "nowhere"):
        code, said = care("status", tmp_path / name)
        assert code == 3 and str(tmp_path / name) in said.replace("\n", ""), name
    (tmp_path / "scan").write_text("no folder either")
    for name, why in {"file": "is no folder", "scan": "is no folder", "loop": "in a circle"}.items():
        done = stub_batch.run(tmp_path / name, "a")
        assert done.returncode == 3 and why in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_odd_values_of_a_batch_systems_variables_disturb_no_worker(out):
    odd = {"SLURM_CPUS_PER_TASK": "8(x2)", "SLURM_RESTART_COUNT": "soon", "SLURM_ARRAY_TASK_ID": "9" * 5000}
    odd |= {"SLURM_JOB_ID": "--all", "SLURM_ARRAY_JOB_ID": "", "TMPDIR": "", "COLUMNS": "x"}
    environment = {name: value for name, value in os.environ.items() if name != "HOME"} | odd
    words = wbtools("run", "good", "new", "--out", out, "--max-attempts", 1)
    asked = manner(0.0, "--misbehave", "bad", "bad", "left")
    done = subprocess.run([*words, "--other", asked], env=environment, capture_output=True, text=True, umask=0o077)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert is_whole(out, "new")
    for shard in ("auto", "x", "-1", "9" * 5000):
        with pytest.raises(InputError, match="--shard"):
            worker._shard(["a"], 1, shard)


@pytest.mark.parametrize(
    "options", [{"models": 7}, {"mesh": "9k"}, {"study_folder": {"a": 1}}, {"threads": "many"}, {"nulls": []}]
)
def test_options_of_other_kinds_are_refused_in_a_sentence(options):
    with pytest.raises(InputError, match="record of its options is damaged"):
        from_json(options)
