from __future__ import annotations

import shutil

import nibabel
import numpy as np
import pytest
from made_layouts import write_bids, write_freesurfer

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.images import nifti
from wbtools.native import cortex
from wbtools.space.grid import Unit
from wbtools.subject import find

LEFT, RIGHT = Hemisphere


@pytest.fixture(scope="module")
def truth(small_study):
    return find(small_study("LAS"), "100307")


@pytest.fixture(scope="module")
def made(truth, tmp_path_factory):
    """A derivatives folder with sub-01, for reading only."""
    root = tmp_path_factory.mktemp("fmriprep")
    write_bids(truth, root, standard=True)
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / "fmriprep")


# ------------------------------------------------------------------------------------------------------ what is found


@pytest.mark.parametrize("name", ["01", "sub-01"])
def test_derivatives_are_recognised_by_either_spelling_of_the_id(made, name):
    subject = find(made, name)
    assert (subject.id, subject.layout, subject.missing) == ("sub-01", "bids", ())
    assert subject.meshes == ("32k_fs_LR", "native") and subject.resampled == ()
    assert subject.t1w.name == "sub-01_desc-preproc_T1w.nii.gz"  # and not the one in MNI space
    assert subject.segmentation.name == "sub-01_desc-aparcaseg_dseg.nii.gz"
    assert subject.brain_mask.name == "sub-01_desc-brain_mask.nii.gz"
    assert subject.surfaces[RIGHT, "pial", "native"].name == "sub-01_hemi-R_pial.surf.gii"
    assert subject.surfaces[LEFT, "pial", "32k_fs_LR"].name == "sub-01_hemi-L_space-fsLR_den-32k_pial.surf.gii"


@pytest.mark.parametrize("place", [".", "derivatives/fmriprep", "derivatives/smriprep"])
def test_derivatives_are_found_from_the_raw_data_above_them(made, tmp_path, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "sub-01").symlink_to(made / "sub-01")
    assert find(tmp_path, "01").layout == "bids"
    assert find(made / "sub-01", "sub-01").folder == made / "sub-01"


def test_a_single_session_is_found_and_several_must_be_named(truth, tmp_path):
    write_bids(truth, tmp_path, "sub-02_ses-a")
    subject = find(tmp_path, "02")
    assert (subject.id, subject.folder.name) == ("sub-02_ses-a", "ses-a")
    shutil.copytree(tmp_path / "sub-02/ses-a", tmp_path / "sub-02/ses-b")
    with pytest.raises(SubjectError, match="has 2 sessions") as caught:
        find(tmp_path, "02")
    assert "sub-02_ses-a, sub-02_ses-b" in caught.value.hint
    assert find(tmp_path, "sub-02_ses-a").folder == tmp_path / "sub-02/ses-a"
    assert find(tmp_path, "02_ses-a").id == "sub-02_ses-a"


def test_raw_data_alone_are_not_derivatives(tmp_path):
    (tmp_path / "sub-01/anat").mkdir(parents=True)
    (tmp_path / "sub-01/anat/sub-01_T1w.nii.gz").touch()
    with pytest.raises(SubjectError, match="has no subject 01"):
        find(tmp_path, "01", layout="bids")


def test_entities_are_matched_in_any_order(root):
    anat = root / "sub-01/anat"
    for side in "LR":
        (anat / f"sub-01_hemi-{side}_space-fsLR_desc-reg_sphere.surf.gii").rename(
            anat / f"sub-01_acq-MPRAGE_space-fsLR_hemi-{side}_desc-reg_sphere.surf.gii"
        )
    assert find(root, "01").sphere_space == "fs_LR"


def test_ambiguous_files_are_named(root):
    anat = root / "sub-01/anat"
    shutil.copyfile(anat / "sub-01_desc-preproc_T1w.nii.gz", anat / "sub-01_run-2_desc-preproc_T1w.nii.gz")
    with pytest.raises(SubjectError, match=r"2 files that could be meant: .*run-2"):
        find(root, "01")


def test_all_missing_files_are_listed_with_their_consequences(root):
    anat = root / "sub-01/anat"
    for name in ("desc-preproc_T1w.nii.gz", "hemi-L_white.surf.gii", "hemi-R_space-fsLR_desc-reg_sphere.surf.gii"):
        (anat / f"sub-01_{name}").unlink()
    with pytest.raises(SubjectError, match="lacks 4 files") as caught:
        find(root, "01")
    sentence = str(caught.value)
    assert "anat/sub-01_desc-preproc_T1w.nii.gz  (forbids everything)" in sentence
    assert "anat/sub-01_hemi-L_white.surf.gii  (forbids every mesh)" in sentence
    assert "FreeSurfer's sphere.reg is not in sourcedata/freesurfer either" in sentence


