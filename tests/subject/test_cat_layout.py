"""Folders of CAT12 and T1Prep are found wherever these programs write them, and say what they lack."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_cat import write_cat
from made_layouts import native, write_freesurfer
from nibabel.freesurfer import read_morph_data, write_morph_data

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.native import cortex, person
from wbtools.subject import find, locate, resolve
from wbtools.subject.containment import default_out, require_place
from wbtools.subject.layouts.cat import list_subjects
from wbtools.surfaces.icosphere import icosphere

LEFT, RIGHT = Hemisphere


@pytest.fixture(scope="module")
def truth(small_study):
    """The built-in subject as the HCP lays it out."""
    return find(small_study("LAS"), "100307")


@pytest.fixture(scope="module")
def made(truth, tmp_path_factory):
    """The same anatomy as T1Prep writes it with --out-dir, for reading only."""
    return write_cat(truth, tmp_path_factory.mktemp("people") / "P1", "P1")


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / "P1")


def several(made, target, *names, flat=False):
    """Links to the files of a made folder under the names of several scans, in one folder."""
    for path in (path for path in made.rglob("*") if path.is_file()):
        place = target if flat else target / path.parent.name
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            start, _, end = path.name.rpartition("P1")
            (place / f"{start}{name}{end}").symlink_to(path)
    return target


# ------------------------------------------------------------------------------------------------------ what is found


def test_a_folder_is_recognised_with_what_it_gives_and_lacks(made):
    subject = find(made.parent, "P1")
    assert (subject.id, subject.layout, subject.folder) == ("P1", "cat", made)
    assert subject.meshes == ("32k_fs_LR", "native") and subject.resampled == ("32k_fs_LR",)
    assert (subject.t1w.name, subject.brain_mask.name, subject.segmentation) == ("mP1.nii", "p0P1.nii", None)
    assert (subject.sphere_space, subject.in_scanner_space, subject.thickness) == ("fsaverage", True, {})
    assert [path for path, _ in subject.missing] == ["mri/aseg_P1.nii.gz", "surf/lh.sulc.P1"]
    assert "--subcortex" in subject.missing[0].forbids and "--subcortex" in subject.remarks[0]


def test_the_path_of_the_folder_or_of_a_part_of_it_names_the_subject(made):
    for path in (made, made / "surf", made / "mri"):
        assert resolve(Path(), str(path)) == (made.parent, "P1")
    assert locate(made.parent, "P1") == ("P1", "cat", made)


def test_a_folder_is_called_by_its_own_name_whatever_its_scan_is_called(made, tmp_path):
    several(made, tmp_path / "P7", "IM_0001")
    assert find(tmp_path, "P7").id == "P7"
    assert list_subjects(tmp_path) == ["P7"]


@pytest.mark.parametrize("study", ["scans", "scans/derivatives/CAT12.9_2565", "scans/T1Prep-v0.8.1"])
def test_scans_of_several_people_in_a_folder_are_told_apart_by_name(made, tmp_path, study):
    place = several(made, tmp_path / study, "sub-01_T1w", "sub-02_T1w", "anna")
    subject = find(tmp_path / "scans", "sub-02")
    assert (subject.id, subject.folder, subject.t1w.name) == ("sub-02", place, "msub-02_T1w.nii")
    assert locate(tmp_path / "scans", "anna") == ("anna", "cat", place)
    assert list_subjects(tmp_path / "scans") == ["anna", "sub-01", "sub-02"]
    with pytest.raises(SubjectError, match="holds 3 subjects"):
        resolve(Path(), str(place))


@pytest.mark.parametrize("program", ["CAT12.8.1", "CAT26.0.rc1_3074", "T1Prep-v0.8.1"])
@pytest.mark.parametrize("session", ["", "ses-a"])
def test_a_flat_folder_among_the_derivatives_is_found_from_the_data_set(made, tmp_path, program, session):
    name = f"sub-01_{session}_T1w" if session else "sub-01_T1w"
    anat = tmp_path / "derivatives" / program / "sub-01" / session / "anat"
    several(made, anat, name, flat=True)
    subject = find(tmp_path, "01")
    assert subject.id == ("sub-01_ses-a" if session else "sub-01")
    assert (subject.folder, subject.t1w.name) == (anat, f"m{name}.nii")


def test_sessions_and_runs_are_listed_and_none_is_chosen(made, tmp_path):
    for session in "ab":
        anat = tmp_path / "derivatives/CAT12.9/sub-01" / f"ses-{session}" / "anat"
        several(made, anat, f"rsub-01_ses-{session}_T1w", flat=True)  # r: realigned, as of longitudinal processing
    with pytest.raises(SubjectError, match="has 2 sessions or runs") as caught:
        find(tmp_path, "sub-01")
    assert "sub-01_ses-a, sub-01_ses-b" in caught.value.hint
    assert find(tmp_path, "sub-01_ses-b").t1w.name == "mrsub-01_ses-b_T1w.nii"
    several(made, tmp_path / "derivatives/CAT12.9/sub-02/anat", "sub-02_run-1_T1w", "sub-02_run-2_T1w", flat=True)
    with pytest.raises(SubjectError, match="has 2 sessions or runs"):
        find(tmp_path, "sub-02")
    assert find(tmp_path, "sub-02_run-2").t1w.name == "msub-02_run-2_T1w.nii"


def test_a_subject_of_cat_and_of_freesurfer_is_ambiguous_and_each_can_be_named(made, truth, tmp_path):
    several(made, tmp_path / "P1/CAT12", "P1")
    write_freesurfer(truth, tmp_path / "P1/FreeSurfer")
    with pytest.raises(SubjectError, match="looks like several layouts"):
        find(tmp_path, "P1")
    assert find(tmp_path, "P1", layout="cat").folder == tmp_path / "P1/CAT12"
    assert resolve(Path(), str(tmp_path / "P1/CAT12")) == (tmp_path / "P1", "CAT12")
    assert find(tmp_path / "P1", "CAT12").id == "P1"


def test_the_scan_is_taken_where_there_is_no_corrected_image_in_its_space(made, tmp_path):
    below = Path("sub-01/ses-a/anat")
    several(made, tmp_path / "derivatives/CAT12.9" / below, "sub-01_ses-a_T1w", flat=True)
    (tmp_path / "derivatives/CAT12.9" / below / "msub-01_ses-a_T1w.nii").unlink()
    with pytest.raises(SubjectError, match=r"msub-01_ses-a_T1w\.nii"):
        find(tmp_path, "01", layout="cat")
    scan = tmp_path / below / "sub-01_ses-a_T1w.nii"
    scan.parent.mkdir(parents=True)
    scan.symlink_to(made / "mri/mP1.nii")
    subject = find(tmp_path, "01")
    assert (subject.layout, subject.t1w) == ("cat", scan)
    assert "no bias-corrected msub-01_ses-a_T1w" in subject.remarks[0]


def test_a_users_labels_of_freesurfers_kind_give_the_subcortex(folder, truth):
    image = nibabel.load(truth.segmentation)
    nibabel.save(image, folder / "mri/aseg_P1.nii.gz")
    subject = find(folder.parent, "P1")
    assert subject.segmentation.name == "aseg_P1.nii.gz" and [path for path, _ in subject.missing] == [
        "surf/lh.sulc.P1"
    ]


# ------------------------------------------------------------------------------------------------------ what is lacking


@pytest.mark.parametrize(
    ("removed", "listed"),
    [
        ("surf/rh.*", ["surf/rh.sphere.reg.P1.gii", "surf/rh.white.P1.gii", "surf/rh.central.P1.gii"]),
        ("surf/lh.sphere.reg*", ["surf/lh.sphere.reg.P1.gii"]),
        ("surf/lh.[tw]*", ["surf/lh.white.P1.gii"]),
        ("mri/*", ["mri/mP1.nii"]),
    ],
)
def test_what_is_missing_is_listed(folder, removed, listed):
    for path in folder.glob(removed):
        path.unlink()
    with pytest.raises(SubjectError, match=f"lacks {len(listed)} file") as caught:
        find(folder.parent, "P1")
    assert all(name in str(caught.value) for name in listed) and "CAT12" in caught.value.hint


def test_p0_of_one_scan_and_surfaces_of_another_do_not_go_together(folder):
    for path in (folder / "mri").iterdir():
        path.rename(path.with_name(path.name.replace("P1", "P2")))
    with pytest.raises(SubjectError, match=r"lacks 1 file:\n  mri/mP1\.nii"):
        find(folder.parent, "P1")


def test_unfetched_files_are_refused_with_the_command_that_fetches_them(folder):
    (folder / "surf/rh.white.P1.gii").unlink()
    (folder / "surf/rh.white.P1.gii").symlink_to("../.git/annex/objects/gone")
    for side in "lr":
        (folder / f"surf/{side}h.thickness.P1").unlink()
    with pytest.raises(SubjectError, match="link to nowhere") as caught:
        find(folder.parent, "P1")
    assert "datalad get" in caught.value.hint


@pytest.mark.parametrize(("option", "words"), [({"registration": "MSMAll"}, "sphere.reg"), ({"mesh": "164k"}, "164k")])
def test_what_cat_cannot_give_is_refused(made, option, words):
    with pytest.raises(InputError, match=words):
        find(made.parent, "P1", **option)


def test_surfaces_that_were_begun_are_no_lone_scan(folder):
    shutil.rmtree(folder / "surf")
    (folder / "surf").mkdir()
    shutil.copyfile(folder / "mri/mP1.nii", folder / "P1_T1w.nii")
    with pytest.raises(SubjectError, match="surfaces were not finished"):
        find(folder.parent, "P1")


def test_of_voxels_alone_the_scan_is_taken(folder):
    shutil.rmtree(folder / "surf")
    shutil.copyfile(folder / "mri/mP1.nii", folder / "P1_T1w.nii")
    assert find(folder.parent, "P1").layout == "t1w"


def test_nothing_is_written_into_a_folder_of_cat(made, tmp_path):
    study = several(made, tmp_path / "scans", "anna", "berta")
    assert default_out(study) == tmp_path / "derivatives/wbtools"
    for out in (study / "out", made / "out", made / "surf/out"):
        with pytest.raises(InputError, match="never written to"):
            require_place(out, made.parent if made in out.parents else study)


# ------------------------------------------------------------------------------------------------ what the surfaces are


def test_surfaces_lie_where_they_are_in_the_other_layout(made, truth):
    ours, theirs = (cortex.read(subject, "native").surfaces for subject in (find(made.parent, "P1"), truth))
    for side in Hemisphere:
        white, pial = (theirs[side, kind].vertices for kind in ("white", "pial"))
        for kind, expected in (("white", white), ("pial", pial), ("midthickness", (white + pial) / 2)):
            np.testing.assert_allclose(ours[side, kind].vertices, expected, atol=1e-5)  # float32 at 100 mm


def test_a_surface_whose_side_only_its_name_says_is_read(truth, tmp_path):
    write_cat(truth, tmp_path / "P1", "P1", says_side=False)
    assert cortex.read(find(tmp_path, "P1"), "native").kinds == ("white", "midthickness", "pial")


def test_sides_under_each_others_name_are_refused_also_where_no_file_says_its_side(truth, tmp_path):
    surf = write_cat(truth, tmp_path / "P1", "P1", says_side=False) / "surf"
    for path in sorted(surf.glob("lh.*")):
        other = surf / f"rh{path.name[2:]}"
        path.rename(surf / "aside")
        other.rename(path)
        (surf / "aside").rename(other)
    with pytest.raises(SubjectError, match="does not lie to the left of the right one"):
        cortex.read(find(tmp_path, "P1"), "native")


def test_white_and_pial_lie_half_the_thickness_inside_and_outside_of_central(truth, tmp_path):
    made = write_cat(truth, tmp_path / "P1", "P1", kinds=("central",))
    subject = find(tmp_path, "P1")
    assert {kind for _, kind, _ in subject.surfaces} == {"midthickness"} and len(subject.thickness) == 2
    assert any("half the thickness" in note for note in subject.derived)
    assert made / "surf/lh.thickness.P1" in subject.used(subject.meshes)
    found = cortex.read(subject, "native")
    for side in Hemisphere:
        white, middle, pial = (found.surfaces[side, kind].vertices for kind in ("white", "midthickness", "pial"))
        thickness = read_morph_data(made / f"surf/{side.letter.lower()}h.thickness.P1")
        np.testing.assert_allclose(np.linalg.norm(pial - white, axis=1), thickness, atol=1e-4)  # float32 at 100 mm
        np.testing.assert_allclose((white + pial) / 2, middle, atol=1e-4)
        # Outside is where the pial surface of the other layout is.
        towards = native(truth, side, "pial").vertices - native(truth, side, "white").vertices
        assert ((pial - white) * towards).sum(axis=1).mean() > 0


def test_thickness_of_another_mesh_or_of_no_cortex_is_refused(truth, tmp_path):
    path = write_cat(truth, tmp_path / "P1", "P1", kinds=("central",)) / "surf/lh.thickness.P1"
    thickness = read_morph_data(path)
    write_morph_data(path, 1000 * thickness)
    with pytest.raises(SubjectError, match="none in mm"):
        cortex.read(find(tmp_path, "P1"), "native")
    write_morph_data(path, thickness[:-1])
    with pytest.raises(SubjectError, match="do not belong together"):
        cortex.read(find(tmp_path, "P1"), "native")


def test_the_tissue_labels_are_the_brain_mask(made, truth):
    scan = person.read_scan(find(made.parent, "P1"))
    brain = person.read_scan(truth).t1w.data > 0
    np.testing.assert_array_equal(scan.mask.data > 0, brain)


def test_a_mesh_moves_outward_along_its_normals():
    ball = icosphere(20, 50)
    moved = np.linalg.norm(ball.outward(np.full(len(ball.vertices), 2.0)).vertices, axis=1)
    np.testing.assert_allclose(moved, 52, atol=0.01)  # vertex normals of a polyhedron of 4,002 vertices: within 0.1 rad


# ------------------------------------------------------------------------------------------------- T1Prep's BIDS names


def test_t1prep_with_names_of_bids_is_read_as_bids_derivatives(made, tmp_path):
    anat = tmp_path / "derivatives/T1Prep-v0.8.1/sub-01/anat"
    anat.mkdir(parents=True)
    (anat / "sub-01_desc-preproc_T1w.nii").symlink_to(made / "mri/mP1.nii")
    names = {"central": "midthickness", "sphere": "sphere", "sphere.reg": "space-fsaverage_desc-reg_sphere"}
    for kind in ("central", "white", "pial", "sphere", "sphere.reg"):  # Names.tsv, third column
        for side in "lr":
            image = nibabel.load(made / f"surf/{side}h.{kind}.P1.gii")
            for array in image.darrays:
                array.meta.pop("AnatomicalStructurePrimary", None)
            nibabel.save(image, anat / f"sub-01_hemi-{side.upper()}_{names.get(kind, kind)}.surf.gii")
    subject = find(tmp_path, "01")
    assert (subject.layout, subject.sphere_space, subject.segmentation) == ("bids", "fsaverage", None)
    ours, theirs = (cortex.read(each, "native").surfaces for each in (subject, find(made.parent, "P1")))
    np.testing.assert_array_equal(ours[LEFT, "white"].vertices, theirs[LEFT, "white"].vertices)
