"""Of nobody is anything silently left out or merged: folders that may not be read, or have names of several kinds."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from made_data import made_study
from PIL import Image

PEOPLE = ("100", "101", "102", "103")

pytestmark = pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")


def prepare_as_others(*words, code):
    """What somebody without a superuser's rights is told."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    line = [*drop, sys.executable, "-P", "-m", "wbtools.cli", "prepare", *map(str, words), "--jobs", "1"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, " ".join(done.stderr.split())


@pytest.fixture
def closing():
    closed = []

    def close(folder):
        folder.chmod(0)
        closed.append(folder)

    yield close
    for folder in closed:
        folder.chmod(0o700)


def made_classes(place):
    for name in "abc":
        (place / name).mkdir(parents=True)
        for number in range(4):
            pixels = np.arange(256, dtype=np.uint8).reshape(16, 16) // (number + ord(name) % 7 + 1)
            Image.fromarray(pixels).save(place / name / f"{name}{number}.png")


def test_a_person_whose_folder_is_closed_is_named_or_listed(tmp_path, closing):
    study = made_study(tmp_path / "study", PEOPLE)
    (study / "twin_pairs.txt").write_text("100,101\n102,103\n")
    (study / "logs").mkdir()
    closing(study / "logs")
    closing(study / "103")
    asked = ("twins", study, "--shape", "20,24,20")
    _, told = prepare_as_others(*asked, "--out", tmp_path / "data", code=3)
    assert "1 image of 4 cannot be used" in told and "study/103 may not be read: Permission denied" in told
    assert not (tmp_path / "data").exists()
    _, told = prepare_as_others(*asked, "--out", tmp_path / "data", "--skip-bad", "--dry-run", code=0)
    assert "103 is left out" in told and "study/103 may not be read" in told and "logs" not in told


def test_a_class_and_a_folder_in_one_that_are_closed_are_named_or_listed(tmp_path, closing):
    place = tmp_path / "pictures"
    made_classes(place)
    (place / "c" / "more").mkdir()
    closing(place / "b")
    closing(place / "c" / "more")
    asked = ("contrastive", place, "--shape", "16,16", "--out", tmp_path / "data")
    _, told = prepare_as_others(*asked, code=3)
    assert "2 images of 10 cannot be used" in told
    assert "pictures/b may not be read" in told and "pictures/c/more may not be read" in told
    _, told = prepare_as_others(*asked, "--skip-bad", code=0)
    assert "b is left out" in told and "c/more is left out" in told and "a/a0.png" not in told


def test_a_part_of_a_person_that_is_closed_is_named_as_it_is_called(tmp_path, closing):
    anat = tmp_path / "bids" / "sub-a" / "ses-2" / "anat"
    anat.mkdir(parents=True)
    made_study(tmp_path / "bids", ["100"])
    closing(anat)
    _, told = prepare_as_others("twins", tmp_path / "bids", "--out", tmp_path / "data", code=3)
    assert "ses-2/anat may not be read" in told and "anat/file" not in told


def test_folders_that_are_called_what_nobody_is_end_nothing_with_skip_bad(tmp_path):
    study = made_study(tmp_path / "study", PEOPLE)
    (study / "twin_pairs.txt").write_text("100,101\n102,103\n")
    for name in ("-lead", "new\nline"):
        shutil.copytree(study / "100", study / name)
    asked = ("twins", study, "--shape", "20,24,20", "--out", tmp_path / "data", "--dry-run")
    _, told = prepare_as_others(*asked, code=3)
    assert "2 images of 6 cannot be used" in told and told.count("a folder of this name is nobody's; rename it") == 2
    _, told = prepare_as_others(*asked, "--skip-bad", code=0)
    assert "-lead is left out" in told and "new line is left out" in told


def test_two_spellings_of_one_id_are_one_person_and_it_is_said(tmp_path):
    study = made_study(tmp_path / "study", ("Jos\u00e9", "Jose\u0301", "101", "102", "103"))
    (study / "twin_pairs.txt").write_text("Jos\u00e9,101\n102,103\n")
    asked = ("twins", study, "--shape", "20,24,20", "--out", tmp_path / "data")
    printed, told = prepare_as_others(*asked, "--dry-run", code=0)
    said = " ".join((printed + told).split())
    assert r"'Jose\u0301' and 'Jos\xe9' are one person." in said
