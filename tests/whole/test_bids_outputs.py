"""Exports under BIDS names are a BIDS derivative: the official validator finds no error."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import distribution
from pathlib import Path

import pytest
from made_heads import write_bids_head, write_network

pytest.importorskip("bids_validator_deno")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exports(small_study, run_export, tmp_path_factory):
    """A folder with two sessions, one of them on every mesh by two networks, and with a person without sessions."""
    base = tmp_path_factory.mktemp("bids")
    small, other = (("--model", str(write_network(base, name))) for name in ("small", "other"))
    exports = {
        "a": ("--mesh", "all", *small, *other),
        "b": ("--mesh", "native", *small),
        "": ("--mesh", "native", *small, "--id", "sub-02"),
    }
    for face, (session, options) in enumerate(exports.items()):
        study = write_bids_head(small_study("LAS", variant="unmarked"), base / f"study{session}", session, face)
        run_export(study, base / "out", "--method", "lrp", "--threads", "2", "--no-render", *options)
    return base / "out"


def errors(folder: Path) -> list[str]:
    """What the validator calls an error; it reads its own schema, and needs no network."""
    installed = distribution("bids-validator-deno")
    (program,) = (installed.locate_file(path) for path in installed.files or () if path.name == "bids-validator-deno")
    run = subprocess.run([program, "--format", "json", folder], capture_output=True, text=True)
    found = json.loads(run.stdout)["issues"]["issues"]
    return [f"{issue['code']} {issue.get('location')}" for issue in found if issue["severity"] == "error"]


def test_the_validator_finds_no_error(exports):
    assert errors(exports) == []
    # It looks: a name that BIDS does not know is one.
    wrong = exports / "sub-02" / "anat" / "sub-02_wrong.nii.gz"
    wrong.write_bytes(b"")
    assert errors(exports) != []
    wrong.unlink()


def test_sessions_lie_in_their_subject_s_folder_and_label_files_have_names_that_bids_knows(exports):
    ignored = (exports / ".bidsignore").read_text().split()
    for folder in (exports / "sub-100307" / "ses-a", exports / "sub-100307" / "ses-b", exports / "sub-02"):
        record = json.loads((folder / "provenance.json").read_text())
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert set(record["outputs_sha256"]) == there - {"provenance.json"}
        known = {
            path.name.partition(".")[0].rpartition("_")[2]
            for path in (folder / "anat").iterdir()
            if not any(path.match(pattern) for pattern in ignored)
        }
        assert {"T1w", "dseg"} <= known


def test_sidecars_say_what_bids_asks_for(exports):
    anat = exports / "sub-100307" / "ses-a" / "anat"
    t1w = "bids::sub-100307/ses-a/anat/sub-100307_ses-a_desc-preproc_T1w.nii.gz"
    about = {path.name: json.loads(path.read_text()) for path in anat.glob("*.json")}
    assert about["sub-100307_ses-a_desc-preproc_T1w.json"]["SkullStripped"] is True
    labels = about["sub-100307_ses-a_hemi-L_space-fsLR_seg-HCPMMP1_den-32k_dseg.json"]
    assert labels["SpatialReference"] == t1w and "32,492 vertices" in labels["Density"]["32k"]
    assert about["sub-100307_ses-a_space-T1w_desc-small_relevance.json"]["SpatialReference"] == t1w
    assert (exports / t1w.removeprefix("bids::")).is_file()
