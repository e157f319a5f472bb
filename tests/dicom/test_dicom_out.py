"""Results as DICOM objects: where their voxels lie, what they hold and say, read by others than who wrote them."""

from __future__ import annotations

from itertools import product

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_readers import at, positions, verdict
from made_dicom import MARKER, T1, tilted, write_classic, write_enhanced
from PIL import Image
from scipy.spatial.transform import Rotation

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.dicom.header import silenced
from wbtools.dicom.objects import source_series
from wbtools.dicom.objects.parametric_map import relevance_map
from wbtools.dicom.objects.research import NewSeries
from wbtools.dicom.objects.secondary_capture import Captured, captures
from wbtools.dicom.objects.segmentation import Segment, segmentation
from wbtools.errors import CheckError, InputError
from wbtools.space.grid import Grid, Unit, Volume, canonical

SHAPE, SPACING = (14, 12, 10), (0.9, 1.1, 1.3)
OBLIQUE = Rotation.from_euler("xyz", [20, -13, 45], degrees=True).as_matrix()
PLANES = {  # columns, rows and slices of the scanner, in RAS
    "axial": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
    "sagittal": [[0, -1, 0], [0, 0, -1], [-1, 0, 0]],
    "coronal": [[-1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "oblique": OBLIQUE.T.tolist(),
    "backwards": [[-1, 0, 0], [0, -1, 0], [0, 0, -1]],
}


def classic(folder, volume):
    """One file a slice, not in their order."""
    return sorted(write_classic(folder, volume), key=lambda path: path.name[::-1])


def enhanced(folder, volume):
    """One file, whose frames are not in their order."""
    path = write_enhanced(folder / "all.dcm", volume)
    image = pydicom.dcmread(path)
    order = np.random.default_rng(1).permutation(SHAPE[2])
    image.PixelData = image.pixel_array[order].tobytes()
    image.PerFrameFunctionalGroupsSequence = [image.PerFrameFunctionalGroupsSequence[frame] for frame in order]
    image.save_as(path)
    return [path]


FORMS = {"classic": classic, "enhanced": enhanced}
CASES = tuple(product(PLANES, FORMS))


REGIONS = (
    Region(1, "R_V1_ROI", Hemisphere.RIGHT, Kind.CORTEX, (1, 0, 0, 1)),
    Region(410, "THALAMUS_LEFT", Hemisphere.LEFT, Kind.SUBCORTEX, (0.2, 0.8, 0.3, 1)),
    Region(416, "BRAIN_STEM", None, Kind.SUBCORTEX, (0, 0, 1, 1)),
)
SERIES_OF = {name: NewSeries(place, name, "A notice.") for place, name in enumerate(("map", "regions", "pictures"), 1)}

IDENTITY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientComments"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber", "StudyID"),
    "ReferringPhysicianName",
)
"""What says whose study it is."""

KNOWN_WARNINGS = ("<99WBTOOLS>", "<QUANTITY>")
"""What dciodvfy of 2022 calls unrecognized: a private coding scheme, and a term for maps of quantities (C.8.16.1.4)."""


def scan(plane):
    """A volume of unlike values as the scanner has it."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(PLANES[plane], float).T * SPACING
    affine[:3, 3] = 12.3, -4.5, -7.8
    values = np.random.default_rng(0).permutation(np.prod(SHAPE)).reshape(SHAPE)
    return Volume(values, Grid(SHAPE, affine))


def relevance_of(volume):
    """Signed densities, as small as those of networks are."""
    return Volume((volume.data * 1e-9 - 5e-7).astype(np.float32), volume.grid, Unit.DENSITY)


def labels_of(volume):
    keys = np.array([0, *(region.key for region in REGIONS)])
    return Volume(keys[volume.data % len(keys)].astype(np.int32), volume.grid, Unit.LABEL)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "overview.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (120, 800, 3), np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def objects(tmp_path_factory, picture):
    """The paths of map, segmentation and picture by plane and form, and the source's files."""
    made = {}
    for plane, form in CASES:
        folder = tmp_path_factory.mktemp(f"{plane}-{form}")
        volume = scan(plane)
        files = FORMS[form](folder / "source", volume)
        source = source_series.read_series(files)
        ours = canonical(volume)  # as it is computed on
        datasets = {
            "map": relevance_map(source, relevance_of(ours), SERIES_OF["map"]),
            "regions": segmentation(
                source, labels_of(ours), [*map(Segment, REGIONS)], "HCP-MMP 1.0", SERIES_OF["regions"]
            ),
            "pictures": captures(
                source,
                [Captured(picture, ("Left is left.",))],
                SERIES_OF["pictures"],
                whole_head=False,
                identifying=False,
            )[0],
        }
        for name, dataset in datasets.items():
            dataset.save_as(folder / f"{name}.dcm")
        made[plane, form] = {**{name: folder / f"{name}.dcm" for name in datasets}, "source": files}
    return made


