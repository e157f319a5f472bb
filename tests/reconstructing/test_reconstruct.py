"""`wbtools reconstruct` runs a program, publishes its folder whole, and leaves a log where it fails.

T1Prep, FastSurfer and recon-all cannot run here (networks from the internet, FreeSurfer and its licence, hours): small
programs of their names stand in for them. They take the arguments that the real ones take and copy a made folder to
where these say; what real programs write is known only as far as `tests/made_cat.py` and `tests/made_layouts.py` say.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_cat import write_cat
from made_layouts import write_freesurfer

from wbtools.cli import main
from wbtools.errors import CommandError
from wbtools.reconstructing import long_process
from wbtools.reconstructing.installed import TOOLS
from wbtools.reconstructing.reconstruction import LOG, RECORD
from wbtools.subject import find

T1PREP = """#!/bin/sh
# T1Prep --out-dir DIR --no-track --multi 0 NAME.nii.gz
[ "$1" = --out-dir ] && [ "$3" = --no-track ] && [ -f "$6" ] || exit 9
echo "segmenting $(basename "$6")"
{act}
cp -r "$MADE/." "$2"
echo done >&2
"""
RECON_ALL = """#!/bin/sh
# recon-all -all -i T1 -s NAME -sd DIR -openmp N
[ "$2" = -i ] && [ "$4" = -s ] && [ "$6" = -sd ] && [ -f "$3" ] && [ -f "$FS_LICENSE" ] || exit 9
ln -s /nowhere/fsaverage "$7/fsaverage"
cp -r "$MADE" "$7/$5"
"""
FASTSURFER = """#!/bin/sh
# run_fastsurfer.sh --t1 T1 --sid NAME --sd DIR --fs_license FILE --threads N
[ "$1" = --t1 ] && [ -f "$2" ] && [ "$3" = --sid ] && [ "$5" = --sd ] && [ -f "$8" ] || exit 9
cp -r "$MADE" "$6/$4"
"""


@pytest.fixture(scope="module")
def truth(small_study):
    return find(small_study("LAS"), "100307")


@pytest.fixture(scope="module")
def outputs(truth, tmp_path_factory):
    """What the programs would make of a person P1."""
    root = tmp_path_factory.mktemp("outputs")
    return {"cat": write_cat(truth, root / "cat", "P1"), "freesurfer": write_freesurfer(truth, root / "freesurfer")}


@pytest.fixture
def scan(truth, tmp_path):
    path = tmp_path / "scans" / "P1_T1w.nii.gz"
    path.parent.mkdir()
    path.write_bytes(truth.t1w.read_bytes())
    return path


@pytest.fixture
def install(tmp_path, monkeypatch, outputs):
    """Puts a program on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    for name in ("FREESURFER_HOME", "FASTSURFER_HOME", "FS_LICENSE"):
        monkeypatch.delenv(name, raising=False)

    def put(name, script, layout="cat"):
        monkeypatch.setenv("MADE", str(outputs[layout]))
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
        return program

    return put


def run(*words):
    result = CliRunner().invoke(main, ["reconstruct", *map(str, words)])
    said = result.output + (result.stderr if result.stderr_bytes is not None else "")
    return result.exit_code, " ".join(said.split())


