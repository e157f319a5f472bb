"""One T1w image: how it is found, and how the group average is brought to it."""

import nibabel
import numpy as np
import pytest

from wbtools.anatomy import Hemisphere
from wbtools.errors import CheckError, InputError
from wbtools.images import nifti
from wbtools.images.template import mni152
from wbtools.native import cortex
from wbtools.placement.options import PlacementOptions
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import resample_density
from wbtools.subject.layouts import t1w
from wbtools.subject.layouts.template_in_head import place
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.standard import average_32k

LEFT, RIGHT = Hemisphere
AFFINE = PlacementOptions("affine")
GRID = Grid((70, 84, 70), np.array([[-3.0, 0, 0, 108], [0, 3, 0, -150], [0, 0, 3, -100], [0, 0, 0, 1]]))
POSE = np.array([[0.94, 0.03, 0, 4], [-0.03, 0.9, -0.21, -12], [0, 0.21, 0.92, 9], [0, 0, 0, 1]])
"""Where the template's head lies: smaller, nodding by 13 degrees, 16 mm away."""


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A study folder with the template's brain in that pose as `p7_T1w.nii.gz`."""
    folder = tmp_path_factory.mktemp("scans")
    brain = resample_density(mni152(), Grid(GRID.shape, np.linalg.inv(POSE) @ GRID.affine))
    nifti.write_volume(folder / "p7_T1w.nii.gz", Volume(500 * brain.data, GRID))
    return folder


@pytest.fixture(scope="module")
def prepared(scan, tmp_path_factory):
    return place(t1w.find(scan, "p7"), tmp_path_factory.mktemp("derived"), AFFINE)


def test_surfaces_of_the_average_lie_where_the_registration_puts_them(prepared):
    for side in Hemisphere:
        for kind in ("white", "pial"):
            template = meshes.read(average_32k(side, f"{kind}_MSMAll"), side).vertices
            found = meshes.read(prepared.surfaces[side, kind, "32k_fs_LR"], side).vertices
            expected = template @ POSE[:3, :3].T + POSE[:3, 3]
            # 0.3 mm is what registering 3 mm voxels leaves.
            assert np.linalg.norm(found - expected, axis=1).mean() < 1
    inflated = prepared.surfaces[LEFT, "inflated", "32k_fs_LR"]
    average = meshes.read(average_32k(LEFT, "inflated_MSMAll"), LEFT)
    np.testing.assert_array_equal(meshes.read(inflated, LEFT).vertices, average.vertices)


def test_segmentation_and_brain_mask_are_resampled_to_the_images_grid(prepared, scan):
    image = nifti.read_volume(scan / "p7_T1w.nii.gz")
    labels = nifti.read_volume(prepared.segmentation, Unit.LABEL)
    mask = nifti.read_volume(prepared.brain_mask, Unit.LABEL)
    assert labels.grid.same_as(image.grid) and mask.grid.same_as(image.grid)
    left, right = (image.grid.to_world(np.argwhere(labels.data == key).mean(0)) for key in (10, 49))
    middle = (POSE @ [0, -18, 8, 1])[:3]  # between the thalami of MNI152
    assert 15 < right[0] - left[0] < 30 and np.linalg.norm((left + right) / 2 - middle) < 4
    brain = image.data > 25
    assert 2 * (brain & (mask.data > 0)).sum() / (brain.sum() + mask.data.sum()) > 0.95


def test_a_prepared_image_is_read_like_any_subject_with_a_notice(prepared, scan):
    surfaces = cortex.read(prepared, "32k_fs_LR")
    assert set(surfaces.kinds) == {"white", "midthickness", "pial", "inflated", "very_inflated"}
    assert surfaces.mask[LEFT].sum() == 29696 and surfaces.sulc[RIGHT].std() > 0
    assert prepared.meshes == ("32k_fs_LR",) and prepared.id == "p7" and prepared.layout == "t1w"
    assert prepared.notice.startswith("Template surfaces, affine")
    assert "correlation 0.9" in prepared.derived[-1]
    forbidden = " ".join(missing.forbids for missing in prepared.missing)
    assert "native mesh" in forbidden and "subcortical structures" in forbidden
    # What goes on record are the files that were read, not those that were made.
    found = t1w.find(scan, "p7")
    assert all(path.is_file() and "derived" not in str(path) for path in found.used(found.meshes))
    assert found.used(found.meshes)[0] == scan / "p7_T1w.nii.gz"


