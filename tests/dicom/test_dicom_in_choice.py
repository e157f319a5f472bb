"""Which series an export takes, what it is called and where it goes; and what nothing of the header may be in."""

import gzip
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from made_dicom import BIRTH, DERIVED, LOCALIZER, MARKER, T1, T2, oblique, plane, write_classic, write_directory
from made_heads import BRAIN, write_network

from wbtools.cli import main
from wbtools.dicom.series import SeriesChoice
from wbtools.errors import InputError, SubjectError
from wbtools.images import nifti
from wbtools.provenance import Provenance
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.subject import LAYOUTS, find, locate, resolve
from wbtools.subject.containment import default_out, require_apart, require_place
from wbtools.subject.selection import Comparison, FileChoice, find_people

HEAD = Volume(
    np.random.default_rng(0).permutation(12 * 14 * 11).reshape(12, 14, 11).astype(np.float32),
    Grid((12, 14, 11), np.array([[-1.1, 0, 0, 10.3], [0, 1.2, 0, -13.7], [0, 0, 1.3, -7.1], [0, 0, 0, 1]])),
)
PERSON = f"Doe_{MARKER}"


@pytest.fixture
def medium(tmp_path):
    """What a scanner leaves: T1w beside other series, in folders that are called after a person."""
    folder = tmp_path / "archive" / PERSON
    write_classic(folder / MARKER / "S4", plane(HEAD, "sagittal"))
    write_classic(folder / MARKER / "S5", plane(HEAD), T2)
    write_classic(folder / MARKER / "S90", plane(HEAD, "coronal"), DERIVED)
    write_classic(folder / MARKER / "S1", plane(HEAD).within((slice(0, 9), slice(0, 9), slice(0, 3))), LOCALIZER)
    (folder / "README.txt").write_text("a text")
    return folder


def subject_of(path, choice=None):
    study, name = resolve(path.parent, str(path))
    return find(study, name, series=choice or SeriesChoice())


