"""Outputs stay out of inputs, however the paths are spelt."""

import json
import os
import subprocess

import pytest

from wbtools.errors import InputError
from wbtools.subject.containment import (
    default_out,
    require_apart,
    require_no_subject,
    require_outside_subjects,
    require_place,
)


@pytest.fixture
def study(tmp_path):
    """Folders as the layouts have them, without content."""
    folder = tmp_path / "data" / "study"
    for name in (
        "100307/T1w/Native",
        "100307/MNINonLinear",
        "bert/surf",
        "bert/mri",
        "sub-01/anat",
        "derivatives/fmriprep/sub-01/anat",
        "derivatives/fmriprep/sub-02/ses-1/anat",
        "anna/T1w",
    ):
        (folder / name).mkdir(parents=True)
    return folder


INSIDE = ["100307", "100307/out", "100307/T1w/deep/er", "bert/x", "sub-01", "sub-01/anat/x", "anna/out", "anna/T1w"]
INSIDE += ["derivatives/fmriprep/sub-02/x", "derivatives/fmriprep/sub-02/ses-1"]


@pytest.mark.parametrize("place", [".", "../study", *INSIDE])
@pytest.mark.parametrize("linked", [False, True])
def test_the_study_folder_and_subjects_folders_are_no_place_for_exports(study, tmp_path, place, linked):
    out = study / place
    if linked:
        (tmp_path / "link").symlink_to(out)
        out = tmp_path / "link"
    with pytest.raises(InputError, match="never written to") as caught:
        require_place(out, study)
    assert str(default_out(study)) in caught.value.hint


@pytest.mark.parametrize(
    "place",
    ["derivatives/wbtools", "derivatives", "results", "..", "../out", "../study-out", "100307-out", "new/100307"],
)
def test_other_folders_in_and_around_the_study_are(study, place):
    require_place(study / place, study)
    require_place(study / place, study, ["100307", "sub-01"])


def test_a_folder_is_a_subjects_because_the_list_says_so(study):
    (study / "p1").mkdir()
    require_place(study / "p1" / "out", study)
    with pytest.raises(InputError, match=r"lies in .*p1"):
        require_place(study / "p1" / "out", study, ["p1"])


def test_another_study_folder_is_refused_and_a_folder_of_exports_is_not(study, tmp_path):
    other = tmp_path / "other"
    (other / "100408" / "MNINonLinear").mkdir(parents=True)
    with pytest.raises(InputError, match=r"is a study folder: it holds 100408"):
        require_place(other, study)
    (other / "100408" / "provenance.json").write_text("{}")
    with pytest.raises(InputError, match=r"it holds 100408"):  # a record was copied into it
        require_place(other, study)
    with pytest.raises(InputError, match=r"holds a subject's files"):
        require_no_subject(other / "100408", study)
    (other / "100408" / "MNINonLinear").rename(other / "100408" / "T1w")
    (other / "100408" / "T1w" / "Native").mkdir()
    require_place(other, study)
    require_no_subject(other / "100408", study)


def test_caches_lie_in_no_study_folder(study, tmp_path):
    other = tmp_path / "other"
    (other / "100408" / "MNINonLinear").mkdir(parents=True)
    (tmp_path / "link").symlink_to(study)
    for work in (study, tmp_path / "link", other, study / "100307"):
        with pytest.raises(InputError, match=f"--work {work}") as caught:
            require_place(tmp_path / "out", study, work=work)
        assert "--work" in caught.value.hint or work == study / "100307"
    require_place(tmp_path / "out", study, work=tmp_path / "work")
    require_place(tmp_path / "out", study, work=study / "derivatives" / "work")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_description_that_is_no_file_is_not_waited_for(study, tmp_path, kind):
    path = tmp_path / "dataset_description.json"
    {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero"), "folder": os.mkdir}[kind](path)
    with pytest.raises(InputError, match="cannot be read"):
        require_place(tmp_path, study)


@pytest.mark.parametrize(
    ("description", "refused"),
    [
        ({"Name": "raw", "BIDSVersion": "1.8.0"}, True),
        ({"DatasetType": "raw"}, True),
        ({"DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}, True),
        ("cut sho", True),
        ({"DatasetType": "derivative", "GeneratedBy": [{"Name": "wbtools"}]}, False),
        ({"DatasetType": "derivative", "Name": "written by hand"}, False),
    ],
)
def test_somebody_elses_bids_dataset_is_no_place_for_exports(study, tmp_path, description, refused):
    text = description if isinstance(description, str) else json.dumps(description)
    (tmp_path / "dataset_description.json").write_text(text)
    if refused:
        with pytest.raises(InputError, match="BIDS dataset of"):
            require_place(tmp_path, study)
    else:
        require_place(tmp_path, study)


@pytest.mark.parametrize("target", ["100307", "100307/T1w", "100307/T1w/new"])
def test_the_folder_to_be_published_is_not_in_the_input_nor_is_it(study, target):
    with pytest.raises(InputError, match="an input"):
        require_apart(study / target, [study / "100307"], study)


def test_the_folder_to_be_published_holds_no_input(study):
    network = study.parent / "nets" / "unet.pt"
    network.parent.mkdir()
    network.write_text("")
    for target, path in ((study.parent, study / "100307"), (study, study / "bert"), (network.parent, network)):
        with pytest.raises(InputError, match="holds an input"):
            require_apart(target, [path], study)
    require_apart(network.parent / "100307", [network], study)


def test_links_on_either_side_are_followed(study, tmp_path):
    store = tmp_path / "store" / "100408"
    (store / "T1w").mkdir(parents=True)
    (study / "100408").symlink_to(store)
    (tmp_path / "out").symlink_to(store.parent)
    for target in (tmp_path / "out" / "100408", store, study / "100408" / "x", store / "T1w" / "x"):
        with pytest.raises(InputError, match="an input"):
            require_apart(target, [study / "100408"], study)
    (tmp_path / "100408").symlink_to(study / "100408")
    with pytest.raises(InputError, match="is an input"):
        require_apart(tmp_path / "100408", [study / "100408"], study)
    require_apart(tmp_path / "elsewhere" / "100408", [study / "100408"], study)


def test_links_in_a_circle_are_no_traceback(study, tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    require_place(tmp_path / "a", study)


@pytest.mark.skipif(os.getuid() != 0, reason="needs mount")
def test_a_bind_mount_is_noticed(study, tmp_path):
    bound = tmp_path / "bound"
    bound.mkdir()
    if subprocess.run(["mount", "--bind", study, bound], capture_output=True).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        with pytest.raises(InputError, match="is the study folder"):
            require_place(bound, study)
        with pytest.raises(InputError, match="is an input"):
            require_apart(bound / "100307", [study / "100307"], study)
    finally:
        subprocess.run(["umount", bound], check=True)


def test_the_default_is_never_in_a_subjects_folder(study):
    for given in (study, study / "100307", study / "bert", study / "sub-01" / "anat"):
        assert default_out(given).resolve() == study / "derivatives" / "wbtools"
        require_place(default_out(given), study)
    assert default_out(study / "derivatives" / "fmriprep") == study / "derivatives/fmriprep/derivatives/wbtools"


def test_a_folder_of_scans_called_t1w_makes_no_subject_of_what_it_lies_in(tmp_path):
    scans = tmp_path / "data" / "T1w"
    scans.mkdir(parents=True)
    require_place(default_out(scans), scans)
    require_outside_subjects(tmp_path / "data" / "work", scans, (), "--work")
