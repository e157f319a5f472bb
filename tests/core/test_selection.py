"""Whom an export is about: under another name if one is given, and compared with people who are there."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from wbtools.attribution import Target
from wbtools.errors import InputError, SubjectError
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.subject.selection import Comparison, FileChoice, find_named, find_people


@pytest.fixture
def study(small_study):
    return small_study("LAS")


def people(study, other=None, others=()):
    return find_people(study, Comparison(other, others), FileChoice())


def test_a_name_that_was_given_is_the_subjects(study):
    assert find_named(study, "100307", FileChoice()).id == "100307"
    assert find_named(study, "100307", FileChoice(), "P07").id == "P07"
    with pytest.raises(InputError, match="--id"):
        find_named(study, "100307", FileChoice(), "../P07")


@pytest.mark.parametrize("word", ["100307", "{study}/100307", "{study}/100307/T1w", "{study}", "{study}/100307/"])
def test_another_person_is_an_id_or_any_folder_that_leads_there(study, word):
    (known,) = people(study, word.format(study=study))
    assert known.t1w == study / "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    assert known.subject is not None and known.subject.layout == "hcp"


def test_another_person_may_be_an_image(study, tmp_path):
    image = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4)), image)
    first, second = people(study, str(image), ("100307",))
    assert (first.t1w, first.subject) == (image, None)
    assert second.subject is not None and second.subject.id == "100307"


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
        people(study, other)
    with pytest.raises(error, match=words.replace("--other", "--others")):
        people(study, others=(other,))


def test_nothing_is_read_before_that(study, tmp_path):
    from wbtools.exporting import pipeline

    job = ExportJob("100307", study, tmp_path / "out", compared=Comparison("100408"))
    settings, begun = ExportSettings(target=Target.parse("pair")), []
    with pytest.raises(SubjectError, match="--other 100408"):
        pipeline.export_subject(job, settings, begun.append)
    assert begun == ["subject"] and not (tmp_path / "out").exists()
