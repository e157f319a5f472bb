"""Exports with references as studies have them: a card's own, BIDS, whole heads, and runs that are killed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from made_heads import with_face, write_hcp, write_network
from made_layouts import write_bids
from scipy.ndimage import map_coordinates

from wbtools.attribution.references import made_up
from wbtools.attribution.references.of_card import principal_components
from wbtools.images import nifti
from wbtools.space.grid import Volume
from wbtools.subject import find

pytestmark = pytest.mark.slow
QUICK = ("--mesh", "native", "--no-render", "--no-report", "--threads", "1")


@pytest.fixture(scope="module")
def brains(small_study):
    """Four other people: deformed copies of the small subject's brain, stripped."""
    t1w = nifti.read_volume(small_study("LAS") / "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz")
    found = []
    for seed in (31, 32, 33, 34):
        moved = made_up.displacement(t1w.grid, t1w.data > 0, seed)
        index = np.indices(t1w.grid.shape) + moved / t1w.grid.voxel_sizes[:, None, None, None]
        shaped = np.where(map_coordinates(t1w.data > 0, index, order=0), map_coordinates(t1w.data, index, order=1), 0)
        found.append(Volume(shaped.astype(np.float32), t1w.grid))
    return found


def written(folder, volumes, name="P{}.nii.gz"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, volume in enumerate(volumes, 1):
        nifti.write_volume(folder / name.format(number), volume)
    return folder


def record_of(folder):
    return json.loads(next(folder.glob("**/provenance.json")).read_text())


def reference_of(record):
    [network] = record["networks"].values()
    return network["attribution"]["reference"]


@pytest.mark.parametrize("kind", ["references", "reference_components"])
def test_a_cards_own_references_are_taken_and_on_record(small_study, brains, tmp_path, run_export, kind):
    network = write_network(tmp_path)
    mean, [component] = principal_components(np.stack([brain.data for brain in brains]), 1)
    shown = [Volume(mean, brains[0].grid), Volume(component, brains[0].grid), *brains[:2]]
    for name, volume in zip(("mean", "c1", "a", "b"), shown, strict=True):
        nifti.write_volume(tmp_path / f"{name}.nii.gz", volume)
    files = {"references": ["a.nii.gz", "b.nii.gz"], "reference_components": ["c1.nii.gz"]}
    card = json.loads(network.with_suffix(".json").read_text())
    network.with_suffix(".json").write_text(json.dumps({**card, "reference": "mean.nii.gz", kind: files[kind]}))
    options = ("--model", str(network), "--method", "deviation-magnitude", *QUICK)
    words = {
        "references": "2 brains of the network's card",
        "reference_components": "8 brains drawn from 1 component of the network's card",
    }
    dry, _ = run_export(small_study("LAS"), tmp_path / "out", *options, "--dry-run")
    assert f"references: {words[kind]}" in dry.splitlines()
    reference = reference_of(record_of(run_export(small_study("LAS"), tmp_path / "out", *options)[1]))
    assert reference["source"] == words[kind] and reference["count"] == (2 if kind == "references" else 8)
    assert reference.get("brains") == (["a.nii.gz", "b.nii.gz"] if kind == "references" else None)


def test_a_bids_study_gives_references_also_beside_a_method_that_takes_none(small_study, brains, tmp_path, run_export):
    """Like names among them, and only one person with surfaces."""
    study = tmp_path / "study"
    write_bids(find(small_study("LAS"), "100307"), study, "sub-100307")
    for label, brain in zip(("1", "01", "1003070"), brains, strict=False):
        written(study / f"sub-{label}" / "anat", [brain], f"sub-{label}_T1w.nii.gz")
    options = ("--references", "2", "--also", "gradient", "--model", str(write_network(tmp_path)), *QUICK)
    run_export(study, tmp_path / "out", *options)
    record = record_of(tmp_path / "out")
    [network] = record["networks"].values()
    used = network["attribution"]["reference"]["brains"]
    assert len(set(used)) == 2 and set(used) < {"sub-1", "sub-01", "sub-1003070"}
    assert [known["id"] for known in record["references"]] == used
    assert network["also"]["method"] == "gradient" and network["also"]["attribution"]["reference"] is None


def test_a_network_of_whole_heads_is_explained_against_heads_and_no_template(small_study, brains, tmp_path, run_export):
    network, study = write_network(tmp_path), write_hcp(small_study("LAS", variant="unmarked"), tmp_path / "study")
    card = json.loads(network.with_suffix(".json").read_text())
    network.with_suffix(".json").write_text(json.dumps({**card, "skull_stripped": False}))
    heads = written(tmp_path / "heads", [with_face(brain, face) for face, brain in enumerate(brains[:2])])
    options = ("--references", str(heads), "--method", "deviation", "--model", str(network), *QUICK)
    record = record_of(run_export(study, tmp_path / "out", *options)[1])
    assert reference_of(record)["count"] == 2 and not [said for said in record["notices"] if "show heads" in said]


def test_a_run_that_is_killed_publishes_nothing_and_its_work_serves_the_next(small_study, brains, tmp_path, run_export):
    people, work, out = written(tmp_path / "people", brains), tmp_path / "work", tmp_path / "out"
    options = ("--references", str(people), "--method", "deviation", "--model", str(write_network(tmp_path)), *QUICK)
    asked = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(out), *options]
    program = [sys.executable, "-c", "from wbtools.cli import main; main()", *asked, "--work", str(work)]
    running = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 300
        while not list(work.glob("reference-*.npy")):
            assert running.poll() is None and time.monotonic() < until
            time.sleep(0.01)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    kept = {path: path.stat().st_mtime_ns for path in work.glob("reference-*.npy")}
    assert 0 < len(kept) < 4 and not (out / "100307").exists()
    run_export(small_study("LAS"), out, *options, "--work", str(work))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(work.glob("reference-*.npy"))) == 4
    assert [path.name for path in out.iterdir()] == ["100307"]
    assert reference_of(record_of(out))["count"] == 4
    shutil.rmtree(work)
