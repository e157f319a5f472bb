"""Scans become a data set: with the code of the export, the same bytes after any crash, bad ones named."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from made_data import made_arrays, made_study, small_brain, varied
from made_heads import with_face

from wbtools import model
from wbtools.cli import main
from wbtools.datasets import open_data, split_of
from wbtools.datasets.draft import DONE
from wbtools.datasets.images.volumes import ScanImage, VolumePreparation
from wbtools.datasets.remarks import skull_removed_by
from wbtools.exporting import comparison_people
from wbtools.images import nifti
from wbtools.model.input import MASKED_WITH
from wbtools.space.grid import Unit, Volume
from wbtools.subject.selection import FileChoice, FoundPerson

PEOPLE = ("100", "101", "102", "103")
SHAPE = "20,24,20"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    study = made_study(tmp_path_factory.mktemp("scans") / "study", PEOPLE)
    (study / "twin_pairs.txt").write_text("100,101\n102,103\n")
    (study / "participants.tsv").write_text(
        "participant_id\tsex\tage\n100\tF\t30\n101\tF\t30\n102\tM\tn/a\n103\tM\t41\n"
    )
    return study


@pytest.fixture
def study(original, tmp_path):
    shutil.copytree(original, tmp_path / "study")
    return tmp_path / "study"


def t1w(study, person):
    return study / person / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"


def prepare(*arguments, recipe="twins", jobs=1, code=0):
    """By one process, since each takes a second to begin; None leaves the number to the command."""
    words = () if jobs is None else ("--jobs", jobs)
    result = CliRunner().invoke(main, ["prepare", recipe, *map(str, (*arguments, *words))])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ------------------------------------------------------------------------------------------------------ what is made


def test_a_row_is_bit_by_bit_what_the_export_shows_a_network(small_study):
    network = model.built_in()
    subject = FileChoice().subject(small_study(), "100307")
    shown = comparison_people.show(FoundPerson(subject.t1w, subject), {"net": network}).images["net"]
    made = VolumePreparation(network.card).make(ScanImage(subject.t1w, subject))
    assert np.array_equal(made.array[None], shown.data)


@pytest.mark.parametrize("intensity", ["minmax", "raw", "zscore"])
def test_intensities_are_those_of_the_card(small_study, intensity):
    network = model.built_in()
    network = replace(network, card=replace(network.card, intensity=intensity))
    subject = FileChoice().subject(small_study(), "100307")
    shown = comparison_people.show(FoundPerson(subject.t1w, subject), {"net": network}).images["net"]
    made = VolumePreparation(network.card).make(ScanImage(subject.t1w, subject))
    assert np.array_equal(made.array[None], shown.data)


def test_a_raw_scan_of_a_whole_head_is_masked_as_the_export_does(small_study, tmp_path):
    brain = small_study(variant="unmarked") / "100307" / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"
    head = with_face(nifti.read_volume(brain))
    folder = tmp_path / "study" / "sub-01" / "anat"
    folder.mkdir(parents=True)
    nifti.write_volume(folder / "sub-01_T1w.nii.gz", head)
    network = model.built_in()
    subject = FileChoice().subject(tmp_path / "study", "sub-01")
    assert subject.layout == "t1w"
    shown = comparison_people.show(FoundPerson(subject.t1w, subject), {"net": network}).images["net"]
    made = VolumePreparation(network.card).make(ScanImage(subject.t1w))
    assert np.array_equal(made.array[None], shown.data)
    assert any("The skull was removed by deepbet" in remark for remark in made.remarks)
    assert VolumePreparation(network.card).settings["skull_removed_by"].startswith("deepbet ")


def test_what_removed_the_skull_is_what_did_so(study, tmp_path):
    def removed(folder):
        return json.loads((tmp_path / folder / "dataset.json").read_text())["settings"]["skull_removed_by"]

    prepare(study, "--shape", SHAPE, "--out", tmp_path / "bare")
    assert removed("bare") == "nothing"  # all images came without it
    head = with_face(nifti.read_volume(t1w(study, "103")))
    nifti.write_volume(t1w(study, "103"), head)
    inside = (nifti.read_volume(t1w(study, "102")).data > 0).astype(np.uint8)
    nifti.write_volume(t1w(study, "103").with_name("brainmask_fs.nii.gz"), Volume(inside, head.grid, Unit.LABEL))
    said = prepare(study, "--shape", SHAPE, "--out", tmp_path / "one")
    assert "Note on 1 image: The skull was removed with the subject's brain mask." in said
    assert removed("one") == "the subject's brain mask"
    assert {skull_removed_by([said]) for said in MASKED_WITH.values()} == {
        "the subject's brain mask",
        "deepbet {version}",
        "an outline of the subject's segmentation",
        "the MNI152 template's brain mask",
    }


def test_a_study_folder_becomes_a_data_set_with_its_tables(study, tmp_path):
    said = prepare(study, "--out", tmp_path / "data", "--shape", SHAPE, jobs=None)
    data = open_data(tmp_path / "data")
    assert data.images.shape == (4, 1, 20, 24, 20)
    assert data.images.min() == 0 and data.images.max() == 1
    assert [item.person for item in data.items] == list(PEOPLE)
    assert data.labels("twin") == ("100-101", "100-101", "102-103", "102-103")
    assert data.labels("sex") == ("F", "F", "M", "M")
    assert data.labels("age") == ("30", "30", "", "41")
    assert data.manifest.card["orientation"] == "LAS"
    assert data.items[0].source == "100/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    assert str(tmp_path) not in (tmp_path / "data" / "dataset.json").read_text()
    assert "4 images of 4 people, 1 x 20 x 24 x 20 float32" in said
    assert "sex: F 2, M 2" in said
    split = split_of(data, (0.5, 0.5, 0))
    assert set(map(len, split.parts.values())) == {0, 2}


def test_the_training_that_comes_next_is_named_with_a_place_for_the_label_where_there_are_several(study, tmp_path):
    def other(name):
        return f"Or: wbtools index {tmp_path / name} --model RUN --out {tmp_path / name}.npz"

    following = f"Next: wbtools train classes {tmp_path / 'one'} --out {tmp_path / 'one'}-trained"
    assert prepare(study, "--out", tmp_path / "one", "--shape", SHAPE, recipe="classes").endswith(
        f"{following} {other('one')}"
    )
    table = study / "participants.tsv"
    table.write_text("participant_id\tsex\tarm\n100\tF\ta\n101\tF\tb\n102\tM\ta\n103\tM\tb\n")
    said = prepare(study, "--out", tmp_path / "two", "--shape", SHAPE, recipe="classes")
    assert said.endswith(f"--out {tmp_path / 'two'}-trained --set label=sex {other('two')}")


def test_the_default_grid_is_that_of_the_recipe(study, tmp_path):
    said = prepare(study, "--out", tmp_path / "data", "--dry-run")
    assert "shape: 86 x 103 x 86" in said and "intensity: minmax" in said
    said = prepare(study, "--out", tmp_path / "data", "--dry-run", recipe="classes")
    assert "shape: 58 x 70 x 58" in said and "intensity: raw" in said
    assert not (tmp_path / "data").exists()


def test_bytes_depend_neither_on_the_number_of_processes_nor_on_a_kill(study, tmp_path):
    command = [sys.executable, "-m", "wbtools.cli", "prepare", "twins", study, "--shape", "80,96,80", "--jobs", "1"]
    prepare(study, "--out", tmp_path / "large", "--shape", "80,96,80", jobs=2)
    process = subprocess.Popen([*map(str, command), "--out", str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
    done = tmp_path / "killed" / DONE
    until = time.monotonic() + 120
    while not (done.exists() and done.read_bytes().count(b"\n")) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 1 <= done.read_bytes().count(b"\n") < len(PEOPLE)
    said = prepare(study, "--out", tmp_path / "killed", "--shape", "80,96,80", jobs=2)
    assert "resuming: " in said
    assert contents(tmp_path / "killed") == contents(tmp_path / "large")


def test_people_with_sessions_are_one_person_with_several_images(tmp_path):
    brain = small_brain()
    for number, (person, session) in enumerate((("01", "1"), ("01", "2"), ("02", "1"))):
        folder = tmp_path / "study" / f"sub-{person}" / f"ses-{session}" / "anat"
        folder.mkdir(parents=True)
        nifti.write_volume(folder / f"sub-{person}_ses-{session}_T1w.nii.gz", varied(brain, number))
    (tmp_path / "study" / "participants.tsv").write_text("participant_id\tsex\nsub-01\tF\nsub-02\tM\n")
    prepare(tmp_path / "study", "--out", tmp_path / "data", "--shape", SHAPE, recipe="classes")
    data = open_data(tmp_path / "data")
    assert [(item.person, item.session) for item in data.items] == [("sub-01", "1"), ("sub-01", "2"), ("sub-02", "1")]
    assert data.labels("sex") == ("F", "F", "M")


def test_a_plain_folder_of_images_needs_a_table(tmp_path):
    for number, person in enumerate("ab"):
        (tmp_path / "scans").mkdir(exist_ok=True)
        nifti.write_volume(tmp_path / "scans" / f"{person}_brain.nii.gz", varied(small_brain(), number))
    said = prepare(tmp_path / "scans", "--out", tmp_path / "data", recipe="classes", code=3)
    assert "they have no labels" in said
    (tmp_path / "known.csv").write_text("ID;Group\na_brain;patient\nb_brain;control\n")
    arguments = ("--labels", tmp_path / "known.csv", "--shape", SHAPE)
    prepare(tmp_path / "scans", "--out", tmp_path / "data", *arguments, recipe="classes")
    assert open_data(tmp_path / "data").labels("Group") == ("patient", "control")


def test_arrays_of_the_twin_study_keep_their_parts_and_values(tmp_path):
    parts = {"train": ("1", "2", "3"), "val": ("4", "5"), "test": ("6", "7", "8")}
    folder = made_arrays(tmp_path / "arrays", parts)
    prepare(folder, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    for item in data.items:
        stored = np.load(folder / item.source)
        assert np.allclose(data.images[item.row, 0], stored, atol=1e-6)
    assert data.labels("twin") == ("1-2", "1-2", "", "4-5", "4-5", "6-7", "6-7", "")
    split = split_of(data)
    assert split.how == "source"
    assert [tuple(data.items[row].person for row in rows) for rows in split.parts.values()] == list(parts.values())


def test_parts_of_the_twin_study_that_share_a_person_are_refused(tmp_path):
    folder = made_arrays(tmp_path / "arrays", {"train": ("1", "2", "3"), "val": ("4", "5", "3"), "test": ("6", "7")})
    said = prepare(folder, "--out", tmp_path / "data", code=3)
    assert "the person 3 is in two parts of the split, train and val" in said
    assert not (tmp_path / "data").exists()


def test_a_table_names_files_and_labels(study, tmp_path):
    rows = [
        f"study/{p}/T1w/T1w_acpc_dc_restore_brain.nii.gz\tp{p}\tf{p[-1]}\t{g}\ttrain"
        for p, g in zip(PEOPLE, "abab", strict=True)
    ]
    (tmp_path / "all.tsv").write_text("\n".join(["file\tparticipant_id\tfamily\tgroup\tsplit", *rows]) + "\n")
    prepare(tmp_path / "all.tsv", "--out", tmp_path / "data", "--shape", SHAPE, recipe="classes")
    data = open_data(tmp_path / "data")
    assert data.people == ("p100", "p101", "p102", "p103")
    assert data.labels("group") == tuple("abab")
    assert [(item.family, item.split) for item in data.items] == [(f"f{n}", "train") for n in range(4)]


def test_columns_can_be_chosen(study, tmp_path):
    prepare(study, "--out", tmp_path / "data", "--shape", SHAPE, "--column", "sex", recipe="classes")
    assert open_data(tmp_path / "data").label_names == ("sex", "twin")
    said = prepare(study, "--out", tmp_path / "other", "--column", "sexx", recipe="classes", code=3)
    assert "--column sexx: there is no such column" in said and "did you mean sex?" in said


# ------------------------------------------------------------------------------------------------- what is refused


def spoil(study, person, how):
    path = t1w(study, person)
    volume = nifti.read_volume(path)
    data = volume.data.copy()
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:2000])
    elif how == "no gzip":
        path.write_bytes(b"not an image")
    elif how == "gone":
        path.unlink()
        path.symlink_to("nowhere")
    elif how == "twice":
        shutil.copy(t1w(study, "100"), path)
    else:
        middle = tuple(n // 2 for n in data.shape)
        data[middle] = np.nan if how == "NaN" else data[middle]
        data = {"NaN": data, "constant": np.full_like(data, 3), "mask": (data > 0) * np.float32(1)}[how]
        nifti.write_volume(path, replace(volume, data=data))


BAD = {
    "NaN": "NaN",
    "constant": "all voxels of the T1w image are equal",
    "mask": "has the same value nearly everywhere in the brain, as a mask has",
    "cut off": "",
    "no gzip": "",
    "gone": "",
    "twice": "its image is that of 100/T1w/T1w_acpc_dc_restore_brain.nii.gz",
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_image_is_named_or_left_out_and_listed(study, tmp_path, how):
    spoil(study, "103", how)
    (study / "twin_pairs.txt").unlink()
    arguments = (study, "--shape", SHAPE, "--out", tmp_path / "data")
    said = prepare(*arguments, recipe="classes", code=3)
    assert "103" in said and BAD[how] in said and "--skip-bad" in said
    said = prepare(*arguments, "--skip-bad", recipe="classes")
    assert "Left out: 1" in said and BAD[how] in said
    data = open_data(tmp_path / "data")
    assert [item.person for item in data.items] == ["100", "101", "102"]
    (name, why), *others = data.manifest.left_out.items()
    assert name.startswith("103") and BAD[how] in why and not others


def test_an_image_that_was_repaired_is_all_that_is_made_again(study, tmp_path):
    spoil(study, "103", "constant")
    prepare(study, "--shape", SHAPE, "--out", tmp_path / "data", code=3)
    nifti.write_volume(t1w(study, "103"), varied(small_brain(), 3))
    said = prepare(study, "--shape", SHAPE, "--out", tmp_path / "data")
    assert "resuming: 3 of 4 images are done" in said
    prepare(study, "--shape", SHAPE, "--out", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "data")


def test_labels_that_nothing_can_be_learned_from_are_refused(study, tmp_path):
    (study / "twin_pairs.txt").write_text("100,101\n")
    said = prepare(study, "--out", tmp_path / "data", code=3)
    assert "two pairs at least, and 4 to be trained on: the only pair is 100-101" in said
    (study / "twin_pairs.txt").unlink()
    assert "nobody's twin is known" in prepare(study, "--out", tmp_path / "data", code=3)
    (study / "participants.tsv").write_text("participant_id\tsex\n100\tF\n101\tF\n")
    said = prepare(study, "--out", tmp_path / "data", recipe="classes", code=3)
    assert "there is one class only: sex is F for everybody" in said
    assert not (tmp_path / "data").exists()


def test_the_intensities_are_said_once_and_of_no_network(study, tmp_path):
    said = prepare(study, "--shape", SHAPE, "--out", tmp_path / "data", recipe="classes")
    assert "intensities: raw (as in the file); --intensity chooses others" in said
    assert "was given" not in said + (tmp_path / "data" / "dataset.json").read_text()


def test_pairs_that_are_too_few_to_train_on_are_prepared_with_a_note(study, tmp_path):
    said = prepare(study, "--shape", SHAPE, "--out", tmp_path / "data")
    assert "Note: 2 pairs of twins are too few to train on: 4 are the least" in said and "wbtools train" not in said
    assert f"Next: wbtools index {tmp_path / 'data'} --model RUN --out {tmp_path / 'data'}.npz" in said


def test_the_training_that_comes_next_is_one_that_so_few_pairs_are_enough_for(tmp_path):
    people = [str(number) for number in range(100, 108)]
    study = made_study(tmp_path / "study", people)
    pairs = zip(people[::2], people[1::2], strict=True)
    (study / "twin_pairs.txt").write_text("".join(f"{first},{second}\n" for first, second in pairs))
    said = prepare(study, "--shape", SHAPE, "--out", tmp_path / "data")
    assert "Note: 4 pairs of twins are few to train on, and need other fractions than the usual ones" in said
    following, _, other = said.partition("Next: wbtools ")[2].partition(" Or: wbtools ")
    assert other.startswith("index ")
    assert following.endswith("--fractions .5 .5 0")
    result = CliRunner().invoke(main, [*following.split(), "--backbone", "unet-tiny", "--dry-run"])
    assert result.exit_code == 0 and "would write" in result.output, result.output


def test_a_shape_that_holds_no_brain_is_refused_by_the_option_s_name(study, tmp_path):
    said = prepare(study, "--shape", "20,24,1", "--out", tmp_path / "data", code=3)
    assert "--shape (20, 24, 1) is too small to hold a brain" in said and not (tmp_path / "data").exists()


def test_somebody_of_whom_two_things_are_said_is_refused(study, tmp_path):
    (study / "twin_pairs.txt").write_text("100,101\n101,102\n")
    assert "101 is in two pairs, 100-101 and 101-102" in prepare(study, "--out", tmp_path / "data", code=3)
    (study / "twin_pairs.txt").unlink()
    (study / "participants.tsv").write_text("participant_id\tsex\n100\tF\nsub-100\tM\n")
    said = prepare(study, "--out", tmp_path / "data", recipe="classes", code=3)
    assert "100 has two values of sex, F and M" in said


def test_the_project_s_table_gives_families_and_pairs(study, tmp_path):
    (study / "twin_pairs.txt").unlink()
    lines = ["100,M,22-25,F1,MZ", "101,M,22-25,F1,MZ", "102,F,26-30,F2,MZ", "103,F,26-30,F2,MZ", "999,F,26-30,F9,DZ"]
    (study / "behavioural.csv").write_text("\n".join(["Subject,Gender,Age,Family_ID,ZygosityGT", *lines]) + "\n")
    (study / "participants.tsv").unlink()
    prepare(study, "--out", tmp_path / "data", "--shape", SHAPE)
    data = open_data(tmp_path / "data")
    assert data.labels("twin") == ("100-101", "100-101", "102-103", "102-103")
    assert data.labels("sex") == ("M", "M", "F", "F")
    assert [item.family for item in data.items] == ["F1", "F1", "F2", "F2"]


@pytest.mark.parametrize("inside", ["", "100", "100/T1w/data", "data", "new/data"])
def test_nothing_is_written_into_a_study_or_a_subject_and_the_dry_run_says_so(study, inside):
    before = sorted(study.rglob("*"))
    told = prepare(study, "--out", study / inside, code=3)
    assert prepare(study, "--out", study / inside, "--dry-run", code=3) == told
    assert sorted(study.rglob("*")) == before


def test_nothing_is_written_into_what_is_read(tmp_path):
    folder = made_arrays(tmp_path / "arrays", {"train": ("1", "2"), "val": ("4", "5")})
    said = prepare(folder, "--out", folder / "data", code=3)
    assert "lies in" in said and not (folder / "data").exists()


def test_what_is_no_source_is_said_with_what_was_looked_for(tmp_path):
    (tmp_path / "empty").mkdir()
    said = prepare(tmp_path / "empty", "--out", tmp_path / "data", code=3)
    assert "holds no volumes in a known form" in said and "twin_pairs.txt" in said
    assert "does not exist" in prepare(tmp_path / "nowhere", "--out", tmp_path / "data", code=3)
    said = prepare(tmp_path / "empty", "--out", tmp_path / "data", recipe="twin", code=3)
    assert "'twin' is no recipe" in said and "did you mean twins?" in said


def test_a_full_disk_is_noticed_before_anything_is_computed(study, tmp_path):
    words = (study, "--out", tmp_path / "data", "--shape", SHAPE)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, usual[1]))
    try:
        said = prepare(*words, code=75)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert "Traceback" not in said and "resuming" not in prepare(*words)


def test_columns_of_sex_and_gender_that_contradict_each_other_are_refused(study, tmp_path):
    table = study / "participants.tsv"
    table.write_text("participant_id\tgender\tSex\n100\tF\tF\n101\tfemale\tF\n102\tM\tF\n")
    said = prepare(study, "--out", tmp_path / "data", "--dry-run", code=3)
    assert "in row 4, gender and Sex say F and M" in said
    assert "label sex: F 3" in prepare(study, "--out", tmp_path / "data", "--column", "Sex", "--dry-run")


def test_a_twin_pair_of_three_people_is_refused(study, tmp_path):
    (study / "twin_pairs.txt").unlink()
    (study / "participants.tsv").write_text("participant_id\ttwin\n100\ta\n101\ta\n102\ta\n103\tb\n")
    said = prepare(study, "--out", tmp_path / "data", "--dry-run", code=3)
    assert "the twin pair a has 3 people (100, 101, 102)" in said


def test_an_array_whose_header_is_no_python_is_named(tmp_path):
    arrays = made_arrays(tmp_path / "arrays", {"train": ["a", "b", "c", "d"]})
    path = next(arrays.rglob("*.npy"))
    header = b"{'descr': (((".ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    said = prepare(arrays, "--out", tmp_path / "data", "--dry-run", code=3)
    assert f"{path.name}" in said and "is no array of numpy that can be read" in said