def test_an_image_without_a_brain_is_refused(tmp_path):
    noise = np.random.default_rng(0).random(GRID.shape, np.float32)
    nifti.write_volume(tmp_path / "noise.nii.gz", Volume(noise, GRID))
    with pytest.raises(CheckError, match="could not be registered"):
        place(t1w.find(tmp_path, "noise"), tmp_path, AFFINE)


# ------------------------------------------------------------------------------------------------------------- finding


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"an image, as far as finding goes")


@pytest.mark.parametrize(
    ("file", "asked", "known_as"),
    [
        ("p7.nii.gz", "p7.nii.gz", "p7"),
        ("p7.nii.gz", "p7", "p7"),
        ("p7_T1w.nii", "p7", "p7"),
        ("p7.mgz", "p7", "p7"),
        ("sub-p7/anat/sub-p7_T1w.nii.gz", "p7", "sub-p7"),
        ("sub-p7/anat/sub-p7_acq-mprage_T1w.nii.gz", "sub-p7", "sub-p7_acq-mprage"),
        ("p7/T1w.nii.gz", "p7", "p7"),
        ("p7/T1.mgz", "p7", "p7"),
    ],
)
def test_an_image_is_found_under_any_usual_name(tmp_path, file, asked, known_as):
    put(tmp_path, file)
    assert t1w.locate(tmp_path, asked) == tmp_path / file
    assert t1w.find(tmp_path, asked).id == known_as


@pytest.mark.parametrize(
    "files",
    [
        (),
        ("p7/anat/p7_run-1_T1w.nii.gz", "p7/anat/p7_run-2_T1w.nii.gz"),
        ("p7/anat/p7_desc-preproc_T1w.nii.gz",),
        ("p7/anat/p7_space-MNI152_T1w.nii.gz",),
        ("p7/anat/p7_T2w.nii.gz",),
        ("p7.txt",),
    ],
)
def test_ambiguous_images_are_not_found(tmp_path, files):
    put(tmp_path, *files)
    assert t1w.locate(tmp_path, "p7") is None


def test_known_subjects_are_files_and_folders_of_one_scan(tmp_path):
    put(tmp_path, "a_T1w.nii.gz", "b/anat/b_T1w.nii.gz", "c/anat/c_T1w.nii", "c/anat/c_run-2_T1w.nii", "d.txt")
    assert t1w.list_subjects(tmp_path) == ["a", "b"]


def test_meshes_and_registrations_that_an_image_cannot_give_are_rejected(scan):
    with pytest.raises(InputError, match="no native mesh"):
        t1w.find(scan, "p7", mesh="native")
    with pytest.raises(InputError, match="no registration MSMAll"):
        t1w.find(scan, "p7", registration="MSMAll")
    assert t1w.find(scan, "p7", mesh="both").meshes == ("32k_fs_LR",)


def test_mgz_and_nifti_of_one_image_give_the_same(prepared, scan, tmp_path):
    image = nibabel.load(scan / "p7_T1w.nii.gz")
    nibabel.save(nibabel.MGHImage(image.get_fdata(dtype=np.float32), image.affine), tmp_path / "p7.mgz")
    again = place(t1w.find(tmp_path, "p7"), tmp_path, AFFINE)
    first, second = (
        meshes.read(person.surfaces[LEFT, "pial", "32k_fs_LR"], LEFT).vertices for person in (prepared, again)
    )
    np.testing.assert_allclose(first, second, atol=0.01)
