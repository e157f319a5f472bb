"""Of whom something may not be read, or was not fetched, `wbtools-bids` leaves nobody out as if they had nothing."""

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from test_bids_people import found, refused, write_derivatives, write_freesurfer, write_raw

from wbtools.cli.apps.bids_app import main
from wbtools.errors import InputError
from wbtools.subject import locate

NAMES = ("sub-1", "sub-2", "sub-3_ses-a", "sub-3_ses-b", "sub-4")
IMAGE = "sub-1/anat/sub-1_T1w.nii.gz"

_CODE = """
import sys
from pathlib import Path
from wbtools.cli.apps.bids_people import Wanted, find_people
from wbtools.errors import InputError
from wbtools.subject import locate
root, layout, labels, sessions = sys.argv[1:]
wanted = Wanted(labels.split(), sessions.split(), layout)
try:
    people = find_people(Path(root), [], wanted)
except InputError as error:
    print(f"Error: {error}. Hint: {error.hint}")
    sys.exit()
print(*people.ids)
print(*people.left_out(wanted))
for name in people.ids:
    try:
        locate(people.study, name, layout)
    except InputError as error:
        print(f"{name}: {error}")
"""

as_others = pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")


def told_others(*words):
    """What a program prints for somebody without a superuser's rights."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return subprocess.run([*drop, sys.executable, *map(str, words)], capture_output=True, text=True)


def told(root, layout="auto", labels="", sessions=""):
    """Who is found, who is said to be left out, and what a batch says of those whom it cannot do."""
    done = told_others("-c", _CODE, root, layout, labels, sessions)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n", 2) if not done.stdout.startswith("Error") else done.stdout


@pytest.fixture
def dataset(tmp_path):
    write_raw(tmp_path, *NAMES)
    write_derivatives(tmp_path / "derivatives" / "fmriprep", *NAMES)
    return tmp_path


@pytest.fixture
def closing(dataset):
    closed = []

    def close(name, mode=0):
        closed.append(dataset / name)
        closed[-1].chmod(mode)

    yield close
    for folder in closed:
        folder.chmod(0o700)


@as_others
@pytest.mark.parametrize(
    ("layout", "place"),
    [
        *(("auto", f"derivatives/fmriprep/{place}") for place in ("sub-2", "sub-3", "sub-3/ses-b/anat", "sub-4/anat")),
        *(("t1w", place) for place in ("sub-3", "sub-3/ses-b/anat", "sub-4/anat")),
    ],
)
def test_who_may_not_be_read_is_left_to_the_batch_which_says_so(dataset, closing, layout, place):
    closing(place, 0o311 if "sub-4" in place else 0)
    ids, left, refusals = told(dataset, layout)
    known = {"sub-3"} if place == "sub-3" else set(NAMES[2:4])  # which sessions have an image, the raw data tell
    assert set(ids.split()) == known | {"sub-1", "sub-2", "sub-4"} and left == ""
    assert f"{dataset / place} may not be read: Permission denied" in refusals
    assert {line.partition(":")[0] for line in refusals.split("\n") if line} <= set(ids.split())


@as_others
def test_a_session_that_may_not_be_read_can_be_asked_for(dataset, closing):
    closing("derivatives/fmriprep/sub-3/ses-b")
    for asked in ({"labels": "3", "sessions": "b"}, {"labels": "3", "sessions": "a b"}):
        ids, left, refusals = told(dataset, **asked)
        assert ids.endswith("sub-3_ses-b") and left == "" and "sub-3/ses-b may not be read" in refusals
    closing("derivatives/fmriprep/sub-3")
    ids, left, _ = told(dataset, sessions="b")
    assert ids == "sub-3_ses-b" and "without surfaces to be read of session b: 1, 2, 4" in left
    _, left, refusals = told(dataset / "derivatives" / "fmriprep", labels="3")
    assert left == "" and "sub-3: " in refusals and "fmriprep/sub-3 may not be read" in refusals
    said = told(dataset / "derivatives" / "fmriprep", sessions="b")  # which is not known to be there
    assert "has no session b; it has none; folders without read permission were not searched" in said
    assert "fmriprep/sub-3)" in said and "chmod" in said


@as_others
@pytest.mark.parametrize("place", [".", "derivatives", "derivatives/fmriprep"])
def test_data_that_may_not_be_read_are_named_once(dataset, closing, place):
    closing(place)
    for labels in ("", "2"):
        said = told(dataset, labels=labels)
        assert f"{dataset / place} may not be read: Permission denied" in said and "chmod -R g+rX" in said
    if place != ".":
        assert "has no participant 9; it has 1, 2, 3, 4; folders without read" in told(dataset, labels="9")
        assert told(dataset, "t1w")[:2] == [" ".join(NAMES), ""]


@as_others
def test_other_data_that_may_not_be_read_end_nothing_and_hide_nobody(dataset, closing):
    write_raw(dataset, "sub-5", "sub-6_ses-a", "sub-6_ses-b")
    (dataset / "derivatives" / "private").mkdir()
    closing("derivatives/private")
    ids, left, refusals = told(dataset)
    assert ids.split() == [*NAMES, "sub-5", "sub-6_ses-a", "sub-6_ses-b"] and left == ""
    assert refusals.count("derivatives/private may not be read") == 3


@as_others
def test_the_app_has_the_exit_code_of_who_may_not_be_read(dataset, closing):
    closing("derivatives/fmriprep/sub-2")
    words = ("participant", "--participant-label", "2", "--dry-run")
    done = told_others(
        "-c", "from wbtools.cli.apps.bids_app import main; main()", dataset, dataset.parent / "o", *words
    )
    assert done.returncode == 1 and "fmriprep/sub-2 may not be read: Permission denied" in done.stdout


# ------------------------------------------------------------------------------------------------------ not fetched


def unfetch(path):
    path.unlink()
    path.symlink_to("../../.git/annex/objects/nowhere")


def test_images_that_were_not_fetched_are_left_to_the_batch_which_says_so(dataset):
    unfetch(dataset / IMAGE)
    unfetch(dataset / "sub-3" / "ses-b" / "anat" / "sub-3_ses-b_T1w.nii.gz")
    people = found(dataset, layout="t1w")
    assert people.ids == NAMES and people.without == people.sessions == ()
    assert found(dataset, layout="t1w", labels=["3"], sessions=["b"]).ids == ("sub-3_ses-b",)
    for name in ("sub-1", "sub-3_ses-b"):
        with pytest.raises(InputError, match="link to nowhere: its file was not fetched"):
            locate(dataset, name, "t1w")
    assert found(dataset).ids == NAMES  # whom surfaces are there of


def test_nothing_that_was_fetched_is_no_reason_to_leave_everybody_out(dataset):
    images = list(dataset.glob("sub-*/**/*_T1w.nii.gz"))
    for path in images:
        unfetch(path)
    assert len(images) == 5 and found(dataset, layout="t1w").ids == NAMES


def test_an_option_that_was_given_is_not_recommended(dataset):
    (dataset / "sub-5" / "func").mkdir(parents=True)
    words = (dataset, dataset.parent / "o", "participant", "--layout", "t1w", "--participant-label", "5")
    said = refused(*words)
    assert "participants without a raw image" in said and ": 5" in said and "--layout t1w" not in said
    done = CliRunner().invoke(main, [*map(str, words[:-2]), "--dry-run"])
    said = " ".join(done.output.split())
    assert "1 participant left out, without a raw image to be read: 5 5 subjects" in said


def test_an_empty_folder_of_derivatives_is_named(dataset):
    shutil.rmtree(dataset / "derivatives" / "fmriprep")
    (dataset / "derivatives" / "fmriprep").mkdir()
    for words in ((), ("--participant-label", "2")):
        said = refused(dataset, dataset.parent / "o", "participant", *words)
        assert "fmriprep is empty" in said and "datalad get -n" in said and "--layout t1w" in said


# ------------------------------------------------------------------------------------------ sessions without surfaces


def test_a_session_without_surfaces_is_named_and_an_error_if_it_was_asked_for(dataset):
    shutil.rmtree(dataset / "derivatives" / "fmriprep" / "sub-3" / "ses-b")
    for asked in ({}, {"labels": ["3"]}, {"sessions": ["a", "b"]}):
        people = found(dataset, **asked)
        assert "sub-3_ses-a" in people.ids and people.sessions == ("sub-3_ses-b",)
    for asked in ({"labels": ["3"], "sessions": ["a", "b"]}, {"labels": ["3"], "sessions": ["b"]}, {"sessions": ["b"]}):
        with pytest.raises(InputError, match=r"sessions without surfaces in .*: sub-3_ses-b"):
            found(dataset, **asked)
    assert found(dataset, labels=["3"], sessions=["a"]).sessions == ()
    done = CliRunner().invoke(main, [str(dataset), str(dataset.parent / "o"), "participant", "--dry-run"])
    assert "1 session left out, without surfaces: sub-3_ses-b" in " ".join(done.output.split())


def test_sessions_of_one_anatomy_and_those_without_an_image_are_not_missed(dataset):
    fmriprep = dataset / "derivatives" / "fmriprep"
    shutil.rmtree(fmriprep / "sub-3")
    write_derivatives(fmriprep, "sub-3")
    (fmriprep / "sub-3" / "ses-b" / "func").mkdir(parents=True)
    (dataset / "sub-6" / "ses-b" / "func").mkdir(parents=True)
    write_raw(dataset, "sub-6_ses-a")
    write_derivatives(fmriprep, "sub-6_ses-a")
    people = found(dataset)
    assert people.ids == ("sub-1", "sub-2", "sub-3", "sub-4", "sub-6_ses-a") and people.sessions == people.without == ()


def test_a_session_that_only_freesurfer_did_is_taken(dataset):
    shutil.rmtree(dataset / "derivatives" / "fmriprep" / "sub-3" / "ses-b")
    write_freesurfer(dataset / "sourcedata" / "freesurfer", "sub-3_ses-b")
    people = found(dataset, labels=["3"])
    assert people.ids == NAMES[2:4] and people.sessions == ()
