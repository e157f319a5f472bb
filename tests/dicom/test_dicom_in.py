"""Series of a scanner become one NIfTI image: where they lie, which is taken, and why one is not."""

import os
import subprocess
import sys
from dataclasses import replace

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from made_dicom import (
    CT,
    DERIVED,
    LOCALIZER,
    MARKER,
    T1,
    T2,
    compress,
    oblique,
    plane,
    tilted,
    write_classic,
    write_directory,
    write_enhanced,
)
from pydicom.uid import JPEG2000Lossless, RLELossless

from wbtools.dicom import conversion
from wbtools.dicom import series as series_module
from wbtools.dicom.header import is_dicom
from wbtools.dicom.series import SeriesChoice, holds_images, series_below
from wbtools.errors import CommandError, CommandMissing, InputError, WbtoolsError
from wbtools.space.grid import Grid, Volume, reorient

LPS = np.array([-1.0, -1.0, 1.0])


@pytest.fixture(scope="module")
def head():
    """Random intensities, so that no voxel may be mistaken for another, on voxels with three different edges."""
    affine = np.array([[-1.1, 0, 0, 10.3], [0, 1.2, 0, -13.7], [0, 0, 1.3, -7.1], [0, 0, 0, 1]])
    data = np.random.default_rng(0).permutation(12 * 14 * 11).reshape(12, 14, 11)
    return Volume(data.astype(np.float32), Grid(data.shape, affine))


def only(folder):
    (series,) = series_below(folder).series
    return series


