"""An export with DICOM objects: they hold what its other files hold, and all of the identity that it has."""

from __future__ import annotations

import csv
import gzip
import json
import shutil

import nibabel
import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from dicom_readers import at, positions, verdict
from made_dicom import MARKER, T1, oblique, plane, write_classic, write_enhanced
from made_heads import BRAIN, write_network
from PIL import Image

import wbtools
from wbtools.cli import main
from wbtools.errors import InputError
from wbtools.exporting.session import scanner_objects
from wbtools.exporting.session.scene_types import SCENES
from wbtools.images import nifti
from wbtools.space.grid import Volume

HAS_WORKBENCH = shutil.which("wb_command") is not None


SOURCES = {
    "sagittal": (lambda folder, t1w: write_enhanced(folder / "all.dcm", plane(t1w, "sagittal")), ("--no-render",)),
    "oblique": (lambda folder, t1w: write_classic(folder, oblique(plane(t1w, "axial"))), ()),
}
"""How series are written, and options of their exports."""


@pytest.fixture(scope="module")
def exports(small_study, tmp_path_factory):
    """The folders of exports of a scanner's series."""
    base = tmp_path_factory.mktemp("dicom-out")
    t1w = nifti.read_volume(small_study("LAS") / "100307" / BRAIN)
    scan = Volume(t1w.data / t1w.data.max() * 4000, t1w.grid)
    how = ("--model", str(write_network(base)), "--method", "lrp", "--null", "0", "--registration", "affine")
    made = {}
    for name, (write, more) in SOURCES.items():
        write(base / name, scan)
        words = ("export-subject", str(base / name), "--out", str(base / "out" / name), *how, "--dicom-out", *more)
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        assert "remove that folder before you share" in " ".join(result.output.split())
        (made[name],) = (base / "out" / name).iterdir()
    return made


@pytest.fixture(params=SOURCES)
def export(request, exports):
    return exports[request.param]


@pytest.mark.slow
def test_the_parametric_map_holds_the_values_of_the_nifti(export):
    dataset = pydicom.dcmread(export / "dicom" / "small.relevance.dcm")
    values, away = at(nibabel.load(the(export, "small.relevance.T1w.nii.gz")), positions(dataset))
    assert away < 0.01  # mm
    assert np.array_equal(dataset.pixel_array, values) and values.any()


@pytest.mark.slow
def test_segments_are_the_first_regions_of_the_table_in_the_voxels_of_the_atlas(export):
    dataset = pydicom.dcmread(export / "dicom" / "small.regions.dcm")
    with the(export, "small.regions.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[: scanner_objects.TOP]
    assert [segment.SegmentLabel for segment in dataset.SegmentSequence] == [row["region"] for row in rows]
    labels, _ = at(nibabel.load(the(export, "HCP-MMP1+subcortex.T1w.nii.gz")), positions(dataset))
    voxels = dict.fromkeys(range(1, len(rows) + 1), 0)
    for frame, group, found in zip(dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, labels, strict=True):
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        assert np.array_equal(frame == 1, found == int(rows[number - 1]["key"]))
        voxels[number] += int(frame.sum())
    assert list(voxels.values()) == [int(row["voxels"]) for row in rows]


@pytest.mark.slow
def test_every_object_is_valid_belongs_to_the_study_and_is_in_a_series_with_a_number_of_its_own(export):
    made = {path: pydicom.dcmread(path) for path in sorted((export / "dicom").rglob("*.dcm"))}
    assert [error for path in made for error in verdict(path)[0]] == []
    assert {dataset.StudyInstanceUID for dataset in made.values()} == {T1.uid("study")}
    assert {str(dataset.PatientName) for dataset in made.values()} == {f"{MARKER}^PatientName"}
    series = {(dataset.SeriesInstanceUID, dataset.SeriesNumber) for dataset in made.values()}
    assert len(series) == len({number for _, number in series}) == 2 + (export / "figures").exists()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_WORKBENCH, reason="pictures need Workbench")
def test_every_picture_is_captured_whole_below_a_band(exports):
    export = exports["oblique"]
    pictures = sorted((export / "figures").glob("*.png"))
    captured = [pydicom.dcmread(export / f"dicom/pictures/{picture.stem}.dcm") for picture in pictures]
    assert len(captured) > 4 and sorted(each.InstanceNumber for each in captured) == list(range(1, len(captured) + 1))
    for dataset, picture in zip(captured, pictures, strict=True):
        original = np.asarray(Image.open(picture).convert("RGB"))
        assert np.array_equal(dataset.pixel_array[-len(original) :], original)
        assert dataset.pixel_array[: -len(original)].any()
        assert dataset.BurnedInAnnotation == "NO" and dataset.ConversionType == "WSD"


@pytest.mark.slow
def test_the_record_says_where_the_identity_is_and_nothing_else_holds_it(export):
    record = json.loads((export / "provenance.json").read_text())
    assert "remove that folder before sharing" in record["dicom"]["identity"]
    assert any("remove that folder before you share" in notice for notice in record["notices"])
    inside = set((export / "dicom").rglob("*.dcm"))
    assert {export / name for name in record["outputs_sha256"]} > inside and record["dicom"]["objects"] == len(inside)
    holding = {path for path in export.rglob("*") if path.is_file() and MARKER.encode() in unpacked(path)}
    assert holding == inside


@pytest.mark.slow
def test_an_export_is_whole_without_the_folder_that_names_the_patient_and_not_with_a_part_of_it(exports, tmp_path):
    shared = shutil.copytree(exports["sagittal"], tmp_path / "shared")
    wbtools.open(shared, check=True)
    (shared / "dicom" / "small.regions.dcm").unlink()
    with pytest.raises(InputError, match=r"small\.regions\.dcm is missing"):
        wbtools.open(shared, check=True)
    shutil.rmtree(shared / "dicom")
    assert not wbtools.open(shared, check=True).table.empty


def the(export, name):
    """The file of an export whose name ends so."""
    (path,) = export.glob(f"*.{name}")
    return path


def unpacked(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@pytest.mark.parametrize("kind", SCENES, ids=lambda kind: kind.name)
def test_every_picture_says_which_side_is_where(kind):
    said = " ".join(scanner_objects._sides(kind.name))
    assert "left" in said and "right" in said
    assert ("Slices" in said, "Surfaces" in said) == (kind.slices, bool(kind.surface))


@pytest.mark.parametrize(
    ("subject", "identifies"),
    [("sub-1a2b", False), ("sub-MARKER", False), (f"sub-{MARKER.lower()}", True), ("zoe", True), ("sub-12", False)],
)
def test_annotation_identifies_a_patient_if_the_id_has_words_of_the_name_or_number(subject, identifies):
    study = pydicom.Dataset()
    study.PatientName, study.PatientID, study.StudyID = "Zoe^M", MARKER, "12"
    assert scanner_objects._names(subject, study) is identifies


def test_short_names_in_scripts_of_few_letters_and_whole_numbers_identify_too():
    study = pydicom.Dataset()
    study.PatientName, study.PatientID = "山田^太郎", "12"
    assert [scanner_objects._names(subject, study) for subject in ("sub-山田", "12", "sub-12")] == [True, True, False]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_scan_that_was_no_dicom_is_refused_before_anything_is_computed(small_study, tmp_path, more):
    words = ["export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*words, "--dicom-out", *more])
    assert result.exit_code == 3
    assert "--dicom-out needs a scan that was read from DICOM files" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()
