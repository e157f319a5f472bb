from __future__ import annotations

from pathlib import Path

import pytest

from wbtools.errors import InputError, SubjectError
from wbtools.subject import LAYOUTS, find, recognise, resolve


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


HCP = "X/T1w/T1w_acpc_dc_restore.nii.gz"
FREESURFER = ("X/surf/lh.white", "X/mri/T1.mgz")
BIDS = "sub-X/anat/sub-X_desc-preproc_T1w.nii.gz"


@pytest.mark.parametrize(
    ("files", "layout"), [((HCP,), "hcp"), (FREESURFER, "freesurfer"), ((BIDS,), "bids")], ids=["hcp", "fs", "bids"]
)
def test_every_layout_is_recognised(tmp_path, files, layout):
    assert recognise(make(tmp_path, *files), "X") == layout


def test_a_folder_in_two_layouts_is_rejected(tmp_path):
    make(tmp_path, HCP, *FREESURFER)
    with pytest.raises(SubjectError, match=r"looks like several layouts: hcp .* and freesurfer") as caught:
        recognise(tmp_path, "X")
    assert "--layout" in caught.value.hint
    assert recognise(tmp_path, "X", "freesurfer") == "freesurfer"


@pytest.mark.parametrize(
    ("beside", "layout"),
    [
        ((), "t1w"),
        (("derivatives/fmriprep/" + BIDS,), "bids"),
        (tuple(f"derivatives/freesurfer/sub-{name}" for name in FREESURFER), "freesurfer"),
        (("derivatives/fmriprep/" + BIDS, *(f"derivatives/freesurfer/sub-{name}" for name in FREESURFER)), "bids"),
    ],
    ids=["raw", "fmriprep", "freesurfer", "both"],
)
def test_processed_data_take_precedence_over_a_raw_scan(tmp_path, beside, layout):
    make(tmp_path, *beside)
    (tmp_path / "sub-X/anat").mkdir(parents=True)
    (tmp_path / "sub-X/anat/sub-X_T1w.nii.gz").write_text("an image")
    assert recognise(tmp_path, "X") == layout


def test_several_raw_scans_are_named_and_none_is_taken(tmp_path):
    for run in "12":
        make(tmp_path, f"sub-X/anat/sub-X_run-{run}_T1w.nii.gz").joinpath(
            f"sub-X/anat/sub-X_run-{run}_T1w.nii.gz"
        ).write_text("an image")
    with pytest.raises(SubjectError, match="has 2 T1w images") as caught:
        recognise(tmp_path, "X")
    assert "sub-X_run-2_T1w.nii.gz" in str(caught.value) and "sub-X_run-1_T1w.nii.gz" in caught.value.hint


def test_an_unrecognised_folder_lists_what_was_looked_for(tmp_path):
    with pytest.raises(SubjectError) as caught:
        find(tmp_path, "X")
    for word in ("SUBJECT/T1w (HCP)", "SUBJECT/surf and SUBJECT/mri (FreeSurfer)", "sub-SUBJECT/anat", "(BIDS"):
        assert word in str(caught.value)


def test_only_the_requested_layout_is_tried(tmp_path):
    make(tmp_path, HCP)
    with pytest.raises(SubjectError) as caught:
        find(tmp_path, "X", layout="freesurfer")
    assert "FreeSurfer" in str(caught.value) and "HCP" not in str(caught.value)


def test_near_ids_of_every_layout_are_offered(tmp_path):
    make(tmp_path, "bert/surf/lh.white", "bert/mri/T1.mgz", "sub-bart/anat/sub-bart_hemi-L_white.surf.gii")
    with pytest.raises(SubjectError, match="has no subject bort") as caught:
        find(tmp_path, "bort")
    assert "bert" in caught.value.hint and "sub-bart" in caught.value.hint and "2 subjects" in caught.value.hint


def test_an_unknown_layout_is_answered_with_the_choices(tmp_path):
    with pytest.raises(InputError) as caught:
        recognise(tmp_path, "X", "spm")
    assert all(name in caught.value.hint for name in ("auto", *LAYOUTS))


def test_a_path_stands_for_study_folder_and_id(tmp_path):
    make(tmp_path, *FREESURFER, "sub-Y/ses-1/anat/a")
    assert resolve(Path("study"), str(tmp_path / "X")) == (tmp_path, "X")
    assert resolve(Path("study"), str(tmp_path / "X") + "/") == (tmp_path, "X")
    assert resolve(Path("study"), str(tmp_path / "sub-Y/ses-1")) == (tmp_path, "sub-Y_ses-1")
    assert resolve(Path("study"), "X") == (Path("study"), "X")
    with pytest.raises(InputError, match="none does not exist"):
        resolve(Path("study"), str(tmp_path / "none"))


@pytest.mark.parametrize("inside", ["", "surf", "mri"])
def test_a_folder_inside_the_subjects_or_with_a_single_subject_is_accepted(tmp_path, inside):
    make(tmp_path, *FREESURFER)
    (tmp_path / "X/mri/T1.mgz").write_text("an image, which is not taken alone")
    assert resolve(Path("study"), str(tmp_path / "X" / inside)) == (tmp_path, "X")
    assert resolve(Path("study"), str(tmp_path)) == (tmp_path, "X")


def test_a_folder_of_several_subjects_lists_them(tmp_path):
    make(tmp_path, *FREESURFER, *[name.replace("X/", "Y/") for name in FREESURFER])
    with pytest.raises(SubjectError, match=r"holds 2 subjects \(X, Y\)") as caught:
        resolve(Path("study"), str(tmp_path))
    assert "name one: X --study-folder" in caught.value.hint


@pytest.mark.parametrize(("name", "content", "word"), [("scan.dcm", "x", "dcm2niix"), ("scan.nii.gz", "", "empty")])
def test_a_file_other_than_an_image_is_rejected(tmp_path, name, content, word):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        resolve(Path("study"), str(tmp_path / name))
    assert word in f"{caught.value} {caught.value.hint}"
