"""Where people's folders may lie, what is taken instead of a raw scan, and why something is not found."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wbtools.errors import InputError, SubjectError
from wbtools.subject import locate, resolve

FREESURFER = ("surf/lh.white", "mri/T1.mgz")
RAW = "sub-X/anat/sub-X_T1w.nii.gz"
PREPROCESSED = "sub-X/anat/sub-X_desc-preproc_T1w.nii.gz"
WHOLE = (
    PREPROCESSED,
    *(
        f"sub-X/anat/sub-X_hemi-{side}_{kind}.surf.gii"
        for side in "LR"
        for kind in ("white", "pial", "desc-reg_sphere")
    ),
)


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"something, as far as finding goes")
    return folder


# ------------------------------------------------------------------------------------- nothing is stepped down silently


@pytest.mark.parametrize(
    "place",
    [
        "derivatives",
        "derivatives/fmriprep",
        "derivatives/smriprep",
        "derivatives/fmriprep-23.1.4",
        "derivatives/our pipeline",
        "derivatives/fmriprep/23.1.4",
    ],
)
def test_derivatives_are_taken_instead_of_the_raw_scan_wherever_they_lie(tmp_path, place):
    put(tmp_path, RAW)
    put(tmp_path / place, PREPROCESSED)
    found = locate(tmp_path, "X")
    assert (found.id, found.layout, found.folder) == ("sub-X", "bids", tmp_path / place / "sub-X")
    assert locate(*resolve(Path(), str(tmp_path / "sub-X"))) == found


@pytest.mark.parametrize(
    "place",
    [
        "derivatives/freesurfer",
        "derivatives/freesurfer-7.3.2",
        "sourcedata/freesurfer",
        "derivatives/sourcedata/freesurfer",
        "derivatives/fmriprep/sourcedata/freesurfer",
        "freesurfer",
        "FreeSurfer_7.4.1",
    ],
)
@pytest.mark.parametrize("name", ["sub-X", "X"])
def test_freesurfers_output_is_taken_instead_of_the_raw_scan(tmp_path, place, name):
    put(tmp_path, RAW)
    put(tmp_path / place / name, *FREESURFER)
    assert locate(tmp_path, "sub-X").folder == tmp_path / place / name


def test_ciftifys_output_is_taken_instead_of_the_raw_scan(tmp_path):
    put(tmp_path, RAW)
    put(tmp_path / "derivatives/ciftify/sub-X", "T1w/T1w.nii.gz", "MNINonLinear/x")
    assert locate(tmp_path, "sub-X").layout == "hcp"


@pytest.mark.parametrize("study", ["rawdata", "", "sub-X", "rawdata/sub-X", "derivatives"])
def test_the_study_folder_may_be_the_raw_data_beside_them_or_the_subjects(tmp_path, study):
    raw = "rawdata/" if "rawdata" in study or not study else ""
    put(tmp_path, f"{raw}{RAW}")
    put(tmp_path / "derivatives/fmriprep-24", PREPROCESSED)
    assert locate(tmp_path / study, "sub-X").folder == tmp_path / "derivatives/fmriprep-24/sub-X"


def test_without_any_derivatives_the_raw_scan_is_taken_also_from_rawdata(tmp_path):
    put(tmp_path / "rawdata", RAW)
    (tmp_path / "derivatives/mriqc").mkdir(parents=True)
    assert locate(tmp_path, "sub-X").layout == "t1w"


def test_the_study_folders_own_folder_takes_precedence(tmp_path):
    put(tmp_path / "bids", *WHOLE)
    put(tmp_path / "freesurfer/sub-X", *FREESURFER)
    put(tmp_path / "ciftify/sub-X", "T1w/T1w.nii.gz")
    assert locate(tmp_path / "bids", "X").layout == "bids"
    put(tmp_path / "raw", RAW)
    with pytest.raises(SubjectError, match=r"several layouts: hcp .* and freesurfer"):
        locate(tmp_path / "raw", "X")


def test_our_own_exports_are_not_taken_for_derivatives(tmp_path):
    put(tmp_path, RAW)
    put(tmp_path / "derivatives/wbtools", *WHOLE, "sub-X/provenance.json")
    assert locate(tmp_path, "sub-X").layout == "t1w"


def test_several_derivatives_are_listed_and_none_is_taken(tmp_path):
    put(tmp_path, RAW)
    folders = [put(tmp_path / "derivatives" / name, *WHOLE) / "sub-X" for name in ("fmriprep-20", "fmriprep-23")]
    with pytest.raises(SubjectError, match="found in 2 places") as caught:
        locate(tmp_path, "X")
    assert all(str(folder) in str(caught.value) for folder in folders) and "path" in caught.value.hint
    for folder in folders:
        assert locate(*resolve(Path(), str(folder))).folder == folder


def test_the_only_complete_one_of_several_is_taken(tmp_path):
    put(tmp_path / "derivatives/qsiprep", PREPROCESSED)
    put(tmp_path / "derivatives/fmriprep", *WHOLE)
    assert locate(tmp_path, "X").folder == tmp_path / "derivatives/fmriprep/sub-X"


def test_two_links_to_a_folder_count_once(tmp_path):
    put(tmp_path / "derivatives/fmriprep-23", *WHOLE)
    (tmp_path / "derivatives/fmriprep").symlink_to("fmriprep-23")
    assert locate(tmp_path, "X").id == "sub-X"


def test_several_folders_of_freesurfer_are_listed(tmp_path):
    for name in ("freesurfer-6", "freesurfer-7"):
        put(tmp_path / "derivatives" / name / "sub-X", *FREESURFER)
    with pytest.raises(SubjectError, match="found in 2 places"):
        locate(tmp_path, "X")


@pytest.mark.parametrize(
    ("half", "words"),
    [
        ("derivatives/freesurfer/sub-X/mri/T1.mgz", "has mri/ and no surf/"),
        ("sub-X/freesurfer/surf/lh.white", "has surf/ and no mri/"),
    ],
)
def test_a_raw_scan_does_not_replace_unfinished_surfaces(tmp_path, half, words):
    put(tmp_path, RAW, half)
    with pytest.raises(SubjectError, match=words) as caught:
        locate(tmp_path, "sub-X")
    assert "--layout t1w" in caught.value.hint
    assert locate(tmp_path, "sub-X", "t1w").layout == "t1w"


# ------------------------------------------------------------------------------------------- almost a layout, by name


@pytest.mark.parametrize(
    ("files", "words", "hint"),
    [
        (("P/mri/T1.mgz",), "P has mri/ and no surf/: surfaces were not made", "FastSurfer without --seg_only"),
        (("P/surf/lh.white",), "P has surf/ and no mri/", "copy mri/"),
        (("P/MNINonLinear/a",), "P has MNINonLinear/ and no T1w/", "Structural Preprocessed"),
        (("P/unprocessed/3T/T1w_MPR1/P_3T_T1w_MPR1.nii.gz",), "unprocessed scans only", "P_3T_T1w_MPR1.nii.gz"),
        (("P/scans/1.dcm", "P/0001.dcm"), "holds DICOM files", "dcm2niix"),
        (("P/surf/lh.central.P.gii", "P/mri/p1P.nii"), "mri/mP.nii", "CAT12"),
        (("P/surf/log.txt", "P/mri/p0P.nii"), "no central surfaces: surfaces were not finished", "CAT12"),
    ],
)
def test_an_incomplete_layout_is_reported_with_what_is_missing(tmp_path, files, words, hint):
    put(tmp_path, *files)
    for study, name in ((tmp_path, "P"), resolve(Path(), str(tmp_path / "P"))):
        with pytest.raises(SubjectError) as caught:
            find_anyhow(study, name)
        assert words in str(caught.value) and hint in caught.value.hint


def find_anyhow(study, name):
    from wbtools.subject import find

    return find(study, name)


# ------------------------------------------------------------------------------------------------ paths lead somewhere


def test_a_mistyped_path_is_rejected_with_similar_names(tmp_path):
    put(tmp_path / "subjects/bert", *FREESURFER)
    with pytest.raises(InputError, match="bort does not exist") as caught:
        resolve(Path(), str(tmp_path / "subjects/bort"))
    assert "subjects/bert" in caught.value.hint
    for path in ("../nowhere/at/all", "/nowhere", "nowhere/"):
        with pytest.raises(InputError, match="does not exist"):
            resolve(tmp_path, path)


def test_a_path_may_be_relative_to_the_study_folder(tmp_path):
    put(tmp_path / "sub-1/ses-2", *FREESURFER)
    assert locate(*resolve(tmp_path, "sub-1/ses-2")).id == "sub-1_ses-2"


@pytest.mark.parametrize("asked", ["path", "id"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is a link to nowhere: its file was not fetched"),
        ("/annex/objects/MD5E-s1--0a.nii.gz\n", "is a pointer of git-annex: its file was not fetched"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is a pointer of git-lfs"),
    ],
)
def test_an_unfetched_file_is_reported(tmp_path, asked, content, words):
    path = tmp_path / "sub-03/anat/sub-03_T1w.nii.gz"
    path.parent.mkdir(parents=True)
    path.symlink_to("../../.git/annex/objects/gone") if content is None else path.write_text(content)
    with pytest.raises(InputError) as caught:
        if asked == "path":
            resolve(Path(), str(path))
        else:
            locate(tmp_path, "sub-03")
    assert f"sub-03_T1w.nii.gz {words}" in str(caught.value) and "datalad get" in caught.value.hint
    assert "no subject" not in str(caught.value)


def test_a_broken_link_instead_of_a_folder_is_reported(tmp_path):
    (tmp_path / "bert").symlink_to("gone")
    with pytest.raises(InputError, match="bert is a link to nowhere"):
        resolve(tmp_path, str(tmp_path / "bert"))


def test_a_plain_name_that_exists_only_in_the_working_directory_is_a_path(tmp_path, monkeypatch):
    put(tmp_path / "one/person", *FREESURFER)
    put(tmp_path / "study/two", *FREESURFER)
    put(tmp_path / "two/another", *FREESURFER)
    monkeypatch.chdir(tmp_path)
    assert resolve(Path(), "one") == resolve(Path(), "one/") == (tmp_path / "one", "person")
    assert resolve(Path("study"), "two") == (Path("study"), "two")  # the study's own comes first
    assert resolve(Path("study"), "two/")[1] == "another"
    assert resolve(Path("study"), "three") == (Path("study"), "three")


# ---------------------------------------------------------------------------------------------- what may not be read

_DROP = "--bounding-set=-dac_override,-dac_read_search,-fowner"


def message_of(study, name):
    """What looking for a subject ends in, without the right to read everything that tests may have."""
    code = (
        "import sys; from pathlib import Path; from wbtools.subject import locate\n"
        "from wbtools.errors import WbtoolsError\n"
        "try: print(locate(Path(sys.argv[1]), sys.argv[2]).id)\n"
        "except WbtoolsError as error: print(type(error).__name__, error, '|', error.hint)"
    )
    as_others = ["setpriv", _DROP] if os.geteuid() == 0 else []
    words = [*as_others, sys.executable, "-c", code, str(study), name]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("there", "asked", "lacks", "meant"),
    [
        (("sub-X/ses-a/anat/sub-X_ses-a_T1w.nii.gz",), "sub-X_ses-b", "sub-X .* has no ses-b", ["sub-X_ses-a"]),
        (("derivatives/fmriprep/sub-X/ses-a/anat/x",), "X_ses-b", "X .* has no ses-b", ["sub-X_ses-a"]),
        (("P7/ses-1/surf/x", "P7/ses-2/surf/x"), "P7_ses-3", "P7 .* has no ses-3", ["P7_ses-1", "P7_ses-2"]),
    ],
)
def test_a_mistyped_session_is_answered_with_the_persons_sessions(tmp_path, there, asked, lacks, meant):
    put(tmp_path, *there, "derivatives/fmriprep/sub-Y/ses-c/anat/x")
    with pytest.raises(SubjectError, match=lacks) as caught:
        locate(tmp_path, asked)
    assert f"did you mean {' or '.join(meant)}?" in caught.value.hint


def test_the_path_of_a_missing_session_is_answered_with_existing_ones(tmp_path):
    put(tmp_path, "sub-X/ses-a/anat/sub-X_ses-a_T1w.nii.gz")
    with pytest.raises(InputError, match="sub-X/ses-b does not exist") as caught:
        resolve(tmp_path, "sub-X/ses-b")
    assert "did you mean sub-X/ses-a?" in caught.value.hint


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_an_unreadable_folder_does_not_end_a_search_and_is_reported(tmp_path):
    put(tmp_path / "100307", *FREESURFER)
    put(tmp_path / "raw", RAW)
    put(tmp_path / "runs", *(f"sub-X/anat/sub-X_run-{run}_T1w.nii.gz" for run in (1, 2)))
    locked = [tmp_path / "100408", *(tmp_path / name / "derivatives/fmriprep/sub-X" for name in ("raw", "runs"))]
    for folder in locked:
        folder.mkdir(parents=True)
        folder.chmod(0)
    try:
        assert message_of(tmp_path, "100307") == "100307\n"
        unknown = message_of(tmp_path, "100999")
        assert "has no subject 100999" in unknown and "100408" in unknown and "did you mean" in unknown
        assert "100408 may not be read: Permission denied" in message_of(tmp_path, "100408")
        assert "chmod" in message_of(tmp_path, "100408") and "--out" not in message_of(tmp_path, "100408")
        assert "sub-X may not be read" in message_of(tmp_path / "raw", "sub-X")  # and no template surfaces
        assert "sub-X may not be read" in message_of(tmp_path / "runs", "sub-X")  # and not: two images, nothing made
    finally:
        for folder in locked:
            folder.chmod(0o700)