def everything(objects):
    return [paths[name] for paths in objects.values() for name in SERIES_OF]


@pytest.mark.parametrize(("plane", "form"), CASES)
def test_relevance_has_the_values_of_the_nifti_at_the_same_places(objects, plane, form):
    dataset = pydicom.dcmread(objects[plane, form]["map"])
    nifti = nibabel.Nifti1Image(relevance_of(scan(plane)).data, scan(plane).grid.affine)
    values, away = at(nifti, positions(dataset))
    assert away < 0.01  # mm; headers hold six decimals
    assert "FloatPixelData" in dataset and np.array_equal(dataset.pixel_array, values)
    assert len(np.unique(values)) == np.prod(SHAPE)  # each at its place


@pytest.mark.parametrize(("plane", "form"), CASES)
def test_segments_are_the_regions_of_the_atlas(objects, plane, form):
    dataset = pydicom.dcmread(objects[plane, form]["regions"])
    nifti = nibabel.Nifti1Image(labels_of(scan(plane)).data, scan(plane).grid.affine)
    labels, away = at(nifti, positions(dataset))
    numbers = [
        group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for group in dataset.PerFrameFunctionalGroupsSequence
    ]
    keys = np.array([REGIONS[number - 1].key for number in numbers])
    assert away < 0.01
    assert np.array_equal(dataset.pixel_array == 1, labels == keys[:, None, None])
    assert dataset.pixel_array.sum() == (labels_of(scan(plane)).data > 0).sum()  # none is left out


@pytest.mark.parametrize(("plane", "form"), CASES)
def test_highdicom_reads_volumes_in_the_place_of_the_source(objects, plane, form):
    paths = objects[plane, form]
    found = highdicom.imread(paths["map"]).get_volume()
    assert found.frame_of_reference_uid == T1.uid("frame")
    ours = nibabel.affines.apply_affine(scan(plane).grid.affine, list(product(*((0, n - 1) for n in SHAPE))))
    corners = list(product(*((0, n - 1) for n in found.spatial_shape)))
    theirs = nibabel.affines.apply_affine(found.affine, corners) * [-1, -1, 1]
    nearest = np.linalg.norm(ours[:, None] - theirs, axis=-1).min(axis=1)
    assert nearest.max() < 0.01
    segments = highdicom.seg.segread(paths["regions"]).get_volume(combine_segments=True)
    expected = relevance_of(scan(plane)).data  # the numbers follow from the values, whatever the order of axes
    order = np.rint((found.array.astype(float) + 5e-7) * 1e9).astype(int) % (len(REGIONS) + 1)
    assert np.array_equal(segments.array, order) and np.isclose(found.array.sum(), expected.sum())


def test_simpleitk_reads_segments_and_pictures(objects, picture):
    paths = objects["axial", "classic"]
    segments = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(paths["regions"])))
    assert np.array_equal(segments > 0, pydicom.dcmread(paths["regions"]).pixel_array > 0)
    (shown,) = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(paths["pictures"])))
    original = np.asarray(Image.open(picture))
    assert np.array_equal(shown[-len(original) :], original)


@pytest.mark.parametrize(("plane", "form"), CASES)
def test_dciodvfy_finds_no_errors_and_no_warnings_but_known_ones(objects, plane, form):
    for name in SERIES_OF:
        errors, warnings = verdict(objects[plane, form][name])
        assert errors == [] and all(any(known in line for known in KNOWN_WARNINGS) for line in warnings), warnings


def test_the_study_is_the_source_s_and_everything_else_is_new(objects):
    for paths in objects.values():
        made = [pydicom.dcmread(paths[name], stop_before_pixels=True) for name in SERIES_OF]
        sources = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths["source"]]
        for dataset in made:
            assert {keyword: dataset.get(keyword) for keyword in IDENTITY} == {
                keyword: sources[0][keyword].value for keyword in IDENTITY
            }
        uids = [dataset[keyword].value for dataset in (*made, sources[0]) for keyword in ("SeriesInstanceUID",)]
        uids += [dataset.SOPInstanceUID for dataset in (*made, *sources)]
        assert len(set(uids)) == len(uids)
        assert [dataset.SeriesNumber for dataset in made] == [100 * T1.number + place for place in (1, 2, 3)]


def test_all_objects_say_that_they_are_research_and_who_made_them(objects):
    for path in everything(objects):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        assert dataset.SeriesDescription.startswith("RESEARCH ") and dataset.ContentQualification == "RESEARCH"
        assert dataset.ImageComments.startswith("RESEARCH ONLY - not for diagnosis. A notice.")
        assert dataset.Manufacturer == "wbtools" and dataset.SoftwareVersions
        assert dataset.get("BurnedInAnnotation", "NO") == dataset.get("RecognizableVisualFeatures", "NO") == "NO"
        assert dataset.get("ContentDescription", "RESEARCH").startswith("RESEARCH")


