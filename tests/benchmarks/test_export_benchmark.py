"""The benchmark of an export: its readings of /proc, its tables, and the commands of its pipeline."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from benchmark_modules import imported

ROOT = Path(__file__).parents[2]
HOG = "data = b'x' * 60_000_000; print(sum(range(3_000_000)), flush=True); import time; time.sleep(0.7)"


@pytest.fixture(scope="module")
def measuring():
    return imported("exports.measuring")


@pytest.fixture(scope="module")
def stages():
    return imported("exports.stages")


@pytest.fixture(scope="module")
def physical():
    return imported("exports.physical")


@pytest.fixture(scope="module")
def pipeline():
    return imported("exports.pipeline")


@pytest.fixture
def place(pipeline, tmp_path):
    """A place whose files need not be there, but for what the list of commands is made of."""
    given, export = tmp_path / "given", tmp_path / "export/100307"
    for folder in (given, tmp_path / "out", export / "figures"):
        folder.mkdir(parents=True)
    (given / "deep.txt").write_text("PUTAMEN_LEFT\n12 1 2 3 255\nTHALAMUS_LEFT\n10 4 5 6 255\n")
    (export / "100307.wbtools.scene").touch()
    from PIL import Image

    for name in pipeline.SCENES:
        Image.new("RGB", (16, 10)).save(export / f"figures/unet.{name}.png")
    return pipeline.Place(tmp_path / "study/100307", given, tmp_path / "out", export)


def steps_of(pipeline, place):
    return [step for chains in pipeline.rounds(place) for chain in chains for step in chain]


# ------------------------------------------------------------------------------------------------------------ measuring


def test_bytes_read_and_written_are_those_of_this_process(measuring, tmp_path):
    """The kernel counts what is asked of it, so writing and reading a file moves both by at least its size."""
    before = measuring.moved(Path("/proc/self/io").read_text())
    (tmp_path / "file").write_bytes(bytes(300_000))
    (tmp_path / "file").read_bytes()
    after = measuring.moved(Path("/proc/self/io").read_text())
    for here, there in zip(before, after, strict=True):
        assert 300_000 <= there - here < 400_000  # /proc/self/io itself, and little more


def test_processor_time_and_memory_of_a_command_include_its_children(measuring):
    grandchild = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOG!r}], check=True)"
    with measuring.Measured() as seen:
        cost = measuring.run([sys.executable, "-c", grandchild])
    assert cost.largest > 60e6
    assert seen.peak > 60e6
    assert 0 < cost.processor <= seen.processor
    assert cost.wall > 0.7  # it sleeps so long


def test_a_process_that_has_ended_has_no_memory_and_no_children(measuring):
    with subprocess.Popen(["true"]) as child:
        child.wait()
    assert measuring.proportional(child.pid) == 0
    assert measuring.below(child.pid) == []


def test_children_of_children_are_found(measuring):
    words = ["sh", "-c", "sleep 30 & echo $!; wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as shell:
        sleeping = int(shell.stdout.readline())
        assert set(measuring.below(os.getpid())) >= {shell.pid, sleeping}
        os.kill(sleeping, 15)


def test_a_command_that_fails_is_told_in_its_own_words(measuring):
    with pytest.raises(measuring.Failed, match="no such thing"):
        measuring.run(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_promises_say_whether_they_are_kept_and_by_how_much(measuring):
    rows = [
        measuring.Promise("most", 13.0, 26.0, "s"),
        measuring.Promise("too much", 27.3, 26.0, "s"),
        measuring.Promise("least", 23.0, 35.0, at_least=True),
    ]
    lines = measuring.promises(rows).splitlines()
    assert lines[2:] == [
        "| most | 13 s | <= 26 s | 0.50 | yes |",
        "| too much | 27.3 s | <= 26 s | 1.05 | **no** |",
        "| least | 23 | >= 35 | 0.66 | **no** |",
    ]


# --------------------------------------------------------------------------------------------------------------- stages


def test_steps_of_a_stage_are_added_up_between_marks(stages):
    marks = [
        stages.Mark("start", 10.0, 0.0, 0, 0),
        stages.Mark("relevance of unet", 12.0, 1.5, 100, 5),
        stages.Mark("relevance of unet: randomised network 1 of 2", 13.0, 3.0, 110, 5),
        stages.Mark("files", 16.0, 8.0, 110, 6),
        stages.Mark("end", 17.0, 9.0, 120, 906),
    ]
    assert stages.between(marks) == [
        stages.Stage("start", 2.0, 1.5, 100, 5),
        stages.Stage("relevance of unet", 4.0, 6.5, 10, 1),
        stages.Stage("files", 1.0, 1.0, 10, 900),
    ]


def test_a_mark_counts_ended_children_too(stages):
    before = stages.Mark.now("before")
    subprocess.run([sys.executable, "-c", "sum(range(10_000_000))"], check=True)
    after = stages.Mark.now("after")
    assert after.processor - before.processor > 0.02  # no machine adds ten million numbers sooner


# ----------------------------------------------------------------------------------------------------- physical limits


@pytest.fixture
def speeds(physical):
    return physical.Speeds(1e-10, 1e-9, 2e-9, 5e-10, 1e-8, 2.5, 0.5, 0.1, 0.2, 80_000_000)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("subject", 1 + 2),
        ("files made for this subject", 1 + 2),
        ("T1w and brain mask", 1 + 2 + 10),
        ("relevance of unet", 1 + 2 + 33 * 0.1 + 23 * 0.2),
        ("files", 1 + 2 + 2.5),
        ("regions of unet", 1 + 2 + 0.008),
        ("cut to the brain", 1 + 2 + 2 * 0.008),
        ("scenes and pictures", 1 + 2 + 10 + 0.5),
        ("hashes", 1 + 2 + 0.5),
    ],
)
def test_a_stages_limit_is_what_it_moves_and_its_kind_of_work(stages, physical, speeds, name, expected):
    stage = stages.Stage(name, 9.0, 9.0, 1_000_000_000, 1_000_000_000)
    assert physical.limit(stage, speeds, 8) == pytest.approx(expected)


def test_stages_furthest_above_their_limits_come_first(stages, physical, speeds):
    found = [stages.Stage("files", 1, 3.0, 0, 0), stages.Stage("report", 9, 9.0, 0, 10**9)]
    lines = physical.compared(found, speeds, 8).splitlines()[2:]
    assert lines == [
        "| report | 9.00 | 2.000 | 4.5 | moves bytes |",
        "| files | 3.00 | 2.500 | 1.2 | packs what it writes |",
    ]


def test_packing_takes_files_of_both_kinds(physical, tmp_path):
    values = np.random.default_rng(1).normal(size=(40, 40, 40)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "v.nii.gz")
    array = nibabel.gifti.GiftiDataArray(values.ravel(), "NIFTI_INTENT_NONE", datatype="NIFTI_TYPE_FLOAT32")
    nibabel.save(nibabel.gifti.GiftiImage(darrays=[array]), tmp_path / "m.func.gii")
    assert len(gzip.decompress((tmp_path / "v.nii.gz").read_bytes())) == values.nbytes + 352
    assert all(physical.packing(path) > 0 for path in tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------ shell pipeline


WRITTEN = {  # where an operation's words name its output, the operation counted as 1
    **{"-volume-math": 3, "-metric-mask": 4, "-metric-merge": 2, "-volume-merge": 2, "-cifti-palette": 4},
    **{"-volume-to-surface-mapping": 4, "-label-to-volume-mapping": 5, "-volume-smoothing": 4, "-label-resample": 6},
    **{"-volume-resample": 5, "-volume-label-import": 4, "-metric-smoothing": 5, "-cifti-parcellate": 5},
    **{"-cifti-create-dense-scalar": 2, "-cifti-create-label": 2, "-surface-affine-regression": 4},
    **{"-add-to-spec-file": 2, "-show-scene": 4, "-volume-palette": 2, "-metric-palette": 2},
}


def test_what_a_command_reads_another_has_written_before(pipeline, place):
    there = set()
    for step in steps_of(pipeline, place):
        named = [word for word in step.words if isinstance(word, Path) and word.parent == place.out]
        if step.words[0] == "wb_command" and step.words[1] in WRITTEN:
            made = {step.words[WRITTEN[step.words[1]]]}
        else:  # a copy, a script, or -cifti-separate: what is not there yet, they make
            made = set(named) - there
        assert made <= set(named)
        assert set(named) - made <= there
        there |= made
    assert {path.name for path in there} >= {"smooth.nii.gz", "R.native.3.func.gii", "areas.pscalar.nii", "mni.nii.gz"}


def test_all_operations_are_known_to_workbench(pipeline, place):
    listed = subprocess.run(["wb_command", "-list-commands"], capture_output=True, text=True, check=True).stdout
    old = subprocess.run(["wb_command", "-list-deprecated-commands"], capture_output=True, text=True, check=True).stdout
    known = {row.split()[0] for row in (listed + old).splitlines() if row.strip()}
    used = {step.words[1] for step in steps_of(pipeline, place) if step.words[0] == "wb_command"}
    assert used <= known
    assert {"-volume-to-surface-mapping", "-cifti-create-dense-scalar", "-show-scene"} <= used


def test_one_side_stands_for_both_in_the_long_commands(pipeline, place):
    from dataclasses import replace

    both, left = (steps_of(pipeline, each) for each in (place, replace(place, sides="L")))

    def ribbons(steps):
        return sum(step.sides for step in steps if "-ribbon-constrained" in step.words)

    assert ribbons(both) == ribbons(left) == 6
    assert len(left) < len(both)


def test_a_command_of_the_pipeline_really_runs_and_its_time_is_counted(pipeline, place):
    steps = imported("exports.steps")
    shape = (4, 5, 6)
    dice = np.random.default_rng(2)
    left = dice.integers(0, 3, shape).astype(np.int32)
    right = np.where(left == 0, 181 * dice.integers(0, 2, shape), 0).astype(np.int32)
    deep = dice.choice([0, 10, 12, 77], shape).astype(np.int32)
    (place.subject / "T1w").mkdir(parents=True)
    files = {place.out / "L.nii.gz": left, place.out / "R.nii.gz": right, place.subject / "T1w/wmparc.nii.gz": deep}
    for path, values in files.items():
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
    (cortex, whole, *_) = (step for step in steps_of(pipeline, place) if step.what == "atlas in voxels")
    told = []
    done = steps.run_all([[[cortex, whole]]], told.append)
    made = np.asarray(nibabel.load(place.out / "atlas.raw.nii.gz").dataobj)
    surface = np.where(left > 0, left, right)
    assert np.array_equal(made, np.where(surface > 0, surface, np.where(np.isin(deep, (10, 12)), deep + 400, 0)))
    assert told == done
    assert steps.added(done) == {"atlas in voxels": (2, pytest.approx(sum(each.cost.processor for each in done)))}
