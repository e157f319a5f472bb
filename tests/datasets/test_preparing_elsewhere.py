"""Rows made by Slurm and Dask: the bytes of a single machine, whatever is killed, with nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from clusters import processes
from made_data import made_study, small_brain, varied

from wbtools.batch import pieces
from wbtools.cli import main
from wbtools.datasets import piecewise, preparing
from wbtools.datasets.candidates import SourceOptions
from wbtools.datasets.draft import DONE, PIECES
from wbtools.datasets.recipes import Wanted
from wbtools.errors import InputError, TransientError
from wbtools.images import nifti

PEOPLE = ("100", "101", "102", "103")
SHAPE = ("--shape", "20,24,20")
ENGINES = ("slurm", "dask")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = made_study(tmp_path_factory.mktemp("scans") / "study", PEOPLE)
    (folder / "twin_pairs.txt").write_text("100,101\n102,103\n")
    return folder


@pytest.fixture(scope="module")
def here(original, tmp_path_factory):
    """What a single machine makes of the study."""
    folder = tmp_path_factory.mktemp("here") / "data"
    prepare(original, folder, "--jobs", 1)
    return contents(folder)


@pytest.fixture
def study(original, tmp_path):
    shutil.copytree(original, tmp_path / "study")
    return tmp_path / "study"


def prepare(study, out, *words, cluster=None, code=0):
    asked = ["prepare", "twins", study, "--out", out, *SHAPE, *words, *(cluster.words if cluster else ())]
    result = CliRunner(env=dict(cluster.environment) if cluster else None).invoke(main, [*map(str, asked)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def t1w(study, person):
    return study / person / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"


@pytest.mark.parametrize("engine", ENGINES)
def test_bytes_are_those_of_a_single_machine_and_nothing_else_is_left(study, here, tmp_path, cluster, engine):
    prepare(study, tmp_path / "there", "--piece", 3, cluster=cluster(engine))
    assert contents(tmp_path / "there") == here


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bad_image_is_named_the_others_are_kept_and_repaired_it_is_made_again(study, here, tmp_path, cluster, engine):
    empty = small_brain()
    nifti.write_volume(t1w(study, "101"), type(empty)(np.ones_like(empty.data), empty.grid))
    said = prepare(study, tmp_path / "there", "--piece", 2, cluster=cluster(engine), code=3)
    assert "101/T1w/T1w_acpc_dc_restore_brain.nii.gz: all voxels of the T1w image are equal" in said
    assert (tmp_path / "there" / DONE).read_text().count("\n") >= 2
    nifti.write_volume(t1w(study, "101"), varied(small_brain(), 1))
    said = prepare(study, tmp_path / "there", "--piece", 2, cluster=cluster(engine))
    assert "resuming" in said
    assert contents(tmp_path / "there") == here


def test_what_a_killed_command_and_a_killed_task_had_not_done_is_done_and_not_more(study, here, tmp_path, cluster):
    reached, there = cluster("slurm"), tmp_path / "there"
    asked = ("--piece", 1, "--pack", 4)
    words = ["prepare", "twins", study, "--out", there, *SHAPE, *asked, *reached.words]
    environment = {**os.environ, **reached.environment}
    command = subprocess.Popen(
        [sys.executable, "-P", "-m", "wbtools.cli", *map(str, words)], env=environment, stdout=subprocess.DEVNULL
    )
    first = there / PIECES / pieces.name_of(range(1)) / "provenance.json"
    until(first.is_file)
    command.kill()
    command.wait()
    for pid, said in processes():
        if f"batch worker {there}" in said:
            os.kill(pid, signal.SIGKILL)
    assert not (there / PIECES / pieces.name_of(range(3, 4))).exists()
    made = first.stat().st_mtime_ns
    reached.heal()
    status = CliRunner().invoke(main, ["batch", "status", str(there / PIECES)])
    assert "4 pieces: " in status.output and status.exit_code == 75
    until(reached.is_idle)  # the job after the array has submitted the rest
    assert first.stat().st_mtime_ns == made
    said = prepare(study, there, *asked, cluster=reached)
    assert "Submitted" not in said
    assert contents(there) == here


def until(condition):
    for _ in range(3600):  # a loaded machine starts a task late
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it takes too long")


def test_without_wait_the_same_line_puts_together_what_the_tasks_left(study, tmp_path, cluster):
    reached = cluster("slurm")
    leaving = replace(reached, words=tuple(word for word in reached.words if word != "--wait"))
    said = prepare(study, tmp_path / "there", cluster=leaving, code=75)
    assert "Submitted 1 piece as 1 task" in said and "the same line puts them together" in said
    until(reached.is_idle)
    said = prepare(study, tmp_path / "there", cluster=leaving)
    assert "4 images of 4 people" in said and "Submitted" not in said


def test_a_dry_run_shows_the_script_and_writes_nothing(study, tmp_path, cluster):
    said = prepare(study, tmp_path / "there", "--piece", 3, "--dry-run", cluster=cluster("slurm"))
    assert "2 pieces" in said and "#SBATCH --array=0-0" in said and f"batch worker {tmp_path}/there/.pieces" in said
    assert not (tmp_path / "there").exists()


def test_a_scheduler_is_needed_and_named_by_the_options_of_a_batch(study, tmp_path):
    said = prepare(study, tmp_path / "there", "--engine", "dask", code=3)
    assert "give --scheduler ADDRESS or --scheduler-file FILE" in said


def test_what_a_job_is_made_of_survives_being_kept(tmp_path):
    asked = preparing.Asked(
        "classes",
        tmp_path,
        tmp_path / "out",
        "study",
        SourceOptions("hcp", (tmp_path / "a.tsv",), ("sex",), r"(p\d+)"),
        Wanted((4, 5, 6), "raw", False),
        True,
    )
    assert piecewise.job(json.loads(json.dumps(piecewise.as_json(asked)))).asked == asked
    with pytest.raises(InputError, match="damaged"):
        piecewise.job({"asked": "{}"})


def test_rows_of_an_image_that_changed_meanwhile_and_damaged_pieces_are_not_taken(study, tmp_path):
    planned = preparing.plan(preparing.Asked("twins", study, tmp_path / "data", wanted=Wanted((20, 24, 20))))
    job, home = piecewise.PrepareJob(planned.asked), tmp_path / "data" / PIECES

    def published(draft):
        home.mkdir(parents=True)
        for units in piecewise.cut(draft.plan, 2):
            pieces.publish(job, pieces.name_of(units), home)

    def changing(planned, draft):
        published(draft)
        (home / pieces.name_of(range(2, 4)) / "rows.jsonl").write_text('[2, "", "", [], "other"]\n')
        yield from piecewise.collected(draft, home, piecewise.needed(draft, 2))

    with pytest.raises(TransientError, match="2 images changed"):
        preparing.make(planned, changing)

    def damaged(planned, draft):
        pieces.discard(home, pieces.name_of(range(2, 4)))
        pieces.publish(job, pieces.name_of(range(2, 4)), home)
        images = home / pieces.name_of(range(2, 4)) / "images.npy"
        images.write_bytes(images.read_bytes()[:-4] + b"abcd")
        yield from piecewise.collected(draft, home, piecewise.needed(draft, 2))

    with pytest.raises(InputError, match="row 3 has another SHA-256"):
        preparing.make(planned, damaged)