def test_a_map_names_its_quantity_its_unit_and_every_image_that_it_comes_from(objects):
    for paths in objects.values():
        dataset = pydicom.dcmread(paths["map"], stop_before_pixels=True)
        (shared,) = dataset.SharedFunctionalGroupsSequence
        mapping = shared.RealWorldValueMappingSequence[0]
        unit = mapping.MeasurementUnitsCodeSequence[0]
        assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("1/mm3", "UCUM")
        assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
        quantity = mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0]
        assert (quantity.CodeValue, quantity.CodingSchemeDesignator) == ("RELEVANCE", "99WBTOOLS")
        (series,) = dataset.ReferencedSeriesSequence
        named = {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence}
        assert named == {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in paths["source"]}


def test_segments_have_names_concepts_sides_and_the_atlas_s_colours(objects):
    dataset = highdicom.seg.segread(objects["oblique", "enhanced"]["regions"])
    segments = dataset.SegmentSequence
    assert [segment.SegmentLabel for segment in segments] == [region.name for region in REGIONS]
    kinds = [segment.SegmentedPropertyTypeCodeSequence[0] for segment in segments]
    assert [kind.CodeMeaning for kind in kinds] == ["Cerebral cortex", "Thalamus", "Brain Stem"]
    sides = [kind.get("SegmentedPropertyTypeModifierCodeSequence", []) for kind in kinds]
    assert [[side.CodeMeaning for side in each] for each in sides] == [["Right"], ["Left"], []]
    for segment, region in zip(segments, REGIONS, strict=True):
        assert segment.AnatomicRegionSequence[0].CodeValue == "12738006"
        colour = highdicom.color.CIELabColor.from_dicom_value(segment.RecommendedDisplayCIELabValue).to_rgb()
        assert np.allclose(colour, np.array(region.colour[:3]) * 255, atol=2)  # of 255: rounding of CIELab


def test_an_anonymous_header_stays_anonymous(tmp_path):
    gone = dict.fromkeys(("PatientAge", "PatientBirthDate", "StudyID", "AccessionNumber", "ReferringPhysicianName"))
    said = {"PatientName": "ANON", "PatientIdentityRemoved": "YES", "DeidentificationMethod": "by a program"}
    header = T1.but(**gone, **said, PatientID="", PatientSex=None, SeriesNumber=None)
    volume = scan("axial")
    files = write_classic(tmp_path / "source", volume, header)
    dataset = relevance_map(source_series.read_series(files), relevance_of(volume), SERIES_OF["map"])
    dataset.save_as(tmp_path / "map.dcm")
    found = pydicom.dcmread(tmp_path / "map.dcm", stop_before_pixels=True)
    assert {keyword: found[keyword].value for keyword in said} == said
    assert not any(found.get(keyword) for keyword in (*gone, "PatientID", "PatientSex"))
    assert found.SeriesNumber == 9001 and verdict(tmp_path / "map.dcm")[0] == []


def test_an_empty_map_is_a_valid_one(tmp_path):
    volume = scan("sagittal")
    empty = Volume(np.zeros(SHAPE, np.float32), volume.grid, Unit.DENSITY)
    source = source_series.read_series(write_classic(tmp_path / "source", volume))
    relevance_map(source, empty, SERIES_OF["map"], whole_head=True).save_as(tmp_path / "map.dcm")
    found = pydicom.dcmread(tmp_path / "map.dcm")
    assert not found.pixel_array.any() and found.RecognizableVisualFeatures == "YES"
    assert verdict(tmp_path / "map.dcm")[0] == []


def test_voxels_of_another_image_are_refused(tmp_path):
    volume = scan("oblique")
    source = source_series.read_series(write_classic(tmp_path / "source", volume))
    moved = volume.grid.affine.copy()
    moved[:3, 3] += moved[:3, 0]
    for grid in (Grid(SHAPE, moved), volume.grid.with_spacing(1.0)):
        with pytest.raises(CheckError, match="are not those of the DICOM series"):
            source.frames(Volume(np.zeros(grid.shape), grid))


def test_a_series_with_a_missing_slice_is_refused(tmp_path):
    files = write_classic(tmp_path / "source", scan("axial"))
    with pytest.raises(InputError, match="the DICOM series lacks 1 of 10 slices"):
        source_series.read_series(files[:4] + files[5:])


def test_a_series_of_a_tilted_gantry_is_refused(tmp_path):
    files = write_classic(tmp_path / "source", tilted(scan("axial")))
    with pytest.raises(InputError, match="those of a tilted gantry"):
        source_series.read_series(files)


