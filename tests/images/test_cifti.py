from __future__ import annotations

import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, ScalarAxis
from workbench_oracle import PALETTE, file_information, workbench

from wbtools.anatomy import SUBCORTEX, Hemisphere, Kind, Region, Structure
from wbtools.atlas import mmp
from wbtools.errors import InputError
from wbtools.images import cifti, gifti, nifti
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.surfaces import standard

GRID = Grid((9, 11, 9), np.array([[-20.0, 0, 0, 90], [0, 20, 0, -126], [0, 0, 20, -72], [0, 0, 0, 1]]))
RANDOM = np.random.default_rng(0)
VERTICES = 50
CORTEX = {side: RANDOM.random(VERTICES) < 0.8 for side in Hemisphere}
VALUES = {side: RANDOM.normal(size=VERTICES).astype(np.float32) for side in Hemisphere}
# 77 (hypointensity) is in FreeSurfer's volumes but no structure of CIFTI; putamen is left out on purpose.
PRESENT = [s for s in SUBCORTEX if s is not Structure.PUTAMEN_LEFT]
KEYS = [0, 77, *(s.freesurfer_key for s in PRESENT)]
SEGMENTATION = Volume(RANDOM.choice(KEYS, GRID.shape).astype(np.int32), GRID, Unit.LABEL)
INSIDE = RANDOM.normal(size=GRID.shape).astype(np.float32)
ROWS = cifti.Greyordinates(CORTEX, SEGMENTATION)
AREAS = tuple(
    Region(key, f"{side.letter}_{key}_ROI", side, Kind.CORTEX, (key / 10, 0.5, 0.25, 1.0))
    for key, side in enumerate([Hemisphere.RIGHT] * 3 + [Hemisphere.LEFT] * 3, 1)
)


def area_labels() -> dict[Hemisphere, np.ndarray]:
    """Keys 1-3 right, 4-6 left, 0 off cortex."""
    first = {Hemisphere.RIGHT: 1, Hemisphere.LEFT: 4}
    return {side: np.where(CORTEX[side], first[side] + np.arange(VERTICES) % 3, 0) for side in Hemisphere}


def save_parts(folder) -> None:
    """The same data as metric, ROI and volume files, for Workbench to join."""
    for side in Hemisphere:
        gifti.write_metrics(folder / f"{side.letter}.func.gii", {"m": VALUES[side]}, side)
        gifti.write_metrics(folder / f"{side.letter}.roi.gii", {"m": CORTEX[side].astype(np.float32)}, side)
        gifti.write_labels(folder / f"{side.letter}.label.gii", area_labels()[side], AREAS, side, "areas")
    structures = [Region(s.freesurfer_key, s.value, s.hemisphere, Kind.SUBCORTEX, (1, 0, 0, 1)) for s in PRESENT]
    nifti.write_volume(folder / "values.nii.gz", Volume(INSIDE, GRID))
    nifti.write_volume(folder / "structures.nii.gz", SEGMENTATION, regions=structures)


@pytest.mark.workbench
def test_a_dscalar_has_the_rows_that_workbench_makes(tmp_path):
    save_parts(tmp_path)
    ours, theirs = tmp_path / "ours.dscalar.nii", tmp_path / "theirs.dscalar.nii"
    cifti.write_dscalar(ours, {"m": ROWS.gather(VALUES, INSIDE)}, ROWS)
    workbench(
        "-cifti-create-dense-scalar", theirs, "-volume", tmp_path / "values.nii.gz", tmp_path / "structures.nii.gz",
        "-left-metric", tmp_path / "L.func.gii", "-roi-left", tmp_path / "L.roi.gii",
        "-right-metric", tmp_path / "R.func.gii", "-roi-right", tmp_path / "R.roi.gii",
    )  # fmt: skip
    a, b = nibabel.load(ours), nibabel.load(theirs)
    assert a.header.get_axis(1) == b.header.get_axis(1)
    np.testing.assert_array_equal(a.get_fdata(), b.get_fdata())
    assert a.nifti_header["intent_code"] == b.nifti_header["intent_code"]
    assert a.nifti_header["intent_name"] == b.nifti_header["intent_name"]