def converted(folder, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    return nibabel.load(conversion.convert(only(folder), inside))


def placed(volume, name):
    return oblique(plane(volume, "sagittal")) if name == "oblique" else plane(volume, name)


# ------------------------------------------------------------------------------------------------------------ position


@pytest.mark.parametrize("name", ["axial", "sagittal", "coronal", "oblique"])
@pytest.mark.parametrize("kind", ["classic", "enhanced", "RLE", "JPEG 2000", "enhanced JPEG 2000"])
def test_every_voxel_is_converted_to_where_the_volume_has_it(head, tmp_path, name, kind):
    volume, folder = placed(head, name), tmp_path / "series"
    paths = [write_enhanced(folder / "image", volume)] if "enhanced" in kind else write_classic(folder, volume)
    if kind not in ("classic", "enhanced"):
        compress(paths, RLELossless if kind == "RLE" else JPEG2000Lossless)
    image = converted(folder, tmp_path)
    found = reorient(Volume(np.asarray(image.dataobj), Grid(image.shape, image.affine)), "RAS")
    expected = reorient(volume, "RAS")
    assert np.array_equal(found.data, expected.data)
    assert np.abs(found.grid.corners() - expected.grid.corners()).max() < 0.01


@pytest.mark.parametrize("name", ["axial", "sagittal", "oblique"])
@pytest.mark.parametrize("enhanced", [False, True])
def test_simpleitk_reads_the_same_value_at_the_same_place(head, tmp_path, name, enhanced):
    volume, folder = placed(head, name), tmp_path / "series"
    paths = [write_enhanced(folder / "image", volume)] if enhanced else write_classic(folder, volume)
    image = converted(folder, tmp_path)
    oracle = SimpleITK.ReadImage([str(path) for path in paths] if len(paths) > 1 else str(paths[0]))
    data = np.asarray(image.dataobj)
    for index in np.random.default_rng(1).integers(0, data.shape, (60, 3)):
        point = LPS * (image.affine @ [*index, 1])[:3]
        there = np.array(oracle.TransformPhysicalPointToContinuousIndex(point.tolist()))
        assert np.abs(there - np.rint(there)).max() < 0.01
        assert oracle[tuple(map(int, np.rint(there)))] == data[tuple(index)]


def test_positions_are_those_that_pydicom_reads(head, tmp_path):
    volume = oblique(plane(head, "sagittal"))
    write_classic(tmp_path / "series", volume)
    series = only(tmp_path / "series")
    for k, path in enumerate(series.files):
        position = np.array(pydicom.dcmread(path).ImagePositionPatient, float)
        assert np.abs(series.grid.to_world(np.array([0.0, 0.0, k])) - LPS * position).max() < 1e-6


def test_files_are_in_the_order_of_slices_whatever_their_names(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    for path, name in zip(paths, np.random.default_rng(2).permutation(len(paths)), strict=True):
        path.rename(path.with_name(f"IM{name:03}"))
    heights = [pydicom.dcmread(path).ImagePositionPatient[2] for path in only(tmp_path / "series").files]
    assert heights == sorted(heights) and len(heights) == len(paths)


def test_a_conversion_that_moved_the_head_is_refused(head, tmp_path):
    write_classic(tmp_path / "series", plane(head))
    series = only(tmp_path / "series")
    frames = tuple(replace(frame, position=(frame.position[0] + 0.02, *frame.position[1:])) for frame in series.frames)
    series.__dict__["frames"] = frames  # as if headers said so
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(WbtoolsError, match="elsewhere than its headers say"):
        conversion.convert(series, inside)


def test_the_converted_header_holds_nothing_but_the_position(head, tmp_path):
    write_classic(tmp_path / "series", plane(head))
    image = converted(tmp_path / "series", tmp_path)
    texts = [bytes(image.header[name].tobytes()) for name in ("descrip", "aux_file", "db_name", "intent_name")]
    assert not any(text.strip(b"\0") for text in texts) and not image.header.extensions
    raw = (tmp_path / "inside" / "T1w.nii").read_bytes()
    assert MARKER.encode() not in raw and b"2.98" not in raw


# ------------------------------------------------------------------------------------------------- what cannot be taken


def _without(paths, k):
    paths[k].unlink()


def _cut(paths, k=4, bytes_kept=0.9):
    content = paths[k].read_bytes()
    paths[k].write_bytes(content[: int(len(content) * bytes_kept)])


def _again(paths, **others):
    """Another image in the place of one that is there."""
    image = pydicom.dcmread(paths[3])
    image.SOPInstanceUID = T1.uid("again", *others)
    for keyword, value in others.items():
        setattr(image, keyword, value)
    image.save_as(paths[3].with_name("again.dcm"))


def _edit(paths, k, **others):
    image = pydicom.dcmread(paths[k])
    for keyword, value in others.items():
        setattr(image, keyword, value)
    image.save_as(paths[k])


BAD = {
    "lacks 1 of 11 slices": lambda paths: _without(paths, 5),
    "has files that end too early": _cut,
    "has 1 slice where another slice is": _again,
    "holds several echoes": lambda paths: _again(paths, EchoTime="5"),
    "has slices at unequal distances": lambda paths: _edit(paths, 5, ImagePositionPatient=["0", "0", "0.31"]),
    "has images of different sizes": lambda paths: _edit(paths, 5, Rows=7),
    "has slices in several planes": lambda paths: _edit(paths, 5, ImageOrientationPatient=list("001010")),
    "does not say where its slices lie": lambda paths: _edit(paths, 5, ImagePositionPatient=None),
    "has slices of different voxel sizes": lambda paths: _edit(paths, 5, PixelSpacing=["2", "2"]),
    "has some images of signed": lambda paths: _edit(paths, 5, PixelRepresentation=1),
    "holds colours": lambda paths: [_edit([path], 0, PhotometricInterpretation="RGB") for path in paths],
    "holds colours, or is bright": lambda paths: _edit(paths, 5, PhotometricInterpretation="MONOCHROME1"),
}


@pytest.mark.parametrize("said", BAD)
def test_a_series_that_is_no_volume_says_why(head, tmp_path, said):
    paths = write_classic(tmp_path / "series", plane(head))
    BAD[said](paths)
    reason = only(tmp_path / "series").hindrance
    assert reason is not None and reason.says.startswith(said) and reason.hint
    assert MARKER not in reason.says + reason.hint


def test_a_tilted_gantry_is_refused(head, tmp_path):
    write_classic(tmp_path / "series", tilted(plane(head), 2.0))
    assert "tilted gantry" in only(tmp_path / "series").hindrance.says


def test_images_of_another_modality_are_refused(head, tmp_path):
    write_classic(tmp_path / "series", plane(head), T1.but(Modality="CT", SOPClassUID=CT))
    assert only(tmp_path / "series").hindrance.says == "is no MR image"


def test_a_copy_of_an_image_counts_once(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    (tmp_path / "series" / "copy").write_bytes(paths[4].read_bytes())
    series = only(tmp_path / "series")
    assert series.hindrance is None and len(series.files) == len(paths)


def test_images_in_different_places_are_no_copies_though_they_have_one_uid(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    for k in range(len(paths)):
        _edit(paths, k, SOPInstanceUID="1.2.3")
    series = only(tmp_path / "series")
    assert series.hindrance is None and len(series.files) == len(paths)


def test_slices_of_unlike_scale_and_shuffled_numbers_keep_their_values_and_places(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    for k, number in enumerate(np.random.default_rng(4).permutation(len(paths))):
        _edit(paths, k, RescaleSlope=str(1 + k / 4), RescaleIntercept=str(-10 * k), InstanceNumber=int(number))
    expected = plane(head).data * (1 + np.arange(len(paths)) / 4) - 10 * np.arange(len(paths))
    image = converted(tmp_path / "series", tmp_path)
    found = reorient(Volume(np.asarray(image.dataobj), Grid(image.shape, image.affine)), "RAS").data
    assert np.array_equal(found, reorient(Volume(expected, plane(head).grid), "RAS").data)  # quarters are exact


def test_compressed_files_that_end_too_early_are_refused(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    compress(paths, JPEG2000Lossless)
    _cut(paths, bytes_kept=0.8)
    with pytest.raises(CommandError, match="cannot convert the DICOM series") as caught:
        converted(tmp_path / "series", tmp_path)
    assert MARKER not in str(caught.value) and caught.value.hint


def test_images_that_are_missing_at_an_end_are_remarked_upon(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    assert only(tmp_path / "series").remarks == ()
    for path in paths[:2]:
        path.unlink()
    (remark,) = only(tmp_path / "series").remarks
    assert "up to 11" in remark and "there are 9" in remark


# ------------------------------------------------------------------------------------------------------------ contrast

BY_TIMES = "does not look T1-weighted (judging by its name and its times)"
GRADIENT, TIMES = ("GR",), (2300.0, 2.98, 900.0)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (T1, None),
        (T2, "does not look T1-weighted (judging by its name)"),
        (LOCALIZER, "is a localizer"),
        (DERIVED, "is derived from another series"),
        (replace(T1, image_type=("ORIGINAL", "PRIMARY", "P", "ND")), "holds phases"),
        (replace(T1, description="sT1W_3D_TFE"), None),
        (replace(T1, description="Ax T1 FLAIR"), None),
        (replace(T1, description="t1_map"), "does not look T1-weighted (judging by its name)"),
        (replace(T1, description="FLAIR"), "does not look T1-weighted (judging by its name)"),
        (replace(T1, description="3D head"), None),  # by its times
        (
            replace(T1, description="head", times=(9000.0, 120.0, 2500.0)),
            BY_TIMES,
        ),
        (
            replace(T1, description="head", sequence=("EP", "GR")),
            BY_TIMES,
        ),
        (replace(T1, description="SAG IR-FSPGR", sequence=GRADIENT, times=(7.0, 3.0, 450.0)), None),
    ],
)
@pytest.mark.parametrize("enhanced", [False, True])
def test_a_t1w_image_is_told_by_its_kind_name_and_times(head, tmp_path, header, says, enhanced):
    header = header.but(ProtocolName="")
    if enhanced:
        write_enhanced(tmp_path / "series" / "image", plane(head), header.but(PulseSequenceName=""))
    else:
        write_classic(tmp_path / "series", plane(head), header)
    doubt = only(tmp_path / "series").doubt
    assert doubt is None if says is None else doubt.says.startswith(says)


# ------------------------------------------------------------------------------------------------------- what is found


def test_all_series_below_a_folder_are_found_and_nothing_else(head, tmp_path):
    medium = tmp_path / "medium"
    write_classic(medium / "A" / "B", plane(head), name="IM{:d}")
    write_classic(medium / "A" / "B", plane(head), T2, name="T2_{:d}.dcm")
    write_enhanced(medium / "C.ima", plane(head, "sagittal"), replace(T1, number=9))
    (medium / "README").write_text("a text")
    (medium / "empty").touch()
    os.mkfifo(medium / "pipe")
    found = series_below(medium)
    assert [(each.first.number, len(each.frames)) for each in found.series] == [(4, 11), (5, 11), (9, 12)]
    assert found.damaged == 0 and holds_images(medium)


def test_a_file_of_the_kernel_that_waits_for_messages_is_not_opened():
    # /proc/kmsg passes for a regular file, and reading it waits for the next message.
    code = (
        "from pathlib import Path; from wbtools.dicom.header import is_dicom; assert not is_dicom(Path('/proc/kmsg'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_medium_is_read_with_and_without_its_directory(head, tmp_path):
    write_classic(tmp_path / "source", plane(head))
    directory = write_directory(tmp_path / "source")
    medium = directory.parent
    assert is_dicom(directory) and len(only(medium).files) == 11
    directory.unlink()
    assert len(only(medium).files) == 11


def test_damaged_headers_are_counted_not_dropped(head, tmp_path):
    paths = write_classic(tmp_path / "series", plane(head))
    paths[2].write_bytes(paths[2].read_bytes()[:200])
    assert series_below(tmp_path / "series").damaged == 1


UNDEFINED = b"\xff" * 4
ENDLESS = {
    "zeros at once": lambda content: content[:132],
    "zeros inside": lambda content: content[: content.index(b"\x08\x00\x60\x00CS")],
    "a sequence": lambda content: content[: content.index(b"\x18\x00")] + b"\x00\x52\x30\x92SQ\0\0" + UNDEFINED,
    "an item": lambda content: (
        content[: content.index(b"\x18\x00")] + b"\x00\x52\x30\x92SQ\0\0" + UNDEFINED + b"\xfe\xff\x00\xe0" + UNDEFINED
    ),
    "a value": lambda content: content[: content.index(b"\x18\x00")] + b"\x19\x00\x01\x10OB\0\0" + UNDEFINED,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_gigabytes_of_zeros_are_not_read_as_a_header(head, tmp_path, name):
    paths = write_classic(tmp_path / "series", plane(head))
    with paths[2].open("r+b") as file:
        beginning = ENDLESS[name](file.read())
        file.seek(0)
        file.write(beginning)
        file.truncate(len(beginning))
        file.truncate(4 << 30)  # a hole
    assert series_below(tmp_path / "series").damaged == 1


def test_bytes_that_are_changed_at_random_end_in_a_sentence_or_a_series(head, tmp_path):
    random = np.random.default_rng(3)
    (source,) = [write_enhanced(tmp_path / "source", plane(head))]
    content = np.frombuffer(source.read_bytes(), np.uint8)
    (tmp_path / "fuzz").mkdir()
    for _ in range(120):
        changed = content.copy()
        places = random.integers(132, len(content) - head.data.size * 2, random.integers(1, 30))
        changed[places] = random.integers(0, 256, len(places))
        (tmp_path / "fuzz" / "image").write_bytes(changed.tobytes())
        for series in series_below(tmp_path / "fuzz").series:
            assert series.hindrance is None or series.hindrance.says
            assert series.orientation and series.pseudonym


def test_the_pseudonym_is_that_of_the_images_and_not_of_their_folder(head, tmp_path):
    write_classic(tmp_path / "Doe_John", plane(head))
    write_classic(tmp_path / "other", plane(head), name="IM{:d}")
    write_classic(tmp_path / "second", plane(head), replace(T1, number=6))
    first, same, other = (only(tmp_path / name).pseudonym for name in ("Doe_John", "other", "second"))
    assert first == same != other and first.startswith("scan-") and len(first) == 15
    assert SeriesChoice().is_usual and not SeriesChoice(4).is_usual


# ------------------------------------------------------------------------------------------------ what is not installed


def test_without_pydicom_a_sentence_says_what_to_install(head, tmp_path, monkeypatch):
    write_classic(tmp_path / "series", plane(head))
    monkeypatch.setattr(series_module, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pydicom, which is not installed") as caught:
        series_below(tmp_path / "series")
    assert "pip install pydicom" in caught.value.hint


def test_dcm2niix_is_found_on_path_beside_python_and_in_its_package(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "dcm2niix"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(program.parent))
    assert conversion.find_converter() == program
    monkeypatch.setenv("PATH", "/nowhere")
    assert conversion.find_converter().name == "dcm2niix" != program.parent.name
    program.rename(tmp_path / "dcm2niix")
    assert conversion.find_converter() == tmp_path / "dcm2niix"
    (tmp_path / "dcm2niix").unlink()
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    with pytest.raises(CommandMissing, match="is not installed") as caught:
        conversion.find_converter()
    assert "pip install pydicom" in caught.value.hint