def test_derivatives_without_surfaces_are_rejected_with_two_alternatives(root):
    for path in (root / "sub-01/anat").glob("*.surf.gii"):
        path.unlink()
    with pytest.raises(SubjectError, match="lacks") as caught:
        find(root, "01")
    assert "--fs-no-reconall" in caught.value.hint and "sub-01_desc-preproc_T1w.nii.gz" in caught.value.hint


def test_missing_optional_files_are_recorded(root):
    anat = root / "sub-01/anat"
    for name in ("desc-aparcaseg_dseg.nii.gz", "desc-brain_mask.nii.gz", "hemi-L_sulc.shape.gii"):
        (anat / f"sub-01_{name}").unlink()
    forbidden = [missing.forbids for missing in find(root, "01").missing]
    assert [words.split(";")[0].split(",")[0] for words in forbidden] == [
        "the subcortex",
        "removing the skull",
        "shading by sulcal depth",
    ]


@pytest.mark.parametrize("option", [{"mesh": "164k"}, {"registration": "MSMAll"}])
def test_unavailable_meshes_and_registrations_are_rejected(made, option):
    with pytest.raises(InputError) as caught:
        find(made, "01", **option)
    assert caught.value.hint


# -------------------------------------------------------------------------------------------------- which sphere


@pytest.mark.parametrize(
    ("sphere", "registration", "space"),
    [
        ("space-fsLR_desc-msmsulc", "MSMSulc", "fs_LR"),
        ("desc-msmsulc", "MSMSulc", "fs_LR"),
        ("space-fsLR_desc-reg", "FreeSurfer sphere.reg, carried to fs_LR by sMRIPrep", "fs_LR"),
        ("desc-reg", "FreeSurfer sphere.reg", "fsaverage"),
    ],
)
def test_each_registration_gives_the_same_areas(truth, tmp_path, sphere, registration, space):
    write_bids(truth, tmp_path, sphere=sphere)
    subject = find(tmp_path, "01")
    assert (subject.registration, subject.sphere_space) == (registration, space)
    assert subject.resampled == ("32k_fs_LR",)
    made, own = cortex.read(subject, "32k_fs_LR"), cortex.read(truth, "32k_fs_LR")
    for side in Hemisphere:
        apart = np.linalg.norm(made.surfaces[side, "pial"].vertices - own.surfaces[side, "pial"].vertices, axis=1)
        assert np.median(apart) < 0.15  # as for FreeSurfer: the coarse native mesh


def test_msmsulc_is_preferred(truth, tmp_path, root):
    anat = write_bids(truth, tmp_path / "other", sphere="space-fsLR_desc-msmsulc")
    for path in anat.glob("*sphere*"):
        shutil.copyfile(path, root / "sub-01/anat" / path.name)
    assert find(root, "01").registration == "MSMSulc"


def test_a_requested_registration_is_used_or_rejected(made):
    with pytest.raises(SubjectError, match="desc-msmsulc_sphere"):
        find(made, "01", registration="MSMSulc")


def test_older_derivatives_without_spheres_use_those_of_freesurfer(truth, tmp_path):
    write_bids(truth, tmp_path, sphere="")
    with pytest.raises(SubjectError, match="sphere"):
        find(tmp_path, "01")
    write_freesurfer(truth, tmp_path / "sourcedata/freesurfer/sub-01")
    subject = find(tmp_path, "01")
    assert (subject.sphere_space, subject.layout) == ("fsaverage", "bids")
    assert cortex.read(subject, "32k_fs_LR").mask[LEFT].sum() == 29696


# -------------------------------------------------------------------------------------------- what is made of them


def test_surfaces_of_the_persons_own_32k_mesh_are_used_and_shaded(made, truth):
    read, own = cortex.read(find(made, "01"), "32k_fs_LR"), cortex.read(truth, "32k_fs_LR")
    for side in Hemisphere:
        np.testing.assert_array_equal(read.surfaces[side, "white"].vertices, own.surfaces[side, "white"].vertices)
        assert np.corrcoef(read.sulc[side], own.sulc[side])[0, 1] > 0.99  # carried over from the native mesh


def test_pial_is_made_from_midthickness_and_recorded(truth, tmp_path):
    write_bids(truth, tmp_path, kinds=("white", "midthickness"))
    subject = find(tmp_path, "01")
    assert any("pial" in note and "not measured" in note for note in subject.derived)
    made, own = cortex.read(subject, "native"), cortex.read(truth, "native")
    for side in Hemisphere:
        # The group average's midthickness is the mean of white and pial to 0.15 mm, so pial is right to 0.3 mm.
        apart = np.linalg.norm(made.surfaces[side, "pial"].vertices - own.surfaces[side, "pial"].vertices, axis=1)
        assert np.median(apart) < 0.3


def test_midthickness_is_the_mean_of_white_and_pial(truth, tmp_path):
    write_bids(truth, tmp_path, kinds=("white", "pial"))
    made = cortex.read(find(tmp_path, "01"), "native")
    for side in Hemisphere:
        white, middle, pial = (made.surfaces[side, kind].vertices for kind in ("white", "midthickness", "pial"))
        np.testing.assert_allclose(middle, (white + pial) / 2, atol=1e-4)