def left(folder):
    """Names of everything in a folder, hidden ones included."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# ---------------------------------------------------------------------------------------------------- what is published


def test_the_folder_appears_whole_with_record_and_log_and_can_be_exported(scan, install):
    install("T1Prep", T1PREP.format(act=""))
    code, said = run(scan, "--with", "t1prep")
    folder = scan.parent / "derivatives/t1prep/P1"
    assert code == 0 and f"wbtools export-subject {folder}" in said
    assert left(folder) == ["mri", "surf", RECORD, LOG] and left(folder.parent) == ["P1"]
    assert (folder / LOG).read_text() == "segmenting P1.nii.gz\ndone\n"
    record = json.loads((folder / RECORD).read_text())
    assert (record["program"], record["subject"]) == ("T1Prep", {"id": "P1", "layout": "cat"})
    assert str(scan.parent) not in (folder / RECORD).read_text()
    exported = CliRunner().invoke(main, ["export-subject", str(folder), "--dry-run"])
    assert exported.exit_code == 0 and "P1 (cat layout" in exported.output
    assert find(scan.parent, "P1").layout == "cat"  # from the study folder as well


@pytest.mark.parametrize(("tool", "name", "script"), [
    ("recon-all", "recon-all", RECON_ALL), ("fastsurfer", "run_fastsurfer.sh", FASTSURFER),
])  # fmt: skip
def test_freesurfers_programs_get_its_licence_and_give_its_layout(
    scan, install, tmp_path, monkeypatch, tool, name, script
):
    install(name, script, "freesurfer")
    code, said = run(scan, "--with", tool, "--out", tmp_path / "subjects")
    assert code == 3 and "needs FreeSurfer, and $FREESURFER_HOME names no folder" in said
    (tmp_path / "freesurfer").mkdir()
    monkeypatch.setenv("FREESURFER_HOME", str(tmp_path / "freesurfer"))
    code, said = run(scan, "--with", tool, "--out", tmp_path / "subjects")
    assert code == 3 and "needs FreeSurfer's licence" in said and "registration.html" in said
    (tmp_path / "freesurfer/license.txt").write_text("me\n")
    code, said = run(scan, "--with", tool, "--out", tmp_path / "subjects", "--id", "bert")
    assert code == 0 and left(tmp_path / "subjects") == ["bert"]
    assert find(tmp_path / "subjects", "bert").layout == "freesurfer"


def test_a_folder_that_is_there_is_not_written_over(scan, install, tmp_path):
    install("T1Prep", T1PREP.format(act=""))
    (tmp_path / "out/P1").mkdir(parents=True)
    (tmp_path / "out/P1/thesis.txt").write_text("mine")
    code, said = run(scan, "--with", "t1prep", "--out", tmp_path / "out")
    assert code == 3 and "exists already" in said
    assert left(tmp_path / "out/P1") == ["thesis.txt"] and left(tmp_path / "out") == ["P1"]


def test_nothing_is_written_into_a_subjects_folder(scan, install, outputs):
    install("T1Prep", T1PREP.format(act=""))
    code, said = run(scan, "--with", "t1prep", "--out", outputs["cat"] / "more")
    assert code == 3 and "never written to" in said


def test_a_scan_of_a_bids_data_set_goes_to_its_derivatives(scan, install, tmp_path):
    install("T1Prep", T1PREP.format(act=""))
    anat = tmp_path / "bids/sub-01/anat"
    anat.mkdir(parents=True)
    scan.rename(anat / "sub-01_T1w.nii.gz")
    code, said = run(anat / "sub-01_T1w.nii.gz", "--with", "t1prep", "--dry-run")
    assert code == 0 and f"--out-dir {tmp_path}/bids/derivatives/t1prep/" in said


def test_a_dry_run_prints_the_command_for_a_shell_and_runs_nothing(scan, install, tmp_path):
    program = install("T1Prep", T1PREP.format(act=""))
    awkward = tmp_path / "my $(scans)" / "P1.nii.gz"
    awkward.parent.mkdir()
    scan.rename(awkward)
    result = CliRunner().invoke(main, ["reconstruct", str(awkward), "--with", "t1prep", "--dry-run"])
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {result.stdout}"], capture_output=True, text=True, check=True
    )
    assert words.stdout.splitlines()[0] == str(program) and words.stdout.splitlines()[-1] == str(awkward)
    assert left(awkward.parent) == ["P1.nii.gz"]


# ------------------------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize("tool", ["t1prep", "fastsurfer", "recon-all"])
def test_without_the_program_one_sentence_says_what_it_takes_and_how_to_get_it(scan, install, tool):
    code, said = run(scan, "--with", tool)
    assert code == 4 and "is not installed" in said
    assert "GB of memory" in said and ("pip install" in said or "see " in said)
    code, said = run(scan, "--with", tool, "--dry-run")  # the command is shown anyway
    assert code == 0 and "Note: " in said and "is not installed" in said and f"{TOOLS[tool].programs[0]} -" in said


def test_the_image_is_looked_at_before_the_program(install, tmp_path):
    (tmp_path / "P1.nii.gz").touch()
    for tool in TOOLS:
        code, said = run(tmp_path / "P1.nii.gz", "--with", tool)
        assert code == 3 and "is empty (0 bytes)" in said


def test_a_folder_is_not_taken_for_the_program_in_it(scan, install, tmp_path):
    code, said = run(scan, "--with", "t1prep", "--program", tmp_path)
    assert code == 3 and f"{tmp_path} is a folder" in said and "give the program's file in it" in said


def test_the_doctor_says_shortly_which_programs_are_not_found(install):
    said = " ".join(CliRunner().invoke(main, ["doctor"]).output.split())
    assert "T1Prep (surfaces of a T1w image): not found" in said


@pytest.mark.usefixtures("install")
def test_a_program_elsewhere_can_be_named(scan, tmp_path, monkeypatch, outputs):
    monkeypatch.setenv("MADE", str(outputs["cat"]))
    program = tmp_path / "elsewhere"
    program.write_text(T1PREP.format(act=""))
    assert run(scan, "--with", "t1prep", "--program", program)[0] == 4  # no program yet
    program.chmod(0o755)
    assert run(scan, "--with", "t1prep", "--program", program)[0] == 0


def test_a_failure_gives_the_last_lines_of_the_log_which_stays(scan, install, tmp_path):
    install("T1Prep", T1PREP.format(act="seq 1000; printf '\\033[31m40%%\\r60%% no memory\\n'; exit 3"))
    code, said = run(scan, "--with", "t1prep", "--out", tmp_path / "out")
    assert code == 4 and "it ended with exit code 3" in said
    assert "999 1000 60% no memory" in said and "993" not in said and "\033[31m40" not in said
    (log,) = (tmp_path / "out").iterdir()
    assert str(log) in said.replace(" ", "") and log.read_bytes().count(b"\n") == 1002


def test_an_output_without_surfaces_is_a_failure_that_says_what_is_missing(scan, install, tmp_path):
    install("T1Prep", T1PREP.format(act='mkdir "$2"; cp -r "$MADE/mri" "$2"; exit 0'))
    code, said = run(scan, "--with", "t1prep", "--out", tmp_path / "out")
    assert code == 4 and "without what an export needs" in said
    install("T1Prep", T1PREP.format(act='mkdir "$2"; cp -r "$MADE"/* "$2"; rm "$2"/surf/rh.*; exit 0'))
    code, said = run(scan, "--with", "t1prep", "--out", tmp_path / "out")
    assert code == 4 and "surf/rh.sphere.reg.P1.gii" in said
    assert not any(path.is_dir() for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["a b", "a;b", "x$(id)", "../up"])
def test_a_name_that_a_shell_script_may_misread_is_refused(scan, install, name):
    install("T1Prep", T1PREP.format(act=""))
    code, said = run(scan, "--with", "t1prep", "--id", name)
    assert code == 3 and "name" in said


def test_what_is_no_image_for_the_program_is_refused(scan, install, tmp_path):
    install("T1Prep", T1PREP.format(act=""))
    (tmp_path / "T1.mgz").write_bytes(b"x")
    assert "is no image that T1Prep reads" in run(tmp_path / "T1.mgz", "--with", "t1prep", "--id", "P1")[1]
    assert "is no image that T1Prep reads" in run(tmp_path, "--with", "t1prep", "--id", "P1")[1]
    assert run(tmp_path / "gone.nii", "--with", "t1prep")[0] == 3


# ---------------------------------------------------------------------------------------------- signals, and long logs


def waiting(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid):
    """Whether a process runs; one that has ended and waits to be fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("deaf", [False, True])
