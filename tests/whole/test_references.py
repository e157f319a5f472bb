"""Exports that compare with other people: who they are, what is kept of them, and what is said."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from made_heads import write_bids_head, write_network
from scipy.ndimage import map_coordinates

import wbtools
from wbtools.attribution.references import made_up
from wbtools.cli import main
from wbtools.exporting.references.conforming import conformed
from wbtools.exporting.references.place import ReferencePerson
from wbtools.images import nifti
from wbtools.placement import brain_extraction
from wbtools.provenance import sha256
from wbtools.space.grid import Volume

pytestmark = pytest.mark.slow
QUICK = ("--mesh", "native", "--no-render", "--no-report", "--threads", "2")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_network(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def controls(small_study, tmp_path_factory):
    """Three other people, deformed copies of the small subject's brain, and that subject itself."""
    folder = tmp_path_factory.mktemp("controls")
    source = small_study("LAS") / "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    t1w = nifti.read_volume(source)
    for seed in (21, 22, 23):
        moved = made_up.displacement(t1w.grid, t1w.data > 0, seed)
        index = np.indices(t1w.grid.shape) + moved / t1w.grid.voxel_sizes[:, None, None, None]
        nifti.write_volume(folder / f"C{seed}.nii.gz", Volume(map_coordinates(t1w.data, index, order=1), t1w.grid))
    shutil.copy(source, folder / "same.nii.gz")
    return folder


@pytest.fixture(scope="module")
def made(small_study, network, controls, run_export, tmp_path_factory):
    """An export with people as references, and the folder of its caches."""
    home = tmp_path_factory.mktemp("export")
    options = (*QUICK, "--model", str(network), "--null", "1")
    asked = ("--method", "deviation-magnitude", "--references", str(controls), "--work", str(home / "work"))
    printed, folder = run_export(small_study("LAS"), home / "out", *options, *asked)
    return printed, json.loads((folder / "provenance.json").read_text()), home / "work"


def test_people_are_references_and_on_record_by_their_files(made, controls):
    printed, record, _ = made
    [network] = record["networks"].values()
    reference = network["attribution"]["reference"]
    assert (reference["count"], reference["source"]) == (3, "3 other people")
    assert network["attribution"]["conservation"] == pytest.approx(1, abs=0.01)
    labels = [f"number {number} of {controls.name}" for number in (1, 2, 3)]
    assert [known["id"] for known in record["references"]] == labels == reference["brains"]
    files = sorted(controls.glob("C*.nii.gz"))
    assert [known["t1w_sha256"] for known in record["references"]] == [sha256(path) for path in files]
    assert not any(path.name.split(".")[0] in json.dumps(record) for path in files)
    assert record["settings"]["references"] == controls.name
    assert str(controls) not in json.dumps(record)
    said = "References: 1 of 4 were left out, who are the exported person or one compared with."
    assert said in record["notices"] and said in " ".join(printed.split())


def test_the_next_export_takes_them_from_the_cache(made, small_study, network, controls, tmp_path, monkeypatch):
    _, before, work = made
    kept = sorted(path.name for path in work.glob("reference-*.npy"))
    assert len(kept) == 3

    def forbidden(*args):
        raise AssertionError("a reference was conformed again")

    monkeypatch.setattr("wbtools.exporting.references.conforming.other_brain", forbidden)
    how = wbtools.ExportSettings(
        models=(network,),
        method="deviation-magnitude",
        references=wbtools.ReferenceChoice(place=controls),
        nulls=0,
        threads=2,
        work=work,
        mesh="native",
    )
    model, study = wbtools.load_model(network), small_study("LAS")
    explanation = wbtools.explain(model, wbtools.find_subject("100307", study), how)
    [known] = before["networks"].values()
    assert explanation.attribution.expected_sum == pytest.approx(known["attribution"]["put_in"], rel=1e-4)
    assert sorted(path.name for path in work.glob("reference-*.npy")) == kept


def test_a_dry_run_names_the_references(small_study, network, controls, tmp_path):
    arguments = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(tmp_path / "out")]
    asked = ["--references", str(controls), "--model", str(network), "--method", "deviation", "--dry-run"]
    result = CliRunner().invoke(main, [*arguments, *asked])
    assert result.exit_code == 0, result.output
    assert [name for name in ("C21", "C22", "C23", "same") if f"{name}.nii.gz" in "".join(result.output.split())] == [
        "C21",
        "C22",
        "C23",
    ]


def test_references_that_are_heads_are_masked_roughly_without_deepbet_and_that_is_said_also_of_those_in_the_cache(
    small_study, network, tmp_path, monkeypatch
):
    monkeypatch.setattr(brain_extraction, "installed", lambda: None)
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path)
    subject = wbtools.find_subject("100307", study)
    people = [
        ReferencePerson(subject.t1w),
        ReferencePerson(subject.t1w, subject),
    ]  # an image alone has no mask of its own
    model, work = wbtools.load_model(network), tmp_path / "work"
    for _ in range(2):
        found = conformed(people, {"small": model}, work)["small"]
        assert len(found.brains) == 2
        [said] = found.remarks
        assert said.startswith("References: 1 of 2 show heads.") and "template's brain mask" in said
