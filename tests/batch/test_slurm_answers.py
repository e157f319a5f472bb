"""What Slurm's programs print on real sites, by stand-ins for them: banners, clusters, refusals, nothing at all."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import stub_batch
from crash_recovery import wbtools
from stand_in import manner

from wbtools.batch.engines.slurm import queue, rounds, script
from wbtools.batch.engines.slurm.queue import Submitted
from wbtools.batch.engines.slurm.request import Request
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan
from wbtools.errors import CommandError, InputError, TransientError

ASKED = 'echo "$(basename "$0") ${SLURM_CLUSTERS-} $*" >> "$ASKED"\n'


@pytest.fixture
def site(tmp_path, monkeypatch):
    """`site(sbatch="echo 7")` puts stand-ins on PATH; gives what they were asked, one line per call."""
    asked = tmp_path / "asked"
    monkeypatch.setenv("ASKED", str(asked))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("SLURM_CLUSTERS", raising=False)
    (tmp_path / "bin").mkdir()

    def put(**programs):
        usual = {"squeue": "exit 0", "scancel": "exit 0", "scontrol": "echo MaxArraySize = 1001"}
        for name, text in {**usual, **programs}.items():
            path = tmp_path / "bin" / name
            path.write_text(f"#!/bin/bash\n{ASKED}{text}\n")
            path.chmod(0o755)
        return lambda: asked.read_text().splitlines() if asked.exists() else []

    return put


def batch(out, **engine):
    """A batch of one subject, as `run` writes it."""
    files = BatchFiles(out)
    request = {name: getattr(Request(), name) for name in Request.__dataclass_fields__}
    plan = Plan("0" * 64, engine={**request, "sbatch": [], "time": "10:00", **engine})
    plan.write(files)
    return files, Plan.read(files)


@pytest.mark.parametrize(
    ("printed", "job"),
    [
        ("4711\n", Submitted("4711")),
        ("site plugin: ticket renewed\n4711\n", Submitted("4711")),
        ("4711\nYour project has 12 hours left.\n", Submitted("4711")),
        ("2026\nbanner\n  4711;delta \n\n", Submitted("4711", "delta")),
        ("Submitted batch job 4711\n", Submitted("4711")),
        ("Submitted batch job 4711 on cluster delta-2.site\n", Submitted("4711", "delta-2.site")),
        ("job 4711 was taken\n", None),
        ("4711 4712\n-5\n4711;\n4711;a b\n", None),
        ("\u0664\u0667\n", None),
        ("", None),
    ],
)
def test_the_last_line_that_looks_like_a_number_is_the_job(printed, job):
    assert Submitted.from_answer(printed) == job


def test_banners_around_the_number_disturb_no_batch(site, tmp_path):
    refuse = "for a; do case $a in --dependency=*) [[ $a =~ :[0-9]+$ ]] || exit 1;; esac; done"
    site(sbatch=f"echo welcome; {refuse}; echo 4711; echo goodbye")
    words = wbtools("run", "a", "--out", tmp_path / "out", "--engine", "slurm", "--other", manner(0))
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 75 and "job 4711" in done.stdout, done.stdout + done.stderr
    lines = (tmp_path / "out" / ".wbtools" / "submissions.jsonl").read_text().splitlines()
    assert [json.loads(line)["job"] for line in lines] == ["4711", "4711"]


def test_a_cluster_that_took_the_array_gets_the_job_after_it_and_every_question(site, tmp_path, monkeypatch):
    asked = site(sbatch='echo "4711;delta"', squeue='[[ $* = *delta* ]] && echo "4711_0|wb-x-0|RUNNING|None"; exit 0')
    monkeypatch.setenv("SLURM_CLUSTERS", "alpha,delta")
    files, plan = batch(tmp_path / "out")
    made = rounds.submit(files, plan, ["a"])
    assert (made.arrays, made.after) == (("4711",), "4711")
    array, after = (line for line in asked() if line.startswith("sbatch"))
    assert array.startswith("sbatch alpha,delta ") and "--clusters" not in array, "the user's choice is kept"
    assert "--clusters=delta" in after and "--dependency=afterany:4711" in after
    monkeypatch.delenv("SLURM_CLUSTERS")  # another day, another terminal
    assert [(job.id, job.cluster) for job in rounds.jobs(files)] == [("4711_0", "delta")]
    assert rounds.cancel(files) == 1
    assert asked()[-1] == "scancel  --clusters=delta 4711"


def test_jobs_of_several_clusters_are_told_apart(site):
    site(squeue='echo "CLUSTER: alpha"; echo "1|wb-a-0|PENDING|None"; echo; echo "CLUSTER: delta"; echo "2|wb-a-1|R|x"')
    found = queue.jobs(["wb-a-0", "wb-a-1"], "alpha,delta")
    assert [(job.id, job.cluster) for job in found] == [("1", "alpha"), ("2", "delta")]


def test_a_job_asks_its_own_cluster_about_itself(site, monkeypatch):
    asked = site(squeue="echo 10:00")
    monkeypatch.setenv("SLURM_CLUSTERS", "alpha,delta")
    assert queue.time_left("7_1") == 600
    assert queue.requeue("7_1")
    assert [line.split(" ")[1] for line in asked()] == ["", ""]


def test_an_array_without_a_number_is_looked_for_by_its_name(site, tmp_path):
    site(sbatch="echo thank you", squeue='echo "99_0|${*##*--name=}|PENDING|None"')
    files, plan = batch(tmp_path / "out", rounds=1)
    assert rounds.submit(files, plan, ["a"]).arrays == ("99",)


def test_an_array_that_nobody_can_find_is_told_in_sbatchs_words_and_refused_by_nobody(site, tmp_path):
    site(sbatch="echo 'thank you\x1b[31m'")
    files, plan = batch(tmp_path / "out")
    with pytest.raises(CommandError, match="thank you") as caught:
        rounds.submit(files, plan, ["a"])
    assert "refused" not in str(caught.value) and "\x1b" not in str(caught.value)
    assert "squeue --name=wb-" in caught.value.hint
    site(squeue='echo "99_0|${*##*--name=}|PENDING|None"')
    assert len(rounds.jobs(files)) == 1, "the next run finds it and submits nothing"


def test_arrays_stay_where_only_the_job_after_them_is_refused(site, tmp_path):
    site(sbatch='[[ $* = *--dependency* ]] && { echo "no dependencies here" >&2; exit 1; }; echo 4711')
    files, plan = batch(tmp_path / "out")
    made = rounds.submit(files, plan, ["a"])
    assert made.arrays == ("4711",) and made.after == "" and "no dependencies here" in made.trouble


def test_what_slurm_is_asked_by_an_option_is_not_overridden_by_a_variable(site, tmp_path, monkeypatch):
    asked = site(sbatch="echo 4711")
    monkeypatch.setenv("SQUEUE_PARTITION", "other")
    files, plan = batch(tmp_path / "out", partition="low")
    rounds.submit(files, plan, ["a"])
    assert all("--partition=low" in line and "--job-name=wb-" in line for line in asked() if line.startswith("sbatch"))
    assert "SQUEUE_PARTITION" not in queue._environment(os.environ)


@pytest.mark.parametrize("word", ["main\n#SBATCH --wrap=evil", "main\r", "a\x00b", "a\u2028b", "\x1b[0m"])
@pytest.mark.parametrize("option", ["partition", "time", "memory", "gres", "sbatch"])
def test_no_option_can_write_a_line_of_the_script(option, word):
    value = (f"--account={word}",) if option == "sbatch" else word
    with pytest.raises(InputError, match="line break or a control character"):
        Request(**{option: value})


def test_a_newline_in_an_option_ends_before_anything_is_written(tmp_path):
    for option in ("--partition", "--sbatch-arg", "--gres"):
        words = wbtools("run", "a", "--out", tmp_path / "out", "--engine", "slurm", "--other", manner(0))
        done = subprocess.run([*words, option, "--x=1\nrm"], capture_output=True, text=True)
        assert done.returncode == 3 and option in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_more_than_options_is_no_argument_of_sbatch():
    with pytest.raises(InputError, match="is no option"):
        Request(sbatch=("job.sh",))


def test_a_folder_that_no_script_can_name_is_refused_by_the_reason(tmp_path):
    for name in ("line\nbreak", "back\\slash", "bell\x07"):
        with pytest.raises(InputError, match="no batch script can hold"):
            script.log_pattern(tmp_path / name, "%j.log")
        with pytest.raises(InputError, match="no batch script can hold"):
            script.template("sge", "wb", 3, ["true"], logs=tmp_path / name, threads=1)
    assert script.log_pattern(Path("/a %A'b"), "%A_%a.log") == "/a %%A'b/%A_%a.log"


def test_where_a_task_looks_for_modules_is_decided_at_submission(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":/opt/site packages:.")
    text = script.JobArray("wb", 1, [], ["worker"], log="x", threads=1).script()
    assert "PYTHONPATH='/opt/site packages'\n" in text
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH=''" in script.JobArray("wb", 1, [], ["worker"], log="x", threads=1).script()


@pytest.mark.parametrize(
    ("reason", "impossible", "stuck"),
    [
        ("PartitionConfig", True, False),
        ("PartitionTimeLimit", True, False),
        ("PartitionNodeLimit", True, False),
        ("BadConstraints", True, False),
        ("AssocMaxCpuPerJobLimit", True, False),
        ("AssocMaxWallDurationPerJobLimit", True, False),
        ("AssocGrpCPUMinutesLimit", True, False),
        ("QOSMaxMemoryPerJob", True, False),
        ("QOSMaxGRESPerNode", True, False),
        ("QOSMinCpuNotSatisfied", True, False),
        ("AssocMaxJobsLimit", False, False),
        ("AssocGrpCpuLimit", False, False),
        ("AssocGrpCPURunMinutesLimit", False, False),
        ("QOSMaxJobsPerUserLimit", False, False),
        ("QOSMaxCpuPerUserLimit", False, False),
        ("Resources", False, False),
        ("Priority", False, False),
        ("Dependency", False, False),
        ("JobHeldUser", False, True),
        ("PartitionInactive", False, True),
        ("DependencyNeverSatisfied", False, True),
    ],
)
def test_reasons_that_never_pass_are_told_from_those_that_do(reason, impossible, stuck):
    job = queue.Job("1", "wb-a-0", "PENDING", reason)
    assert (job.impossible, job.stuck) == (impossible, stuck)


def test_a_job_that_can_never_start_is_named_with_the_way_out_and_so_is_slurm_that_is_silent(site, tmp_path):
    site(
        sbatch="echo 7", squeue='for a; do case $a in --name=*) echo "7_0|wb-x-0|PENDING|PartitionConfig";; esac; done'
    )
    out = tmp_path / "out"
    words = wbtools("run", "a", "--out", out, "--engine", "slurm", "--other", manner(0))
    assert subprocess.run(words, capture_output=True, text=True).returncode == 75
    again = subprocess.run(words, capture_output=True, text=True)
    status = stub_batch.care("status", out)
    for said in (again.stdout, status.stdout):
        assert "1 cannot start with the options submitted: PartitionConfig" in said
        assert f"to submit with others: wbtools batch cancel {out}" in " ".join(said.split())


def test_a_silent_slurm_is_given_up_in_time(site):
    site(squeue="exec sleep 60")
    began = time.monotonic()
    with pytest.raises(TransientError, match="Slurm does not answer: squeue timed out"):
        queue.jobs(["wb-a-0"], patience=1)
    assert time.monotonic() - began < 30
