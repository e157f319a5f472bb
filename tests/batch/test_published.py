"""Whether a subject is done is read from its folder, and every way of not being whole is told apart."""

import json

import pytest
from made_exports import write_record

from wbtools.batch.state.published import Inspection, Published, look, place
from wbtools.output.ownership import foreign
from wbtools.output.ownership import record as read_record
from wbtools.output.publishing import publishing
from wbtools.provenance import Provenance, settings_sha256

SETTINGS = {"subject": "100307", "method": "lrp", "threads": 2}
HASH = settings_sha256({**SETTINGS, "subject": "another", "threads": 8}, ["n1"])


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study" / "100307"
    folder.mkdir(parents=True)
    (folder / "T1w.nii.gz").write_bytes(b"scan")
    return folder


@pytest.fixture
def folder(tmp_path, study):
    """A subject published by the same code as an export."""
    record = Provenance(SETTINGS)
    record.add_inputs(study, [study / "T1w.nii.gz"])
    record.deciding = ["n1"]
    with publishing(tmp_path / "out", "100307", overwrite=False) as made:
        (made / "100307.wbtools.scene").write_text("a scene")
        write_record(record, made)
    return tmp_path / "out" / "100307"


def test_a_folder_as_recorded_is_current_for_everybody_with_the_same_settings(folder, study):
    assert look(folder, HASH, study, deep=True).what is Published.CURRENT
    assert look(folder.parent / "100408", HASH).what is Published.ABSENT


@pytest.mark.parametrize("deciding", [{"method": "deviation"}, {"mesh": "32k"}])
def test_every_option_that_decides_the_result_makes_it_foreign(folder, deciding):
    other = settings_sha256({**SETTINGS, **deciding}, ["n1"])
    assert look(folder, other).what is Published.FOREIGN
    assert look(folder, settings_sha256(SETTINGS, ["n2"])).what is Published.FOREIGN


def test_another_version_of_wbtools_makes_it_foreign(folder, monkeypatch):
    monkeypatch.setattr("wbtools.provenance.__version__", "99")
    assert look(folder, settings_sha256(SETTINGS, ["n1"])).what is Published.FOREIGN


def test_missing_shortened_and_unreadable_files_are_damage_at_a_glance(folder):
    scene = folder / "100307.wbtools.scene"
    scene.write_text("a scen")
    assert look(folder, HASH).what is Published.DAMAGED
    scene.unlink()
    assert "missing" in look(folder, HASH).why
    (folder / "provenance.json").write_text("{")
    assert look(folder, HASH).what is Published.DAMAGED
    (folder / "provenance.json").unlink()
    assert look(folder, HASH).what is Published.DAMAGED


def test_a_changed_byte_is_found_by_the_deep_look_only(folder):
    (folder / "100307.wbtools.scene").write_text("A scene")
    assert look(folder, HASH).what is Published.CURRENT
    assert "SHA-256" in look(folder, HASH, deep=True).why


def test_other_inputs_make_it_outdated_and_absent_ones_do_not(folder, study):
    (study / "T1w.nii.gz").write_bytes(b"another scan")
    assert look(folder, HASH, study).what is Published.OUTDATED
    (study / "T1w.nii.gz").unlink()
    assert look(folder, HASH, study).what is Published.CURRENT


def test_the_record_knows_the_size_of_everything_it_hashes(folder):
    record = json.loads((folder / "provenance.json").read_text())
    assert record["outputs_bytes"] == {"100307.wbtools.scene": (folder / "100307.wbtools.scene").stat().st_size}
    assert set(record["inputs_bytes"]) == set(record["inputs_sha256"]) == {"T1w.nii.gz"}


def test_a_subject_is_found_under_its_id_in_bids_as_well(tmp_path):
    assert place(tmp_path, "01") == tmp_path / "01"
    (tmp_path / "sub-01").mkdir()
    assert place(tmp_path, "01") == tmp_path / "sub-01"
    assert place(tmp_path, "sub-01") == tmp_path / "sub-01"
    (tmp_path / "01").mkdir()
    assert place(tmp_path, "01") == tmp_path / "01"


def test_a_file_that_git_annex_has_elsewhere_is_not_damage_and_damage_is_said_first(folder):
    scene = folder / "100307.wbtools.scene"
    size = scene.stat().st_size
    scene.unlink()
    scene.symlink_to(".git/annex/objects/x/y/MD5E-s7--0.scene")
    found = look(folder, HASH)
    assert found.what is Published.UNFETCHED and "is a link to nowhere: its file was not fetched" in found.why
    assert f"datalad get {scene}" in found.why
    scene.unlink()
    scene.write_text("/annex/objects/MD5E-s7--0.scene\n")
    assert size != scene.stat().st_size and look(folder, HASH).what is Published.UNFETCHED
    record = folder / "provenance.json"
    known = json.loads(record.read_text())
    known["outputs_sha256"]["other"] = "0"
    record.write_text(json.dumps(known))
    assert look(folder, HASH) == Inspection(Published.DAMAGED, "other is missing")


def test_a_record_that_is_a_link_is_read_and_never_replaced(folder):
    record = folder / "provenance.json"
    record.rename(folder.parent / "elsewhere.json")
    record.symlink_to(folder.parent / "elsewhere.json")
    assert look(folder, HASH).what is Published.CURRENT
    assert foreign(folder, "100307") == "its provenance.json is a link, and wbtools replaces no links"
    with pytest.raises(ValueError, match="it is a link"):
        read_record(folder)
    (folder.parent / "elsewhere.json").unlink()
    assert "provenance.json is a link to nowhere" in look(folder, HASH).why