@pytest.mark.parametrize("rows", [ROWS, cifti.Greyordinates(CORTEX)], ids=["with voxels", "cortex alone"])
def test_a_dscalar_is_to_the_byte_what_nibabel_writes_of_its_axes(rows, tmp_path):
    ours, theirs = tmp_path / "ours.dscalar.nii", tmp_path / "theirs.dscalar.nii"
    named = {"<BrainModel />": rows.gather(VALUES), "other": 2 * rows.gather(VALUES)}
    cifti.write_dscalar(ours, named, rows, {"other": PALETTE})
    read = nibabel.load(ours)
    again = nibabel.Cifti2Image(read.get_fdata(dtype=np.float32), [read.header.get_axis(axis) for axis in (0, 1)])
    again.update_headers()
    again.nifti_header.set_intent("ConnDenseScalar", name="ConnDenseScalar")
    again.to_filename(theirs)
    assert ours.read_bytes() == theirs.read_bytes()
    np.testing.assert_array_equal(read.get_fdata(), np.array(list(named.values())))


@pytest.mark.workbench
def test_workbench_separates_a_dscalar_into_its_inputs(tmp_path):
    cifti.write_dscalar(tmp_path / "d.dscalar.nii", {"m": ROWS.gather(VALUES, INSIDE)}, ROWS, notice="no person")
    workbench(
        "-cifti-separate", tmp_path / "d.dscalar.nii", "COLUMN", "-volume-all", tmp_path / "v.nii.gz",
        "-metric", "CORTEX_LEFT", tmp_path / "L.func.gii", "-metric", "CORTEX_RIGHT", tmp_path / "R.func.gii",
    )  # fmt: skip
    for side in Hemisphere:
        (values,) = gifti.read_metrics(tmp_path / f"{side.letter}.func.gii", side).values()
        np.testing.assert_array_equal(values, VALUES[side] * CORTEX[side])
    back = nifti.read_volume(tmp_path / "v.nii.gz")
    assert back.grid.same_as(GRID)
    np.testing.assert_array_equal(back.data, np.where(np.isin(SEGMENTATION.data, [0, 77]), 0, INSIDE))


@pytest.mark.workbench
def test_workbench_reads_map_names_and_palettes_and_keeps_them_when_it_writes(tmp_path):
    path = tmp_path / "d.dscalar.nii"
    row = ROWS.gather(VALUES)
    cifti.write_dscalar(path, {"relevance": row, "heatmap": row}, ROWS, {"heatmap": PALETTE})
    assert workbench("-file-information", path, "-only-map-names").split() == ["relevance", "heatmap"]
    workbench("-set-map-names", path, "-map", 1, "new")
    meta = nibabel.load(path).header.get_axis(0).meta[1]
    assert "-0.750000 -0.250000 0.250000 0.750000" in meta["PaletteColorMapping"]


@pytest.mark.workbench
def test_a_dlabel_is_the_one_that_workbench_makes(tmp_path):
    save_parts(tmp_path)
    rows = cifti.Greyordinates(CORTEX)
    ours, theirs = tmp_path / "ours.dlabel.nii", tmp_path / "theirs.dlabel.nii"
    cifti.write_dlabel(ours, rows.gather(area_labels()), rows, AREAS, "areas")
    workbench(
        "-cifti-create-label", theirs, "-left-label", tmp_path / "L.label.gii", "-roi-left", tmp_path / "L.roi.gii",
        "-right-label", tmp_path / "R.label.gii", "-roi-right", tmp_path / "R.roi.gii",
    )  # fmt: skip
    a, b = nibabel.load(ours), nibabel.load(theirs)
    assert a.header.get_axis(1) == b.header.get_axis(1)
    np.testing.assert_array_equal(a.get_fdata(), b.get_fdata())
    (ours_table,), (theirs_table,) = a.header.get_axis(0).label, b.header.get_axis(0).label
    assert {key: name for key, (name, _) in ours_table.items()} == {k: name for k, (name, _) in theirs_table.items()}
    for key, (_, colour) in ours_table.items():
        np.testing.assert_allclose(colour, theirs_table[key][1], atol=1e-6)  # Workbench writes six digits
    assert a.header.get_axis(0).name.tolist() == ["areas"]


