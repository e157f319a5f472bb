"""A real Slurm on loopback: arrays, kills, preemption, wall-time, and a cheat that the same look must catch."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import slurm_loopback
from crash_recovery import CrashRecovery, events, exporting, is_whole, running, visible, wbtools
from stand_in import manner

pytestmark = pytest.mark.skipif(
    bool(slurm_loopback.missing()),
    reason=f"Slurm is not installed ({', '.join(slurm_loopback.missing())}): "
    "apt install slurmctld slurmd slurm-client munge",
)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    cluster = slurm_loopback.Slurm(tmp_path_factory.mktemp("slurm"), largest_array=8).up()
    yield cluster
    cluster.down()


def ids(count):
    return [f"{100000 + number}" for number in range(count)]


def line(out, subjects, *options, seconds=0.2, how=()):
    asked = ["--engine", "slurm", "--mem", "100M", "--time", "10:00", "--wait"]
    return [*subjects, "--out", out, *asked, "--other", manner(seconds, *how), *options]


def run(slurm, *words, program=wbtools):
    return subprocess.Popen(
        program("run", *words), env=slurm.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(slurm, batch, seconds=150):
    """Wait for a batch; requeued jobs need not sit out Slurm's two minutes."""
    limit = time.monotonic() + seconds
    while batch.poll() is None:
        assert time.monotonic() < limit, slurm("squeue", "-r")
        slurm.heal()
        time.sleep(0.5)
    return batch.returncode, *batch.communicate()


def count(out, subjects, event, ending=None):
    told = [fact for subject in subjects for fact in events(out, subject)]
    return sum(fact["event"] == event and (ending is None or fact.get("ending") == ending) for fact in told)


@pytest.mark.slow
def test_sixty_subjects_and_four_kills_end_in_sixty_published_once(slurm, tmp_path):
    options = ["--pack", 5, "--max-parallel", 6]
    long_enough = line(tmp_path, ids(60), *options, seconds=0.7)  # for the last kill to find somebody at work
    seen = CrashRecovery(slurm, tmp_path, ids(60), 1, 4, long_enough, pause=(1.0, 3.0)).run()
    assert len(seen.kills) == 4 and seen.probes > 200
    seen.require()


@pytest.mark.slow
def test_a_writer_that_publishes_in_place_fails_the_same_look(slurm, tmp_path):
    options = ["--pack", 5, "--max-parallel", 6]
    cheat = line(tmp_path, ids(24), *options, seconds=0.5, how=["--in-place"])
    seen = CrashRecovery(slurm, tmp_path, ids(24), 1, 4, cheat).run()
    with pytest.raises(AssertionError, match="not whole"):
        seen.require()


@pytest.mark.slow
def test_preempted_tasks_come_back_and_do_what_is_left(slurm, tmp_path):
    subjects = ids(12)
    batch = run(slurm, *line(tmp_path, subjects, "--partition", "low", "--pack", 6, seconds=1.5))
    while len(visible(tmp_path)) < 2:
        assert batch.poll() is None
        time.sleep(0.2)
    slurm("sbatch", "--partition=main", "--exclusive", "--output=/dev/null", "--wrap", "sleep 6")
    code, said, _ = finish(slurm, batch)
    assert code == 0, said
    assert all(is_whole(tmp_path, subject) for subject in subjects)
    assert 1 <= count(tmp_path, subjects, "end", "interrupted") <= 2
    assert count(tmp_path, subjects, "end", "fault") == 0, "preemption must not use up attempts"
    logs = [path.read_text() for path in (tmp_path / ".wbtools" / "slurm").glob("*_*.log")]
    assert all("received SIGTERM" in text and "waiting to be started again" in text for text in logs)
    assert [text.count("6 subjects, 1 at once") for text in logs] == [2, 2], "each task asked for itself only"
    assert len(list((tmp_path / ".wbtools").glob("round-*.txt"))) == 1, "no other round was needed"