def cli(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def numbers(subject):
    return {path.parent.name for path in subject.scanner_files}


# ------------------------------------------------------------------------------------------------------ which series


def test_the_only_t1w_like_series_is_taken_from_wherever_the_path_leads(medium):
    image = next((medium / MARKER / "S4").iterdir())
    for path in (medium, medium / MARKER, medium / MARKER / "S4", image):
        subject = subject_of(path)
        assert numbers(subject) == {"S4"} and len(subject.scanner_files) == 12
        assert subject.layout == "dicom" and subject.from_template


def test_a_medium_is_named_by_its_directory(tmp_path):
    write_classic(tmp_path / "source", plane(HEAD))
    assert len(subject_of(write_directory(tmp_path / "source")).scanner_files) == 11


def test_several_t1w_like_series_are_listed_and_none_is_guessed(medium):
    write_classic(medium / "more", plane(HEAD), replace(T1, number=7))
    with pytest.raises(
        SubjectError, match=r"holds 2 DICOM series that may be T1w images: 4 \(sagittal, 12 slices\), 7"
    ) as caught:
        subject_of(medium)
    assert "--series 4" in caught.value.hint and "wbtools dicom list" in caught.value.hint
    assert numbers(subject_of(medium, SeriesChoice(7))) == {"more"}
    assert numbers(subject_of(medium / "more")) == {"more"}


def test_a_series_that_is_named_is_taken_whatever_its_contrast_and_that_is_said(medium):
    subject = subject_of(medium, SeriesChoice(5))
    assert numbers(subject) == {"S5"}
    assert subject.remarks == ("The DICOM series does not look T1-weighted (judging by its name), and was chosen.",)


def test_a_number_of_no_series_or_of_two_is_refused(medium):
    with pytest.raises(InputError, match="has no series of this number"):
        subject_of(medium, SeriesChoice(8))
    write_classic(medium / "second", plane(HEAD), replace(T1, study="another"))
    with pytest.raises(InputError, match="has 2 series of this number") as caught:
        subject_of(medium, SeriesChoice(4))
    assert "by the path of its own folder" in caught.value.hint
    with pytest.raises(SubjectError, match="holds 2 DICOM series that may be T1w images") as caught:
        subject_of(medium)
    assert "--series" not in caught.value.hint and "by the path of its own folder" in caught.value.hint


def test_without_a_t1w_like_series_all_are_said_with_their_reasons(medium):
    shutil.rmtree(medium / MARKER / "S4")
    with pytest.raises(SubjectError, match="holds no DICOM series that can be taken as a T1w image") as caught:
        subject_of(medium)
    said = str(caught.value)
    assert "series 5 does not look T1-weighted" in said and "series 90 is derived" in said
    assert f"t2 tse {MARKER}" not in said + caught.value.hint
    assert "choose one with --series NUMBER" in caught.value.hint


@pytest.mark.parametrize("beside", [False, True])
def test_of_an_incomplete_series_the_hint_is_to_copy_its_slices_and_no_option_that_cannot_help(tmp_path, beside):
    files = write_classic(tmp_path / "cd/S4", plane(HEAD))
    files[5].unlink()
    if beside:
        write_classic(tmp_path / "cd/S1", plane(HEAD).within((slice(0, 9), slice(0, 9), slice(0, 3))), LOCALIZER)
    with pytest.raises(SubjectError, match="lacks 1 of 11 slices") as caught:
        subject_of(tmp_path / "cd")
    assert caught.value.hint.startswith("copy the missing slices from the scanner again; to see all series")


def test_files_that_cannot_be_read_are_not_passed_over(medium):
    (medium / MARKER / "S4" / "damaged").write_bytes(b"\0" * 128 + b"DICM" + b"\1" * 300)
    with pytest.raises(SubjectError, match=r"1 DICOM file in .* cannot be read, and may be slices"):
        subject_of(medium)


@pytest.mark.parametrize("keep", [slice(132, None), slice(0, 200)], ids=["without preamble", "cut"])
def test_where_no_file_can_be_read_that_is_said_and_not_that_there_are_none(tmp_path, keep):
    for path in write_classic(tmp_path / "series", plane(HEAD), name="IM{:d}"):
        path.write_bytes(path.read_bytes()[keep])
    for path in (tmp_path / "series", tmp_path / "series" / "IM1"):
        with pytest.raises(SubjectError, match=r"none of 11 DICOM files in .* can be read") as caught:
            subject_of(path)
        assert "preamble" in caught.value.hint
    assert "11 DICOM files cannot be read" in cli("dicom", "list", tmp_path / "series").output


def test_the_list_of_a_medium_alone_is_no_series(tmp_path):
    write_classic(tmp_path / "source", plane(HEAD))
    (tmp_path / "alone").mkdir()
    shutil.copy(write_directory(tmp_path / "source"), tmp_path / "alone")
    with pytest.raises(SubjectError, match="holds the list of a medium, and no DICOM images"):
        subject_of(tmp_path / "alone")


def test_an_image_that_was_converted_counts_before_the_scanners_files(medium):
    nifti.write_volume(medium / f"{PERSON}_T1w.nii.gz", HEAD)
    assert subject_of(medium).layout == "t1w"


def test_files_of_a_scanner_somewhere_in_a_study_do_not_stand_for_its_subjects(small_study, tmp_path):
    study = tmp_path / "study"
    (study / "a").mkdir(parents=True)
    (study / "100307").symlink_to(small_study("LAS") / "100307")
    write_classic(study / "incoming", plane(HEAD))
    assert resolve(tmp_path, str(study)) == (study, "100307")


def test_only_the_subject_of_an_export_is_read_from_a_scanners_files(medium):
    for search in (
        lambda: find(medium.parent, medium.name),
        lambda: locate(medium.parent, medium.name),
        lambda: find_people(medium.parent, Comparison(str(medium)), FileChoice()),
    ):
        with pytest.raises(InputError, match="DICOM files are read for the subject of export-subject alone"):
            search()
    assert LAYOUTS["dicom"] and cli("batch", "run", "--study-folder", medium.parent, "--dry-run").exit_code != 0


def test_the_options_of_a_scanners_files_are_refused_for_others(small_study):
    for given in (["--series", "4"], ["--patient-id"]):
        run = cli("export-subject", "100307", "--study-folder", small_study("LAS"), *given, "--dry-run")
        assert run.exit_code == 3 and f"{given[0]} can be given for DICOM files only" in run.output
        assert "this is not a DICOM series" in run.output
        assert ("--series" in run.output, "--patient-id" in run.output) == (len(given) == 2, len(given) == 1)


# ------------------------------------------------------------------------------------------------ what it is called


def test_outputs_are_called_by_a_pseudonym_unless_more_is_asked_for(medium):
    assert subject_of(medium).id == subject_of(medium / MARKER / "S4").id != subject_of(medium, SeriesChoice(5)).id
    assert subject_of(medium).id.startswith("scan-")
    assert subject_of(medium, SeriesChoice(patient_id=True)).id == MARKER
    assert subject_of(medium).source == "DICOM series (12 files)"


def test_a_subject_is_named_once(medium):
    run = cli("export-subject", medium, "--series", "4", "--patient-id", "--id", "sub-1", "--dry-run")
    assert run.exit_code == 3 and "--patient-id and --id name the subject twice" in run.output


@pytest.mark.parametrize("patient", [f"../{MARKER}", f"-{MARKER}", f"{MARKER}/1", f"{MARKER}\\1", ""])
def test_a_patients_id_that_is_no_plain_name_is_refused_without_being_said(tmp_path, patient):
    write_classic(tmp_path / "series", plane(HEAD), T1.but(PatientID=patient))
    with pytest.raises(InputError, match="patient's id is no plain name") as caught:
        subject_of(tmp_path / "series", SeriesChoice(patient_id=True))
    assert MARKER not in str(caught.value) and "--id" in caught.value.hint


def test_files_are_hashed_as_one_and_not_named(medium):
    subject, record = subject_of(medium), Provenance({})
    record.add_together(subject.source, subject.scanner_files)
    assert list(record.inputs) == ["DICOM series (12 files)"]
    assert record.input_sizes["DICOM series (12 files)"] == sum(path.stat().st_size for path in subject.scanner_files)
    renamed = [path.rename(path.with_name(f"IM{k:03}")) for k, path in enumerate(subject.scanner_files)]
    again = Provenance({})
    again.add_together(subject.source, renamed)
    assert again.inputs == record.inputs


# ------------------------------------------------------------------------------------------------------ where it goes


def test_by_default_exports_go_to_the_working_directory_and_never_into_the_scanners_folders(
    medium, tmp_path, monkeypatch
):
    study, name = resolve(tmp_path, str(medium))
    assert default_out(study, name, tmp_path) == tmp_path / "derivatives" / "wbtools"
    series = medium / MARKER / "S4"
    for given in (series, medium):  # where somebody stands in the very folder
        home, name = resolve(given, str(given))
        assert default_out(home, name, given) == given.parent / "derivatives" / "wbtools"
    image = next(series.iterdir())
    assert default_out(series, image.name, series) == series.parent / "derivatives" / "wbtools"


def test_nothing_is_written_into_a_folder_of_dicom_files(medium, tmp_path):
    subject = subject_of(medium)
    for inside in (medium, medium / "out", medium / MARKER / "S4" / "out"):
        with pytest.raises(InputError, match="input"):
            require_apart(inside, [*subject.own_folders(medium.parent), *subject.used(())], medium.parent)
    with pytest.raises(InputError, match="a subject's folder, which is never written to"):
        require_place(medium / MARKER / "S5" / "out", tmp_path)
    with pytest.raises(InputError, match="a subject's folder"):
        require_place(tmp_path / "out", tmp_path, work=medium / MARKER / "S5" / "cache")


# ------------------------------------------------------------------------------------------------- the command line


def test_every_series_is_listed_with_what_it_is_and_whether_it_can_be_taken(medium):
    write_classic(medium / "x", plane(HEAD), replace(T1, number=8, description="t1 \x1b[31mred").but(Modality="CT"))
    run = cli("dicom", "list", medium)
    said = run.output
    assert run.exit_code == 0 and "\x1b" not in said
    assert f"    4  t1 mprage {MARKER}" in said
    assert "sagittal, 12 images, 14x11x12, 1.2 x 1.3 x 1.1 mm, 3D GR/IR, TR 2300 ms, TE 2.98 ms, TI 900 ms" in said
    assert "taken: the only one that may be T1w" in said
    assert "taken only by --series: it is derived from another series" in said
    assert "cannot be taken: it is no MR image" in said and "modality CT, 11 files" in said
    assert "too few for a head" in said and "README" not in said


def test_series_of_several_studies_are_told_apart(medium):
    write_classic(medium / "x", plane(HEAD), replace(T1, study="another"))
    said = cli("dicom", "list", medium).output
    assert "study 1 of 2" in said and "study 2 of 2" in said
    assert said.count("not the only one: choose with the path of one of its images") == 2  # both are 4
    write_classic(medium / "y", plane(HEAD), replace(T1, number=7))
    said = cli("dicom", "list", medium).output
    assert "possible T1w, but not the only one: choose with --series 7" in said


def test_a_folder_without_dicom_files_is_said_to_have_none(tmp_path):
    run = cli("dicom", "list", tmp_path)
    assert run.exit_code == 3 and "no DICOM images in" in run.output
    assert cli("dicom", "list", tmp_path / "nowhere").exit_code == 3


def test_a_file_that_is_no_dicom_file_is_not_taken_for_its_folder(medium):
    run = cli("dicom", "list", medium / "README.txt")
    assert run.exit_code == 3 and "README.txt is not a DICOM file" in run.output and "t1 mprage" not in run.output
    image = next((medium / MARKER / "S4").iterdir())
    assert cli("dicom", "list", image).exit_code == 0


def test_the_help_of_the_group_says_its_command_whole():
    said = " ".join(cli("dicom", "--help").output.split())
    assert "and say which of them export-subject takes." in said


def test_a_dry_run_names_neither_person_nor_file(medium, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    run = cli("export-subject", medium, "--dry-run")
    assert run.exit_code == 0, run.output
    assert MARKER not in run.output and "T1w: DICOM series (12 files)" in run.output
    assert f"would write: derivatives/wbtools/{subject_of(medium).id}" in run.output
    assert sorted(tmp_path.rglob("*")) == before


# ------------------------------------------------------------------------------------------------------ whole exports


def content(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


@pytest.mark.slow
def test_nothing_of_header_or_paths_is_in_any_output_and_the_image_is_where_it_was(small_study, tmp_path, monkeypatch):
    t1w = nifti.read_volume(small_study(variant="average") / "100307" / BRAIN)
    volume = oblique(plane(Volume(t1w.data / t1w.data.max() * 3000, t1w.grid), "sagittal"), (2.0, -1.0, 1.5))
    folder = tmp_path / PERSON
    write_classic(folder / MARKER, volume)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.chdir(tmp_path)
    options = ("--model", write_network(tmp_path), "--method", "lrp", "--null", "0", "--threads", "1")
    run = cli("export-subject", PERSON, "--registration", "affine", "--keep-face", *options)
    assert run.exit_code == 0, run.output
    assert MARKER not in run.output
    (out,) = (tmp_path / "derivatives" / "wbtools").glob("scan-*")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".gz", ".gii", ".json", ".html", ".nii", ".scene"}
    planted = (MARKER, PERSON, BIRTH, "20200102", T1.uid("study"), T1.uid("series", 4))
    for path in files:
        found = content(path)
        assert [text for text in planted if text.encode() in found] == [], path.name
    record = json.loads((out / "provenance.json").read_text())
    assert record["settings"]["subject"] == record["subject"]["id"] == out.name
    assert any(name.startswith("DICOM series (") for name in record["inputs_sha256"])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    written = nifti.read_volume(next(out.rglob("*relevance*.nii.gz")))
    assert reorient(written, "RAS").grid.same_as(reorient(volume, "RAS").grid, tolerance=0.01)
