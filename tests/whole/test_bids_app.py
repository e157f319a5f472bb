"""`wbtools-bids` writes what `wbtools batch run`, `group` and `batch report` write, and the BIDS validator agrees."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_heads import write_network
from made_layouts import write_bids
from test_bids_outputs import errors

from wbtools.cli import main as wbtools
from wbtools.cli.apps.bids_app import main as app
from wbtools.images import nifti
from wbtools.reading import open_batch
from wbtools.subject import find

pytestmark = pytest.mark.slow

IDS = ("sub-01_ses-a", "sub-01_ses-b", "sub-02")
HOW = ("--method", "lrp", "--null", "0", "--no-render", "--mesh", "32k", "--report", "static")
TOGETHER = ("--no-render", "--permutations", "99", "--resamples", "99")


def run(command, *words):
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def write_dataset(study, root):
    """fMRIPrep's derivatives of three different scans, raw data of one person more, and a table."""
    derivatives = root / "derivatives" / "fmriprep"
    for number, name in enumerate(IDS):
        anat = write_bids(find(study, "100307"), derivatives, name)
        scan = nifti.read_volume(anat / f"{name}_desc-preproc_T1w.nii.gz")
        noise = np.random.default_rng(number).normal(1, 0.05, scan.data.shape)
        brain = (scan.data * noise).astype(np.float32)
        nifti.write_volume(anat / f"{name}_desc-preproc_T1w.nii.gz", type(scan)(brain, scan.grid))
    for person in ("sub-01", "sub-02", "sub-03"):
        (root / person / "anat").mkdir(parents=True)
        nifti.write_volume(root / person / "anat" / f"{person}_T1w.nii.gz", scan)
    (root / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\nsub-02\tM\nsub-03\tM\n")


def contents(folder):
    """Every file with what it holds, but times and versions of machines, which records and pages have."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.startswith(".wbtools/") or path.name == "index.html":
            continue
        found[name] = path.read_bytes()
        if path.name == "provenance.json":
            record = json.loads(path.read_text())
            read = {name: digest for name, digest in record["inputs_sha256"].items() if path.name not in name}
            found[name] = [record.get("settings_sha256"), read]
            found[f"{name}: files"] = sorted(record["outputs_sha256"])
        if path.name == "report.html":
            found[name] = re.sub(
                r"\d{4}-\d\d-\d\dT[\d:]+Z|[\d.]+(?=</td></tr>)|: [\d.e-]+(?=,?\n)", "", path.read_text()
            )
    return found


@pytest.fixture(scope="module")
def place(small_study, tmp_path_factory):
    root = tmp_path_factory.mktemp("bids_app")
    data = root / "ds"
    write_dataset(small_study("LAS"), data)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in data.rglob("*")}
    how = ("--model", write_network(root), *HOW)
    said = run(app, data, root / "app", "participant", "--n-cpus", "2", *how)
    said += run(app, data, root / "app", "group", "--participants", data / "participants.tsv", *TOGETHER)
    run(wbtools, "batch", "run", *IDS, "--study-folder", data, "--out", root / "batch", "--naming", "bids", *how)
    table = ("--participants", data / "participants.tsv")
    run(wbtools, "batch", "report", root / "batch", *table)
    run(wbtools, "group", root / "batch", "--out", root / "group", *table, *TOGETHER)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in data.rglob("*")} == before
    return root, said


def test_files_are_those_of_the_commands(place):
    root, _ = place
    ours = contents(root / "app")
    group = {name: ours.pop(name) for name in list(ours) if name.startswith("wbtools-group/")}
    theirs = contents(root / "batch")
    assert ours.keys() == theirs.keys() and len(ours) > 100
    assert [name for name in ours if ours[name] != theirs[name]] == []
    theirs = {f"wbtools-group/{name}": content for name, content in contents(root / "group").items()}
    assert group == theirs and "wbtools-group/group.html" in group


def test_the_validator_finds_no_error_in_exports_group_and_pages(place):
    out = place[0] / "app"
    assert (out / "wbtools-group" / "group.html").is_file() and (out / "wbtools-report" / "index.html").is_file()
    pytest.importorskip("bids_validator_deno")
    assert errors(out) == []


def test_a_group_among_the_exports_is_nobody_s_export(place):
    assert open_batch(place[0] / "app").people == IDS


def test_who_has_no_surfaces_is_named(place):
    assert "1 participant left out, without surfaces to be read: 03; --layout t1w" in " ".join(place[1].split())


def test_the_dataset_says_what_made_it_and_of_what(place):
    about = json.loads((place[0] / "app" / "dataset_description.json").read_text())
    assert about["GeneratedBy"][0].keys() == {"Name", "Version", "CodeURL"}
    assert about["SourceDatasets"] == [{"URL": "../ds/derivatives/fmriprep"}]


def test_the_line_to_be_repeated_is_the_app_s(place):
    root, _ = place
    plan = json.loads((root / "app" / ".wbtools" / "batch.json").read_text())
    assert plan["line"].split()[0] == "wbtools-bids"  # then the words of this process


def test_the_group_takes_the_dataset_s_table_and_replaces_nothing_unasked(place):
    root, _ = place
    words = [root / "ds", root / "app", "group", "--no-report", "--no-maps", *TOGETHER, "--formula", "sex"]
    again = CliRunner().invoke(app, list(map(str, words)))
    assert again.exit_code == 3 and "add --overwrite" in again.output
    record = root / "app" / "wbtools-group" / "provenance.json"
    before = record.read_bytes()
    assert "M-F" in run(app, *words, "--overwrite") and record.read_bytes() != before


def test_a_participant_who_cannot_be_exported_fails_alone(place):
    root, _ = place
    anat = root / "ds" / "derivatives" / "fmriprep" / "sub-04" / "anat"
    anat.mkdir(parents=True)
    Path(anat / "sub-04_desc-preproc_T1w.nii.gz").write_bytes(b"no image")
    done = CliRunner().invoke(
        app, [str(root / "ds"), str(root / "one"), "participant", "--participant-label", "04", *HOW]
    )
    assert done.exit_code == 1 and "sub-04: failed" in done.output