def centred(path, c_ras):
    """Leave a surface as mris_convert does: around the middle of FreeSurfer's volume, which the metadata tell."""
    image = nibabel.load(path)
    points = image.get_arrays_from_intent("NIFTI_INTENT_POINTSET")[0]
    points.data = (points.data - np.array(c_ras)).astype(np.float32)
    points.coordsys.dataspace = 0
    points.meta.update({f"VolGeomC_{world}": f"{number:.4f}" for world, number in zip("RAS", c_ras, strict=True)})
    nibabel.save(image, path)


def test_surfaces_in_tkr_coordinates_are_moved_to_the_scan_with_a_remark(root, made):
    c_ras = 2.5, -31.25, 38.75
    for path in root.rglob("*hemi-?_*.surf.gii"):
        if "sphere" not in path.name and "fsLR" not in path.name and "inflated" not in path.name:
            centred(path, c_ras)
    found, expected = (cortex.read(find(folder, "01"), "native") for folder in (root, made))
    for key, surface in expected.surfaces.items():
        # float32 at 100 mm
        np.testing.assert_allclose(found.surfaces[key].vertices, surface.vertices, atol=2e-5)
    assert not expected.remarks and len(found.remarks) == 6
    assert all("2.5, -31.2, 38.8" in remark and "hemi-" in remark for remark in found.remarks)


def test_surfaces_of_the_hcp_pipelines_are_not_moved(small_study, tmp_path):
    study = shutil.copytree(small_study("LAS"), tmp_path / "study")
    expected = cortex.read(find(small_study("LAS"), "100307"), "32k_fs_LR")
    for path in (study / "100307" / "T1w").rglob("*.surf.gii"):
        image = nibabel.load(path)
        points = image.get_arrays_from_intent("NIFTI_INTENT_POINTSET")[0]
        points.coordsys.dataspace = 0
        points.meta.update({"VolGeomC_R": "2.5", "VolGeomC_A": "-31", "VolGeomC_S": "38"})
        nibabel.save(image, path)
    found = cortex.read(find(study, "100307"), "32k_fs_LR")
    assert not found.remarks
    for key, surface in expected.surfaces.items():
        np.testing.assert_array_equal(found.surfaces[key].vertices, surface.vertices)


def test_the_brain_mask_and_the_segmentation_lie_on_the_scan(made):
    subject = find(made, "01")
    grid = nifti.read_grid(subject.t1w)
    for path in (subject.brain_mask, subject.segmentation):
        assert nifti.read_volume(path, Unit.LABEL).grid.same_as(grid)


# ----------------------------------------------------------------------------------------- wrong files, one sentence


def test_the_name_says_the_hemisphere_where_the_file_does_not(root):
    anat = root / "sub-01/anat"
    for path in anat.glob("*.surf.gii"):  # T1Prep --bids says the side nowhere else
        image = nibabel.load(path)
        for meta in (image.meta, *(array.meta for array in image.darrays)):
            meta.pop("AnatomicalStructurePrimary", None)
        nibabel.save(image, path)
    assert "white" in cortex.read(find(root, "01"), "native").kinds
    for left in list(anat.glob("*_hemi-L_*.surf.gii")):
        right = left.with_name(left.name.replace("hemi-L", "hemi-R"))
        left.rename(root / "aside")
        right.rename(left)
        (root / "aside").rename(right)
    for path in anat.glob("*_hemi-?_*.shape.gii"):  # shading does say its side
        path.unlink()
    with pytest.raises(SubjectError, match="does not lie to the left of the right one"):
        cortex.read(find(root, "01"), "native")


def test_a_left_surface_with_a_right_name_is_rejected(root):
    anat = root / "sub-01/anat"
    shutil.copyfile(anat / "sub-01_hemi-L_pial.surf.gii", anat / "sub-01_hemi-R_pial.surf.gii")
    with pytest.raises(InputError, match="says it is CortexLeft, not CortexRight"):
        cortex.read(find(root, "01"), "native")


def test_surfaces_of_another_mesh_are_listed(root):
    anat = root / "sub-01/anat"
    shutil.copyfile(anat / "sub-01_hemi-L_space-fsLR_den-32k_pial.surf.gii", anat / "sub-01_hemi-L_pial.surf.gii")
    with pytest.raises(SubjectError, match="L native mesh") as caught:
        cortex.read(find(root, "01"), "native")
    assert "32492 vertices" in str(caught.value)


def test_an_empty_sphere_counts_as_missing(root):
    (root / "sub-01/anat/sub-01_hemi-L_space-fsLR_desc-reg_sphere.surf.gii").write_bytes(b"")
    with pytest.raises(SubjectError, match="sphere"):
        find(root, "01")