@pytest.mark.slow
def test_a_task_whose_time_is_over_comes_back_and_no_subject_was_begun_in_vain(slurm, tmp_path):
    # A minute of wall-time is too short for eight subjects. Slurm looks at its clock every half minute: its warning, a
    # minute before the end, comes at once or late; without it the worker sees by itself that nothing more fits.
    subjects = ids(8)
    batch = run(slurm, *line(tmp_path, subjects, "--time", "1:00", "--pack", 8, seconds=6))
    code, said, _ = finish(slurm, batch)
    assert code == 0, said
    assert count(tmp_path, subjects, "start") == 8
    log = next((tmp_path / ".wbtools" / "slurm").glob("*_0.log")).read_text()
    assert "received SIGTERM" in log or "too few for another subject" in log
    assert "waiting to be started again" in log and log.count("8 subjects, 1 at once") >= 2


@pytest.mark.slow
def test_lists_longer_than_the_sites_largest_array_become_several_arrays(slurm, tmp_path):
    subjects = ids(20)  # the largest array here has 8 tasks
    batch = run(slurm, *line(tmp_path, subjects, "--pack", 1, "--max-parallel", 9, seconds=0))
    code, said, _ = finish(slurm, batch)
    assert code == 0, said
    assert len(list((tmp_path / ".wbtools" / "slurm").glob("*-?.sh"))) == 3
    assert count(tmp_path, subjects, "start") == 20


@pytest.mark.slow
def test_a_second_round_takes_what_the_first_lost_and_a_queued_batch_is_not_submitted_twice(slurm, tmp_path):
    subjects = ids(6)
    batch = run(slurm, *line(tmp_path, subjects, "--pack", 3, seconds=2))
    while len(running(tmp_path, "worker")) < 2:
        time.sleep(0.1)
    second = subprocess.run(
        wbtools("run", *[word for word in line(tmp_path, subjects, "--pack", 3, seconds=2) if word != "--wait"]),
        env=slurm.environment,
        capture_output=True,
        text=True,
    )
    assert second.returncode == 75 and "nothing is submitted" in second.stdout
    slurm("scancel", slurm("squeue", "-h", "-r", "-t", "R", "-o", "%i").split()[0])
    code, said, _ = finish(slurm, batch)
    assert code == 0, said
    assert len(list((tmp_path / ".wbtools").glob("round-*.txt"))) == 2
    assert all(is_whole(tmp_path, subject) for subject in subjects)


@pytest.mark.slow
def test_cancel_ends_all_jobs_and_status_says_so(slurm, tmp_path):
    subjects = ids(20)
    batch = run(slurm, *line(tmp_path, subjects, "--pack", 5, "--max-parallel", 2, seconds=3))
    while not running(tmp_path, "child"):
        time.sleep(0.1)
    ended = subprocess.run(wbtools("cancel", tmp_path), env=slurm.environment, capture_output=True, text=True)
    assert "Slurm job" in ended.stdout and "To go on later" in ended.stdout
    assert finish(slurm, batch)[0] == 75
    told = subprocess.run(wbtools("status", tmp_path), env=slurm.environment, capture_output=True, text=True)
    assert told.returncode == 75 and "Slurm: no job is left" in told.stdout
    assert "Cancelled: nothing more is begun" in told.stdout
    assert not running(tmp_path, "worker")


def test_what_slurm_refuses_is_told_in_its_words(slurm, tmp_path):
    batch = run(slurm, *line(tmp_path, ids(2), "--partition", "nowhere"))
    code, _, said = finish(slurm, batch)
    assert code == 3 and "invalid partition" in said.lower()


