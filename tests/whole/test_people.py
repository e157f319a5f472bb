"""People that a target compares with: a whole head is shown inside its own brain mask."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from made_asking import RUN, ask
from made_heads import write_bids_head, write_network

from wbtools import model
from wbtools.exporting import comparison_people
from wbtools.model.input import field_over
from wbtools.native.person import read_scan
from wbtools.placement import brain_extraction
from wbtools.subject import find
from wbtools.subject.selection import FoundPerson

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return write_network(tmp_path_factory.mktemp("network"))


def test_the_mask_of_a_subject_compared_with_is_its_own(small_study, network, tmp_path):
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path)
    subject, networks = find(study, "100307"), {"small": model.load(network)}
    found = comparison_people.show(FoundPerson(subject.t1w, subject), networks)
    np.testing.assert_array_equal(
        found.images["small"].data, comparison_people.seen_by(networks["small"], read_scan(subject)).data
    )
    assert "subject's brain mask" in found.remarks[0] and found.atlas is None


def test_a_head_is_masked_and_registered_once_for_all_networks_that_are_shown_its_brain(small_study, network, tmp_path):
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path)
    subject, first = find(study, "100307"), model.load(network)
    second = replace(first.named("second"), card=replace(first.card, name="second", shape=(24, 30, 24)))
    before = field_over.computed
    found = comparison_people.show(FoundPerson(subject.t1w, subject), {"small": first, "second": second})
    assert found.images["small"].grid.shape != found.images["second"].grid.shape
    assert field_over.computed == before + 1


def test_without_deepbet_a_plain_image_of_a_head_gets_the_templates_mask_and_that_is_said(
    small_study, network, tmp_path, monkeypatch
):
    monkeypatch.setattr(brain_extraction, "installed", lambda: None)
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path)
    found = comparison_people.show(FoundPerson(find(study, "100307").t1w), {"small": model.load(network)})
    assert "template's brain mask" in found.remarks[0] and "Caution" in found.remarks[0]
    assert "pip install deepbet" in found.remarks[0]


def test_an_export_compares_with_the_head_of_a_subject_that_is_named_by_its_folder(
    small_study, network, run_export, tmp_path
):
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path / "study")
    other = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path / "elsewhere", face=1) / "sub-100307"
    options = ("--target", "distance", "--method", "lrp", "--mesh", "native", "--no-render", "--threads", "2")
    printed, folder = run_export(study, tmp_path / "out", *options, "--other", str(other), "--model", str(network))
    record = json.loads((folder.with_name("sub-100307") / "provenance.json").read_text())
    said = "Of the person compared with: The skull was removed with the subject's brain mask."
    assert said in record["notices"] and said in " ".join(printed.split())
    files = [person["file"] for person in record["compared with"]]
    assert files == ["sub-100307_desc-preproc_T1w.nii.gz", "sub-100307_desc-brain_mask.nii.gz"]


def test_an_export_says_who_was_learned_from_and_that_its_map_is_not_of_the_pair(small_study, network, tmp_path):
    shutil.copytree(network.parent, tmp_path / "trained")
    split = {"people": {"train": ["100307"], "val": ["sub-other"], "test": []}}
    (tmp_path / "trained" / "run.json").write_text(json.dumps({**RUN, "split": split}))
    other = shutil.copytree(small_study("LAS", variant="average") / "100307", tmp_path / "study" / "other")
    words = (
        "--model",
        tmp_path / "trained" / network.name,
        "--mesh",
        "native",
        "--null",
        "0",
        "--no-render",
        "--threads",
        "2",
    )
    place = ("--study-folder", small_study("LAS"), "--out", tmp_path / "out", "--id", "P1", "--other", other)
    run = ask("export-subject", "100307", *place, *words)
    assert run.exit_code == 0, run.output
    expected = [
        "P1 is among the training people of trained: what a network says of those is right more often than of others.",
        "other is among the validation people of trained: what a network says of those is right more often than of "
        "others.",
        "The map is not of the comparison with --other, which only the decision tells of: it explains this person "
        "alone (--target embedding); --target pair or --target distance explains the comparison.",
    ]
    record = json.loads((tmp_path / "out" / "P1" / "provenance.json").read_text())
    page = (tmp_path / "out" / "P1" / "report.html").read_text()
    for sentence in expected:
        assert sentence in record["notices"] and f"Note: {sentence}" in run.output
        assert sentence.partition(":")[0] in page
    dry = ask("export-subject", "100307", *place, *words, "--dry-run", "--overwrite")
    assert f"note: {expected[2]}" in dry.output
    assert (
        "not of the comparison"
        not in ask("export-subject", "100307", *place, *words, "--dry-run", "--overwrite", "--target", "pair").output
    )
