"""A person is called by what was typed: never by a program, a step, a bare session or a link's target."""

from pathlib import Path

import pytest

from wbtools.errors import InputError, SubjectError
from wbtools.subject import find, identity, locate, require_plain_name, resolve
from wbtools.subject.identity import typed

FREESURFER = ("surf/lh.white", "mri/T1.mgz")
HCP = ("T1w/T1w_acpc_dc_restore_brain.nii.gz", "MNINonLinear/x")


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"something, as far as finding goes")
    return folder


@pytest.mark.parametrize(
    ("path", "person"),
    [
        # programs and steps, with and without versions, in any spelling
        ("release/sub-A/T1w_HCP_run-01/freesurfer", "sub-A_run-01"),
        ("biobank/1000001_20263_2_0/FreeSurfer", "1000001_20263_2_0"),
        ("P1/freesurfer-7.4.1", "P1"),
        ("P1/FreeSurfer_v6", "P1"),
        ("P1/fs", "P1"),
        ("P1/fs_7.1.1", "P1"),
        ("P1/recon-all", "P1"),
        ("P1/recon_all", "P1"),
        ("P1/derivatives/fmriprep-23.1.4", "P1"),
        ("P1/output", "P1"),
        ("P1/T1w", "P1"),
        ("100307/MNINonLinear", "100307"),
        # sessions, whatever they are called, below or above the program
        ("sub-01/ses-01", "sub-01_ses-01"),
        ("sub-01/ses-01/freesurfer", "sub-01_ses-01"),
        ("sub-01/freesurfer/ses-01", "sub-01_ses-01"),
        ("P1/session-2", "P1_ses-2"),
        ("P1/session_2/FreeSurfer", "P1_ses-2"),
        ("P1/visit3", "P1_ses-3"),
        ("P1/baseline/recon-all", "P1_ses-baseline"),
        ("sub-01_ses-02", "sub-01_ses-02"),
        ("sub-01_ses-02/ses-02", "sub-01_ses-02"),
        ("sub-01/ses-02/sub-01", "sub-01_ses-02"),
        ("sub-01/ses-02/run-3/T1w.nii.gz", "sub-01_ses-02_run-3"),
        # images
        ("scans/sub-01_T1w.nii.gz", "sub-01"),
        ("scans/sub-01_ses-2_run-1_T1w.nii", "sub-01_ses-2_run-1"),
        ("sub-01/ses-2/anat/sub-01_T1w.nii.gz", "sub-01_ses-2"),
        ("sub-01/ses-2/anat/ses-2_T1w.nii.gz", "sub-01_ses-2"),
        ("bert/mri/T1.mgz", "bert"),
        ("bert/mri/orig/001.mgz", "bert"),
        ("bert/mri/brainmask.mgz", "bert"),
        ("100307/T1w/T1w_acpc_dc_restore_brain.nii.gz", "100307"),
        ("1000001_20252_2_0/T1/T1_brain.nii.gz", "1000001_20252_2_0"),
        ("scans/bert.mgz", "bert"),
        # names of people that only look like a program's
        ("fs01", "fs01"),
        ("fs_01", "fs_01"),
        ("sesame", "sesame"),
        ("visitor", "visitor"),
        ("T1", "study"),
        ("HCA6002236_V1_MR", "HCA6002236_V1_MR"),
        ("103818+retest", "103818+retest"),
        ("001", "001"),
        ("fsaverage", "fsaverage"),
        ("bert.long.bert_base", "bert.long.bert_base"),
    ],
)
def test_a_path_gives_the_persons_id_and_not_the_processing_step(path, person):
    assert identity(Path("/data/study") / path) == person


@pytest.mark.parametrize(
    "path", ["/freesurfer", "/data/subjects/freesurfer", "/derivatives/fmriprep/ses-1", "/home/T1w"]
)
def test_a_path_without_an_id_is_rejected_with_the_option_that_gives_it(path):
    with pytest.raises(SubjectError, match="names no person") as caught:
        identity(Path(path))
    assert "--id" in caught.value.hint


def test_a_link_gives_the_id_as_typed(tmp_path):
    put(tmp_path / "archive/2019_scan_007", *FREESURFER)
    (tmp_path / "subjects").mkdir()
    (tmp_path / "subjects/bert").symlink_to("../archive/2019_scan_007")
    put(tmp_path, ".git/annex/objects/aa/MD5E-s1--0a.nii.gz/MD5E-s1--0a.nii.gz")
    image = tmp_path / "ds/sub-01/anat/sub-01_T1w.nii.gz"
    image.parent.mkdir(parents=True)
    image.symlink_to(tmp_path / ".git/annex/objects/aa/MD5E-s1--0a.nii.gz/MD5E-s1--0a.nii.gz")
    for path, person in ((tmp_path / "subjects/bert", "bert"), (image, "sub-01"), (image.parent, "sub-01")):
        assert locate(*resolve(Path(), str(path))).id == person
    assert locate(tmp_path / "ds", "sub-01").id == "sub-01"