def test_a_job_that_can_never_start_is_named_with_the_way_to_other_options(slurm, tmp_path):
    words = [
        *ids(1),
        "--out",
        tmp_path,
        "--engine",
        "slurm",
        "--mem",
        "100M",
        "--time",
        "10:00",
        "--other",
        manner(0.1),
    ]
    code, said, complaint = finish(slurm, run(slurm, *words, "--cpus", 1000))
    assert code == 75, said + complaint
    limit = time.monotonic() + 60
    while "cannot start" not in (said := told(slurm, "status", tmp_path)):
        assert time.monotonic() < limit, said
        time.sleep(0.5)
    assert "1 cannot start with the options submitted: PartitionConfig" in said
    assert f"wbtools batch cancel {tmp_path}" in " ".join(said.split())
    code, said, complaint = finish(slurm, run(slurm, *words))
    assert "nothing is submitted" in said and "PartitionConfig" in said and "batch cancel" in said, said + complaint
    told(slurm, "cancel", tmp_path)


def told(slurm, command, out):
    """What a command on a batch prints, where the cluster is known."""
    words = wbtools(command, out)
    return subprocess.run(words, env=slurm.environment, capture_output=True, text=True, timeout=120).stdout


def test_a_dry_run_shows_the_script_and_submits_nothing(slurm, tmp_path):
    batch = run(slurm, *line(tmp_path / "a b", ids(2), "--dry-run", "--gres", "gpu:1", "--sbatch-arg", "--account=me"))
    code, said, _ = finish(slurm, batch)
    assert code == 0
    assert "#SBATCH --gres=gpu:1" in said and "#SBATCH --account=me" in said and "--signal=B:TERM@60" in said
    assert not (tmp_path / "a b").exists()


@pytest.mark.slow
def test_a_folder_with_signs_of_slurm_and_of_the_shell_in_its_name_gets_its_logs(slurm, tmp_path):
    out = tmp_path / '100% of %A%j, it\'s "here" for $HOME; #1'
    code, said, complaint = finish(slurm, run(slurm, *line(out, ids(2), "--pack", 1, "--rounds", 1)))
    assert code == 0, said + complaint
    assert visible(out) == ids(2)
    job = said.partition("job ")[2].split()[0]
    assert sorted(path.name for path in (out / ".wbtools" / "slurm").glob("*.log")) == [f"{job}_0.log", f"{job}_1.log"]


@pytest.mark.slow
def test_a_real_array_exports_small_subjects(slurm, small_study, tmp_path):
    study = tmp_path / "a study"  # the script must survive a space
    for subject in ("100307", "100408", "100509"):
        shutil.copytree(small_study() / "100307", study / subject)
        for path in (study / subject).rglob("100307*"):
            path.rename(path.with_name(path.name.replace("100307", subject)))
    out = study / "derivatives"
    words = ["100307", "100408", "100509", "missing", "--out", out, "--study-folder", study, "--no-render"]
    words += ["--method", "lrp", "--null", 1, "--mesh", "native"]
    asked = ["--engine", "slurm", "--mem", "3G", "--time", "20:00", "--pack", 2, "--cpus", 2, "--wait"]
    code, said, complaint = finish(slurm, run(slurm, *words, *asked, program=exporting), 560)
    assert code == 1, said + complaint
    assert visible(out) == ["100307", "100408", "100509"]
    assert "missing: failed: " in said and str(study) in said, "a subject that is not there fails with its sentence"
    assert subprocess.run(exporting("verify", out)).returncode == 0
    records = [json.loads((out / subject / "provenance.json").read_text()) for subject in visible(out)]
    assert len({record["settings_sha256"] for record in records}) == 1
    assert not any(str(tmp_path) in (out / subject / "provenance.json").read_text() for subject in visible(out))
    assert len({(out / subject / f"{subject}.unet.regions.tsv").read_bytes() for subject in visible(out)}) == 1


def test_without_slurm_the_mend_says_where_to_go(tmp_path):
    bare = {"PATH": str(Path(shutil.which("true")).parent), "HOME": str(tmp_path)}
    if shutil.which("squeue", path=bare["PATH"]):
        bare["PATH"] = str(tmp_path)
    words = wbtools("run", *line(tmp_path / "out", ids(2)))
    said = subprocess.run(words, env=bare, capture_output=True, text=True)
    assert said.returncode == 3 and "no Slurm cluster" in said.stderr and "login node" in said.stderr
