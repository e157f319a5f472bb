from __future__ import annotations

import gzip
import resource
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial.transform import Rotation
from workbench_oracle import PALETTE, REGIONS, file_information, workbench

from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.space.grid import Grid, Unit, Volume

SLOPE, FORMS, LAST_ROW = 112, 252, 312  # bytes of scl_slope, qform_code + sform_code, srow_z in a NIfTI-1 header


def grid(shape=(4, 5, 6), orientation="RAS", turn=0.0, spacing=2.0) -> Grid:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, :3] = Rotation.from_rotvec([turn, turn / 2, -turn]).as_matrix() * spacing
    affine[:3, 3] = -7.0, 11.0, 3.0
    return Grid(shape, affine).reoriented(orientation)


def volume(where: Grid, seed=0) -> Volume:
    return Volume(np.random.default_rng(seed).normal(size=where.shape).astype(np.float32), where)


def save(path: Path, data) -> Path:
    nibabel.save(nibabel.Nifti1Image(data, np.diag([2.0, 2, 2, 1])), path)
    return path


def patched(path: Path, at: int, *values: np.generic) -> Path:
    """The file of a small zero volume with some header bytes replaced; nibabel itself would repair them."""
    raw = bytearray(save(path, np.zeros((3, 3, 3), np.int16)).read_bytes())
    new = np.array(values).tobytes()
    raw[at : at + len(new)] = new
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("orientation", "turn"), [("RAS", 0), ("LAS", 0), ("PSR", 0), ("LPS", 0.2)])
def test_a_volume_round_trips_with_values_and_affine(tmp_path, suffix, orientation, turn):
    written = volume(grid(orientation=orientation, turn=turn))
    nifti.write_volume(tmp_path / f"v{suffix}", written)
    read = nifti.read_volume(tmp_path / f"v{suffix}")
    np.testing.assert_array_equal(read.data, written.data)
    # The header holds float32: 1e-4 mm is its rounding at head size.
    assert read.grid.same_as(written.grid, 1e-4)
    assert nifti.read_grid(tmp_path / f"v{suffix}").same_as(read.grid, 0)
    assert read.data.dtype == np.float32 and read.data.flags.c_contiguous


@settings(max_examples=25, deadline=None)
@given(
    data=arrays.arrays(np.int32, st.tuples(*[st.integers(1, 4)] * 3), elements=st.integers(-(2**31), 2**31 - 1)),
    compressed=st.booleans(),
)
def test_any_labels_round_trip_exactly(tmp_path_factory, data, compressed):
    path = tmp_path_factory.mktemp("labels") / ("l.nii.gz" if compressed else "l.nii")
    nifti.write_volume(path, Volume(data, grid(data.shape), Unit.LABEL))
    read = nifti.read_volume(path, Unit.LABEL)
    assert read.data.dtype == np.int32
    np.testing.assert_array_equal(read.data, data)


@pytest.mark.parametrize(("largest", "kind"), [(460, np.int16), (40_000, np.int32)])
def test_labels_take_the_smallest_type_that_every_viewer_reads(tmp_path, largest, kind):
    data = np.zeros((4, 5, 6), np.int32)
    data[1, 2, 3] = largest
    nifti.write_volume(tmp_path / "l.nii.gz", Volume(data, grid(), Unit.LABEL))
    assert nibabel.load(tmp_path / "l.nii.gz").get_data_dtype() == kind


def test_the_same_volume_gives_the_same_bytes_and_a_header_without_history(tmp_path):
    for name in ("a", "b"):
        nifti.write_volume(tmp_path / f"{name}.nii.gz", volume(grid()), palette_xml=PALETTE, description="relevance")
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header["descrip"].item() == b"relevance" and header["aux_file"].item() == b""
    assert header.get_xyzt_units()[0] == "mm"
    assert str(tmp_path).encode() not in gzip.decompress(content) and b"Date" not in gzip.decompress(content)


def test_a_description_that_is_too_long_is_rejected(tmp_path):
    nifti.write_volume(tmp_path / "v.nii", volume(grid()), description="x" * 79)
    with pytest.raises(InputError, match="79 bytes"):
        nifti.write_volume(tmp_path / "w.nii", volume(grid()), description="é" * 40)