@pytest.mark.workbench
def test_a_pscalar_is_the_one_that_workbench_parcellates(tmp_path):
    labels = {side: mmp.labels_32k(side) for side in Hemisphere}
    rows = cifti.Greyordinates({side: standard.cortex_32k(side) for side in Hemisphere})
    values = {side: RANDOM.normal(size=standard.VERTICES_32K).astype(np.float32) for side in Hemisphere}
    cifti.write_dlabel(tmp_path / "a.dlabel.nii", rows.gather(labels), rows, mmp.regions(), "areas")
    cifti.write_dscalar(tmp_path / "d.dscalar.nii", {"m": rows.gather(values)}, rows)
    means = np.array([values[a.hemisphere][labels[a.hemisphere] == a.key].mean() for a in mmp.regions()])
    cifti.write_pscalar(tmp_path / "ours.pscalar.nii", {"m": means}, labels, mmp.regions(), {"m": PALETTE})
    workbench(
        "-cifti-parcellate", tmp_path / "d.dscalar.nii", tmp_path / "a.dlabel.nii", "COLUMN",
        tmp_path / "theirs.pscalar.nii",
    )  # fmt: skip
    a, b = nibabel.load(tmp_path / "ours.pscalar.nii"), nibabel.load(tmp_path / "theirs.pscalar.nii")
    assert a.header.get_axis(1) == b.header.get_axis(1)
    assert a.header.get_axis(1).name.tolist() == [area.name for area in mmp.regions()]
    # Means of at most 839 float32 values of size 1, summed in another order.
    np.testing.assert_allclose(a.get_fdata(), b.get_fdata(), atol=1e-5)
    assert a.nifti_header["intent_code"] == b.nifti_header["intent_code"]
    fields = file_information(tmp_path / "ours.pscalar.nii")
    assert (fields["Type"], fields["Number of Rows"]) == ("CIFTI - Parcel Scalar", "360")


def test_the_standard_cortex_has_59412_rows(tmp_path):
    rows = cifti.Greyordinates({side: standard.cortex_32k(side) for side in Hemisphere})
    assert rows.rows == 59_412
    assert [len(rows.vertices[side]) for side in Hemisphere] == [29_696, 29_716]


def test_absent_structures_have_no_rows():
    assert Structure.PUTAMEN_LEFT not in ROWS.voxels
    assert sum(map(len, ROWS.voxels.values())) == np.count_nonzero(~np.isin(SEGMENTATION.data, [0, 77]))
    assert list(ROWS.voxels) == PRESENT


def test_cortex_read_back_lies_on_whole_meshes_with_zeros_on_the_medial_wall(tmp_path):
    cifti.write_dscalar(tmp_path / "d.dscalar.nii", {"m": ROWS.gather(VALUES, INSIDE)}, ROWS)
    read = cifti.read_cortex(tmp_path / "d.dscalar.nii")
    for side in Hemisphere:
        np.testing.assert_array_equal(read["m"][side], VALUES[side] * CORTEX[side])


def test_several_maps_are_read_back_each_with_its_own_values(tmp_path):
    maps = {
        name: ROWS.gather({side: i * VALUES[side] for side in Hemisphere}, INSIDE) for i, name in enumerate("abc", 1)
    }
    cifti.write_dscalar(tmp_path / "d.dscalar.nii", maps, ROWS)
    read = cifti.read_cortex(tmp_path / "d.dscalar.nii")
    assert list(read) == list("abc")
    for i, name in enumerate("abc", 1):
        for side in Hemisphere:
            np.testing.assert_array_equal(read[name][side], i * VALUES[side] * CORTEX[side])


def test_values_of_the_wrong_size_are_rejected():
    short = {side: values[:-1] for side, values in VALUES.items()}
    with pytest.raises(InputError, match="49"):
        ROWS.gather(short)
    with pytest.raises(InputError, match="does not fit"):
        ROWS.gather(VALUES, INSIDE[1:])
    with pytest.raises(InputError, match="both hemispheres"):
        cifti.Greyordinates({Hemisphere.LEFT: CORTEX[Hemisphere.LEFT]})
    with pytest.raises(InputError, match="label volume"):
        cifti.Greyordinates(CORTEX, Volume(INSIDE, GRID))


def test_a_region_without_vertices_or_hemisphere_is_rejected_as_a_parcel(tmp_path):
    absent = Region(9, "L_9_ROI", Hemisphere.LEFT, Kind.CORTEX, (1, 1, 1, 1))
    stem = Region(1, "BRAIN_STEM", None, Kind.SUBCORTEX, (1, 1, 1, 1))
    for region in (absent, stem):
        with pytest.raises(InputError, match=f"{region.name} has no vertex"):
            cifti.write_pscalar(tmp_path / "p.pscalar.nii", {"m": np.zeros(1)}, area_labels(), [region])


