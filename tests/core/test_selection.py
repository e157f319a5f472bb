"""Whom an export is about: under another name if one is given, and compared with people who are there."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from wbtools.errors import InputError, SubjectError
from wbtools.settings import ExportSettings
from wbtools.subject.selection import compared, exported, people


@pytest.fixture
def study(small_study):
    return small_study("LAS")


def settings(study, **options):
    return ExportSettings(**{"subject": "100307", "study_folder": study, "out": study / "out", **options})


def test_a_name_that_was_given_is_the_subjects(study):
    assert exported(settings(study)).id == "100307"
    assert exported(settings(study, id="P07")).id == "P07"
    with pytest.raises(InputError, match="--id"):
        exported(settings(study, id="../P07"))


@pytest.mark.parametrize("word", ["100307", "{study}/100307", "{study}/100307/T1w", "{study}", "{study}/100307/"])
def test_another_person_is_an_id_or_any_folder_that_leads_there(study, word):
    chosen = settings(study, target="pair", other=word.format(study=study))
    (known,) = people(chosen)
    assert known.t1w == study / "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    assert known.subject is not None and known.subject.layout == "hcp"


def test_another_person_may_be_an_image(study, tmp_path):
    image = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)), image)
    chosen = settings(study, other=str(image), others=("100307",))
    assert compared(chosen) == (str(image), "100307")
    assert people(chosen)[0].t1w == image and people(chosen)[0].subject is None


@pytest.mark.parametrize(
    ("other", "error", "words"),
    [
        ("100408", SubjectError, "--other 100408: .* has no subject 100408"),
        ("none/here", InputError, "--other none/here: none/here does not exist"),
        (__file__, InputError, "--other .*test_selection.py"),
        (str(Path(__file__).parent), InputError, "--other"),
    ],
)
def test_whoever_is_not_there_is_told_with_the_option(study, other, error, words):
    with pytest.raises(error, match=words):
        people(settings(study, other=other))
    with pytest.raises(error, match=words.replace("--other", "--others")):
        people(settings(study, others=(other,)))


def test_nothing_is_read_before_that(study, tmp_path):
    from wbtools.exporting import pipeline

    begun = []
    with pytest.raises(SubjectError, match="--other 100408"):
        pipeline.export_subject(settings(study, out=tmp_path / "out", target="pair", other="100408"), begun.append)
    assert begun == ["subject"] and not (tmp_path / "out").exists()