def test_the_sform_is_preferred_and_a_lone_qform_is_used(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((3, 3, 3), np.float32), None)
    image.set_qform(np.diag([3.0, 3, 3, 1]), 1)
    nibabel.save(image, tmp_path / "q.nii")
    assert nifti.read_grid(tmp_path / "q.nii").affine[0, 0] == 3
    image.set_sform(np.diag([-2.0, 2, 2, 1]), 4)
    nibabel.save(image, tmp_path / "s.nii")
    assert nifti.read_grid(tmp_path / "s.nii").orientation == "LAS"


def test_a_trailing_axis_of_length_one_is_dropped(tmp_path):
    path = save(tmp_path / "v.nii.gz", np.ones((3, 4, 5, 1), np.float32))
    assert nifti.read_volume(path).data.shape == (3, 4, 5)


def test_scaled_integers_are_read_as_their_scaled_values(tmp_path):
    path = patched(tmp_path / "v.nii", SLOPE, np.float32(0.5), np.float32(10))
    np.testing.assert_array_equal(nifti.read_volume(path).data, 10)
    assert nifti.read_volume(path, Unit.LABEL).data.max() == 10


@pytest.mark.parametrize("kept", [5, 200, -2000, -9, -8, -4, -1])
def test_a_truncated_gzip_file_is_rejected_wherever_it_ends(tmp_path, kept):
    nifti.write_volume(tmp_path / "v.nii.gz", volume(grid((12, 12, 12))))
    content = (tmp_path / "v.nii.gz").read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(content[:kept])
    with pytest.raises(InputError, match=r"cut\.nii\.gz is not a complete NIfTI file") as caught:
        nifti.read_volume(tmp_path / "cut.nii.gz")
    assert caught.value.hint


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_a_damaged_file_is_rejected(tmp_path, name):
    nifti.write_volume(tmp_path / name, volume(grid((12, 12, 12))))
    content = bytearray((tmp_path / name).read_bytes())
    if name.endswith(".gz"):
        content[len(content) // 2] ^= 0xFF
    else:
        content = content[:-1]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="not a complete NIfTI file"):
        nifti.read_volume(tmp_path / name)


def _text(path):
    path.write_text("not an image at all, " * 50)


def _analyze(path):
    nibabel.save(nibabel.AnalyzeImage(np.zeros((2, 2, 2), np.float32), np.eye(4)), path.with_suffix(".img"))
    return path.with_suffix(".img")


def _with(value, *, inside=False):
    def make(path):
        data = np.zeros((4, 4, 4), np.float32)
        data[(1, 1, slice(1, 3)) if inside else (0, 0, slice(2))] = value
        return save(path, data)

    return make