def test_files_other_than_dense_cifti_are_rejected(tmp_path):
    nifti.write_volume(tmp_path / "v.nii", Volume(INSIDE, GRID))
    (tmp_path / "t.dscalar.nii").write_text("text")
    cifti.write_pscalar(tmp_path / "p.pscalar.nii", {"m": np.zeros(6)}, area_labels(), AREAS)
    for name, sentence in {
        "none.dscalar.nii": "does not exist",
        "v.nii": "is a NIfTI file, not a CIFTI file",
        "t.dscalar.nii": "is a text file, not a CIFTI file",
        "p.pscalar.nii": "no named maps of the cortex",
    }.items():
        with pytest.raises(InputError, match=sentence) as caught:
            cifti.read_cortex(tmp_path / name)
        assert caught.value.hint


@pytest.mark.workbench
def test_pairs_of_regions_have_the_parcels_that_wb_command_makes(tmp_path):
    """Cortical and subcortical parcels in one file, on both axes."""
    structures = [
        Region(1000 + s.freesurfer_key, s.value, s.hemisphere, Kind.SUBCORTEX, (1.0, 0.0, 0.0, 1.0)) for s in PRESENT
    ]
    regions = [*AREAS, *structures]
    keys = np.where(np.isin(SEGMENTATION.data, [s.freesurfer_key for s in PRESENT]), SEGMENTATION.data + 1000, 0)
    cifti.write_dlabel(tmp_path / "a.dlabel.nii", ROWS.gather(area_labels(), keys), ROWS, regions, "areas")
    cifti.write_dscalar(tmp_path / "d.dscalar.nii", {"m": ROWS.gather(VALUES, INSIDE)}, ROWS)
    workbench(
        "-cifti-parcellate", tmp_path / "d.dscalar.nii", tmp_path / "a.dlabel.nii", "COLUMN",
        tmp_path / "theirs.pscalar.nii",
    )  # fmt: skip
    matrix = np.random.default_rng(0).normal(size=(len(regions),) * 2)
    cifti.write_pconn(tmp_path / "ours.pconn.nii", matrix, area_labels(), regions, ROWS)
    ours, theirs = nibabel.load(tmp_path / "ours.pconn.nii"), nibabel.load(tmp_path / "theirs.pscalar.nii")
    expected = theirs.header.get_axis(1)
    for axis in (0, 1):
        found = ours.header.get_axis(axis)
        assert set(found.name) == set(expected.name)
        for name in map(str, found.name):
            (voxels, vertices), (their_voxels, their_vertices) = found[name], expected[name]
            assert set(map(tuple, voxels)) == set(map(tuple, their_voxels))
            assert {k: set(v) for k, v in vertices.items()} == {k: set(v) for k, v in their_vertices.items()}
    np.testing.assert_array_equal(ours.get_fdata(), matrix.astype(np.float32))
    fields = file_information(tmp_path / "ours.pconn.nii")
    assert (fields["Type"], fields["Number of Rows"]) == ("CIFTI - Parcel", str(len(regions)))


@pytest.mark.parametrize("rows", [ROWS, cifti.Greyordinates(CORTEX)], ids=["with voxels", "cortex alone"])
def test_dense_files_are_those_of_nibabels_own_image_byte_by_byte(tmp_path, rows):
    on_cortex = [(side.cortex.cifti, np.flatnonzero(CORTEX[side])) for side in Hemisphere]
    sizes = {side.cortex.cifti: VERTICES for side in Hemisphere}
    parts = [BrainModelAxis.from_surface(index, sizes[name], name) for name, index in on_cortex]
    for structure in SUBCORTEX if rows is ROWS else ():
        if (inside := np.argwhere(structure.freesurfer_key == SEGMENTATION.data.T)[:, ::-1]).size:
            names = [structure.cifti] * len(inside)
            parts.append(BrainModelAxis(names, inside, affine=GRID.affine, volume_shape=GRID.shape))
    values = rows.gather(VALUES)
    image = nibabel.Cifti2Image(values[None], (ScalarAxis(["m"]), sum(parts[1:], parts[0])))
    image.nifti_header.set_intent("ConnDenseScalar", name="ConnDenseScalar")
    image.to_filename(tmp_path / "theirs.dscalar.nii")
    cifti.write_dscalar(tmp_path / "ours.dscalar.nii", {"m": values}, rows)
    assert (tmp_path / "ours.dscalar.nii").read_bytes() == (tmp_path / "theirs.dscalar.nii").read_bytes()