@pytest.mark.filterwarnings("error")
def test_an_identity_that_breaks_the_standard_is_copied_as_it_is_and_told_to_nobody(tmp_path, capfd):
    odd = {"PatientName": f"{MARKER} {MARKER}", "PatientSex": MARKER, "StudyDate": "2020-01-02", "SeriesNumber": None}
    with silenced():
        files = write_classic(tmp_path / "source", scan("axial"), T1.but(**odd))
        dataset = relevance_map(source_series.read_series(files), relevance_of(scan("axial")), SERIES_OF["map"])
        dataset.save_as(tmp_path / "map.dcm")
        found = pydicom.dcmread(tmp_path / "map.dcm", stop_before_pixels=True)
        assert {keyword: found.get(keyword) for keyword in odd} == {**odd, "SeriesNumber": 9001}
    assert MARKER not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (T1.but(FrameOfReferenceUID=None), "has no FrameOfReferenceUID"),
        (T1.but(ImagePositionPatient=None), "does not say where its slices lie"),
        (T1.but(SOPClassUID="1.2.3"), r"allows no objects derived from it \(KeyError\)"),
    ],
)
def test_a_header_that_allows_no_objects_is_refused(tmp_path, header, said):
    files = write_classic(tmp_path / "source", scan("axial"), header)
    with pytest.raises(InputError, match=said):
        relevance_map(source_series.read_series(files), relevance_of(scan("axial")), SERIES_OF["map"])


def test_images_of_one_uid_allow_no_objects(tmp_path):
    files = write_classic(tmp_path / "source", scan("axial"), T1.but(SOPInstanceUID="1.2.3"))
    with pytest.raises(InputError, match="several images of the DICOM series have one UID"):
        source_series.read_series(files)


def test_slices_whose_thickness_is_not_said_are_as_thick_as_they_are_apart(tmp_path):
    files = write_classic(tmp_path / "source", scan("axial"), T1.but(SliceThickness=None))
    made = relevance_map(source_series.read_series(files), relevance_of(scan("axial")), SERIES_OF["map"])
    (shared,) = made.SharedFunctionalGroupsSequence
    assert float(shared.PixelMeasuresSequence[0].SliceThickness) == pytest.approx(SPACING[2], abs=1e-4)


def test_a_file_that_has_gone_is_not_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file") as caught:
        source_series.read_series([tmp_path / f"{MARKER}.dcm"])
    assert MARKER not in str(caught.value)


def test_text_files_are_no_series(tmp_path):
    (tmp_path / "a.dcm").write_text("no image")
    with pytest.raises(InputError, match="is damaged, or no DICOM file"):
        source_series.read_series([tmp_path / "a.dcm"])


def test_a_longer_notice_makes_a_higher_band_and_the_picture_stays_whole(tmp_path, picture):
    source = source_series.read_series(write_classic(tmp_path / "source", scan("axial")))
    heights = []
    for notice in ("Short.", "A sentence that says what every reader must know. " * 12):
        (made,) = captures(
            source,
            [Captured(picture, ("Left is left.",))],
            NewSeries(1, "p", notice),
            whole_head=True,
            identifying=True,
        )
        original = np.asarray(Image.open(picture))
        band = made.pixel_array[: -len(original)]
        heights.append(len(band))
        assert np.array_equal(made.pixel_array[-len(original) :], original)
        assert (np.abs(band.astype(int) - [255, 210, 0]).max(axis=-1) < 30).sum() > 300  # the warning's letters
        assert made.BurnedInAnnotation == made.RecognizableVisualFeatures == "YES"
    assert heights[1] > heights[0] + 100


@pytest.mark.parametrize(
    ("number", "expected"), [(4, 401), (0, 9001), (None, 9001), (-3, 9001), (9999999, 999999901), (2147483647, 9001)]
)
def test_new_series_have_numbers_that_no_scanner_gives_and_that_the_standard_allows(tmp_path, number, expected):
    files = write_classic(tmp_path / "source", scan("axial"), T1.but(SeriesNumber=number))
    assert source_series.read_series(files).series_number(1) == expected <= 2**31 - 1


@pytest.mark.parametrize(
    ("letters", "name"),
    [("ISO_IR 100", "Müller^Zoë"), ("ISO_IR 192", "北京^Zoë"), (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎")],
)
def test_names_in_all_scripts_are_kept(tmp_path, letters, name):
    header = T1.but(SpecificCharacterSet=letters, PatientName=name)
    files = write_classic(tmp_path / "source", scan("axial"), header)
    made = relevance_map(source_series.read_series(files), relevance_of(scan("axial")), SERIES_OF["map"])
    made.save_as(tmp_path / "map.dcm")
    assert pydicom.dcmread(tmp_path / "map.dcm").PatientName == name and verdict(tmp_path / "map.dcm")[0] == []