BAD = {
    "missing": (lambda path: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "text": (_text, "is a text file, not a NIfTI file"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "another format": (_analyze, "is half of a pair"),
    "several volumes": (lambda path: save(path, np.zeros((3, 3, 3, 2), np.float32)), "not that of one volume"),
    "one slice": (lambda path: save(path, np.zeros((3, 3), np.float32)), "not that of one volume"),
    "not a number": (_with(np.nan, inside=True), "2 voxels without a finite value"),
    "infinite": (_with(-np.inf), "2 voxels without a finite value"),
    "complex": (lambda path: save(path, np.zeros((3, 3, 3), np.complex64)), "complex"),
    "no place": (lambda path: patched(path, FORMS, np.int16(0), np.int16(0)), "left and right are unknown"),
    "flat": (lambda path: patched(path, LAST_ROW, *np.zeros(4, np.float32)), "not an invertible 4 x 4 matrix"),
    "affine without numbers": (lambda path: patched(path, LAST_ROW, np.float32(np.nan)), "not an invertible"),
}


@pytest.mark.parametrize("case", BAD)
def test_an_unusable_file_is_rejected_in_one_sentence_with_a_hint(tmp_path, case):
    make, sentence = BAD[case]
    path = tmp_path / "bad.nii"
    made = make(path)
    path = made if isinstance(made, Path) else path
    with pytest.raises(InputError, match=sentence) as caught:
        nifti.read_volume(path)
    assert str(path) in str(caught.value) and caught.value.hint and caught.value.exit_code == 3


HEADERS = {
    "quaternion alone": ({252: np.int16([1, 0]), 256: np.float32([2, 2, 2])}, "its qform holds no rotation"),
    "quaternion of NaN": (
        {252: np.int16([1, 0]), 256: np.float32([np.nan] * 3)},
        "(holds no rotation|not an invertible)",
    ),
    "voxel sizes of 0": ({252: np.int16([1, 0]), 80: np.float32([0, 0, 0])}, "not an invertible"),
    "voxel sizes of NaN": ({252: np.int16([1, 0]), 80: np.float32([np.nan] * 3)}, "holds no rotation"),
    "far away": ({LAST_ROW: np.float32([0, 0, 2, 1e30])}, "more than any scanner"),
    "infinite offset": ({108: np.float32([np.inf])}, r"voxels begin at byte inf \(vox_offset\)"),
    "offset of NaN": ({108: np.float32([np.nan])}, "voxels begin at byte nan"),
    "offset in the header": ({108: np.float32([8])}, "voxels begin at byte 8"),
    "negative offset": ({108: np.float32([-352])}, "voxels begin at byte -352"),
    "offset beyond the end": ({108: np.float32([4000])}, "more than they can hold"),
    "infinite intercept": ({SLOPE: np.float32([1, np.inf])}, "adds inf to every value"),
    "no axes": ({40: np.int16([0])}, "it has 0 axes"),
    "nine axes": ({40: np.int16([9])}, "it has 9 axes"),
    "negative axis": ({42: np.int16([-3])}, "not that of one volume"),
    "five axes": ({40: np.int16([5, 3, 3, 3, 1, 2])}, "not that of one volume"),
    "unknown type": ({70: np.int16([999])}, "code 999"),
    "long doubles": ({70: np.int16([1536])}, "code 1536"),
    "colours": ({70: np.int16([128])}, "colours or complex"),
    "CIFTI": ({68: np.int16([3006])}, "is a CIFTI file"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_an_inconsistent_header_is_rejected_with_the_reason(tmp_path, case):
    changes, sentence = HEADERS[case]
    raw = bytearray(save(tmp_path / "v.nii", np.zeros((3, 3, 3), np.int16)).read_bytes())
    for at, values in changes.items():
        raw[at : at + values.nbytes] = values.tobytes()
    (tmp_path / "v.nii").write_bytes(raw)
    with pytest.raises(InputError, match=sentence) as caught:
        nifti.read_volume(tmp_path / "v.nii")
    assert caught.value.hint and str(caught.value).isprintable()


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_an_invalid_slope_means_unscaled_values(tmp_path, slope):
    path = patched(tmp_path / "v.nii", SLOPE, np.float32(slope), np.float32(np.nan))
    assert nifti.read_volume(path).data.max() == 0


def test_a_damaged_qform_beside_a_valid_sform_gives_a_remark(tmp_path):
    path = patched(tmp_path / "v.nii", FORMS, np.int16(1), np.int16(1), *np.float32([5, 5, 5]).view(np.int16))
    assert "v.nii: the qform is damaged; the sform is used" in nifti.read_with_remarks(path)[1]


def test_text_in_a_header_is_never_decoded(tmp_path):
    raw = bytearray(save(tmp_path / "v.nii", np.zeros((3, 3, 3), np.int16)).read_bytes())
    for start, end in ((148, 228), (228, 252), (328, 344)):  # descrip, aux_file, intent_name
        raw[start:end] = (b"\xe9\x1b\xff" * 40)[: end - start]
    (tmp_path / "v.nii").write_bytes(raw)
    nifti.write_volume(tmp_path / "out.nii", nifti.read_volume(tmp_path / "v.nii"))
    assert b"\x1b" not in (tmp_path / "out.nii").read_bytes()


MGH_FAULTS = {
    "version": (0, np.array(2, ">i4"), "version 2; FreeSurfer volumes have version 1"),
    "type": (20, np.array(7, ">i4"), r"a type \(7\) that FreeSurfer does not have"),
    "no columns": (4, np.array(0, ">i4"), "not that of one volume"),
    "frames": (16, np.array(3, ">i4"), "not that of one volume"),
    "sizes of NaN": (30, np.array(np.nan, ">f4"), "not an invertible"),
    "sizes of 0": (30, np.zeros(3, ">f4"), "not an invertible"),
    "centre": (78, np.array(np.inf, ">f4"), "not an invertible"),
    "too large": (4, np.array([2000, 2000, 2000], ">i4"), "8,000,000,000 voxels; 134,217,728 are the most"),
}


@pytest.mark.parametrize("case", MGH_FAULTS)
def test_an_inconsistent_freesurfer_header_is_rejected(tmp_path, case):
    at, value, sentence = MGH_FAULTS[case]
    nibabel.save(nibabel.MGHImage(np.zeros((3, 4, 5), np.uint8), np.eye(4)), tmp_path / "v.mgh")
    raw = bytearray((tmp_path / "v.mgh").read_bytes())
    raw[at : at + value.nbytes] = value.tobytes()
    for name, content in (("v.mgh", bytes(raw)), ("v.mgz", gzip.compress(bytes(raw)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=sentence) as caught:
            nifti.read_volume(tmp_path / name)
        assert caught.value.hint and caught.value.exit_code == 3


def test_freesurfer_tags_after_the_voxels_are_skipped(tmp_path):
    nibabel.save(nibabel.MGHImage(np.full((3, 4, 5), 7, np.uint8), np.eye(4)), tmp_path / "v.mgh")
    content = (tmp_path / "v.mgh").read_bytes() + b"\0\0\0\3" + b"\xff" * 100_000
    (tmp_path / "v.mgz").write_bytes(gzip.compress(content))
    assert nifti.read_volume(tmp_path / "v.mgz").data.sum() == 420


def test_nan_around_the_head_is_background(tmp_path):
    data = np.full((5, 5, 5), np.nan, np.float32)
    data[1:4, 1:4, 1:4] = np.arange(-9, 18, dtype=np.float32).reshape(3, 3, 3)
    path = save(tmp_path / "v.nii.gz", data)
    read, remarks = nifti.read_with_remarks(path)
    np.testing.assert_array_equal(read.data, np.where(np.isnan(data), -9, data))
    assert remarks[-1] == "v.nii.gz: 98 voxels around the head hold no number (NaN) and count as background"


@pytest.mark.parametrize(
    ("kind", "order"), [(np.uint8, "<"), (np.int16, ">"), (np.float64, "<"), (np.float64, ">"), (np.uint32, "<")]
)
def test_any_number_type_and_byte_order_is_read(tmp_path, kind, order):
    data = np.random.default_rng(0).integers(0, 200, (4, 5, 6)).astype(kind)
    image = nibabel.Nifti1Image(data, np.diag([2.0, 2, 2, 1]), nibabel.Nifti1Header(endianness=order), dtype=kind)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "v.nii.gz")
    assert gzip.decompress((tmp_path / "v.nii.gz").read_bytes())[0] == (348 & 255 if order == "<" else 0)
    read, remarks = nifti.read_with_remarks(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(read.data, data.astype(np.float32))
    assert read.data.dtype == np.float32 and not remarks


def test_a_huge_extension_does_no_harm(tmp_path):
    image = nibabel.Nifti1Image(np.ones((3, 4, 5), np.int16), np.diag([2.0, 2, 2, 1]))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"history " * 500_000))
    nibabel.save(image, tmp_path / "v.nii.gz")
    assert nifti.read_volume(tmp_path / "v.nii.gz").data.sum() == 60


@pytest.mark.parametrize(
    ("unit", "size", "remark"),
    [(0, 2, "mm are assumed"), (1, 0.002, "in metres"), (3, 2000, "in micrometres"), (2, 2, "")],
)
def test_lengths_are_converted_to_mm(tmp_path, unit, size, remark):
    image = nibabel.Nifti1Image(np.ones((3, 4, 5), np.int16), np.diag([size, size, size, 1.0]))
    image.header["xyzt_units"] = unit
    nibabel.save(image, tmp_path / "v.nii")
    read, remarks = nifti.read_with_remarks(tmp_path / "v.nii")
    np.testing.assert_allclose(read.grid.voxel_sizes, 2, rtol=1e-6)
    assert remark in " ".join(remarks) and len(remarks) == bool(remark)
    assert nifti.read_grid(tmp_path / "v.nii").same_as(read.grid)


def _two_forms(path, sform, qform):
    image = nibabel.Nifti1Image(np.ones((10, 10, 10), np.int16), None)
    image.header.set_xyzt_units("mm")
    image.set_qform(qform, 1)
    image.set_sform(sform, 2)
    nibabel.save(image, path)
    return nifti.read_with_remarks(path)


def test_forms_that_disagree_are_reported_and_the_sform_is_used(tmp_path, caplog):
    shifted = np.diag([2.0, 2, 2, 1])
    shifted[:3, 3] = 3, 0, 4
    read, remarks = _two_forms(tmp_path / "v.nii", shifted, np.diag([2.0, 2, 2, 1]))
    np.testing.assert_array_equal(read.grid.affine, shifted)
    assert remarks == ("v.nii: sform and qform place the image up to 5.0 mm apart; the sform is used",)
    with caplog.at_level("INFO"):
        nifti.read_volume(tmp_path / "v.nii")
    assert "5.0 mm apart" in caplog.text
    read, remarks = _two_forms(tmp_path / "w.nii", np.diag([-2.0, 2, 2, 1]), np.diag([2.0, 2, 2, 1]))
    assert read.grid.orientation == "LAS" and "even the orientation (LAS, RAS)" in remarks[0]
    assert not _two_forms(tmp_path / "x.nii", shifted, shifted)[1]
    # A qform can hold no shear: what it cannot say is reported, too.
    sheared = np.diag([2.0, 2, 2, 1])
    sheared[0, 1] = 0.2
    assert "mm apart" in _two_forms(tmp_path / "y.nii", sheared, sheared)[1][0]


@pytest.mark.parametrize("value", [0.5, np.nan, 3e9])
def test_fractional_labels_are_rejected(tmp_path, value):
    path = _with(value)(tmp_path / "l.nii")
    with pytest.raises(InputError, match="2 voxels that are not whole numbers"):
        nifti.read_volume(path, Unit.LABEL)


def test_integral_floats_are_read_as_labels(tmp_path):
    assert nifti.read_volume(_with(2035.0)(tmp_path / "l.nii"), Unit.LABEL).data.max() == 2035


def test_stacked_volumes_are_maps_of_one_file(tmp_path):
    first, second = volume(grid(orientation="LAS"), 1), volume(grid(orientation="LAS"), 2)
    nifti.write_stack(tmp_path / "s.nii.gz", [first, second])
    image = nibabel.load(tmp_path / "s.nii.gz")
    np.testing.assert_array_equal(image.get_fdata(), np.stack([first.data, second.data], axis=-1))
    np.testing.assert_allclose(image.affine, first.grid.affine)
    with pytest.raises(InputError, match="one grid"):
        nifti.write_stack(tmp_path / "t.nii.gz", [first, volume(grid(), 2)])


@pytest.mark.workbench
def test_workbench_reads_names_keys_and_colours_of_labels(tmp_path):
    data = np.zeros((4, 5, 6), np.int32)
    data[0, 0, :3] = [region.key for region in REGIONS]
    nifti.write_volume(tmp_path / "l.nii.gz", Volume(data, grid(), Unit.LABEL), regions=REGIONS, map_name="HCP-MMP1")
    workbench("-volume-label-export-table", tmp_path / "l.nii.gz", 1, tmp_path / "table.txt")
    lines = (tmp_path / "table.txt").read_text().splitlines()
    assert lines[::2] == [region.name for region in REGIONS]
    # Workbench prints colours as bytes.
    expected = [[r.key, *(round(c * 255) for c in r.colour)] for r in REGIONS]
    assert [[int(word) for word in line.split()] for line in lines[1::2]] == expected
    assert file_information(tmp_path / "l.nii.gz")["Maps with LabelTable"] == "true"
    text = workbench("-file-information", tmp_path / "l.nii.gz")
    assert "HCP-MMP1" in text and any(line.split()[:2] == ["0", "???"] for line in text.splitlines())


@pytest.mark.workbench
@pytest.mark.parametrize(
    ("unit", "kind"), [(Unit.INTENSITY, "Anatomy"), (Unit.DENSITY, "Functional"), (Unit.SCORE, "Functional")]
)
def test_workbench_reads_the_palette_and_keeps_it_when_it_writes(tmp_path, unit, kind):
    path = tmp_path / "v.nii.gz"
    nifti.write_volume(path, Volume(volume(grid()).data, grid(), unit), palette_xml=PALETTE, map_name="old")
    assert "old" in workbench("-file-information", path, "-only-map-names")
    workbench("-set-map-names", path, "-map", 1, "new")
    content = nibabel.load(path).header.extensions[0].content.decode()
    for word in ("new", kind, "MODE_USER_SCALE", "magma", "-0.750000 -0.250000 0.250000 0.750000"):
        assert word in content


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_a_disk_without_room_leaves_the_earlier_file_or_none(tmp_path: Path, name: str) -> None:
    noise = volume(grid((40, 40, 40)))
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    for before in ([], ["earlier"]):
        for content in before:
            (tmp_path / name).write_text(content)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, usual[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                nifti.write_volume(tmp_path / name, noise)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert [path.read_text() for path in tmp_path.iterdir()] == before