def test_the_working_directory_gives_the_id_as_typed(tmp_path, monkeypatch):
    put(tmp_path / "archive/scan_007", *FREESURFER)
    (tmp_path / "bert").symlink_to("archive/scan_007")
    monkeypatch.chdir(tmp_path / "bert")
    monkeypatch.setenv("PWD", str(tmp_path / "bert"))
    assert locate(*resolve(Path(), ".")).id == "bert"
    assert locate(*resolve(Path(), "surf")).id == "bert"
    assert locate(Path(), "bert").id == "bert"  # the study folder is the subject's own
    monkeypatch.setenv("PWD", "/")  # of another program: not where we are
    assert locate(*resolve(Path(), ".")).id == "scan_007"


def test_the_parent_of_a_link_is_that_of_the_system(tmp_path):
    put(tmp_path / "archive/deep/scan_007", *FREESURFER)
    (tmp_path / "bert").symlink_to("archive/deep/scan_007")
    assert typed(tmp_path / "bert/../scan_007") == (tmp_path / "archive/deep/scan_007").resolve()
    assert typed(tmp_path / "archive/../bert") == tmp_path / "bert"


@pytest.mark.parametrize("inside", ["", "freesurfer", "T1w_run-01/freesurfer"])
def test_ids_find_program_folders_below_the_persons_folder(tmp_path, inside):
    put(tmp_path / "P1" / inside, *FREESURFER)
    found = locate(tmp_path, "P1")
    assert (found.layout, found.folder) == ("freesurfer", tmp_path / "P1" / inside)
    assert locate(*resolve(Path(), str(tmp_path / "P1"))) == found
    assert locate(tmp_path, found.id).folder == found.folder  # what it is called leads there again


@pytest.mark.parametrize("files", [FREESURFER, HCP], ids=["freesurfer", "hcp"])
@pytest.mark.parametrize("session", ["ses-{}", "session_{}", "ses-{}/freesurfer"])
def test_sessions_are_found_and_distinguished_in_every_layout(tmp_path, files, session):
    put(tmp_path / "sub-01" / session.format(1), *files)
    assert locate(tmp_path, "sub-01").id == locate(tmp_path, "01").id == "sub-01_ses-1"
    put(tmp_path / "sub-01" / session.format(2), *files)
    with pytest.raises(SubjectError, match="has 2 sessions") as caught:
        locate(tmp_path, "sub-01")
    assert "sub-01_ses-1, sub-01_ses-2" in caught.value.hint
    for number in "12":
        found = locate(tmp_path, f"sub-01_ses-{number}")
        assert found.folder == tmp_path / "sub-01" / session.format(number)
        assert found == locate(*resolve(Path(), str(found.folder)))


def test_runs_are_distinguished_by_id_and_by_path(tmp_path):
    for run in "12":
        put(tmp_path / f"sub-A/T1w_HCP_run-{run}/freesurfer", *FREESURFER)
    for path in ("T1w_HCP_run-2", "T1w_HCP_run-2/freesurfer", "T1w_HCP_run-2/freesurfer/mri"):
        assert locate(*resolve(Path(), str(tmp_path / "sub-A" / path))).id == "sub-A_run-2"
    assert locate(tmp_path, "sub-A_run-1").folder == tmp_path / "sub-A/T1w_HCP_run-1/freesurfer"
    with pytest.raises(SubjectError) as caught:
        locate(tmp_path, "sub-A")
    assert "sub-A_run-1, sub-A_run-2" in caught.value.hint


def test_flat_folders_of_sessions_are_found_by_their_person(tmp_path):
    put(tmp_path / "sub-01_ses-1", *FREESURFER)
    assert locate(tmp_path, "sub-01").id == "sub-01_ses-1"
    put(tmp_path / "sub-01_ses-2", *FREESURFER)
    with pytest.raises(SubjectError, match="has 2 sessions"):
        locate(tmp_path, "sub-01")


def test_raw_scans_of_sessions_are_found_by_their_ids(tmp_path):
    for session in "12":
        put(tmp_path, f"sub-01/ses-{session}/anat/sub-01_ses-{session}_T1w.nii.gz")
    found = locate(tmp_path, "sub-01_ses-2")
    assert (found.id, found.layout) == ("sub-01_ses-2", "t1w")
    with pytest.raises(SubjectError, match="has 2 T1w images"):
        locate(tmp_path, "sub-01")


def test_the_same_person_is_found_whether_asked_by_id_or_by_path(tmp_path):
    put(tmp_path, "sub-1/anat/sub-1_acq-a_T1w.nii.gz")
    put(tmp_path / "x", "T1w.nii.gz")
    put(tmp_path / "hcp/100307", *HCP)
    for study, name, path in (
        (tmp_path, "sub-1", "sub-1/anat/sub-1_acq-a_T1w.nii.gz"),
        (tmp_path, "x", "x/T1w.nii.gz"),
        (tmp_path / "hcp", "100307", "hcp/100307/T1w"),
    ):
        assert locate(study, name).id == locate(*resolve(Path(), str(tmp_path / path))).id
        assert find_id(study, name) in {None, locate(study, name).id}


def find_id(study, name):
    try:
        return find(study, name).id
    except SubjectError:  # it lacks files, which finding who it is does not need
        return None


@pytest.mark.parametrize("name", ["a/b", "..", "", "-x", ".x", "a\nb"])
def test_a_given_id_must_be_a_plain_name(name):
    with pytest.raises(InputError, match=r"--id .* is not a plain name"):
        require_plain_name(name, "--id")