def test_a_request_to_end_ends_the_program_and_all_that_it_started(scan, install, tmp_path, monkeypatch, number, deaf):
    if deaf:  # programs that ignore the request are ended after a while; here not ten seconds later
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        (tmp_path / "sitecustomize.py").write_text(
            "import wbtools.reconstructing.long_process as it\nit._GRACE = 0.5\n"
        )
    trap = "trap '' TERM; " if deaf else ""
    begins = f"{trap}echo $$ >> '{tmp_path}/pids'; (echo begun; {trap}sleep 300) & echo $! >> '{tmp_path}/pids'"
    install("T1Prep", T1PREP.format(act=f"{begins}; wait; sleep 300"))
    words = ["reconstruct", str(scan), "--with", "t1prep", "--out", str(tmp_path / "out")]
    code = f"import sys; from wbtools.cli import main; main({words!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    pids = tmp_path / "pids"
    waiting(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    assert any(path.is_dir() for path in (tmp_path / "out").iterdir())  # the hidden folder
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75 and "interrupted; nothing was published" in said
    waiting(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".log"]


def test_the_listener_hears_the_last_line_and_a_silent_failure_has_no_lines(tmp_path):
    heard = []
    log = tmp_path / "a.log"
    seconds = long_process.run(
        ("sh", "-c", "echo one; sleep 1.2"), tmp_path, log, os.environ, lambda *said: heard.append(said)
    )
    assert seconds >= 1.2 and heard[-1][1] == "one"
    with pytest.raises(CommandError, match="it was ended by signal 9; its log is empty"):
        long_process.run(("sh", "-c", "kill -9 $$"), tmp_path, tmp_path / "b.log", os.environ, lambda *said: None)


def test_no_shell_reads_the_words_of_a_command(tmp_path):
    long_process.run(("printf", "%s", "$(id); `id`"), tmp_path, tmp_path / "log", os.environ, lambda *said: None)
    assert (tmp_path / "log").read_text() == "$(id); `id`"


def test_a_log_of_any_length_and_bytes_gives_a_few_short_lines(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff\xfe\x1b[2J" * 5_000_000 + b"\n" + b"x" * 5000 + b"\n\n  \nend")
    lines = long_process.last_lines(log)
    assert lines[-1] == "end" and len(lines) <= 8 and max(map(len, lines)) <= 200
    assert all(text.isprintable() for text in lines)
